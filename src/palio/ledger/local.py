"""A ledger in one SQLite file: for this machine, a team or a company, with no chain needed.

Blocks pass by the clock, or when :meth:`LocalLedger.advance` is called. Any number of
processes may append at once. Whoever keeps the file could rewrite it from scratch;
docs/ledger.md says what participants can rely on and how they can tell.
"""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from palio.canonical import canonical_json
from palio.clock import Clock
from palio.errors import LedgerError
from palio.ledger.audit import LedgerReport, LedgerTip, audit
from palio.ledger.blocks import (
    SealedBlock,
    find_block,
    newest_block,
    public_block,
    seal_blocks,
)
from palio.ledger.chain import (
    BlockEntropy,
    LedgerSettings,
    StoredEntry,
    system_entropy,
    to_microseconds,
)
from palio.ledger.identity import Keypair, verify
from palio.ledger.protocol import (
    Block,
    CommitmentEntry,
    Weights,
    WeightsEntry,
    check_line,
    commitment_message,
    weights_from_json,
    weights_message,
    weights_to_json,
)
from palio.ledger.storage import LedgerFile, entries_of, settings_of

#: Blocks sealed in one transaction when catching up, so that others get their turn.
BATCH_BLOCKS = 50_000
#: More than this at once means that a clock is wrong (five million blocks: two years of 12 s).
MAX_BLOCKS_AT_ONCE = 5_000_000


