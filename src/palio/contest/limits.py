"""Leads and their limits: where the advantages of many duels cancel, and evidence meets a level.

A limit is the last point of a grid at which the evidence still suffices. So it depends
on the items alone: any way of finding it, from any guess, in any company, ends at the
same point. The search below only tries to look at few points.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from palio.contest.evidence import HALVINGS, STAKES, ItemTable, Moments, margin_at
from palio.contest.item_blocks import Array, Rows

#: Points between transformed margins 0 and 1 for a duel's lead and limits.
FINE = 1_000_000
#: The same for what is shown beside them: limits of tasks and ranks.
COARSE = 10_000
#: Digits at which logarithms of evidence meet their level.
EVIDENCE_DIGITS = 6

#: Mean advantage that is nothing but rounding error.
_NOTHING = 1e-12
#: Stands for a slope of 0 where one divides by it.
_LEAST = 1e-300
#: Stands for a value that is not known, only its sign.
_MUCH = 1e300
#: Share of a table's duels from which asking all costs less than copying some.
_MOST = 0.8
#: Points looked at before the search only halves.
_PATIENCE = 8

Curve = Callable[[Rows, Array], Array]
"""Values of some duels' falling curves, one at each of the given points of the grid."""


class Leads(NamedTuple):
    """Where advantages cancel.

    Attributes:
        at: transformed margins; -1 where advantages never cancel.
        known: whether they do.
        at_zero: sums of the advantages at margin 0.
        slope: about how fast the sums change at the leads, for guesses.
    """

    at: Array
    known: npt.NDArray[np.bool_]
    at_zero: Array
    slope: Array


def leads_of(table: ItemTable) -> Leads:
    """The transformed margin at which each duel's advantages cancel.

    Of several, the one nearest to 0. There is none without items, and where a champion
    without any loss meets a challenger with some.
    """
    duels, counts = len(table), table.counts

    def surplus(rows: Rows, at: Array) -> Array:
        found = _of_some(table, rows, at, ItemTable.surplus)
        return np.where(np.abs(found) <= _NOTHING * counts[rows], 0.0, found)

    everyone = np.arange(duels)
    at_zero = surplus(everyone, np.zeros(duels))
    ahead, behind = at_zero > 0, at_zero < 0
    losses = table.scaled_losses()
    slope = -np.maximum(np.where(behind, losses.challenger, losses.champion), _LEAST)
    known = (counts > 0) & ~(behind & (losses.champion == 0))
    rows = np.flatnonzero(known & (ahead | behind))

    def curve(some: Rows, points: Array) -> Array:
        found = surplus(rows[some], points / COARSE)
        # From above 0 the first zero ends the search, from below the last one does.
        return np.where(ahead[rows[some]] & (found == 0), -_LEAST, found)

    search = _Search(
        low=np.where(ahead, 0.0, -float(COARSE))[rows],
        high=np.where(ahead, float(COARSE), 0.0)[rows],
        at_low=np.where(ahead, at_zero, _MUCH)[rows],
        at_high=np.where(ahead, -_MUCH, at_zero)[rows],
        slope=slope[rows] / COARSE,
    )
    search.run(curve, -at_zero[rows] / slope[rows] * COARSE)
    # Between neighbouring points the sums are straight, but for an item that meets its cap there.
    within = search.at_low / (search.at_low - search.at_high)
    at = np.where(known, 0.0, -1.0)
    at[rows] = (search.low + within) / COARSE
    slope[rows] = np.where(search.slope < 0, search.slope * COARSE, slope[rows])
    return Leads(at, known, at_zero, slope)


def lower_limits(
    table: ItemTable, levels: Array, leads: Leads, moments: Moments, grid: int
) -> list[float | None]:
    """The largest margins of the grid that the evidence exceeds; None where there is none.

    Args:
        table: the duels.
        levels: natural logarithms of the evidence asked for, above 0.
        leads: what :func:`leads_of` returned.
        moments: of the table at the leads.
        grid: points between 0 and 1.
    """

    def curve(rows: Rows, points: Array) -> Array:
        found = _of_some(table, rows, points / grid, ItemTable.log_evidence_above)
        return np.round(found, EVIDENCE_DIGITS) - levels[rows]

    last = _limits(curve, leads.at * grid, levels, leads.slope / grid, moments, 1.0, grid)
    return [None if point <= -grid else margin_at(point / grid) for point in last.tolist()]


