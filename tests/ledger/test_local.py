"""The local ledger: what it takes, when blocks pass, and what it refuses."""

import sqlite3
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from palio.clock import ManualClock
from palio.errors import LedgerError
from palio.ledger.chain import LedgerSettings, seeded_entropy, system_entropy
from palio.ledger.local import LocalLedger
from palio.ledger.protocol import Ledger, commitment_message
from tests.ledger.conftest import ALICE, BOB, VERDICT, weights


def test_local_ledger_is_a_ledger(ledger: LocalLedger) -> None:
    protocol: Ledger = ledger
    assert protocol.head().number == 0
    assert protocol.head().hash == protocol.id


def test_commitment_lies_in_the_open_block_whose_hash_comes_later(ledger: LocalLedger) -> None:
    entry = ledger.commit(ALICE, "a line")
    assert (entry.block, entry.sequence, entry.participant) == (1, 1, ALICE.address)
    with pytest.raises(LedgerError, match="block 1 is not on the ledger, which has blocks 0 to 0"):
        ledger.block(1)
    sealed = ledger.advance()
    assert ledger.block(1) == sealed
    assert ledger.commitments() == [entry]


def test_two_ledgers_with_equal_entries_have_unforeseeable_hashes(
    tmp_path: Path, clock: ManualClock
) -> None:
    hashes = set()
    for name in ("one", "two"):
        ledger = LocalLedger.create(tmp_path / name, clock, system_entropy)
        ledger.commit(ALICE, "a line")
        hashes.add(ledger.advance().hash)
    assert len(hashes) == 2


def test_seeded_ledgers_agree_even_when_reopened_midway(tmp_path: Path, clock: ManualClock) -> None:
    whole = LocalLedger.create(tmp_path / "one", clock, seeded_entropy(b"s"))
    whole.commit(ALICE, "a line")
    whole.advance(to=5)
    parts = LocalLedger.create(tmp_path / "two", clock, seeded_entropy(b"s"))
    parts.commit(ALICE, "a line")
    parts.advance(to=2)
    again = LocalLedger(tmp_path / "two", clock, seeded_entropy(b"s"))
    assert again.advance(to=5) == whole.head()


def test_hash_of_a_block_depends_on_its_entries(tmp_path: Path, clock: ManualClock) -> None:
    empty = LocalLedger.create(tmp_path / "one", clock, seeded_entropy(b"s"))
    filled = LocalLedger.create(tmp_path / "two", clock, seeded_entropy(b"s"))
    assert empty.id == filled.id
    filled.commit(ALICE, "a line")
    assert empty.advance() != filled.advance()


def test_the_same_line_again_is_the_first_entry(ledger: LocalLedger) -> None:
    first = ledger.commit(ALICE, "a line")
    ledger.advance()
    ledger.commit(ALICE, "another")
    assert ledger.commit(ALICE, "a line") == first
    assert ledger.commit(BOB, "a line").sequence == 3
    assert len(ledger.commitments()) == 3


def test_commitments_are_listed_from_a_block_on(filled: LocalLedger) -> None:
    assert [entry.line for entry in filled.commitments(since_block=3)] == ["line 3", "line 5"]
    assert [entry.sequence for entry in filled.commitments()] == [1, 2, 3, 5]


def test_line_signed_elsewhere_is_taken_and_a_forged_one_refused(ledger: LocalLedger) -> None:
    signature = ALICE.sign(commitment_message(ledger.id, ALICE.address, "a line"))
    with pytest.raises(LedgerError, match="not signed"):
        ledger.append_commitment(BOB.address, "a line", signature)
    with pytest.raises(LedgerError, match="not signed"):
        ledger.append_commitment(ALICE.address, "b line", signature)
    foreign = ALICE.sign(commitment_message("0" * 64, ALICE.address, "a line"))
    with pytest.raises(LedgerError, match="not signed"):
        ledger.append_commitment(ALICE.address, "a line", foreign)
    assert ledger.commitments() == []
    assert ledger.append_commitment(ALICE.address, "a line", signature).signature == signature


def test_too_long_a_line_is_refused(ledger: LocalLedger) -> None:
    with pytest.raises(LedgerError, match="129 bytes"):
        ledger.commit(ALICE, "x" * 129)


def test_weights_are_published_once_a_round(ledger: LocalLedger) -> None:
    first = ledger.publish_weights(ALICE, weights())
    assert ledger.publish_weights(ALICE, weights()) == first
    with pytest.raises(LedgerError, match=r"other weights for DEMO at block 0 already \(entry 1\)"):
        ledger.publish_weights(ALICE, weights(share=0.5))
    ledger.publish_weights(BOB, weights(share=0.5))
    ledger.publish_weights(ALICE, weights(sync_block=360))
    assert [entry.weights.sync_block for entry in ledger.weights("DEMO")] == [0, 0, 360]
    assert ledger.weights("OTHER") == []
    assert first.weights.verdict == VERDICT


def test_forged_weights_are_refused(ledger: LocalLedger) -> None:
    with pytest.raises(LedgerError, match="not signed"):
        ledger.append_weights(BOB.address, weights(), ALICE.sign(b"something else"))