class LocalLedger:
    """See ``palio.ledger.protocol.Ledger``; threads may share one, processes open their own."""

    def __init__(self, path: Path, clock: Clock, entropy: BlockEntropy = system_entropy) -> None:
        """Open an existing ledger.

        Raises:
            LedgerError: there is none at ``path``, or it cannot be used.
        """
        if not path.is_file():
            raise LedgerError(f"no ledger at {path}; check the path, or create the ledger first")
        self._file = LedgerFile(path)
        if not self._file.is_ledger():
            raise LedgerError(f"{path} is no ledger of Palio")
        self._file.use_write_ahead_log()
        self._clock = clock
        self._entropy = entropy
        with self._file.reading() as connection:
            self.settings = settings_of(connection)
            genesis = find_block(connection, self.settings.first_block)
        if genesis is None:
            raise LedgerError(f"the ledger {path} is damaged: its first block is missing")
        self._genesis_us = genesis.time_us
        self.id = genesis.hash.hex()

    @classmethod
    def create(
        cls,
        path: Path,
        clock: Clock,
        entropy: BlockEntropy = system_entropy,
        *,
        settings: LedgerSettings | None = None,
        exist_ok: bool = False,
    ) -> Self:
        """Create a ledger whose first block is sealed now; its folder is made if missing.

        With ``exist_ok`` an existing ledger is opened as it is, whatever ``settings`` say.

        Raises:
            LedgerError: there is a ledger or another file already, or nothing can be written.
        """
        settings = settings or LedgerSettings()
        path.parent.mkdir(parents=True, exist_ok=True)
        file = LedgerFile(path, create=True)
        try:
            with file.writing() as connection:
                exists = file.has_tables(connection)
                if not exists:
                    file.create_tables(connection, settings)
                    time_us = to_microseconds(clock.now())
                    head = SealedBlock(settings.first_block - 1, settings.digest, time_us)
                    seal_blocks(connection, settings, time_us, head, settings.first_block, entropy)
        finally:
            file.close()
        if exists and not exist_ok:
            raise LedgerError(f"{path} exists already; a ledger is never created anew")
        return cls(path, clock, entropy)

    def close(self) -> None:
        """Close the file; the ledger cannot be used any more."""
        self._file.close()

    def head(self) -> Block:
        return self.catch_up()

    def block(self, number: int) -> Block:
        with self._file.reading() as connection:
            found = find_block(connection, number)
            head = newest_block(connection)
        if found is None:
            raise LedgerError(
                f"block {number} is not on the ledger, which has blocks "
                f"{self.settings.first_block} to {head.number}"
            )
        return public_block(found)

    def catch_up(self) -> Block:
        """Seal every block that the clock says is due; the newest sealed block.

        A clock that stands still or runs backwards seals nothing.

        Raises:
            LedgerError: more than five million blocks are due, so the clock must be wrong.
        """
        return public_block(self._seal_until(self._due()))

    def advance(self, to: int | None = None) -> Block:
        """Seal the open block, or all blocks up to number ``to``; the newest sealed block.

        A ``to`` that is sealed already changes nothing, so a repeated run may call it again.
        Blocks sealed ahead of the clock keep the times that their numbers give.

        Raises:
            LedgerError: ``to`` is more than five million blocks away.
        """
        target = self._newest().number + 1 if to is None else to
        return public_block(self._seal_until(target))

    def commit(self, keypair: Keypair, line: str) -> CommitmentEntry:
        check_line(line)
        message = commitment_message(self.id, keypair.address, line)
        return self.append_commitment(keypair.address, line, keypair.sign(message))

    def append_commitment(self, participant: str, line: str, signature: str) -> CommitmentEntry:
        """Record a line that the participant signed elsewhere (``commitment_message``).

        Raises:
            LedgerError: the line or its signature is not admissible, or the participant
                committed another line fewer blocks ago than the ledger's interval.
        """
        check_line(line)
        if not verify(participant, commitment_message(self.id, participant, line), signature):
            raise LedgerError(f"the commitment is not signed by {participant} for this ledger")
        body = canonical_json({"line": line}).decode()
        self.catch_up()
        with self._file.writing() as connection:
            mine = list(
                entries_of(connection, "kind = 'commitment' AND author = ?", (participant,))
            )
            for entry in mine:
                if entry.body == body:
                    return _commitment(entry)
            block = self._open_block(connection)
            if mine:
                self._check_interval(mine[-1].block, block)
            return _commitment(
                self._append(connection, block, "commitment", participant, body, signature)
            )

    def commitments(self, since_block: int = 0) -> list[CommitmentEntry]:
        with self._file.reading() as connection:
            rows = entries_of(connection, "kind = 'commitment' AND block >= ?", (since_block,))
            return [_commitment(entry) for entry in rows]

    def publish_weights(self, keypair: Keypair, weights: Weights) -> WeightsEntry:
        message = weights_message(self.id, keypair.address, weights)
        return self.append_weights(keypair.address, weights, keypair.sign(message))

    def append_weights(self, validator: str, weights: Weights, signature: str) -> WeightsEntry:
        """Record weights that the validator signed elsewhere (``weights_message``).

        Raises:
            LedgerError: the signature is wrong, or the validator has published other weights
                for the same round.
        """
        if not verify(validator, weights_message(self.id, validator, weights), signature):
            raise LedgerError(f"the weights are not signed by {validator} for this ledger")
        body = canonical_json(weights_to_json(weights)).decode()
        self.catch_up()
        with self._file.writing() as connection:
            for entry in self._weights_of(connection, validator, weights):
                if entry.body == body:
                    return _weights(entry)
                raise LedgerError(
                    f"{validator} has published other weights for {weights.competition} at "
                    f"block {weights.sync_block} already (entry {entry.sequence})"
                )
            block = self._open_block(connection)
            return _weights(self._append(connection, block, "weights", validator, body, signature))

    def weights(self, competition: str | None = None) -> list[WeightsEntry]:
        with self._file.reading() as connection:
            entries = [_weights(entry) for entry in entries_of(connection, "kind = 'weights'")]
        return [entry for entry in entries if competition in (None, entry.weights.competition)]

    def tip(self) -> LedgerTip:
        """How far the ledger has got; kept elsewhere, it lets :meth:`verify` find a cut tail."""
        with self._file.reading() as connection:
            head = newest_block(connection)
            sequence, entry_hash = self._last_entry(connection)
        return LedgerTip(head.number, head.hash.hex(), sequence, entry_hash.hex())

    def verify(self, known: LedgerTip | None = None) -> LedgerReport:
        """Recompute every hash and check every signature, order and gap (see the audit module)."""
        with self._file.reading() as connection:
            return audit(connection, self.id, known)

    def _due(self) -> int:
        return self.settings.block_due(self._genesis_us, to_microseconds(self._clock.now()))

    def _newest(self) -> SealedBlock:
        with self._file.reading() as connection:
            return newest_block(connection)

    def _seal_until(self, target: int) -> SealedBlock:
        head = self._newest()
        if target - head.number > MAX_BLOCKS_AT_ONCE:
            raise LedgerError(
                f"{target - head.number} blocks would have to be sealed at once; check the clock "
                f"(it says {self._clock.now():%Y-%m-%d %H:%M} UTC)"
            )
        while head.number < target:
            with self._file.writing() as connection:
                head = self._seal(connection, min(target, head.number + BATCH_BLOCKS))
        return head

    def _seal(self, connection: sqlite3.Connection, number: int) -> SealedBlock:
        # Asked again inside the transaction: another process may have sealed some meanwhile.
        head = newest_block(connection)
        return seal_blocks(connection, self.settings, self._genesis_us, head, number, self._entropy)

    def _open_block(self, connection: sqlite3.Connection) -> int:
        """Number of the open block, after sealing what fell due while waiting to write."""
        return self._seal(connection, self._due()).number + 1

    def _check_interval(self, last: int, block: int) -> None:
        earliest = last + self.settings.commit_interval_blocks
        if block < earliest:
            raise LedgerError(
                f"this participant committed at block {last}; the ledger takes the next "
                f"commitment from block {earliest} on (now {block})"
            )

    def _last_entry(self, connection: sqlite3.Connection) -> tuple[int, bytes]:
        row = connection.execute(
            "SELECT sequence, hash FROM entries ORDER BY sequence DESC LIMIT 1"
        ).fetchone()
        return (row[0], row[1]) if row else (0, bytes.fromhex(self.id))

    def _append(
        self,
        connection: sqlite3.Connection,
        block: int,
        kind: str,
        author: str,
        body: str,
        signature: str,
    ) -> StoredEntry:
        sequence, previous = self._last_entry(connection)
        entry = StoredEntry(sequence + 1, block, kind, author, body, signature, b"")
        hash_ = entry.hash_after(previous)
        connection.execute(
            "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)",
            (entry.sequence, block, kind, author, body, signature, hash_),
        )
        return entry

    def _weights_of(
        self, connection: sqlite3.Connection, validator: str, weights: Weights
    ) -> Iterator[StoredEntry]:
        return entries_of(
            connection,
            "kind = 'weights' AND author = ? AND json_extract(body, '$.competition') = ? "
            "AND json_extract(body, '$.sync_block') = ?",
            (validator, weights.competition, weights.sync_block),
        )


def _commitment(entry: StoredEntry) -> CommitmentEntry:
    line = json.loads(entry.body)["line"]
    return CommitmentEntry(entry.author, line, entry.block, entry.signature, entry.sequence)


def _weights(entry: StoredEntry) -> WeightsEntry:
    weights = weights_from_json(json.loads(entry.body))
    return WeightsEntry(entry.author, weights, entry.block, entry.signature, entry.sequence)
