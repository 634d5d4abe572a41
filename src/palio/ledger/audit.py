"""Recomputing a local ledger from its first block on: hashes, order, gaps, signatures.

What this finds by itself: any row changed, removed, added or moved without recomputing
everything after it, and any entry that its author did not sign. What it cannot find by
itself: a ledger whose keeper cut the tail off, or dropped entries and rewrote every
block since. Both are found by whoever kept an earlier :class:`LedgerTip`.
"""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from palio.canonical import canonical_json
from palio.errors import LedgerError
from palio.ledger.chain import LedgerSettings, StoredEntry, block_hash, entries_digest
from palio.ledger.identity import verify
from palio.ledger.protocol import commitment_message, weights_from_json, weights_message
from palio.ledger.storage import entries_of, settings_of


@dataclass(frozen=True, slots=True)
class LedgerTip:
    """How far a ledger had got; keep it elsewhere, and the ledger can never fall behind it.

    Attributes:
        block: number of the newest sealed block; ``block_hash`` is its hash.
        sequence: of the newest entry, 0 for none; ``entry_hash`` is its hash.
    """

    block: int
    block_hash: str
    sequence: int
    entry_hash: str


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """The outcome of an audit.

    Attributes:
        blocks: how many blocks were found right, from the first on; likewise ``entries``.
        tip: the ledger's tip if everything is right, else None.
        fault: a sentence naming the first block or entry that is wrong, or None.
    """

    ledger: str
    blocks: int
    entries: int
    tip: LedgerTip | None
    fault: str | None

    @property
    def ok(self) -> bool:
        """Whether nothing wrong was found."""
        return self.fault is None


def audit(connection: sqlite3.Connection, ledger: str, known: LedgerTip | None) -> LedgerReport:
    """Check the whole ledger, and that it goes on from a tip seen earlier, if one is given."""
    walk = _Walk(connection, ledger, known)
    try:
        tip = walk.run()
    except LedgerError as error:
        return LedgerReport(ledger, walk.blocks, walk.entries, None, str(error))
    except sqlite3.DatabaseError as error:
        fault = f"the file is damaged after block {walk.blocks}, entry {walk.entries}: {error}"
        return LedgerReport(ledger, walk.blocks, walk.entries, None, fault)
    return LedgerReport(ledger, walk.blocks, walk.entries, tip, None)


class _Walk:
    """One pass over blocks and entries side by side, in constant memory."""

    def __init__(self, connection: sqlite3.Connection, ledger: str, known: LedgerTip | None):
        self.blocks = 0
        self.entries = 0
        self._connection = connection
        self._ledger = ledger
        self._known = known
        self._entry_hash = bytes.fromhex(ledger)

    def run(self) -> LedgerTip:
        settings = settings_of(self._connection)
        rows = entries_of(self._connection)
        waiting = next(rows, None)
        previous, genesis_us, number = settings.digest, None, settings.first_block
        for row in self._connection.execute("SELECT * FROM blocks ORDER BY number"):
            found, time_us, entropy, stored = row
            genesis_us = time_us if genesis_us is None else genesis_us
            if found != number:
                raise LedgerError(f"block {number} is missing: block {found} comes in its place")
            hashes = []
            while waiting is not None and waiting.block <= number:
                self._check_entry(waiting, number)
                hashes.append(waiting.hash)
                waiting = next(rows, None)
            _check_time(settings, genesis_us, number, time_us)
            if stored != block_hash(previous, number, time_us, entries_digest(hashes), entropy):
                raise LedgerError(
                    f"block {number}: its hash is not that of its contents; the block, one of "
                    "its entries or the block before it was changed"
                )
            self._check_known_block(number, stored)
            previous, number = stored, number + 1
            self.blocks += 1
        self._check_rest(waiting, rows, number)
        return self._tip(number - 1, previous)

    def _check_rest(
        self, waiting: StoredEntry | None, rows: Iterator[StoredEntry], open_block: int
    ) -> None:
        """Entries of the open block, which no block hash covers yet."""
        while waiting is not None:
            self._check_entry(waiting, open_block)
            waiting = next(rows, None)

    def _check_entry(self, entry: StoredEntry, block: int) -> None:
        expected = self.entries + 1
        if entry.sequence != expected:
            raise LedgerError(
                f"entry {expected} is missing: entry {entry.sequence} comes in its place"
            )
        if entry.hash != entry.hash_after(self._entry_hash):
            raise LedgerError(
                f"entry {expected}: its hash is not that of its contents; the entry or the one "
                "before it was changed"
            )
        if entry.block != block:
            raise LedgerError(
                f"entry {expected} claims block {entry.block}; its place is block {block}"
            )
        if not verify(entry.author, _message(self._ledger, entry), entry.signature):
            raise LedgerError(f"entry {expected} is not signed by {entry.author}")
        self._entry_hash = entry.hash
        self.entries = expected
        known = self._known
        if known and known.sequence == expected and known.entry_hash != entry.hash.hex():
            raise LedgerError(f"entry {expected} is not the one that was known before")

    def _check_known_block(self, number: int, stored: bytes) -> None:
        known = self._known
        if known and known.block == number and known.block_hash != stored.hex():
            raise LedgerError(f"block {number} is not the one that was known before")

    def _tip(self, block: int, hash_: bytes) -> LedgerTip:
        known = self._known
        if self.blocks == 0:
            raise LedgerError("the ledger holds no block")
        if known and known.block > block:
            raise LedgerError(f"the ledger ends at block {block}; block {known.block} was known")
        if known and known.sequence > self.entries:
            raise LedgerError(
                f"the ledger ends at entry {self.entries}; entry {known.sequence} was known"
            )
        return LedgerTip(block, hash_.hex(), self.entries, self._entry_hash.hex())


def _check_time(settings: LedgerSettings, genesis_us: int, number: int, time_us: int) -> None:
    if time_us != settings.time_us(genesis_us, number):
        raise LedgerError(f"block {number}: its time is not the one that its number gives")


def _message(ledger: str, entry: StoredEntry) -> bytes:
    """What the entry's author must have signed."""
    try:
        value = json.loads(entry.body)
        if canonical_json(value).decode() != entry.body:
            raise ValueError("not canonical")
        if entry.kind == "commitment":
            return commitment_message(ledger, entry.author, value["line"])
        return weights_message(ledger, entry.author, weights_from_json(value))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise LedgerError(f"entry {entry.sequence}: its body is malformed ({error})") from error
