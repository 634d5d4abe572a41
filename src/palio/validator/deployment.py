"""Where a deployment keeps things and which parts it uses: ``palio.toml`` in its home folder.

Without a file everything lies in the home folder itself: an SQLite ledger, a folder
store, SQLite records, evidence files. Each part is chosen by name among entry points,
so another package can add one without touching Palio. No setting here can change a score.
"""

import os
import tomllib
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from palio.clock import Clock
from palio.errors import ConfigError
from palio.evaluation.evaluate import EngineSettings
from palio.evaluation.executor import Executor, LocalExecutor
from palio.evaluation.job import WorkerLimits
from palio.ledger.chain import BlockEntropy, LedgerSettings, system_entropy
from palio.ledger.local import LocalLedger
from palio.ledger.protocol import Ledger
from palio.submissions.stores import FolderStore, Store

FILE_NAME = "palio.toml"
HOME_VARIABLE = "PALIO_HOME"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


_Options = TypeVar("_Options", bound=_Section)


class Part(_Section):
    """A part chosen by entry point, with the options that it alone understands."""

    kind: str = "local"
    """Name of the entry point."""
    options: dict[str, JsonValue] = {}
    """Handed to the part as they are."""


class StorePart(Part):
    """The store from which submissions are fetched."""

    kind: str = "folder"


class RecordsSection(_Section):
    """What the validator remembers."""

    url: str | None = None
    """SQLAlchemy URL; by default an SQLite file in the home folder."""


class WorkersSection(_Section):
    """How many models are evaluated at once, and what each may use."""

    count: Annotated[int, Field(ge=1, le=64)] = 1
    """Workers side by side."""
    seconds: Annotated[float, Field(gt=0)] = 3600.0
    """Wall clock of one evaluation; a safety net, never a part of a score."""
    memory_gib: Annotated[float, Field(gt=0)] = 8.0
    """Resident memory of one worker."""
    address_space_gib: Annotated[float, Field(ge=0)] = 24.0
    """Address space of one worker on a CPU; 0 for no limit. Never limited on other devices."""
    threads: Annotated[int, Field(ge=1)] = 1
    """Threads of one worker; recorded in the scorecard's environment."""


class EngineSection(_Section):
    """How models are run."""

    name: str = "transformers"
    """Name of a ``palio.engines`` entry point."""
    device: str = "cpu"
    """Where models run: ``cpu``, ``cuda``, ``cuda:1`` ..."""
    batch_tokens: Annotated[int, Field(ge=1)] = 4096
    """Tokens computed at once."""
    batch_rows: Annotated[int, Field(ge=1)] = 32
    """Sequences computed at once."""


class LocalLedgerOptions(_Section):
    """``ledger.options`` of kind ``local``; all but the path matter only when it is created."""

    path: str = "ledger.db"
    """The SQLite file; relative paths start in the home folder."""
    first_block: Annotated[int, Field(ge=0)] = 0
    """Number of the first block."""
    seconds_per_block: Annotated[float, Field(ge=1e-3, le=86_400, allow_inf_nan=False)] = 12.0
    """The clock seals a block each time so many seconds have passed."""
    commit_interval_blocks: Annotated[int, Field(ge=0)] = 0
    """Blocks between two commitments of one participant; 0 for none."""


class FolderStoreOptions(_Section):
    """``store.options`` of kind ``folder``."""

    root: str = "submissions"
    """The folder; relative paths start in the home folder."""


class NoOptions(_Section):
    """For parts that have none."""


class Deployment(_Section):
    """A deployment's whole configuration, with the home folder it belongs to."""

    home: Path
    """Set by where the file lies, not in it."""
    ledger: Part = Part()
    store: StorePart = StorePart()
    executor: Part = Part()
    records: RecordsSection = RecordsSection()
    workers: WorkersSection = WorkersSection()
    engine: EngineSection = EngineSection()

    @property
    def records_url(self) -> str:
        """SQLAlchemy URL of the records."""
        return self.records.url or f"sqlite:///{self.home.resolve() / 'records.db'}"

    @property
    def evidence_folder(self) -> Path:
        """Where evidence files lie."""
        return self.home / "evidence"

    @property
    def admitted_folder(self) -> Path:
        """Canonical folders of admitted submissions, by content digest."""
        return self.home / "admitted"

    @property
    def store_folder(self) -> Path:
        """Root of the folder store."""
        return self.home / str(self.store.options.get("root", "submissions"))

    @property
    def ledger_file(self) -> Path:
        """The local ledger's file."""
        return self.home / str(self.ledger.options.get("path", "ledger.db"))

    @property
    def engine_settings(self) -> EngineSettings:
        """The engine section as evaluation wants it.

        Raises:
            ConfigError: there is no such engine.
        """
        engine = self.engine
        # Only looked up: it is the worker that loads it.
        _entry_point("palio.engines", engine.name)
        return EngineSettings(engine.name, engine.device, engine.batch_tokens, engine.batch_rows)

    @property
    def worker_limits(self) -> WorkerLimits:
        """The workers section as evaluation wants it."""
        workers = self.workers
        # CUDA reserves far more addresses than it uses, so there the limit would only break it.
        address_space_gib = workers.address_space_gib if self.engine.device == "cpu" else 0
        return WorkerLimits(
            seconds=workers.seconds,
            memory_bytes=int(workers.memory_gib * 2**30),
            address_space_bytes=int(address_space_gib * 2**30),
            threads=workers.threads,
        )

    def open_ledger(self, clock: Clock, entropy: BlockEntropy = system_entropy) -> Ledger:
        """The deployment's ledger.

        Raises:
            ConfigError: the kind or its options are wrong.
            LedgerError: it cannot be used.
        """
        factory = _entry("palio.ledgers", self.ledger.kind)
        return factory(self.ledger.options, self.home, clock, entropy)  # type: ignore[no-any-return]

    def open_store(self) -> Store:
        """The deployment's store.

        Raises:
            ConfigError: the kind or its options are wrong.
        """
        return _entry("palio.stores", self.store.kind)(self.store.options, self.home)  # type: ignore[no-any-return]

    def open_executor(self, clock: Clock) -> Executor:
        """The deployment's executor.

        Raises:
            ConfigError: the kind or its options are wrong.
        """
        factory = _entry("palio.executors", self.executor.kind)
        return factory(self.executor.options, self.worker_limits, clock)  # type: ignore[no-any-return]


