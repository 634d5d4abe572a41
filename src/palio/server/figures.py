"""Geometry of the bars on the pages: positions in percent of a figure's width, and their titles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from palio.server.board import Board
from palio.server.board_rows import Lead, Row, TaskCell
from palio.server.units import limits_text, signed_percent

#: Leads beyond this are drawn at the edge; their text says the number.
WIDEST = 0.6
#: Free space at both ends of a scale, as a share of it.
MARGIN = 0.06
#: Colours that the style sheet has for tasks.
TASK_COLOURS = 8


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a bar; ``colour`` is the number of a task's colour."""

    x: str
    width: str
    colour: int
    title: str


@dataclass(frozen=True, slots=True)
class LeadLine:
    """An entrant's lead, with limits, and the tasks it comes from."""

    name: str
    at: str
    low: str
    high: str
    open_below: bool
    text: str
    limits: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class LeadFigure:
    """All leads over one champion on one scale."""

    over: str
    zero: str
    needs: str
    needs_text: str
    lines: tuple[LeadLine, ...]


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float

    def at(self, value: float) -> str:
        clamped = min(max(value, self.low), self.high)
        return _percent((clamped - self.low) / (self.high - self.low))

    def length(self, value: float) -> str:
        return _percent(abs(value) / (self.high - self.low))


def lead_figure(board: Board) -> LeadFigure | None:
    """Leads over the champion of the last round; None if nobody has one."""
    shown = [(row, row.lead) for row in board.rows if row.rank is not None and row.lead is not None]
    leads = [lead for _, lead in shown if lead.value is not None]
    if not leads:
        return None
    scale = _scale(leads)
    colours = task_colours(board)
    return LeadFigure(
        over=board.names.get(leads[0].over, leads[0].over[:12]),
        zero=scale.at(0.0),
        needs=scale.at(leads[0].needs),
        needs_text=signed_percent(leads[0].needs),
        lines=tuple(
            _line(row, lead, lead.value, scale, colours)
            for row, lead in shown
            if lead.value is not None
        ),
    )


def score_segments(row: Row, board: Board) -> tuple[Segment, ...]:
    """A score as the sum of its weighted tasks, against the worst score on the board."""
    worst = max((each.score or 0.0 for each in board.rows), default=0.0)
    return stacked(row.tasks, worst, task_colours(board))


def stacked(
    tasks: Mapping[str, TaskCell], widest: float, colours: Mapping[str, int]
) -> tuple[Segment, ...]:
    """Weighted scores of the tasks side by side; ``widest`` fills the figure."""
    if widest <= 0:
        return ()
    segments = []
    x = 0.0
    for name, colour in colours.items():
        if name not in tasks:
            continue
        part = max(tasks[name].weighted, 0.0) / widest
        title = f"{name} adds {tasks[name].weighted:.4f}"
        segments.append(Segment(_percent(x), _percent(part), colour, title))
        x += part
    return tuple(segments)


def task_colours(board: Board) -> dict[str, int]:
    """Number of each task's colour, in the board's order."""
    return {task.name: place % TASK_COLOURS for place, task in enumerate(board.tasks)}


def _scale(leads: Sequence[Lead]) -> _Scale:
    ends = [0.0, *[lead.needs for lead in leads]]
    for lead in leads:
        ends += [lead.value or 0.0, lead.limits[1]]
        if lead.limits[0] is not None:
            ends.append(lead.limits[0])
        # Tasks for and against are drawn from zero, each to its own side.
        ends += [
            sum(part for part in lead.contributions.values() if part > 0),
            sum(part for part in lead.contributions.values() if part < 0),
        ]
    low, high = max(min(ends), -WIDEST), min(max(ends), WIDEST)
    free = (high - low) * MARGIN or 0.01
    return _Scale(low - free, high + free)


def _line(
    row: Row, lead: Lead, value: float, scale: _Scale, colours: Mapping[str, int]
) -> LeadLine:
    low, high = lead.limits
    return LeadLine(
        name=row.name,
        at=scale.at(value),
        low=scale.at(scale.low if low is None else low),
        high=scale.at(high),
        open_below=low is None,
        text=signed_percent(value),
        limits=limits_text(lead.limits),
        segments=_from_zero(lead.contributions, scale, colours),
    )


def _from_zero(
    contributions: Mapping[str, float], scale: _Scale, colours: Mapping[str, int]
) -> tuple[Segment, ...]:
    """What helps to the right of zero, what hurts to the left."""
    segments = []
    right = left = 0.0
    for name, colour in colours.items():
        part = contributions.get(name, 0.0)
        title = f"{name}: {signed_percent(part)}"
        if part > 0:
            segments.append(Segment(scale.at(right), scale.length(part), colour, title))
            right += part
        elif part < 0:
            left += part
            segments.append(Segment(scale.at(left), scale.length(part), colour, title))
    return tuple(segments)


def _percent(share: float) -> str:
    return f"{100 * share:.2f}%"
