"""Whatever is done to a ledger's file by hand is found, and the first broken place is named."""

import dataclasses
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from palio.clock import ManualClock
from palio.errors import LedgerError
from palio.ledger.chain import StoredEntry
from palio.ledger.identity import Keypair
from palio.ledger.local import LocalLedger
from palio.ledger.protocol import commitment_message
from tests.ledger.conftest import BOB

GUARDS = (
    "settings_stay", "settings_are_kept", "blocks_stay", "blocks_are_kept", "blocks_follow",
    "entries_stay", "entries_are_kept", "entries_follow",
)  # fmt: skip


def tamper(path: Path, *statements: str) -> None:
    """Change the file as someone would who first removes the guards."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for guard in GUARDS:
            connection.execute(f"DROP TRIGGER {guard}")
        for statement in statements:
            cursor = connection.execute(statement)
            assert cursor.rowcount != 0


def fault(path: Path, clock: ManualClock) -> str:
    report = LocalLedger(path, clock).verify()
    assert not report.ok
    assert report.tip is None
    assert report.fault is not None
    return report.fault


def test_untouched_ledger_is_right_and_its_tip_is_reported(filled: LocalLedger) -> None:
    report = filled.verify(known=filled.tip())
    assert report.ok
    assert (report.blocks, report.entries) == (4, 5)
    assert report.tip == filled.tip()


def test_ledger_that_went_on_still_holds_an_earlier_tip(filled: LocalLedger) -> None:
    earlier = filled.tip()
    filled.advance(to=9)
    assert filled.verify(known=earlier).ok


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET body = '{}' WHERE sequence = 1",
        "DELETE FROM entries WHERE sequence = 5",
        "UPDATE blocks SET time_us = 0 WHERE number = 1",
        "DELETE FROM blocks WHERE number = 3",
        "UPDATE settings SET first_block = 1",
        "DELETE FROM settings",
        "INSERT OR REPLACE INTO entries SELECT * FROM entries WHERE sequence = 5",
        "INSERT OR REPLACE INTO blocks SELECT * FROM blocks WHERE number = 2",
    ],
)
def test_changes_are_refused_by_the_file_itself(
    path: Path, filled: LocalLedger, statement: str
) -> None:
    refused = pytest.raises(sqlite3.IntegrityError, match=r"append-only|never change")
    with closing(sqlite3.connect(path)) as connection, refused:
        connection.execute(statement)
    assert filled.verify().ok


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ('UPDATE entries SET body = \'{"line":"line X"}\' WHERE sequence = 3', "entry 3: its hash"),
        ('UPDATE entries SET body = \'{"line":"line X"}\' WHERE sequence = 5', "entry 5: its hash"),
        ("UPDATE entries SET author = author || 'x' WHERE sequence = 1", "entry 1: its hash"),
        ("UPDATE entries SET signature = 'ab' WHERE sequence = 2", "entry 2: its hash"),
        ("UPDATE entries SET hash = zeroblob(32) WHERE sequence = 4", "entry 4: its hash"),
        ("UPDATE entries SET block = 2 WHERE sequence = 3", "entry 3: its hash"),
        ("UPDATE entries SET block = 9 WHERE sequence = 5", "entry 5: its hash"),
        ("UPDATE entries SET kind = 'weights' WHERE sequence = 2", "entry 2: its hash"),
        ("DELETE FROM entries WHERE sequence = 1", "entry 1 is missing"),
        ("DELETE FROM entries WHERE sequence = 3", "entry 3 is missing"),
        ("UPDATE blocks SET hash = zeroblob(32) WHERE number = 2", "block 2: its hash"),
        ("UPDATE blocks SET entropy = zeroblob(32) WHERE number = 3", "block 3: its hash"),
        ("UPDATE blocks SET time_us = time_us + 1 WHERE number = 1", "block 1: its time"),
        ("DELETE FROM blocks WHERE number = 2", "block 2 is missing: block 3"),
        ("DELETE FROM blocks WHERE number = 3", "entry 5 claims block 4; its place is block 3"),
        ("UPDATE settings SET commit_interval_blocks = 5", "block 0: its hash"),
        ("INSERT INTO settings SELECT * FROM settings", "settings are damaged"),
    ],
)
def test_any_changed_or_missing_row_is_found(
    path: Path, filled: LocalLedger, statement: str, words: str
) -> None:
    tamper(path, statement)
    report = filled.verify()
    assert not report.ok
    assert report.fault is not None
    assert words in report.fault


def test_reordered_entries_are_found(path: Path, filled: LocalLedger, clock: ManualClock) -> None:
    tamper(
        path,
        "UPDATE entries SET sequence = -1 WHERE sequence = 1",
        "UPDATE entries SET sequence = 1 WHERE sequence = 2",
        "UPDATE entries SET sequence = 2 WHERE sequence = -1",
    )
    assert "entry 1: its hash" in fault(path, clock)


def test_reordered_blocks_are_found(path: Path, filled: LocalLedger, clock: ManualClock) -> None:
    tamper(
        path,
        "UPDATE blocks SET number = -1 WHERE number = 1",
        "UPDATE blocks SET number = 1 WHERE number = 2",
        "UPDATE blocks SET number = 2 WHERE number = -1",
    )
    assert "block 1: its time" in fault(path, clock)


@pytest.mark.parametrize(
    ("statements", "words"),
    [
        (["DELETE FROM entries WHERE block = 4"], "ends at entry 4; entry 5 was known"),
        (
            ["DELETE FROM entries WHERE block = 4", "DELETE FROM blocks WHERE number = 3"],
            "ends at block 2; block 3 was known",
        ),
    ],
)
def test_cut_off_tail_is_found_by_who_kept_a_tip(
    path: Path, filled: LocalLedger, statements: list[str], words: str
) -> None:
    known = filled.tip()
    tamper(path, *statements)
    assert filled.verify().ok
    report = filled.verify(known=known)
    assert report.fault is not None
    assert words in report.fault


def test_another_history_is_found_by_who_kept_a_tip(path: Path, filled: LocalLedger) -> None:
    known = filled.tip()
    with closing(sqlite3.connect(path)) as connection:
        (previous,) = connection.execute("SELECT hash FROM entries WHERE sequence = 4").fetchone()
    mallory = Keypair.from_seed(b"m" * 32)
    body, message = '{"line":"mine"}', commitment_message(filled.id, mallory.address, "mine")
    signature = mallory.sign(message)
    entry = StoredEntry(5, 4, "commitment", mallory.address, body, signature, b"")
    hash_ = entry.hash_after(previous).hex()
    tamper(
        path,
        f"UPDATE entries SET author = '{mallory.address}', body = '{body}', "
        f"signature = '{signature}', hash = x'{hash_}' WHERE sequence = 5",
    )
    assert filled.verify().ok
    report = filled.verify(known=known)
    assert report.fault == "entry 5 is not the one that was known before"


def test_block_that_differs_from_a_known_one_is_found(filled: LocalLedger) -> None:
    known = dataclasses.replace(filled.tip(), block=2, block_hash="0" * 64)
    report = filled.verify(known=known)
    assert report.fault == "block 2 is not the one that was known before"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"line":"forged"}', f"entry 5 is not signed by {BOB.address}"),
        ('{"line": "line 5"}', "entry 5: its body is malformed"),
        ('{"other":"line 5"}', "entry 5: its body is malformed"),
        ('{"line":', "entry 5: its body is malformed"),
    ],
)
def test_entry_rewritten_with_right_hashes_is_still_found(
    path: Path, filled: LocalLedger, body: str, words: str
) -> None:
    with closing(sqlite3.connect(path)) as connection:
        row = connection.execute("SELECT * FROM entries WHERE sequence = 5").fetchone()
        (previous,) = connection.execute("SELECT hash FROM entries WHERE sequence = 4").fetchone()
    sequence, block, kind, author, _, signature, _ = row
    entry = StoredEntry(sequence, block, kind, author, body, signature, b"")
    hash_ = entry.hash_after(previous).hex()
    tamper(path, f"UPDATE entries SET body = '{body}', hash = x'{hash_}' WHERE sequence = 5")
    report = filled.verify()
    assert report.fault is not None
    assert words in report.fault


def test_damaged_file_is_one_sentence(path: Path, filled: LocalLedger, clock: ManualClock) -> None:
    filled.advance(to=5000)
    filled.close()
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 4096] = b"\xff" * 4096
    path.write_bytes(data)
    try:
        report = LocalLedger(path, clock).verify()
    except LedgerError as error:
        assert "damaged" in str(error)  # noqa: PT017 - either way of finding it is right
    else:
        assert report.fault is not None
        assert "damaged" in report.fault