def test_blocks_pass_by_the_clock(ledger: LocalLedger, clock: ManualClock) -> None:
    clock.wait(59)
    assert ledger.head().number == 4
    clock.wait(1)
    assert ledger.commit(ALICE, "a line").block == 6
    assert ledger.head().time == datetime(2026, 1, 1, 0, 1, tzinfo=UTC)


def test_clock_running_backwards_seals_nothing(path: Path, ledger: LocalLedger) -> None:
    ledger.advance(to=7)
    earlier = ManualClock(datetime(2020, 1, 1, tzinfo=UTC))
    assert LocalLedger(path, earlier).head().number == 7


def test_clock_that_jumped_ahead_is_refused(ledger: LocalLedger, clock: ManualClock) -> None:
    clock.wait(timedelta(days=3650).total_seconds())
    with pytest.raises(LedgerError, match="check the clock"):
        ledger.head()


def test_a_hundred_thousand_empty_blocks_are_sealed_quickly(
    ledger: LocalLedger, clock: ManualClock
) -> None:
    clock.wait(12 * 100_000)
    before = time.process_time()
    assert ledger.head().number == 100_000
    assert time.process_time() - before < 5
    assert ledger.verify().ok


def test_advancing_to_a_sealed_block_changes_nothing(ledger: LocalLedger) -> None:
    head = ledger.advance(to=3)
    assert ledger.advance(to=2) == head


def test_first_block_and_block_time_are_settings(path: Path, clock: ManualClock) -> None:
    settings = LedgerSettings(first_block=5_158_632, seconds_per_block=2.5)
    ledger = LocalLedger.create(path, clock, settings=settings)
    assert ledger.head().number == 5_158_632
    clock.wait(5)
    assert LocalLedger(path, clock).head().number == 5_158_634
    with pytest.raises(LedgerError, match="has blocks 5158632 to 5158634"):
        ledger.block(0)


def test_commit_interval_is_enforced_for_each_participant(path: Path, clock: ManualClock) -> None:
    ledger = LocalLedger.create(path, clock, settings=LedgerSettings(commit_interval_blocks=3))
    ledger.commit(ALICE, "one")
    ledger.commit(BOB, "one")
    ledger.advance()
    with pytest.raises(LedgerError, match=r"from block 4 on \(now 2\)"):
        ledger.commit(ALICE, "two")
    assert ledger.commit(ALICE, "one").block == 1
    ledger.advance(to=3)
    assert ledger.commit(ALICE, "two").block == 4


@pytest.mark.parametrize(
    "wrong",
    [
        {"first_block": -1},
        {"commit_interval_blocks": -1},
        {"seconds_per_block": 0.0},
        {"seconds_per_block": float("nan")},
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        LedgerSettings(**wrong)  # type: ignore[arg-type]


def test_ledger_is_not_created_twice(path: Path, ledger: LocalLedger, clock: ManualClock) -> None:
    with pytest.raises(LedgerError, match="exists already"):
        LocalLedger.create(path, clock)
    other = LedgerSettings(first_block=9)
    assert LocalLedger.create(path, clock, settings=other, exist_ok=True).id == ledger.id


def test_missing_ledger_is_not_made_by_opening(path: Path, clock: ManualClock) -> None:
    with pytest.raises(LedgerError, match="no ledger at"):
        LocalLedger(path, clock)
    assert not path.exists()


def test_creation_that_was_cut_off_can_be_repeated(path: Path, clock: ManualClock) -> None:
    path.touch()
    with pytest.raises(LedgerError, match="is no ledger of Palio"):
        LocalLedger(path, clock)
    assert LocalLedger.create(path, clock).head().number == 0


def test_other_files_are_left_alone(path: Path, clock: ManualClock) -> None:
    path.write_text("a diary, not a database; " * 100)
    with pytest.raises(LedgerError, match="is no ledger"):
        LocalLedger.create(path, clock, exist_ok=True)
    assert path.read_text().startswith("a diary")
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE diary (day)")
    connection.close()
    with pytest.raises(LedgerError, match="is no ledger of Palio"):
        LocalLedger.create(path, clock, exist_ok=True)


def test_ledger_of_a_newer_format_is_refused(
    path: Path, ledger: LocalLedger, clock: ManualClock
) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(LedgerError, match="newer Palio"):
        LocalLedger(path, clock)


def test_ledger_in_a_missing_folder_is_one_sentence(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(LedgerError, match="cannot be opened"):
        LocalLedger.create(tmp_path / "folder.db", clock)


def test_full_disk_records_nothing_and_says_so(ledger: LocalLedger) -> None:
    with ledger._file.reading() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LedgerError, match="no disk space left"):
        ledger.advance(to=2000)
    with ledger._file.reading() as connection:
        connection.execute("PRAGMA max_page_count = 100000")
    assert ledger.head().number == 0
    assert ledger.verify().ok


def test_closed_ledger_says_so(ledger: LocalLedger) -> None:
    ledger.close()
    with pytest.raises(LedgerError, match="closed"):
        ledger.commitments()
