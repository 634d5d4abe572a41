"""Numbers for people: each task in its natural unit, with an interval, as short text."""

from collections.abc import Mapping
from typing import Any

from palio.competition.model import Competition
from palio.errors import ConfigError
from palio.evaluation.scorecard import Interval, TaskScore
from palio.tasks.protocols import Method
from palio.tasks.registry import load_method

#: Natural units that are shares; people read them as percentages, and more is better.
SHARES = frozenset({"accuracy", "probability right", "rules kept"})

MINUS = "\N{MINUS SIGN}"
PLUS_MINUS = "\N{PLUS-MINUS SIGN}"


class NaturalUnits:
    """Turns the raw scores of a competition's tasks, limits included, into natural units."""

    def __init__(self, competition: Competition) -> None:
        self._methods = {
            name: _method_if_installed(spec.method, spec.method_options)
            for name, spec in competition.tasks.items()
        }

    def value(self, task: str, raw: float) -> float | None:
        """``raw`` in the natural unit; None where the method is not installed here."""
        method = self._methods.get(task)
        return None if method is None else method.in_natural_unit(raw)

    def interval(self, task: str, score: TaskScore) -> Interval | None:
        """The 95% interval in the natural unit; None where the method is not installed here."""
        method = self._methods.get(task)
        if method is None:
            return None
        low, high = sorted(method.in_natural_unit(limit) for limit in score.interval)
        if score.natural_unit in SHARES:
            # The normal approximation knows nothing of the ends of the scale.
            return Interval(max(low, 0.0), min(high, 1.0))
        return Interval(max(low, 0.0), high)


def more_is_better(unit: str) -> bool:
    """Whether a natural unit grows with quality; scores and losses never do."""
    return unit in SHARES


def natural_text(value: float, unit: str) -> str:
    """E.g. ``63.3%`` or ``2.415``; the unit itself stands in the column's head."""
    return f"{100 * value:.1f}%" if unit in SHARES else f"{value:.3f}"


def margin_text(interval: Interval | None, unit: str) -> str:
    """Half of the interval's width, e.g. ``±6.1``; empty without one."""
    if interval is None:
        return ""
    half = (interval.high - interval.low) / 2
    return f"{PLUS_MINUS}{100 * half:.1f}" if unit in SHARES else f"{PLUS_MINUS}{half:.3f}"


def score_text(score: float) -> str:
    """A score with four decimals."""
    return f"{score:.4f}"


def score_margin(interval: Interval | None) -> str:
    """Half of the width of a score's interval, e.g. ``±0.0312``."""
    if interval is None:
        return ""
    return f"{PLUS_MINUS}{(interval.high - interval.low) / 2:.4f}"


def signed_percent(value: float) -> str:
    """With a sign and one decimal, e.g. ``+4.3%``."""
    # A lead of -0.04% is no "-0.0%".
    return f"{round(100 * value, 1) + 0.0:+.1f}%".replace("-", MINUS)


def limits_text(limits: tuple[float | None, float]) -> str:
    """E.g. ``+1.0, +6.5``; a lower limit that nothing supports yet reads ``?``."""
    low, high = limits
    lower = "?" if low is None else signed_percent(low).removesuffix("%")
    return f"{lower}, {signed_percent(high).removesuffix('%')}"


def _method_if_installed(name: str, options: Mapping[str, Any]) -> Method | None:
    # A board is read where the package that declares a method need not be installed.
    try:
        return load_method(name, options)
    except ConfigError:
        return None
