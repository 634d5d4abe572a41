"""JSON from strangers: bounded before it is parsed, and with one meaning only.

Size, nesting and the number of values are limited before Python's parser sees the
text; duplicate keys, NaN, infinities, endless digits and lone surrogates are refused,
since other readers would disagree about them.
"""

import json
import math
import re
from typing import Any, NoReturn

import numpy as np

from palio.submissions.refusals import rejected, shown

MAX_DEPTH = 24
#: Brackets, commas and colons; the largest published tokenizers stay below 3 million.
MAX_VALUES = 8_000_000
MAX_DIGITS = 20
#: What transformers writes for "no limit": int(1e30).
NO_LIMIT = "1000000000000000019884624838656"
MAX_FLOAT_CHARACTERS = 64

# Possessive and closed at the end of the text, so that no input makes it try twice.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_LONE_SURROGATE = re.compile(rb"\\u[dD][89abAB]|\\u[dD][c-fC-F]")


class JsonFault(Exception):
    """Why a text was refused: the part of the code after ``E_JSON_``, and what was found."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


def read_object(data: bytes, *, name: str, max_bytes: int) -> dict[str, Any]:
    """The JSON object in ``data``.

    Args:
        data: the whole file.
        name: the file's name, for the message.
        max_bytes: larger files are refused unread.

    Raises:
        SubmissionRejected: ``E_JSON_...``.
    """
    try:
        return parse_object(data, max_bytes=max_bytes)
    except JsonFault as fault:
        raise rejected(f"E_JSON_{fault.kind}", f"{name}: {fault.detail}", file=name) from fault


def parse_object(data: bytes, *, max_bytes: int, max_values: int = MAX_VALUES) -> dict[str, Any]:
    """As :func:`read_object`, for callers with codes of their own.

    Raises:
        JsonFault: whatever is wrong with the text.
    """
    if len(data) > max_bytes:
        raise JsonFault("SIZE", f"{len(data)} bytes, allowed are {max_bytes}")
    _bound(data, max_values)
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_pairs,
            parse_constant=_constant,
            parse_int=_integer,
            parse_float=_float,
        )
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise JsonFault("PARSE", f"{type(error).__name__} at {_position(error)}") from error
    except RecursionError as error:
        raise JsonFault("DEPTH", "too many levels") from error
    if not isinstance(value, dict):
        raise JsonFault("TYPE", f"the top level is {shown(value)}")
    if _LONE_SURROGATE.search(data):
        _refuse_lone_surrogates(value)
    return value


def _bound(data: bytes, max_values: int) -> None:
    """Count nesting and values on the text without its strings."""
    bare = np.frombuffer(_STRING.sub(b"", data), dtype=np.uint8)
    opens = (bare == ord("{")) | (bare == ord("["))
    closes = (bare == ord("}")) | (bare == ord("]"))
    values = np.count_nonzero(opens) + np.count_nonzero(bare == ord(","))
    if values > max_values:
        raise JsonFault("SIZE", f"more than {max_values} values")
    steps = opens.astype(np.int8) - closes.astype(np.int8)
    depth = int(np.cumsum(steps, dtype=np.int32).max(initial=0))
    if depth > MAX_DEPTH:
        raise JsonFault("DEPTH", f"{depth} levels, allowed are {MAX_DEPTH}")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise JsonFault("DUPKEY", f"key {shown(key)}")
            seen.add(key)
    return found


def _constant(text: str) -> NoReturn:
    raise JsonFault("NUMBER", text)


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > MAX_DIGITS and text != NO_LIMIT:
        raise JsonFault("NUMBER", f"an integer of {len(text)} digits")
    return int(text)


def _float(text: str) -> float:
    value = float(text) if len(text) <= MAX_FLOAT_CHARACTERS else math.inf
    if not math.isfinite(value):
        raise JsonFault("NUMBER", shown(text))
    return value


def _position(error: UnicodeDecodeError | json.JSONDecodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start}"
    return f"line {error.lineno}, column {error.colno}"


def _refuse_lone_surrogates(value: dict[str, Any]) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise JsonFault("PARSE", "an escape that is half a character") from error
