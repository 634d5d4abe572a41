"""``palio.toml``: what it may say, what it may not, and that it cannot change a score."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from palio.clock import ManualClock
from palio.errors import ConfigError
from palio.evaluation.executor import LocalExecutor
from palio.ledger.local import LocalLedger
from palio.submissions.stores import FolderStore
from palio.validator.deployment import (
    Deployment,
    FolderStoreOptions,
    LocalLedgerOptions,
    home_folder,
    load_deployment,
    require_writable,
)

CLOCK = ManualClock(datetime(2026, 7, 2, tzinfo=UTC))

#: Every key of palio.toml. None of them may change a score: they say where things lie, which
#: parts are used, how much is computed at once and what a worker may use. Whoever adds a key
#: that belongs to what is measured must put it into the competition file instead.
KEYS = {
    "ledger.kind",
    "ledger.options",
    "store.kind",
    "store.options",
    "executor.kind",
    "executor.options",
    "records.url",
    "workers.count",
    "workers.seconds",
    "workers.memory_gib",
    "workers.address_space_gib",
    "workers.threads",
    "engine.name",
    "engine.device",
    "engine.batch_tokens",
    "engine.batch_rows",
}
LEDGER_OPTIONS = {"path", "first_block", "seconds_per_block", "commit_interval_blocks"}


def written(home: Path, text: str) -> Path:
    (home / "palio.toml").write_text(text)
    return home


def keys_of(model: type[BaseModel], prefix: str = "") -> set[str]:
    keys = set()
    for name, field in model.model_fields.items():
        kind: Any = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            keys |= keys_of(kind, f"{prefix}{name}.")
        else:
            keys.add(prefix + name)
    return keys


def test_the_keys_are_those_that_cannot_change_a_score() -> None:
    assert keys_of(Deployment) - {"home"} == KEYS
    assert keys_of(LocalLedgerOptions) == LEDGER_OPTIONS
    assert keys_of(FolderStoreOptions) == {"root"}


def test_without_a_file_everything_lies_in_the_home_folder(tmp_path: Path) -> None:
    found = load_deployment(tmp_path)
    assert found.records_url == f"sqlite:///{tmp_path}/records.db"
    assert found.ledger_file == tmp_path / "ledger.db"
    assert found.store_folder == tmp_path / "submissions"
    assert found.admitted_folder == tmp_path / "admitted"
    assert found.evidence_folder == tmp_path / "evidence"
    assert isinstance(found.open_ledger(CLOCK), LocalLedger)
    assert isinstance(found.open_store(), FolderStore)
    assert isinstance(found.open_executor(CLOCK), LocalExecutor)
    assert list(tmp_path.glob("ledger.db"))


def test_every_section_is_read(tmp_path: Path) -> None:
    found = load_deployment(
        written(
            tmp_path,
            """
            [ledger.options]
            path = "other.db"
            first_block = 100
            seconds_per_block = 6
            [store.options]
            root = "/srv/models"
            [records]
            url = "postgresql://palio@host/records"
            [workers]
            count = 2
            seconds = 60
            memory_gib = 1.5
            address_space_gib = 0
            [engine]
            device = "cuda:1"
            batch_rows = 8
            """,
        )
    )
    assert found.records_url == "postgresql://palio@host/records"
    assert found.store_folder == Path("/srv/models")
    assert found.ledger_file == tmp_path / "other.db"
    assert (found.workers.count, found.engine_settings.device) == (2, "cuda:1")
    limits = found.worker_limits
    assert (limits.seconds, limits.memory_bytes, limits.address_space_bytes) == (60, 3 * 2**29, 0)
    ledger = found.open_ledger(CLOCK)
    assert isinstance(ledger, LocalLedger)
    assert ledger.head().number == 100
    assert ledger.settings.seconds_per_block == 6


def test_a_ledger_with_whole_seconds_verifies(tmp_path: Path) -> None:
    # TOML tells 6 from 6.0; the file keeps a real number, and so must the hash over it.
    home = written(tmp_path, "[ledger.options]\nseconds_per_block = 6\n")
    ledger = load_deployment(home).open_ledger(CLOCK)
    assert isinstance(ledger, LocalLedger)
    ledger.advance(to=3)
    report = ledger.verify()
    assert report.ok, report.fault


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[workers]\ncuont = 2", "workers.cuont: unknown key; known: count, seconds, memory_gib"),
        ("batch_rows = 2", "batch_rows: unknown key; known: ledger, store, executor, records"),
        ("[workers]\ncount = 0", "workers.count: Input should be greater than or equal to 1"),
        ("[workers]\ncount = 'x'", "workers.count: Input should be a valid integer"),
        ("workers = 3", "workers: Input should be a valid dictionary"),
        ("home = '/elsewhere'", "home cannot be set; it is the folder the file lies in"),
        ("[workers", "is not a TOML file"),
        ("a = 1\na = 2", "is not a TOML file"),
    ],
)
def test_a_wrong_file_is_told_by_its_key(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_deployment(written(tmp_path, text))
    assert str(caught.value).startswith(str(tmp_path / "palio.toml"))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "palio.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not a TOML file"):
        load_deployment(tmp_path)


@pytest.mark.parametrize(
    ("text", "part", "said"),
    [
        ("[ledger]\nkind = 'paper'", "ledger", "no ledger of kind 'paper'; installed: "),
        ("[store]\nkind = 'ftp'", "store", "no store of kind 'ftp'; installed: "),
        ("[executor]\nkind = 'moon'", "executor", "no executor of kind 'moon'; installed: "),
        ("[engine]\nname = 'steam'", "engine", "no engine of kind 'steam'; installed: "),
        (
            "[ledger.options]\nblock_time = 6",
            "ledger",
            "palio.toml: ledger.options: block_time: unknown key; known: path, first_block, ",
        ),
        ("[ledger.options]\nfirst_block = 'x'", "ledger", "ledger.options: first_block: Input"),
        ("[ledger.options]\nfirst_block = 1.5", "ledger", "ledger.options: first_block: Input"),
        ("[ledger.options]\nseconds_per_block = nan", "ledger", "seconds_per_block: Input"),
        ("[ledger.options]\nseconds_per_block = 0", "ledger", "seconds_per_block: Input"),
        ("[store.options]\npath = 'x'", "store", "store.options: path: unknown key; known: root"),
        ("[executor.options]\ngpu = 1", "executor", "executor.options: gpu: unknown key; known: n"),
    ],
)
def test_a_wrong_part_is_told_when_it_is_used(
    tmp_path: Path, text: str, part: str, said: str
) -> None:
    found = load_deployment(written(tmp_path, text))
    use: dict[str, Callable[[], object]] = {
        "ledger": lambda: found.open_ledger(CLOCK),
        "store": found.open_store,
        "executor": lambda: found.open_executor(CLOCK),
        "engine": lambda: found.engine_settings,
    }
    with pytest.raises(ConfigError) as caught:
        use[part]()
    assert said in str(caught.value)


def test_the_home_folder_is_as_given_else_the_variables_else_the_users(tmp_path: Path) -> None:
    assert home_folder(tmp_path, {"PALIO_HOME": "/elsewhere"}) == tmp_path
    assert home_folder(None, {"PALIO_HOME": "/elsewhere"}) == Path("/elsewhere")
    assert home_folder(None, {"PALIO_HOME": ""}) == Path("~/.palio").expanduser()
    assert home_folder(None, {}) == Path("~/.palio").expanduser()


def test_a_home_folder_is_made_and_a_file_is_none(tmp_path: Path) -> None:
    require_writable(tmp_path / "new" / "home")
    assert (tmp_path / "new" / "home").is_dir()
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ConfigError, match="is a file; a home must be a folder"):
        require_writable(file)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_home_folder_must_be_writable(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match="no permission to write"):
        require_writable(tmp_path)
