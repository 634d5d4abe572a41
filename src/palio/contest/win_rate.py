"""SN37's comparison: everyone against everyone, the earlier one with a premium of epsilon.

Of two entrants the earlier one's score is lowered by its own epsilon; the strictly
lower score wins, and nobody wins a tie. Entrants of one block meet without a premium.
Counting the wins of n entrants takes O(n log n) operations.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from palio.competition.model import Epsilon

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class Contender(NamedTuple):
    """A valid score to be compared; lower is better."""

    submission: str
    score: float
    block: int


def win_rates(
    contenders: Sequence[Contender], epsilon: Epsilon, block: int
) -> dict[str, "WinCount"]:
    """Each contender's wins over all others at ``block``; the order given does not matter.

    Raises:
        ValueError: a score is not finite, or a submission stands twice.
    """
    if len({each.submission for each in contenders}) != len(contenders):
        raise ValueError("a submission stands twice among the contenders")
    scores = np.array([each.score for each in contenders], dtype=np.float64)
    blocks = np.array([each.block for each in contenders], dtype=np.int64)
    premiums = np.array([epsilon.at(block - each.block) for each in contenders], dtype=np.float64)
    opponents = len(contenders) - 1
    return {
        each.submission: WinCount(wins, opponents)
        for each, wins in zip(
            contenders, win_counts(scores, blocks, premiums).tolist(), strict=True
        )
    }


class WinCount(NamedTuple):
    """How many of its opponents a contender beats."""

    wins: int
    opponents: int

    @property
    def rate(self) -> float:
        """Wins for each opponent; 0 for a contender without any."""
        return self.wins / self.opponents if self.opponents else 0.0


def step_weights(counts: Mapping[str, WinCount]) -> dict[str, float]:
    """The round's reward: equal parts to all contenders with the best win rate, 0 to the rest.

    A single contender has the best win rate, 0; without contenders there is no reward.
    """
    if not counts:
        return {}
    best = max(count.wins for count in counts.values())
    winners = sum(count.wins == best for count in counts.values())
    return {name: 1 / winners if count.wins == best else 0.0 for name, count in counts.items()}


def win_counts(scores: FloatArray, blocks: IntArray, premiums: FloatArray) -> IntArray:
    """How many others each one beats, with every one's own premium.

    With ``t = (1 - premium) * score``, the wins of i are the later j with ``s_j > t_i``, the
    earlier j with ``t_j > s_i``, and those of its own block with ``s_j > s_i``.

    Raises:
        ValueError: a score is not finite.
    """
    if not np.isfinite(scores).all():
        raise ValueError("only finite scores can be compared")
    order = np.argsort(blocks, kind="stable")
    lowered = ((1 - premiums) * scores)[order]
    plain, ordered = scores[order], blocks[order]
    first = np.searchsorted(ordered, ordered, side="left")
    past = np.searchsorted(ordered, ordered, side="right")
    start, end = np.zeros_like(first), np.full_like(past, len(ordered))
    beaten = (
        _count_above(plain, past, end, lowered)
        + _count_above(lowered, start, first, plain)
        + _count_above(plain, first, past, plain)
    )
    counts = np.empty_like(beaten)
    counts[order] = beaten
    return counts


def _count_above(
    values: FloatArray, start: IntArray, stop: IntArray, thresholds: FloatArray
) -> IntArray:
    """For each query, how many of ``values[start:stop]`` exceed its threshold.

    A wavelet matrix (Claude, Navarro and Ordonez, 2015) over the values' ranks: one pass a
    bit, from the highest, keeps each query's range among values that share its bits so far.
    """
    distinct = np.unique(values)
    ranks = np.searchsorted(distinct, values)
    bounds = np.searchsorted(distinct, thresholds, side="right")
    above = stop - start
    for bit in reversed(range(len(distinct).bit_length())):
        ones = (ranks >> bit & 1).astype(bool)
        zeros_before = np.concatenate(([0], np.cumsum(~ones)))
        zeros = zeros_before[-1]
        zero_start, zero_stop = zeros_before[start], zeros_before[stop]
        upper = (bounds >> bit & 1).astype(bool)
        above = above - np.where(upper, zero_stop - zero_start, 0)
        start = np.where(upper, zeros + start - zero_start, zero_start)
        stop = np.where(upper, zeros + stop - zero_stop, zero_stop)
        ranks = np.concatenate((ranks[~ones], ranks[ones]))
    return above
