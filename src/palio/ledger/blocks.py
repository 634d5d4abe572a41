"""Blocks of a local ledger: reading them, and sealing new ones after the newest."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from palio.errors import LedgerError
from palio.ledger.chain import (
    NO_ENTRIES,
    BlockEntropy,
    LedgerSettings,
    block_hash,
    entries_digest,
    from_microseconds,
)
from palio.ledger.protocol import Block
from palio.ledger.storage import entries_of


@dataclass(frozen=True, slots=True)
class SealedBlock:
    """A block as it lies in the ledger."""

    number: int
    hash: bytes
    time_us: int


def seal_blocks(
    connection: sqlite3.Connection,
    settings: LedgerSettings,
    genesis_us: int,
    newest: SealedBlock,
    to: int,
    entropy: BlockEntropy,
) -> SealedBlock:
    """Seal blocks after the newest one up to number ``to``; the newest block after that.

    Only the first of them, the open block, can hold entries. Nothing happens if ``to`` is
    sealed already.
    """
    if to <= newest.number:
        return newest
    hashes = (entry.hash for entry in entries_of(connection, "block > ?", (newest.number,)))
    digest = entries_digest(hashes)

    def rows() -> Iterator[tuple[int, int, bytes, bytes]]:
        nonlocal newest, digest
        for number in range(newest.number + 1, to + 1):
            time_us, fresh = settings.time_us(genesis_us, number), entropy(number)
            sealed = block_hash(newest.hash, number, time_us, digest, fresh)
            newest, digest = SealedBlock(number, sealed, time_us), NO_ENTRIES
            yield number, time_us, fresh, sealed

    connection.executemany("INSERT INTO blocks VALUES (?, ?, ?, ?)", rows())
    return newest


def newest_block(connection: sqlite3.Connection) -> SealedBlock:
    """The sealed block with the largest number.

    Raises:
        LedgerError: there is none, which no ledger is ever created as.
    """
    row = connection.execute(
        "SELECT number, hash, time_us FROM blocks ORDER BY number DESC LIMIT 1"
    ).fetchone()
    if row is None:
        raise LedgerError("the ledger is damaged: it holds no block")
    return SealedBlock(*row)


def find_block(connection: sqlite3.Connection, number: int) -> SealedBlock | None:
    """The sealed block of that number, if there is one."""
    row = connection.execute(
        "SELECT number, hash, time_us FROM blocks WHERE number = ?", (number,)
    ).fetchone()
    return SealedBlock(*row) if row else None


def public_block(block: SealedBlock) -> Block:
    """The block as everyone sees it."""
    return Block(block.number, block.hash.hex(), from_microseconds(block.time_us))
