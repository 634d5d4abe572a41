"""Opening the database: engine, transactions, migrations, and errors as one sentence.

SQLite is the default; PostgreSQL by URL with the extra ``palio[postgres]``. Opening
brings the tables forward to this version of Palio by itself, in one transaction.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from palio.canonical import canonical_json
from palio.errors import RecordsError

BUSY_TIMEOUT_S = 30

_MIGRATIONS = Path(__file__).parent / "migrations"
#: Held in PostgreSQL while tables are brought forward, so that two processes take turns.
_MIGRATION_LOCK = 0x50414C494F
_WRITE = {"palio_write": True}
#: What SQLite calls a full disk; the second, when the log's index in shared memory cannot grow.
_NO_SPACE = ("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE")

_T = TypeVar("_T")


class Database:
    """Sessions on one database; methods of this room only."""

    def __init__(self, url: str) -> None:
        """Connect and bring the tables forward.

        Raises:
            RecordsError: the URL is wrong, the database cannot be reached or written, holds
                something else, or was written by a newer Palio.
        """
        self._url = _checked_url(url)
        self._engine = _engine(self._url)
        self._writer = self._engine.execution_options(**_WRITE)
        try:
            with self._errors():
                self._migrate()
        except RecordsError:
            self.close()
            raise

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A consistent view; changes made through it are never written."""
        with self._errors(), Session(self._engine) as session:
            yield session

    def write(self, action: Callable[[Session], _T]) -> _T:
        """Run ``action`` in one transaction, all or nothing; it may be run twice.

        Where two processes add the same row at once, the second one's action is run again
        and finds the row.
        """
        with self._errors():
            try:
                return self._write_once(action)
            except IntegrityError:
                return self._write_once(action)

    def _write_once(self, action: Callable[[Session], _T]) -> _T:
        with Session(self._writer) as session, session.begin():
            return action(session)

    def _migrate(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        config.set_main_option("path_separator", "newline")
        scripts = ScriptDirectory.from_config(config)
        with self._engine.begin() as connection:
            if self._is_current(connection, scripts):
                return
        with self._writer.begin() as connection:
            if connection.dialect.name == "postgresql":
                lock = text("SELECT pg_advisory_xact_lock(:key)")
                connection.execute(lock, {"key": _MIGRATION_LOCK})
            if not self._is_current(connection, scripts):
                config.attributes["connection"] = connection
                command.upgrade(config, "head")

    def _is_current(self, connection: Connection, scripts: ScriptDirectory) -> bool:
        revision = MigrationContext.configure(connection).get_current_revision()
        if revision is None and inspect(connection).get_table_names():
            raise RecordsError(
                f"the database {self} holds tables that are not Palio's; "
                "give the records a database of their own"
            )
        known = {script.revision for script in scripts.walk_revisions()}
        if revision is not None and revision not in known:
            raise RecordsError(
                f"the records {self} were written by a newer Palio (revision {revision}); "
                "upgrade Palio to use them"
            )
        return revision == scripts.get_current_head()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise RecordsError(_sentence(str(self), error)) from error

    def __str__(self) -> str:
        return self._url.render_as_string(hide_password=True)


def _checked_url(text_: str) -> URL:
    try:
        url = make_url(text_)
    except ArgumentError as error:
        # The text may hold a password, so it is not repeated.
        raise RecordsError(
            "the records' URL is malformed; write sqlite:////path/to/records.db or "
            "postgresql://user@host/database"
        ) from error
    backend = url.get_backend_name()
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise RecordsError(f"records live in SQLite or PostgreSQL, not in {backend!r}")
    if not url.database or url.database == ":memory:":
        raise RecordsError("the records need a file: write sqlite:////path/to/records.db")
    return url


def _engine(url: URL) -> Engine:
    options: dict[str, Any] = {
        "json_serializer": lambda value: canonical_json(value).decode(),
    }
    if url.get_backend_name() == "sqlite":
        options["connect_args"] = {"timeout": BUSY_TIMEOUT_S}
    else:
        options["pool_pre_ping"] = True
    try:
        engine = create_engine(url, **options)
    except ImportError as error:
        raise RecordsError(
            "PostgreSQL needs a driver; install it with: pip install 'palio[postgres]'"
        ) from error
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # Transactions are begun below; the module's own begin only at the first change.
    connection.isolation_level = None
    _use_write_ahead_log(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Let readers go on while someone writes; a property of the file, once set.

    SQLite does not wait its turn for this change. Whoever meets another process leaves it to
    that one, or to the next connection; until then all is right but slower.
    """
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes its turn at the start; were it to begin as a reader, SQLite would refuse
    # to let it write after someone else did, instead of waiting.
    writes = connection.get_execution_options().get("palio_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _sentence(place: str, error: SQLAlchemyError) -> str:
    origin = getattr(error, "orig", None) or error
    name = getattr(origin, "sqlite_errorname", "") or getattr(origin, "sqlstate", "") or ""
    reason = " ".join(str(origin).split())
    if name.startswith("SQLITE_BUSY"):
        return f"the records {place} were in use for {BUSY_TIMEOUT_S} s; try again"
    if name.startswith(_NO_SPACE) or name == "53100":
        return f"no disk space left for the records {place}; nothing was recorded"
    if name.startswith("SQLITE_CANTOPEN"):
        return f"the records {place} cannot be opened; check that the folder exists and is writable"
    if name.startswith("SQLITE_READONLY") or name == "42501":
        return f"no permission to write the records {place}; nothing was recorded"
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return f"the records {place} are damaged, or the file is no database ({reason})"
    return f"the records {place} cannot be used: {reason}"
