"""Rotary position settings, old and new spelling, to one checked table.

Older files state ``rope_theta`` and ``rope_scaling``, newer ones ``rope_parameters``;
the canonical config holds the newer form only. What each kind needs follows the
validation in transformers' ``modeling_rope_utils``, with ranges added.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from palio.submissions.config_keys import (
    MAX_POSITIONS,
    Check,
    Config,
    flag,
    integer,
    nullable,
    number,
    out_of_range,
    wrong_type,
)
from palio.submissions.refusals import rejected, shown

_THETA = number(1.0, 1e12)
_SHARE = number(0.01, 1.0)
_FACTOR = number(1.0, 1e4)
_POSITIONS = integer(1, MAX_POSITIONS)
_POSITIVE = number(1e-6, 1e6)
MAX_FACTORS = 4096


class _Kind(NamedTuple):
    required: Mapping[str, Check]
    optional: Mapping[str, Check]


def _factors(name: str, value: Any) -> list[float]:  # noqa: ANN401 - any JSON value
    if not isinstance(value, list):
        raise wrong_type(name, value, "a list of numbers")
    if len(value) > MAX_FACTORS:
        raise out_of_range(name, value, f"at most {MAX_FACTORS} numbers")
    return [float(number(1e-3, 1e6)(name, item)) for item in value]


_KINDS = {
    "default": _Kind({}, {}),
    "linear": _Kind({"factor": _FACTOR}, {}),
    "dynamic": _Kind({"factor": _FACTOR}, {"original_max_position_embeddings": _POSITIONS}),
    "yarn": _Kind(
        {"factor": _FACTOR},
        {
            "original_max_position_embeddings": _POSITIONS,
            "attention_factor": nullable(_POSITIVE),
            "beta_fast": nullable(_POSITIVE),
            "beta_slow": nullable(_POSITIVE),
            "mscale": nullable(_POSITIVE),
            "mscale_all_dim": nullable(_POSITIVE),
            "truncate": nullable(flag),
        },
    ),
    "longrope": _Kind(
        {"short_factor": _factors, "long_factor": _factors},
        {
            "original_max_position_embeddings": _POSITIONS,
            "factor": nullable(_FACTOR),
            "attention_factor": nullable(_POSITIVE),
        },
    ),
    "llama3": _Kind(
        {"factor": _FACTOR, "low_freq_factor": _POSITIVE, "high_freq_factor": _POSITIVE},
        {"original_max_position_embeddings": _POSITIONS},
    ),
}
#: Names by which early Phi-3 files call the same thing.
_OLD_NAMES = {"su": "longrope"}

#: Top-level keys that this module reads, each with the key of the table it stands for.
SPELLINGS = {
    "rope_theta": "rope_theta",
    "rotary_emb_base": "rope_theta",
    "partial_rotary_factor": "partial_rotary_factor",
    "rotary_pct": "partial_rotary_factor",
}
TABLES = ("rope_parameters", "rope_scaling")


def read_rope(config: Config, *, partial: float | None, rotary_width: int) -> Config:
    """The canonical ``rope_parameters``.

    Args:
        config: the submission's config.json.
        partial: the architecture's default share of rotated dimensions; None if it always
            rotates all of them.
        rotary_width: dimensions of a head.

    Raises:
        SubmissionRejected: ``E_CFG_RANGE``, ``E_CFG_TYPE`` or ``E_CFG_UNKNOWN_KEY``.
    """
    name, table = _table(config)
    for spelling, key in SPELLINGS.items():
        stated = config.get(spelling)
        if stated is not None and table.setdefault(key, stated) != stated:
            raise rejected("E_CFG_RANGE", f"{spelling} and {name} disagree", key=spelling)
    kind = _kind(name, table)
    theta = _THETA("rope_theta", table.pop("rope_theta", 10_000.0))
    share = _SHARE("partial_rotary_factor", table.pop("partial_rotary_factor", partial or 1.0))
    if partial is None and share != 1.0:
        raise rejected("E_CFG_UNKNOWN_KEY", "partial_rotary_factor", key="partial_rotary_factor")
    if int(rotary_width * share) < 2 or int(rotary_width * share) % 2:
        raise out_of_range("partial_rotary_factor", share, "an even number of dimensions")
    result: Config = {"rope_type": kind, "rope_theta": theta}
    if partial is not None:
        result["partial_rotary_factor"] = share
    result |= _kind_values(kind, name, table)
    _check_together(result, int(rotary_width * share) // 2)
    return result


def _table(config: Config) -> tuple[str, Config]:
    given = [name for name in TABLES if config.get(name) is not None]
    if len(given) > 1:
        raise rejected("E_CFG_RANGE", "rope_parameters and rope_scaling are both given")
    name = given[0] if given else TABLES[0]
    table = config.get(name) or {}
    if not isinstance(table, dict):
        raise wrong_type(name, table, "an object")
    return name, dict(table)


def _kind(name: str, table: Config) -> str:
    stated = [table.pop(key) for key in ("rope_type", "type") if key in table]
    kind = stated[0] if stated else "default"
    if any(other != kind for other in stated):
        raise rejected("E_CFG_RANGE", f"{name} states two types", key=name)
    if not isinstance(kind, str):
        raise wrong_type(f"{name}.rope_type", kind, "a string")
    kind = _OLD_NAMES.get(kind, kind)
    if kind not in _KINDS:
        raise out_of_range(f"{name}.rope_type", kind, f"one of {', '.join(_KINDS)}")
    return kind


def _kind_values(kind: str, name: str, table: Config) -> Config:
    rules = _KINDS[kind]
    values: Config = {}
    for key, check in {**rules.required, **rules.optional}.items():
        if key in table:
            value = check(f"{name}.{key}", table.pop(key))
            if value is not None:
                values[key] = value
        elif key in rules.required:
            raise rejected("E_CFG_MISSING", f"{name}.{key}", key=key)
    if table:
        raise rejected("E_CFG_UNKNOWN_KEY", f"{name}.{shown(min(table))}", key=shown(min(table)))
    return values


def _check_together(rope: Config, pairs: int) -> None:
    low, high = rope.get("low_freq_factor"), rope.get("high_freq_factor")
    if low is not None and high is not None and low >= high:
        raise out_of_range("rope low_freq_factor", low, f"below high_freq_factor {high:g}")
    slow, fast = rope.get("beta_slow", 1.0), rope.get("beta_fast", 32.0)
    if slow > fast:
        raise out_of_range("rope beta_slow", slow, f"at most beta_fast {fast:g}")
    for key in ("short_factor", "long_factor"):
        if key in rope and len(rope[key]) != pairs:
            raise out_of_range(f"rope {key}", rope[key], f"{pairs} numbers")
