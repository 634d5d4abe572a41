"""Experiments behind what is claimed of the duel: error rates, savings, and a trap.

Each is a function of its arguments and a seed, used by tests and by benchmarks/simulation.py.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from palio.contest.duel import DuelVerdict
from palio.contest.evidence import STAKES, Array
from palio.randomness import stream
from palio.simulation.duels import DuelEnd, Pairing, log_evidence, mean_wealth, play_duels
from palio.simulation.seasons import Rate, rate_of

#: Challengers that a competition may expect: shares of all, by true lead.
MIX: tuple[tuple[float, float], ...] = (
    (0.15, -0.10),
    (0.25, -0.05),
    (0.20, -0.02),
    (0.20, 0.0),
    (0.10, 0.03),
    (0.10, 0.05),
)

#: Duels that share a stream in the trap.
_BLOCK = 100


@dataclass(frozen=True, slots=True)
class Ends:
    """How many duels of one kind ended.

    Attributes:
        crowned: of all.
        mean_items: samples answered by both, on average.
    """

    crowned: Rate
    mean_items: float


def ends_of(pairing: Pairing, count: int, seed: int) -> Ends:
    """Play duels and count."""
    return counted(play_duels(pairing, count, seed))


def counted(ends: Sequence[DuelEnd]) -> Ends:
    """Count duels that were played."""
    crowned = sum(end.verdict is DuelVerdict.CROWN for end in ends)
    return Ends(rate_of(crowned, len(ends)), math.fsum(end.items for end in ends) / len(ends))


class Saving(NamedTuple):
    """A duel against a test that asks every challenger the same number of samples.

    Attributes:
        fixed_items: of that test, for a lead of epsilon + zone at the same two error rates.
        mean_items: of duels with the challengers of :data:`MIX`.
        by_lead: mean items for each of its leads.
    """

    fixed_items: float
    mean_items: float
    by_lead: dict[float, float]

    @property
    def factor(self) -> float:
        """How many times fewer items."""
        return self.fixed_items / self.mean_items


def mix_saving(pairing: Pairing, fixed_items: float, count: int, seed: int) -> Saving:
    """Play ``count`` duels for each lead of the mix.

    Args:
        pairing: its leads are replaced.
        fixed_items: what the test of a fixed number needs.
        count: duels for each lead.
        seed: decides everything.
    """
    by_lead = {}
    for _, lead in MIX:
        one = replace(pairing, leads=dict.fromkeys(pairing.leads, lead))
        by_lead[lead] = ends_of(one, count, seed).mean_items
    mean = math.fsum(share * by_lead[lead] for share, lead in MIX)
    return Saving(fixed_items, mean, by_lead)


class Trap(NamedTuple):
    """How often a challenger exactly at epsilon is ever crowned, by when one looks."""

    at_round_ends: Rate
    at_every_item: Rate


def specialist_trap(pairing: Pairing, count: int, seed: int) -> Trap:
    """Look at the same duels at round ends, and at every item in the order of tasks.

    With fixed quotas, the items of one task come all before the next task's. A specialist in
    the first task is then far ahead in the middle of every round, and looking there crowns it.

    Args:
        pairing: the specialist leads by epsilon over all tasks together.
        count: of duels, a multiple of 100.
        seed: decides everything.
    """
    settings = pairing.settings
    level, bar = -math.log(settings.alpha), pairing.epsilon + settings.zone
    size = sum(pairing.samples.values())
    ends = peeks = 0
    for block in range(count // _BLOCK):
        generator = stream(seed, "trap", str(block))
        # Rows of duels that go on; one that only a peek would crown goes on at round ends.
        up, down = np.zeros((2, _BLOCK, len(STAKES)))
        peeked = np.zeros(_BLOCK, dtype=bool)
        rounds = 0
        while len(up):
            rounds += 1
            drawn = pairing.draw(generator, len(up))
            running = up[:, np.newaxis] + _running(pairing.bounded(drawn, pairing.epsilon))
            evidence = mean_wealth(running)
            peeks += int((~peeked & (evidence.max(axis=1) >= level)).sum())
            peeked |= evidence.max(axis=1) >= level
            up = running[:, -1]
            down += log_evidence(-pairing.bounded(drawn, bar))
            crowned = evidence[:, -1] >= level
            ends += int(crowned.sum())
            on = ~crowned & (mean_wealth(down) < -math.log(settings.beta))
            if rounds * size >= settings.max_items:
                on[:] = False
            up, down, peeked = up[on], down[on], peeked[on]
    total = count // _BLOCK * _BLOCK
    return Trap(rate_of(ends, total), rate_of(peeks, total))


def _running(bounded: Array) -> Array:
    """After each item, by duel and stake, the logarithm of the wealth since the round began."""
    logs = np.log1p(bounded[:, :, np.newaxis] * np.array(STAKES))
    return np.asarray(np.cumsum(logs, axis=1))
