"""YAML text to a tree that remembers its lines, within bounds a hostile file cannot exceed.

The tree is built from parser events, never by a YAML constructor, so that no tag
makes an object and no alias is expanded before its size is known. Plain scalars
follow YAML 1.2's core schema: ``yes``, ``NO`` and ``on`` are text, ``1e9`` is a
number, ``12:30`` is text. Keys are text as they are written. What the keys mean is
not this module's business.
"""

import math
import re
from dataclasses import dataclass, field, replace

import yaml
from pydantic import JsonValue

MAX_BYTES = 1 << 20
MAX_NODES = 20_000
"""Values in a file after every alias has been replaced by what it stands for."""
MAX_DEPTH = 24
MAX_NUMBER_LENGTH = 40

Scalar = str | int | float | bool | None

_INTEGER = re.compile(r"[-+]?(?:0|[1-9](?:_?[0-9])*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9](?:_?[0-9])*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_CONSTANTS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
# The pure Python parser is several times slower; both give the same events.
_LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlError(ValueError):
    """The text is no YAML that a competition file may hold; ``line`` counts from 1."""

    def __init__(self, line: int | None, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Node:
    """A value and the line where its key (or list item, or the document) begins.

    ``size`` counts the values in it, itself included, aliases expanded.
    """

    value: "Scalar | dict[str, Node] | list[Node]"
    line: int
    size: int = 1

    @property
    def mapping(self) -> "dict[str, Node] | None":
        """The entries if this is a mapping."""
        return self.value if isinstance(self.value, dict) else None

    def plain(self) -> JsonValue:
        """The value without lines; shared parts are built anew."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def mapping_node(entries: dict[str, Node], line: int) -> Node:
    """A mapping of these entries."""
    return Node(entries, line, 1 + sum(node.size for node in entries.values()))


def parse(text: str) -> Node:
    """The tree of the single document in ``text``.

    Raises:
        YamlError: not YAML, more than one document, a duplicate key, a tag, a key that is no
            text, an alias without anchor, or more values or levels than allowed.
    """
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = ": ".join(part for part in (error.context, error.problem) if part)
        raise YamlError(mark.line + 1 if mark else None, f"is not valid YAML: {said}") from error
    except yaml.YAMLError as error:
        raise YamlError(None, f"is not valid YAML: {str(error).splitlines()[0]}") from error
    if builder.root is None:
        raise YamlError(None, "is empty; palio competition new writes one to start from")
    return builder.root


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not been seen yet."""

    value: dict[str, Node] | list[Node]
    line: int
    anchor: str | None
    key: tuple[str, int] | None = None


@dataclass(slots=True)
class _Builder:
    """Builds the tree from events without recursion, so that depth costs no stack."""

    root: Node | None = None
    stack: list[_Open] = field(default_factory=list)
    anchors: dict[str, Node] = field(default_factory=dict)
    documents: int = 0
    total: int = 0

    def take(self, event: yaml.Event) -> None:
        mark = event.start_mark
        line = mark.line + 1 if mark else 1
        match event:
            case yaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    raise YamlError(line, "holds a second document; a file is one competition")
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._open(event, line)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._close()
            case yaml.AliasEvent(anchor=str(anchor)):
                self._alias(anchor, line)
            case yaml.ScalarEvent():
                self._scalar(event, line)
            case _:
                pass

    def _open(self, event: yaml.CollectionStartEvent, line: int) -> None:
        _refuse_tag(event.tag, line)
        if len(self.stack) >= MAX_DEPTH:
            raise YamlError(line, f"is nested more than {MAX_DEPTH} levels deep")
        if self._awaits_key():
            raise YamlError(line, "uses a mapping or list as a key; keys are text")
        value: dict[str, Node] | list[Node] = (
            {} if isinstance(event, yaml.MappingStartEvent) else []
        )
        self._count(1, line)
        self.stack.append(_Open(value, line, event.anchor))

    def _close(self) -> None:
        done = self.stack.pop()
        parts = done.value.values() if isinstance(done.value, dict) else done.value
        node = Node(done.value, done.line, 1 + sum(part.size for part in parts))
        self._place(node, done.anchor)

    def _alias(self, anchor: str, line: int) -> None:
        if anchor not in self.anchors:
            raise YamlError(line, f"uses *{anchor} before the end of what &{anchor} names")
        node = self.anchors[anchor]
        if self._awaits_key():
            raise YamlError(line, f"uses *{anchor} as a key; keys are written out")
        self._count(node.size, line)
        self._place(replace(node, line=line), None)

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        _refuse_tag(event.tag, line)
        if _CONTROL.search(event.value):
            raise YamlError(line, f"holds a control character in {event.value[:40]!r}")
        if self._awaits_key():
            self._key(event.value, line)
            return
        self._count(1, line)
        plain = bool(event.implicit[0])
        value = _resolve(event.value, line) if plain else event.value
        self._place(Node(value, line), event.anchor)

    def _key(self, key: str, line: int) -> None:
        top = self.stack[-1]
        entries = top.value
        assert isinstance(entries, dict)
        if key in entries:
            raise YamlError(
                line, f"key {key[:60]!r} stands twice; it is already at line {entries[key].line}"
            )
        if key == "<<":
            raise YamlError(line, "merge keys (<<) are not supported; use *name for a whole value")
        top.key = (key, line)

    def _place(self, node: Node, anchor: str | None) -> None:
        if not self.stack:
            self.root = node
        else:
            top = self.stack[-1]
            if isinstance(top.value, list):
                top.value.append(node)
            else:
                assert top.key is not None
                key, line = top.key
                node = replace(node, line=line)
                top.value[key], top.key = node, None
        if anchor is not None:
            self.anchors[anchor] = node

    def _awaits_key(self) -> bool:
        top = self.stack[-1] if self.stack else None
        return top is not None and isinstance(top.value, dict) and top.key is None

    def _count(self, size: int, line: int) -> None:
        self.total += size
        if self.total > MAX_NODES:
            raise YamlError(line, f"holds more than {MAX_NODES} values, aliases expanded")


def _refuse_tag(tag: str | None, line: int) -> None:
    if tag is not None:
        raise YamlError(line, f"uses the tag {tag[:60]!r}; a competition file has no tags")


def _resolve(text: str, line: int) -> Scalar:
    """A plain scalar's value by YAML 1.2's core schema; ``6_900_000`` is a number too."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if len(text) > MAX_NUMBER_LENGTH:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if not math.isfinite(number):
            raise YamlError(line, f"holds the number {text}, which is too large")
        return number
    return text