def upper_limits(
    table: ItemTable, levels: Array, leads: Leads, moments: Moments, grid: int
) -> list[float]:
    """The smallest margins of the grid that leads are below; at most 1, a perfect model's.

    Arguments as of :func:`lower_limits`.
    """

    def curve(rows: Rows, points: Array) -> Array:
        found = _of_some(table, rows, -points / grid, ItemTable.log_evidence_below)
        return np.round(found, EVIDENCE_DIGITS) - levels[rows]

    last = _limits(curve, -leads.at * grid, levels, leads.slope / grid, moments, -1.0, grid)
    return [margin_at(-point / grid) for point in last.tolist()]


def _limits(
    curve: Curve,
    leads: Array,
    levels: Array,
    slope: Array,
    moments: Moments,
    sign: float,
    grid: int,
) -> Array:
    """Last points of the grid at which evidence reaches its level.

    Evidence at the lead and beyond is never positive, so every limit lies before it.
    """
    away, rise = _distances(levels, moments, sign)
    search = _Search(
        low=np.full(len(levels), -float(grid)),
        high=np.floor(leads) + 1,
        at_low=np.full(len(levels), math.inf),
        at_high=-levels,
        slope=rise * slope,
    )
    search.run(curve, leads + away / slope)
    return search.low


class _Distances(NamedTuple):
    """How much the sum of advantages must change for a level, and what a further unit brings."""

    away: Array
    rise: Array


def _distances(levels: Array, moments: Moments, sign: float) -> _Distances:
    """A guess: wealths as a cubic in their stake, advantages shifted without changing shape."""
    stakes = 0.5 ** np.array(HALVINGS)[:, None]
    fixed = stakes**2 * moments.second / 2 - sign * stakes**3 * moments.third / 3
    away = np.sqrt(2 * moments.second * (levels + 1.5)) + levels
    rise = np.ones_like(away)
    for _ in range(8):
        wealths = stakes * away - fixed
        best = wealths.max(axis=0)
        parts = np.exp(np.maximum(wealths - best, -700.0))
        total = parts.sum(axis=0)
        rise = (stakes * parts).sum(axis=0) / total
        away = away - (best + np.log(total / len(STAKES)) - levels) / rise
    return _Distances(np.maximum(away, 0.0), rise)


def _of_some(
    table: ItemTable, rows: Rows, at: Array, answer: Callable[[ItemTable, Array], Array]
) -> Array:
    """The table's answers for some duels; the others are left out if they are many."""
    if not len(rows):
        return np.zeros(0)
    if len(rows) < _MOST * len(table):
        return answer(table.take(rows), at)
    whole = np.zeros(len(table))
    whole[rows] = at
    return answer(table, whole)[rows]


@dataclass(eq=False, slots=True)
class _Search:
    """The last points of a grid at which falling curves are at least 0, one for each curve.

    Secants from a guess, and halving once they were not quick. The ends themselves are never
    asked for: the low one counts as at least 0, the high one as below.

    Attributes:
        low: the last point known to be at least 0, and in the end the answer.
        high: the first point known to be below.
        at_low: value at ``low``.
        at_high: value at ``high``.
        slope: change of the value from one point to the next.
    """

    low: Array
    high: Array
    at_low: Array
    at_high: Array
    slope: Array

    def run(self, curve: Curve, guess: Array) -> None:
        """Asks the curve until every ``high`` is the point after ``low``."""
        point = guess
        past = np.full((2, len(guess)), math.nan)
        tries = 0
        rows = np.flatnonzero(self.high - self.low > 1)
        while len(rows):
            low, high = self.low[rows], self.high[rows]
            halve = tries >= _PATIENCE and tries % 2
            target = np.where(
                np.isnan(point[rows]) | bool(halve), (low + high) / 2, np.floor(point[rows])
            )
            at = np.floor(np.clip(target, low + 1, high - 1))
            value = curve(rows, at)
            self._narrow(rows, at, value)
            secant = (value - past[1, rows]) / (at - past[0, rows])
            self.slope[rows] = np.where(secant < 0, secant, self.slope[rows])
            past[:, rows] = at, value
            with np.errstate(all="ignore"):  # A flat curve sends the next point out of range.
                point[rows] = at - value / self.slope[rows]
            tries += 1
            rows = rows[self.high[rows] - self.low[rows] > 1]

    def _narrow(self, rows: Rows, at: Array, value: Array) -> None:
        holds = value >= 0
        for bound, known, chosen in (
            (self.low, self.at_low, holds),
            (self.high, self.at_high, ~holds),
        ):
            bound[rows[chosen]] = at[chosen]
            known[rows[chosen]] = value[chosen]
