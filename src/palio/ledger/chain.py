"""How a local ledger's entries and blocks hang together: pure hashing, no storage.

::

    entry hash = sha256(JSON of previous entry hash, sequence, block, kind, author, body, signature)
    block hash = sha256("palio/block/1" | previous block hash | number | time in microseconds
                        | sha256 of the hashes of the block's entries | 32 bytes of entropy)

Numbers are 8 bytes, big-endian. The first block's previous hash is the digest of the
ledger's settings, so its own hash, which is also the ledger's id, covers them. A
block's entropy is drawn when the block is sealed, after the last entry it holds; nobody
who commits can know a hash, and hence a round's seed, of the open block or a later one.
"""

import hashlib
import os
import struct
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from palio.canonical import canonical_json

ENTROPY_BYTES = 32
ORIGIN = bytes(32)

_BLOCK_DOMAIN = b"palio/block/1"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: 32 bytes for the block of the given number, asked for once, when it is sealed.
BlockEntropy = Callable[[int], bytes]


def system_entropy(_number: int) -> bytes:
    """Fresh entropy of the operating system; nobody can know a hash in advance."""
    return os.urandom(ENTROPY_BYTES)


def seeded_entropy(seed: bytes) -> BlockEntropy:
    """Entropy that depends on the seed and the block's number alone.

    Whoever knows the seed knows every block hash in advance: for demonstrations,
    rehearsals and tests only.
    """

    def entropy(number: int) -> bytes:
        key = hashlib.sha256(seed).digest()
        return hashlib.blake2b(struct.pack(">q", number), key=key, digest_size=32).digest()

    return entropy


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """What a local ledger is created with and keeps for ever.

    Attributes:
        first_block: number of the first block; competitions written for a chain start high.
        seconds_per_block: the clock seals a block each time so many seconds have passed.
        commit_interval_blocks: blocks between two commitments of one participant; 0 for none.
    """

    first_block: int = 0
    seconds_per_block: float = 12.0
    commit_interval_blocks: int = 0

    def __post_init__(self) -> None:
        if self.first_block < 0 or self.commit_interval_blocks < 0:
            raise ValueError("first_block and commit_interval_blocks must not be negative")
        if not 1e-3 <= self.seconds_per_block <= 86_400:
            raise ValueError(
                f"seconds_per_block must lie between 0.001 and 86400 (is {self.seconds_per_block})"
            )

    @property
    def digest(self) -> bytes:
        """SHA-256 of the canonical JSON; the first block's previous hash."""
        # Stored as a real number, whether it was given as 6 or as 6.0.
        value = asdict(self) | {"seconds_per_block": float(self.seconds_per_block)}
        return hashlib.sha256(canonical_json(value)).digest()

    def time_us(self, genesis_us: int, number: int) -> int:
        """When a block is due: microseconds since 1970, by its distance from the first."""
        return genesis_us + round((number - self.first_block) * self.seconds_per_block * 1e6)

    def block_due(self, genesis_us: int, now_us: int) -> int:
        """Number of the newest block that should be sealed at ``now_us``."""
        return self.first_block + max(
            int((now_us - genesis_us) / (self.seconds_per_block * 1e6)), 0
        )


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry as it lies in the ledger; ``body`` is canonical JSON."""

    sequence: int
    block: int
    kind: str
    author: str
    body: str
    signature: str
    hash: bytes

    def hash_after(self, previous: bytes) -> bytes:
        """The hash this entry must have when it follows the entry with that hash."""
        fields = [self.sequence, self.block, self.kind, self.author, self.body, self.signature]
        return hashlib.sha256(canonical_json([previous.hex(), *fields])).digest()


def entries_digest(hashes: Iterable[bytes]) -> bytes:
    """Digest of a block's entries, given their hashes in order."""
    return hashlib.sha256(b"".join(hashes)).digest()


#: The digest of a block that holds no entry.
NO_ENTRIES = entries_digest(())


def block_hash(previous: bytes, number: int, time_us: int, entries: bytes, entropy: bytes) -> bytes:
    """Hash of a block; ``entries`` is the digest of its entries."""
    numbers = struct.pack(">qq", number, time_us)
    return hashlib.sha256(_BLOCK_DOMAIN + previous + numbers + entries + entropy).digest()


def to_microseconds(time: datetime) -> int:
    """Whole microseconds since 1970 of an aware time."""
    return (time - _EPOCH) // timedelta(microseconds=1)


def from_microseconds(time_us: int) -> datetime:
    """The UTC time that many microseconds after 1970."""
    return _EPOCH + timedelta(microseconds=time_us)
