"""How commands speak: results on stdout, all else on stderr."""

import json
import sys
from typing import Any


def print_json(value: Any) -> None:  # noqa: ANN401 - any JSON value
    """One JSON value on one line of stdout; keys stay in the order given."""
    print(json.dumps(value, ensure_ascii=False, allow_nan=False))


def note(text: str) -> None:
    """A line for the person on stderr; never part of the result."""
    print(text, file=sys.stderr, flush=True)
