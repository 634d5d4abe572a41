"""What is wrong with a competition file, in sentences that name the line and the key."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from palio.competition.yaml_source import Node
from palio.errors import ConfigError

MAX_SHOWN = 10

_COMPARISONS = {
    "greater_than": ("greater than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}
_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "dict_type": "a mapping of keys",
    "model_type": "a mapping of keys",
    "model_attributes_type": "a mapping of keys",
    "list_type": "a list",
    "tuple_type": "a list",
}
_LEADING_KEY = re.compile(r"([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*): (.+)", re.DOTALL)


class CompetitionFileError(ConfigError):
    """A competition file is wrong; ``problems`` holds a sentence each, in the file's order."""

    def __init__(self, problems: Sequence[str]) -> None:
        shown = list(problems[:MAX_SHOWN])
        if len(problems) > MAX_SHOWN:
            shown.append(f"and {len(problems) - MAX_SHOWN} more")
        super().__init__("\n".join(shown))
        self.problems = tuple(shown)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where (line from 1, dotted key) and what."""

    line: int | None
    key: str
    message: str

    def sentence(self, source: str, remark: str = "") -> str:
        """``file:line: key: message``, with a remark in brackets at the end."""
        place = f"{source}:{self.line}" if self.line else source
        key = f" {self.key}:" if self.key else ""
        # A message without a key continues the file's name as a sentence of its own.
        colon = ":" if self.line or self.key else ""
        return f"{place}{colon}{key} {self.message}" + (f" ({remark})" if remark else "")


def problems_of(
    errors: Iterable[ErrorDetails], root: Node, model: type[BaseModel], also: Iterable[str] = ()
) -> list[Problem]:
    """Pydantic's errors about ``root``'s plain value as problems with lines.

    Args:
        errors: of validating that value as ``model``.
        root: the tree the value came from.
        model: what it was validated as; its fields are the known keys.
        also: keys that are known at the top besides the model's fields.
    """
    return [_problem(error, root, model, tuple(also)) for error in errors]


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that ``word`` was probably meant to be."""
    by_lower = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def _problem(
    error: ErrorDetails, root: Node, model: type[BaseModel], also: tuple[str, ...]
) -> Problem:
    path, node, whole = _walk(root, error["loc"])
    message = _message(error, node if whole else None)
    if error["type"] == "extra_forbidden":
        known = _keys_at(model, error["loc"][:-1]) + (list(also) if len(path) == 1 else [])
        message = _unknown_key(str(error["loc"][-1]), known)
    if error["type"] == "value_error" and (found := _LEADING_KEY.fullmatch(message)):
        # Rules between keys name the key they are about at the front of their sentence.
        deeper, place, named = _walk(node, tuple(found[1].split(".")))
        if named or len(deeper) > 1:
            return Problem(place.line, _dotted([*path, *deeper]), found[2])
    return Problem(node.line, _dotted(path), message)


def _walk(root: Node, loc: Sequence[int | str]) -> tuple[list[int | str], Node, bool]:
    """The path without pydantic's union tags, the deepest node on it, and whether it is all."""
    path: list[int | str] = []
    node = root
    whole = True
    for step in loc:
        value = node.value
        if isinstance(value, dict) and step in value:
            node = value[str(step)]
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            node = value[step]
        elif isinstance(value, dict) and "kind" in value and value["kind"].value == step:
            continue
        else:
            whole = False
        path.append(step)
    return path, node, whole


def _dotted(path: Sequence[int | str]) -> str:
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += ("." if text else "") + (step if len(step) <= 60 else f"{step[:57]}...")
    return text


def _message(error: ErrorDetails, node: Node | None) -> str:
    kind = error["type"]
    context: Mapping[str, Any] = error.get("ctx", {})
    shown = f" (is {_shown(node)})" if node is not None else ""
    if kind == "missing":
        return "is missing"
    if kind == "value_error":
        return str(context["error"])
    if kind in _COMPARISONS:
        words, key = _COMPARISONS[kind]
        return f"must be {words} {context[key]:g}{shown}"
    if kind in _EXPECTED:
        return f"must be {_EXPECTED[kind]}{shown}"
    if kind == "string_type":
        return f"must be text{shown}; write it in quotes"
    if kind in {"too_short", "string_too_short"}:
        return "must not be empty"
    if kind in {"literal_error", "enum"}:
        return f"must be {context['expected']}{shown}"
    if kind == "union_tag_not_found":
        return "needs a 'kind'"
    if kind == "union_tag_invalid":
        return f"kind must be one of {context['expected_tags']} (is {context['tag']!r})"
    if kind == "string_pattern_mismatch":
        return f"must match the pattern {context['pattern']}{shown}"
    return f"{error['msg'][:1].lower()}{error['msg'][1:]}{shown}"


def _shown(node: Node) -> str:
    if isinstance(node.value, dict):
        return "a mapping"
    if isinstance(node.value, list):
        return "a list"
    if node.value is None:
        return "null"
    if isinstance(node.value, bool):
        return str(node.value).lower()
    text = repr(node.value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _unknown_key(key: str, known: Sequence[str]) -> str:
    meant = closest(key, known)
    if meant is not None:
        return f"unknown key; did you mean {meant!r}?"
    return f"unknown key; known are {', '.join(sorted(known))}"


def _keys_at(model: type[BaseModel], loc: Sequence[int | str]) -> list[str]:
    """The keys known where ``loc`` leads, following fields, mappings, lists and union tags."""
    models = [model]
    for step in loc:
        fields = models[0].model_fields if len(models) == 1 else {}
        tagged = [one for one in models if _kind_of(one) == step]
        if step in fields:
            models = _models_in(fields[str(step)].annotation)
        elif tagged and len(models) > 1:
            models = tagged
    return sorted({key for one in models for key in one.model_fields})


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _kind_of(model: type[BaseModel]) -> str | None:
    kind = model.model_fields.get("kind")
    return get_args(kind.annotation)[0] if kind is not None else None
