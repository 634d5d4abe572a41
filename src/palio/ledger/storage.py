"""The SQLite file of a local ledger: its tables, its triggers, its transactions.

Triggers refuse every change but an append at the end, as a guard against mistakes; who
means harm can drop them, and is found by ``palio.ledger.audit``.
"""

import sqlite3
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from palio.errors import LedgerError
from palio.ledger.chain import LedgerSettings, StoredEntry

#: Kept in the file's header, so that another SQLite file is not taken for a ledger.
APPLICATION_ID = 0x50414C31
FORMAT = 1
BUSY_TIMEOUT_S = 30.0
#: What SQLite calls a full disk; the second, when the log's index in shared memory cannot grow.
_NO_SPACE = ("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE")

_SCHEMA = """
CREATE TABLE settings (
    first_block INTEGER NOT NULL,
    seconds_per_block REAL NOT NULL,
    commit_interval_blocks INTEGER NOT NULL
) STRICT;
CREATE TABLE blocks (
    number INTEGER PRIMARY KEY,
    time_us INTEGER NOT NULL,
    entropy BLOB NOT NULL CHECK (length(entropy) = 32),
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE TABLE entries (
    sequence INTEGER PRIMARY KEY,
    block INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('commitment', 'weights')),
    author TEXT NOT NULL,
    body TEXT NOT NULL,
    signature TEXT NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE INDEX entries_by_block ON entries (block);
CREATE UNIQUE INDEX one_commitment_a_line ON entries (author, body) WHERE kind = 'commitment';
CREATE UNIQUE INDEX one_weights_a_round ON entries
    (author, json_extract(body, '$.competition'), json_extract(body, '$.sync_block'))
    WHERE kind = 'weights';
CREATE TRIGGER settings_stay BEFORE UPDATE ON settings
    BEGIN SELECT raise(ABORT, 'a ledger''s settings never change'); END;
CREATE TRIGGER settings_are_kept BEFORE DELETE ON settings
    BEGIN SELECT raise(ABORT, 'a ledger''s settings never change'); END;
CREATE TRIGGER blocks_stay BEFORE UPDATE ON blocks
    BEGIN SELECT raise(ABORT, 'a ledger is append-only'); END;
CREATE TRIGGER blocks_are_kept BEFORE DELETE ON blocks
    BEGIN SELECT raise(ABORT, 'a ledger is append-only'); END;
CREATE TRIGGER blocks_follow BEFORE INSERT ON blocks
    WHEN EXISTS (SELECT 1 FROM blocks WHERE number >= NEW.number)
    BEGIN SELECT raise(ABORT, 'a ledger is append-only'); END;
CREATE TRIGGER entries_stay BEFORE UPDATE ON entries
    BEGIN SELECT raise(ABORT, 'a ledger is append-only'); END;
CREATE TRIGGER entries_are_kept BEFORE DELETE ON entries
    BEGIN SELECT raise(ABORT, 'a ledger is append-only'); END;
CREATE TRIGGER entries_follow BEFORE INSERT ON entries
    WHEN EXISTS (SELECT 1 FROM entries WHERE sequence >= NEW.sequence)
    BEGIN SELECT raise(ABORT, 'a ledger is append-only'); END;
"""


class LedgerFile:
    """One connection to the file, shared by this process's threads; not to be used after a fork.

    Raises:
        LedgerError: the file cannot be opened; here and in every method, whatever SQLite says
            becomes one sentence.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self.path = path
        self._lock = threading.RLock()
        uri = f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
        with self._sqlite_errors():
            self._connection = sqlite3.connect(
                uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            self.close = weakref.finalize(self, self._connection.close)
            # A commit that was acknowledged survives a power cut.
            self._connection.execute("PRAGMA synchronous = FULL")

    def create_tables(self, connection: sqlite3.Connection, settings: LedgerSettings) -> None:
        """Lay out an empty ledger inside the caller's transaction."""
        # executescript would commit first; a statement ends where SQLite says it is complete.
        statement = ""
        for line in _SCHEMA.splitlines(keepends=True):
            statement += line
            if sqlite3.complete_statement(statement):
                connection.execute(statement)
                statement = ""
        connection.execute(
            "INSERT INTO settings VALUES (?, ?, ?)",
            (
                settings.first_block,
                settings.seconds_per_block,
                settings.commit_interval_blocks,
            ),
        )
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")

    def has_tables(self, connection: sqlite3.Connection) -> bool:
        """Whether anything was laid out in the file before, a ledger or not."""
        (count,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        return bool(count)

    def use_write_ahead_log(self) -> None:
        """Let readers go on while someone appends; a property of the file, once set.

        SQLite does not wait its turn for this change. Whoever meets another process leaves
        it to that one, or to whoever opens the file next; until then all is right but slower.
        """
        with self._lock, self._sqlite_errors():
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise

    def is_ledger(self) -> bool:
        """Whether the file holds a ledger; an empty or foreign file does not.

        Raises:
            LedgerError: it is a ledger of a newer format.
        """
        with self.reading() as connection:
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
        if application == APPLICATION_ID and version > FORMAT:
            raise LedgerError(
                f"the ledger {self.path} has format {version}, written by a newer Palio; "
                "upgrade Palio to use it"
            )
        return bool(application == APPLICATION_ID)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A consistent view of the whole ledger."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The only writer, among all processes, until the block ends; all of it or nothing."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._lock, self._sqlite_errors():
            self._connection.execute(begin)
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    @contextmanager
    def _sqlite_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise LedgerError(_sentence(self.path, error)) from error


def settings_of(connection: sqlite3.Connection) -> LedgerSettings:
    """The settings the ledger was created with.

    Raises:
        LedgerError: there is not exactly one row of admissible settings.
    """
    rows = connection.execute("SELECT * FROM settings").fetchall()
    try:
        (row,) = rows
        return LedgerSettings(*row)
    except ValueError as error:
        raise LedgerError("the ledger's settings are damaged") from error


def entries_of(
    connection: sqlite3.Connection, where: str = "TRUE", values: tuple[object, ...] = ()
) -> Iterator[StoredEntry]:
    """Stored entries in order; ``where`` is a condition of this package, never of a user."""
    query = (
        "SELECT sequence, block, kind, author, body, signature, hash FROM entries "
        f"WHERE {where} ORDER BY sequence"
    )
    for row in connection.execute(query, values):
        yield StoredEntry(*row)


def _sentence(path: Path, error: sqlite3.Error) -> str:
    # Misuse found by the Python module itself carries no SQLite code.
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith("SQLITE_BUSY"):
        return f"the ledger {path} was in use for {BUSY_TIMEOUT_S:.0f} s; try again"
    if name.startswith(_NO_SPACE):
        return f"no disk space left for the ledger {path}; nothing was recorded"
    if name.startswith("SQLITE_CANTOPEN"):
        return f"the ledger {path} cannot be opened; check that it exists and may be written"
    if name.startswith("SQLITE_READONLY"):
        return f"no permission to write the ledger {path}; nothing was recorded"
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return f"{path} is no ledger, or the file is damaged ({error})"
    return f"the ledger {path} cannot be used: {error}"
