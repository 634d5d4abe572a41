"""Geometry of the bars that show where a lead comes from, in percent of a figure's width."""

from collections.abc import Iterable
from dataclasses import dataclass

from palio.contest.breakdown import Group
from palio.contest.explaining import Explanation
from palio.server.units import signed_percent

#: Leads and contributions beyond this are drawn at the edge; their text says the number.
WIDEST = 0.6
#: Free space at both ends of the scale, as a share of it.
MARGIN = 0.04


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar from zero, with an interval where there is one."""

    name: str
    x: str
    width: str
    good: bool
    low: str | None
    high: str | None
    text: str
    note: str


@dataclass(frozen=True, slots=True)
class DuelFigure:
    """The lead and what adds up to it, all on one scale."""

    zero: str
    needs: str
    needs_text: str
    lead: Bar
    sections: tuple[tuple[str, tuple[Bar, ...]], ...]


def duel_figure(found: Explanation) -> DuelFigure:
    """The bars of an explanation."""
    tasks = [task.group for task in found.tasks]
    scale = _scale(found, [*tasks, *found.topics, *found.difficulties])
    lead = found.lead or 0.0
    low = found.limits.low
    return DuelFigure(
        zero=scale.at(0.0),
        needs=scale.at(found.needs),
        needs_text=signed_percent(found.needs),
        lead=_bar("lead", lead, (scale.low if low is None else low, found.limits.high), "", scale),
        sections=tuple(
            (title, tuple(_group_bar(group, scale) for group in groups))
            for title, groups in (
                ("By task", tasks),
                ("By topic", found.topics),
                ("By difficulty", found.difficulties),
            )
        ),
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float

    def at(self, value: float) -> str:
        clamped = min(max(value, self.low), self.high)
        return f"{100 * (clamped - self.low) / (self.high - self.low):.2f}%"

    def between(self, one: float, other: float) -> str:
        ends = sorted(min(max(value, self.low), self.high) for value in (one, other))
        return f"{100 * (ends[1] - ends[0]) / (self.high - self.low):.2f}%"


def _scale(found: Explanation, groups: Iterable[Group]) -> _Scale:
    ends = [0.0, found.needs, found.lead or 0.0, found.limits.high]
    if found.limits.low is not None:
        ends.append(found.limits.low)
    for group in groups:
        ends.append(group.contribution)
        ends += group.contribution_interval or ()
    low, high = max(min(ends), -WIDEST), min(max(ends), WIDEST)
    free = (high - low) * MARGIN or 0.01
    return _Scale(low - free, high + free)


def _group_bar(group: Group, scale: _Scale) -> Bar:
    note = f"{group.samples:,} samples"
    if group.contribution_interval is None:
        note += ", too few to say"
    return _bar(group.name, group.contribution, group.contribution_interval, note, scale)


def _bar(
    name: str,
    value: float,
    interval: tuple[float, float] | None,
    note: str,
    scale: _Scale,
) -> Bar:
    low, high = interval or (None, None)
    return Bar(
        name=name,
        x=scale.at(min(value, 0.0)),
        width=scale.between(value, 0.0),
        good=value >= 0,
        low=None if low is None else scale.at(low),
        high=None if high is None else scale.at(high),
        text=signed_percent(value),
        note=note,
    )
