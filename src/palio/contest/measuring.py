"""All numbers of many duels at once: evidence, leads, limits, and what each task contributes."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from palio.contest.duel_settings import DuelSettings
from palio.contest.duel_state import Limits
from palio.contest.evidence import Array, ItemTable, Moments, margin_at, transformed
from palio.contest.item_blocks import LOSS_DIGITS, Integers, PairedLosses
from palio.contest.limits import (
    COARSE,
    EVIDENCE_DIGITS,
    FINE,
    Leads,
    leads_of,
    lower_limits,
    upper_limits,
)

Booleans = npt.NDArray[np.bool_]

#: Duels, and items, that are worked on side by side: enough to hide the cost of a call.
_DUELS_AT_ONCE = 1024
_ITEMS_AT_ONCE = 2**20


@dataclass(frozen=True, slots=True)
class Bars:
    """What evidence is asked about, and how much of it; levels are natural logarithms.

    Attributes:
        needs: margin to be exceeded for the crown.
        drop: margin below which a challenger is dropped.
        up: level of each duel's evidence for a lead above a margin.
        down: level of evidence for a lead below a margin.
        joint: level behind limits that hold together.
    """

    needs: float
    drop: float
    up: Array
    down: float
    joint: float

    def of(self, duels: Sequence[int]) -> "Bars":
        """The bars of some of the duels."""
        return Bars(self.needs, self.drop, self.up[list(duels)], self.down, self.joint)


@dataclass(frozen=True, eq=False, slots=True)
class Placed:
    """Leads with limits, by duel."""

    leads: Leads
    low: Sequence[float | None]
    high: Sequence[float]

    def lead(self, number: int) -> float | None:
        """Rounded; None where it cannot be said."""
        if not self.leads.known[number]:
            return None
        return tidy(margin_at(float(self.leads.at[number])), LOSS_DIGITS)

    def limits(self, number: int) -> Limits:
        """Rounded outwards."""
        low, high = self.low[number], self.high[number]
        unit = 10**LOSS_DIGITS
        # A point of the grid must not be pushed on by its own rounding error.
        return Limits(
            None if low is None else tidy(math.floor(low * unit + 1e-3) / unit, LOSS_DIGITS),
            min(tidy(math.ceil(high * unit - 1e-3) / unit, LOSS_DIGITS), 1.0),
        )


@dataclass(frozen=True, eq=False, slots=True)
class TaskNumbers:
    """One task's part in each duel.

    Attributes:
        contributions: to the lead; over all tasks they add up to it.
    """

    placed: Placed
    contributions: Array
    counts: Integers


@dataclass(frozen=True, eq=False, slots=True)
class Measured:
    """The numbers of duels that were worked on side by side.

    Attributes:
        up: natural logarithms of the evidence for a lead above what is needed.
        down: for a lead below the bar for dropping.
        proven: whether ``up`` reaches its level.
        beaten: whether ``down`` does.
        placed: leads and limits.
        joint: leads and limits that hold together.
    """

    up: Array
    down: Array
    proven: Booleans
    beaten: Booleans
    placed: Placed
    joint: Placed
    tasks: Mapping[str, TaskNumbers]
    counts: Integers


def portions(losses: Sequence[PairedLosses]) -> Iterator[list[int]]:
    """Positions of duels to measure side by side: of like size, as the short are filled up."""
    sizes = [sum(len(each) for each in duel.values()) for duel in losses]
    portion: list[int] = []
    for number in sorted(range(len(sizes)), key=lambda each: -sizes[each]):
        room = _ITEMS_AT_ONCE // max(1, sizes[portion[0]]) if portion else 1
        if len(portion) >= min(room, _DUELS_AT_ONCE) and portion:
            yield portion
            portion = []
        portion.append(number)
    if portion:
        yield portion


def measure(settings: DuelSettings, bars: Bars, losses: Sequence[PairedLosses]) -> Measured:
    """The numbers of these duels; each one's are the same in any company."""
    duels = len(losses)
    caps = {name: task.cap for name, task in settings.tasks.items()}
    table = ItemTable.of(caps, settings.scales, losses)
    needs, drop = (transformed(np.full(duels, each)) for each in (bars.needs, bars.drop))
    down, joint = (np.full(duels, each) for each in (bars.down, bars.joint))
    above, below = table.log_evidence_above(needs), table.log_evidence_below(drop)
    leads = leads_of(table)
    moments = table.moments(leads.at)
    return Measured(
        up=above,
        down=below,
        proven=reaches(above, bars.up),
        beaten=reaches(below, down),
        placed=_placed(table, leads, moments, bars.up, down, FINE),
        joint=_placed(table, leads, moments, joint, joint, COARSE),
        tasks=_tasks(settings, table, leads, bars.up, down),
        counts=table.counts,
    )


def reaches(log_evidence: Array, level: Array) -> Booleans:
    """Whether evidence, at so many digits that machines agree, is at least at its level."""
    return np.round(log_evidence, EVIDENCE_DIGITS) >= level


def tidy(value: float, digits: int) -> float:
    """Rounded, without the sign of a negative zero."""
    return round(float(value), digits) + 0.0


def _placed(
    table: ItemTable, leads: Leads, moments: Moments, up: Array, down: Array, grid: int
) -> Placed:
    return Placed(
        leads,
        lower_limits(table, up, leads, moments, grid),
        upper_limits(table, down, leads, moments, grid),
    )


def _tasks(
    settings: DuelSettings, table: ItemTable, leads: Leads, up: Array, down: Array
) -> dict[str, TaskNumbers]:
    tables = {name: table.only(name) for name in sorted(settings.tasks)}
    # What an advantage weighed by itself is worth among the others.
    worth = {name: settings.scales[name] * task.cap for name, task in settings.tasks.items()}
    places = {name: leads_of(own) for name, own in tables.items()}
    sums = {name: worth[name] * place.at_zero for name, place in places.items()}
    factors = _factors(table, leads, sum(sums.values(), start=np.zeros(len(table))))
    numbers = {}
    for name, own in tables.items():
        moments = own.moments(places[name].at)
        placed = _placed(own, places[name], moments, up, down, COARSE)
        numbers[name] = TaskNumbers(placed, factors * sums[name], own.counts)
    return {name: numbers[name] for name in settings.tasks}


def _factors(table: ItemTable, leads: Leads, totals: Array) -> Array:
    """What takes each task's sum of advantages at margin 0 to its part of the lead.

    At margin 0 the advantages of all items add up to what the lead takes away again, so
    dividing the lead in their proportion makes the parts add up to it.
    """
    margins = np.array([margin_at(at) if at > -1 else 0.0 for at in leads.at.tolist()])
    factors = np.zeros_like(margins)
    clear = leads.known & (np.abs(margins) > 10**-LOSS_DIGITS)
    factors[clear] = margins[clear] / totals[clear]
    # Near 0 the quotient is rounding error; the slope at 0 is its limit.
    near = np.flatnonzero(leads.known & ~clear)
    if len(near):
        slopes = table.take(near).open_losses()
        factors[near] = np.where(slopes > 0, 1 / np.where(slopes > 0, slopes, 1.0), 0.0)
    return factors
