"""One byte string for one value: canonical JSON and the digests taken of it.

Everything that is signed, compared or named by its content goes through here, so
that two machines agree on the bytes. Floats are written by Python's shortest
round-trip representation, the same on every IEEE 754 platform.
"""

import hashlib
import json
from typing import Any


def canonical_json(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """UTF-8 JSON with sorted keys and no blanks.

    Raises:
        ValueError: a number is NaN or infinite; such a value must never be recorded as a result.
        TypeError: the value is not JSON.
    """
    text = json.dumps(
        value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
    )
    return text.encode()


def sha256_hex(data: bytes) -> str:
    """Hex SHA-256 of the bytes (64 characters)."""
    return hashlib.sha256(data).hexdigest()


def digest_of(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Hex SHA-256 of the value's canonical JSON."""
    return sha256_hex(canonical_json(value))
