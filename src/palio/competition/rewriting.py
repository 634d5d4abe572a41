"""Numbers of a competition file replaced in its text; comments and layout stay as they are."""

from codecs import BOM_UTF8
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import JsonValue

from palio.competition.history import history_from
from palio.competition.loading import load_file
from palio.competition.yaml_source import Node, parse
from palio.errors import ConfigError
from palio.files import write_atomically

Key = tuple[str, ...]
"""The way from the top of a file to a value, e.g. ``("tasks", "FINEWEB", "weight")``."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A number that was replaced; ``line`` counts from 1."""

    key: str
    line: int
    before: str
    after: str


def rewrite_file(path: Path, digest: str, numbers: Mapping[Key, float]) -> list[Edit]:
    """Put numbers into a competition file, whole or not at all; says what was changed.

    A link stays a link, and the file keeps its permissions.

    Args:
        path: of the file.
        digest: of its last stage, for which the numbers are meant.
        numbers: by key; see :func:`with_numbers`.

    Raises:
        ConfigError: the file has another digest by now, a number cannot be replaced, or the result
            would be wrong; the file is then as it was.
        OSError: it cannot be written.
    """
    if load_file(path).current_or_last().digest != digest:
        raise ConfigError(f"{path} was changed meanwhile; nothing was written")
    real = path.resolve()
    data = real.read_bytes()
    mark = BOM_UTF8 if data.startswith(BOM_UTF8) else b""
    try:
        edited, edits = with_numbers(data.removeprefix(mark).decode(), numbers)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}; nothing was written") from error
    history_from(parse(edited), str(path))
    mode = real.stat().st_mode
    write_atomically(real, mark + edited.encode())
    real.chmod(mode)
    load_file(path)
    return edits


def with_numbers(text: str, numbers: Mapping[Key, float]) -> tuple[str, list[Edit]]:
    """The text with these numbers in it, and what was changed, from the top down.

    A number that is there already is left as it is written.

    Args:
        text: of a competition file, known to be valid.
        numbers: by key; each key stands in the text already.

    Raises:
        ConfigError: a number is missing, is shared through an alias, or is written in a way that
            cannot be replaced (with an anchor, in quotes); says what to do.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert root is not None, "a valid file is not empty"
    edits = []
    spans = []
    for key, number in numbers.items():
        node = _scalar(root, key)
        start, end = node.start_mark.index, node.end_mark.index
        line = node.start_mark.line + 1
        before = text[start:end]
        if before != node.value:
            raise ConfigError(
                f"line {line}: {'.'.join(key)} is written as {before!r}; "
                "write it as a plain number, or change it by hand"
            )
        if _number(parse(text), key) == number:
            continue
        edits.append(Edit(".".join(key), line, before, repr(number)))
        spans.append((start, end, repr(number)))
    edited = text
    for start, end, written in sorted(spans, reverse=True):
        edited = edited[:start] + written + edited[end:]
    if parse(edited).plain() != _replaced(parse(text), numbers):
        raise ConfigError(
            "some of these numbers stand in the file once for several keys (an alias); "
            "write each key's own, or change them by hand"
        )
    return edited, sorted(edits, key=lambda edit: edit.line)


def _scalar(root: yaml.Node, key: Key) -> yaml.ScalarNode:
    node = root
    for step in key:
        entries = node.value if isinstance(node, yaml.MappingNode) else []
        found = [value for name, value in entries if name.value == step]
        if not found:
            raise ConfigError(f"the file has no key {'.'.join(key)}")
        node = found[0]
    if not isinstance(node, yaml.ScalarNode):
        raise ConfigError(f"{'.'.join(key)} is no number")
    return node


def _number(root: Node, key: Key) -> JsonValue:
    value = root.plain()
    for step in key:
        assert isinstance(value, dict), "the key was found in the same text"
        value = value[step]
    return value


def _replaced(root: Node, numbers: Mapping[Key, float]) -> JsonValue:
    """The file's values with exactly these numbers replaced."""
    # Node.plain builds shared parts anew, so each key is replaced alone.
    whole = root.plain()
    for (*path, last), number in numbers.items():
        value = whole
        for step in path:
            assert isinstance(value, dict), "the key was found in the same text"
            value = value[step]
        assert isinstance(value, dict), "the key was found in the same text"
        value[last] = number
    return whole
