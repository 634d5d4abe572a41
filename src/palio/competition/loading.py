"""Finding and reading competition files: by path, or by name from the shipped catalogue."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from palio.competition.history import CompetitionFile, TaskCheck, history_from
from palio.competition.model import Competition
from palio.competition.problems import CompetitionFileError, Problem, closest
from palio.competition.yaml_source import MAX_BYTES, YamlError, parse
from palio.errors import ConfigError

#: Where a bare name is looked for first when several editions hold it.
PREFERRED_EDITION = "sn37"
#: How names of competition files end; such a reference is always a path.
SUFFIXES = (".yaml", ".yml")


def resolve(reference: str, block: int | None = None) -> Competition:
    """The competition that ``reference`` names, as it stands at ``block``.

    Args:
        reference: a path, ``EDITION/NAME``, or a bare catalogue name; see :func:`find`.
        block: None takes the stage that is live last.

    Raises:
        ConfigError: nothing of that name, a wrong file, or not live at that block.
    """
    file = find(reference)
    return file.current_or_last() if block is None else file.at(block)


def find(reference: str, check: TaskCheck | None = None) -> CompetitionFile:
    """The competition file that ``reference`` names.

    A name ending in ``.yaml`` or ``.yml`` is a path. Otherwise the catalogue is asked for
    ``EDITION/NAME`` or a bare ``NAME`` (of edition ``sn37`` if several editions hold it), and
    then the file system.

    Args:
        reference: what to look for.
        check: a further check of each stage's tasks, see :data:`TaskCheck`.

    Raises:
        ConfigError: nothing of that name (known names are listed), or the file is wrong.
    """
    return _parse(*_read(reference), check)


def source_text(reference: str) -> str:
    """The text of the file that ``reference`` names, comments included, known to be valid.

    Raises:
        ConfigError: as :func:`find`.
    """
    data, source = _read(reference)
    _parse(data, source, None)
    return data.decode("utf-8-sig")


@cache
def catalogue() -> Mapping[str, tuple[str, ...]]:
    """Edition -> names of the competitions that ship with Palio, both sorted."""
    return {
        edition.name: tuple(sorted(entry.name.removesuffix(".yaml") for entry in edition.iterdir()))
        for edition in sorted(_catalogue_root().iterdir(), key=lambda folder: folder.name)
    }


def load_entry(edition: str, name: str) -> CompetitionFile:
    """A competition of the catalogue; names as in :func:`catalogue`."""
    return _parse(*_read_entry(edition, name), None)


def load_file(path: Path, check: TaskCheck | None = None) -> CompetitionFile:
    """The competition file at ``path``.

    Raises:
        ConfigError: missing, a folder, too large, not UTF-8, not YAML, or not a valid
            competition; one sentence for each problem, with line and key.
        OSError: the file may not be read.
    """
    return _parse(*_read_file(path), check)


def _read(reference: str) -> tuple[bytes, str]:
    """The bytes of the file and what it is called in messages."""
    if reference.endswith(SUFFIXES):
        return _read_file(Path(reference))
    known = catalogue()
    edition, _, name = reference.rpartition("/")
    holders = [edition] if edition else [key for key, names in known.items() if name in names]
    if PREFERRED_EDITION in holders:
        holders = [PREFERRED_EDITION]
    if len(holders) == 1 and name in known.get(holders[0], ()):
        return _read_entry(holders[0], name)
    if Path(reference).exists():
        return _read_file(Path(reference))
    raise ConfigError(_unknown(reference, [f"{key}/{one}" for key in known for one in known[key]]))


def _read_entry(edition: str, name: str) -> tuple[bytes, str]:
    entry = _catalogue_root().joinpath(edition, f"{name}.yaml")
    return entry.read_bytes(), f"{edition}/{name}"


def _read_file(path: Path) -> tuple[bytes, str]:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1), str(path)
    except FileNotFoundError:
        raise ConfigError(f"no competition file at {path}") from None
    except NotADirectoryError:
        raise ConfigError(f"no competition file at {path}: a part of the path is a file") from None
    except IsADirectoryError:
        raise ConfigError(f"{path} is a folder, not a competition file") from None


def _parse(data: bytes, source: str, check: TaskCheck | None) -> CompetitionFile:
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{source} is larger than {MAX_BYTES} bytes, the most a file may have")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{source} is not UTF-8 text (byte {error.start} is wrong)") from error
    try:
        return history_from(parse(text), source, check)
    except YamlError as error:
        problem = Problem(error.line, "", str(error))
        raise CompetitionFileError([problem.sentence(source)]) from error


def _unknown(reference: str, known: list[str]) -> str:
    meant = closest(reference, known) or closest(
        reference, [name.partition("/")[2] for name in known]
    )
    hint = f" Did you mean {meant}?" if meant else ""
    return (
        f"no competition or file {reference!r}.{hint} The catalogue holds {', '.join(known)}; "
        "a file's name ends in .yaml"
    )


def _catalogue_root() -> Traversable:
    return files("palio.competition").joinpath("catalogue")