def home_folder(given: Path | None, environ: Mapping[str, str]) -> Path:
    """The home folder: as given, else ``$PALIO_HOME``, else ``~/.palio``."""
    if given is not None:
        return given
    named = environ.get(HOME_VARIABLE)
    return Path(named) if named else Path("~/.palio").expanduser()


def load_deployment(home: Path) -> Deployment:
    """The deployment of a home folder, with defaults for whatever its file does not say.

    Raises:
        ConfigError: the file is not TOML, or a key or value is wrong; names both.
    """
    path = home / FILE_NAME
    values: dict[str, Any] = {}
    if path.exists():
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not a TOML file: {error}") from error
    if "home" in values:
        raise ConfigError(f"{path}: home cannot be set; it is the folder the file lies in")
    try:
        return Deployment(home=home, **values)
    except ValidationError as error:
        raise _wrong(str(path), Deployment, error) from error


def local_ledger(
    options: Mapping[str, Any], home: Path, clock: Clock, entropy: BlockEntropy
) -> LocalLedger:
    """Open, or create on first use, an SQLite ledger in the home folder."""
    wanted = _checked(LocalLedgerOptions, options, "ledger")
    settings = LedgerSettings(
        first_block=wanted.first_block,
        seconds_per_block=wanted.seconds_per_block,
        commit_interval_blocks=wanted.commit_interval_blocks,
    )
    return LocalLedger.create(home / wanted.path, clock, entropy, settings=settings, exist_ok=True)


def folder_store(options: Mapping[str, Any], home: Path) -> FolderStore:
    """A folder of submissions in the home folder."""
    return FolderStore(home / _checked(FolderStoreOptions, options, "store").root)


def local_executor(options: Mapping[str, Any], limits: WorkerLimits, clock: Clock) -> LocalExecutor:
    """Workers as child processes of the validator."""
    _checked(NoOptions, options, "executor")
    return LocalExecutor(limits, clock)


def _checked(model: type[_Options], options: Mapping[str, Any], section: str) -> _Options:
    try:
        return model.model_validate(options)
    except ValidationError as error:
        raise _wrong(f"{FILE_NAME}: {section}.options", model, error) from error


def _wrong(place: str, model: type[BaseModel], error: ValidationError) -> ConfigError:
    """The first problem in a sentence that names its key."""
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] != "extra_forbidden":
        return ConfigError(f"{place}: {key}: {problem['msg']}")
    for part in problem["loc"][:-1]:
        section = model.model_fields[str(part)].annotation
        assert isinstance(section, type)
        model = section
    known = ", ".join(name for name in model.model_fields if name != "home") or "none"
    return ConfigError(f"{place}: {key}: unknown key; known: {known}")


def _entry_point(group: str, kind: str) -> EntryPoint:
    found = entry_points(group=group, name=kind)
    if not found:
        known = ", ".join(sorted(point.name for point in entry_points(group=group)))
        part = group.removeprefix("palio.").removesuffix("s")
        raise ConfigError(f"there is no {part} of kind {kind!r}; installed: {known}")
    return next(iter(found))


def _entry(group: str, kind: str) -> Callable[..., Any]:
    factory: Callable[..., Any] = _entry_point(group, kind).load()
    return factory


def require_writable(home: Path) -> None:
    """Make the home folder if it is missing.

    Raises:
        ConfigError: it is a file, or nothing can be written there.
    """
    if home.exists() and not home.is_dir():
        raise ConfigError(f"{home} is a file; a home must be a folder")
    home.mkdir(parents=True, exist_ok=True)
    if not os.access(home, os.W_OK | os.X_OK):
        raise ConfigError(f"no permission to write in {home}; choose another folder with --home")
