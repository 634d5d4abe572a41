"""Who signs: Ed25519 key pairs, and addresses that name them.

An address is the SS58 text of the 32-byte public key in the generic format 42, so
that the same key can be a hotkey elsewhere. Key files are ``palio.ledger.keyfiles``'s
work. Signatures are Ed25519 (RFC 8032), deterministic, written as 128 lower-case hex
characters everywhere.
"""

import re
from collections.abc import Callable
from hashlib import blake2b
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

SEED_BYTES = 32
PUBLIC_KEY_BYTES = 32

_FORMAT = bytes([42])
_CHECKSUM_BYTES = 2
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
#: 35 bytes starting with 42 always make 48 characters.
_ADDRESS = re.compile(f"[{_BASE58}]{{48}}")
_SIGNATURE = re.compile("[0-9a-f]{128}")


class Keypair:
    """A signing key; its ``repr`` shows the address and never the seed."""

    __slots__ = ("_private", "address", "public_key")

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public_key = private.public_key().public_bytes_raw()
        self.address = address_of(self.public_key)

    @classmethod
    def generate(cls, entropy: Callable[[int], bytes]) -> Self:
        """A new key pair from ``entropy(32)``; pass ``os.urandom`` for a real one."""
        return cls.from_seed(entropy(SEED_BYTES))

    @classmethod
    def from_seed(cls, seed: bytes) -> Self:
        """The key pair that this 32-byte seed stands for.

        Raises:
            ValueError: the seed is not 32 bytes long.
        """
        if len(seed) != SEED_BYTES:
            raise ValueError(f"a seed has {SEED_BYTES} bytes, not {len(seed)}")
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @property
    def seed(self) -> bytes:
        """The secret; whoever has it signs as this address."""
        return self._private.private_bytes_raw()

    def sign(self, message: bytes) -> str:
        """The signature of the message, 128 hex characters."""
        return self._private.sign(message).hex()

    def __repr__(self) -> str:
        return f"Keypair({self.address})"


def verify(address: str, message: bytes, signature: str) -> bool:
    """Whether the address signed this message; anything malformed is False."""
    try:
        if not _SIGNATURE.fullmatch(signature):
            return False
        key = Ed25519PublicKey.from_public_bytes(public_key_of(address))
        key.verify(bytes.fromhex(signature), message)
    except (ValueError, InvalidSignature):
        return False
    return True


def address_of(public_key: bytes) -> str:
    """The SS58 address (48 characters) of a 32-byte public key.

    Raises:
        ValueError: the key is not 32 bytes long.
    """
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise ValueError(f"a public key has {PUBLIC_KEY_BYTES} bytes, not {len(public_key)}")
    payload = _FORMAT + public_key
    number = int.from_bytes(payload + _checksum(payload), "big")
    digits = []
    while number:
        number, digit = divmod(number, len(_BASE58))
        digits.append(_BASE58[digit])
    return "".join(reversed(digits))


def public_key_of(address: str) -> bytes:
    """The 32-byte public key that an address names.

    Raises:
        ValueError: the text is no address of format 42, or a character of it is wrong.
    """
    if not _ADDRESS.fullmatch(address):
        raise ValueError(f"{address!r} is not an address: 48 characters of base 58 are expected")
    number = 0
    for character in address:
        number = number * len(_BASE58) + _BASE58.index(character)
    size = len(_FORMAT) + PUBLIC_KEY_BYTES + _CHECKSUM_BYTES
    if number >> (8 * size):
        raise ValueError(f"{address!r} is not an address: it is too large")
    raw = number.to_bytes(size, "big")
    payload, checksum = raw[:-_CHECKSUM_BYTES], raw[-_CHECKSUM_BYTES:]
    if payload[:1] != _FORMAT or _checksum(payload) != checksum:
        raise ValueError(f"{address!r} is not an address: its checksum or format is wrong")
    return payload[1:]


def _checksum(payload: bytes) -> bytes:
    return blake2b(b"SS58PRE" + payload, digest_size=64).digest()[:_CHECKSUM_BYTES]
