"""Opening the database: migrations on both kinds, and every failure as one sentence."""

import dataclasses
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.dialects import sqlite

from palio.clock import ManualClock
from palio.errors import RecordsError
from palio.records.database import Database
from palio.records.store import Records
from palio.records.tables import Base, UtcTime
from tests.records.conftest import admitted, new_submission, open_round, scorecard


def test_migrations_lead_to_exactly_the_tables_of_this_version(url: str) -> None:
    database = Database(url)
    with database.reading() as session:
        context = MigrationContext.configure(session.connection())
        assert compare_metadata(context, Base.metadata) == []
    database.close()


def test_reopening_keeps_everything(url: str, tmp_path: Path, clock: ManualClock) -> None:
    with Records.open(url, tmp_path, clock) as records:
        before = records.add_submission(new_submission(1))
    with Records.open(url, tmp_path, clock) as records:
        assert records.submissions() == [before]


def test_database_of_a_newer_version_is_refused(
    url: str, tmp_path: Path, clock: ManualClock
) -> None:
    database = Database(url)
    database.write(
        lambda session: session.execute(text("UPDATE alembic_version SET version_num='9'"))
    )
    database.close()
    with pytest.raises(RecordsError, match=r"newer Palio \(revision 9\); upgrade"):
        Records.open(url, tmp_path, clock)


def test_database_of_something_else_is_left_alone(url: str) -> None:
    database = Database(url)
    database.write(lambda session: session.execute(text("DROP TABLE alembic_version")))
    database.close()
    with pytest.raises(RecordsError, match="a database of their own"):
        Database(url)


def test_processes_that_open_at_once_take_turns(url: str) -> None:
    program = f"from palio.records.database import Database; Database({url!r}).close()"
    processes = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(3)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("not a url", "malformed"),
        ("mysql://host/db", "not in 'mysql'"),
        ("sqlite://", "need a file"),
        ("sqlite:////nonexistent/folder/records.db", "cannot be opened"),
    ],
)
def test_wrong_urls_are_one_sentence(wrong: str, words: str) -> None:
    with pytest.raises(RecordsError, match=words):
        Database(wrong)


def test_unreachable_server_is_one_sentence_without_the_password() -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed (palio[postgres])")
    with pytest.raises(RecordsError, match="cannot be used") as caught:
        Database("postgresql://palio:secret@127.0.0.1:1/palio")
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    path.write_text("a diary, not a database; " * 100)
    with pytest.raises(RecordsError, match="damaged, or the file is no database"):
        Database(f"sqlite:///{path}")
    assert path.read_text().startswith("a diary")


def test_full_disk_records_nothing_and_says_so(sqlite_records: Records) -> None:
    database = sqlite_records._database
    round_id, submission = open_round(sqlite_records), admitted(sqlite_records, 0)
    with database._engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    huge = dataclasses.replace(new_submission(1), line="x" * 1_000_000)
    with pytest.raises(RecordsError, match="no disk space left"):
        sqlite_records.add_submission(huge)
    with database._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 100000")
    assert (
        sqlite_records.record_scorecard(round_id, submission, scorecard(), seconds=1).attempts == 1
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_missing_permission_is_one_sentence(tmp_path: Path, clock: ManualClock) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RecordsError, match=r"permission|cannot be opened"):
        Database(f"sqlite:///{tmp_path / 'records.db'}")


def test_read_only_database_is_one_sentence(sqlite_records: Records) -> None:
    with sqlite_records._database._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
    with pytest.raises(RecordsError, match="no permission to write"):
        sqlite_records.add_submission(new_submission(1))


def test_damaged_database_is_one_sentence(
    tmp_path: Path, sqlite_records: Records, clock: ManualClock
) -> None:
    for number in range(200):
        sqlite_records.add_submission(new_submission(number))
    sqlite_records.close()
    path = tmp_path / "records.db"
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(RecordsError, match="damaged"):
        Records.open(f"sqlite:///{path}", tmp_path, clock).submissions()


def test_sqlite_uses_the_write_ahead_log(tmp_path: Path, sqlite_records: Records) -> None:
    with closing(sqlite3.connect(tmp_path / "records.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_times_come_back_aware_in_utc(records: Records) -> None:
    submission = records.add_submission(new_submission(1))
    found = records.submission(submission.id)
    assert found.received_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert found.received_at.utcoffset() == timedelta(0)


def test_times_of_other_zones_are_converted_and_naive_ones_refused() -> None:
    column, dialect = UtcTime(), sqlite.dialect()
    local = datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    assert column.process_bind_param(local, dialect) == datetime(2026, 1, 1)  # noqa: DTZ001
    with pytest.raises(ValueError, match="needs a zone"):
        column.process_bind_param(datetime(2026, 1, 1), dialect)  # noqa: DTZ001
