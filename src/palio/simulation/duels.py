"""Thousands of duels at once, by the same arithmetic of bets that judges a real one.

Each duel has a champion and a challenger of its own, a constant epsilon, and ends as the rule
says: crowned, dropped or out of samples. Only whole rounds are looked at.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from palio.contest.duel import EVIDENCE_DIGITS, DuelVerdict
from palio.contest.duel_settings import DuelSettings
from palio.contest.evidence import STAKES, Array
from palio.randomness import stream
from palio.simulation.noise import Noise

#: Duels that share a random stream; part of what a seed means, so never a matter of memory.
BLOCK = 100
#: Items multiplied before a logarithm is taken: 0.2**128 and 1.8**128 are ordinary numbers.
_TOGETHER = 128


@dataclass(frozen=True, slots=True)
class DuelEnd:
    """How one synthetic duel ended."""

    verdict: DuelVerdict
    rounds: int
    items: int


@dataclass(frozen=True, slots=True)
class Pairing:
    """Champion and challenger, and what they are judged by.

    Attributes:
        settings: quotas are the samples of a round.
        epsilon: constant.
        noises: by task.
        leads: by task, the challenger's true relative lead.
    """

    settings: DuelSettings
    epsilon: float
    noises: Mapping[str, Noise]
    leads: Mapping[str, float]

    @property
    def samples(self) -> dict[str, int]:
        """Of each task in a round."""
        return {name: round(task.quota) for name, task in self.settings.tasks.items()}

    def draw(self, generator: np.random.Generator, duels: int) -> dict[str, tuple[Array, Array]]:
        """A round's losses by task, (duels, samples) each: the champions', the challengers'."""
        drawn = {}
        for name, count in self.samples.items():
            shared, ours, theirs = generator.standard_normal((3, duels, count))
            noise = self.noises[name]
            drawn[name] = (
                noise.losses(shared, ours, 1.0),
                noise.losses(shared, theirs, 1.0 - self.leads[name]),
            )
        return drawn

    def bounded(self, drawn: Mapping[str, tuple[Array, Array]], margin: float) -> Array:
        """The advantages beyond a margin of at least 0, in [-1, 1]; tasks one after another."""
        scales = self.settings.scales
        parts = []
        for name, task in self.settings.tasks.items():
            champion, challenger = drawn[name]
            advantage = np.clip((1 - margin) * champion - challenger, -task.cap, task.cap)
            parts.append(np.clip(advantage * scales[name], -1.0, 1.0))
        return np.concatenate(parts, axis=1)


def play_duels(
    pairing: Pairing, count: int, seed: int, progress: Callable[[int], None] | None = None
) -> list[DuelEnd]:
    """The ends of ``count`` duels; the first n of them do not depend on how many follow.

    Args:
        pairing: the same for all.
        count: of duels.
        seed: decides everything.
        progress: called with the number of duels that have ended.
    """
    ends: list[DuelEnd] = []
    for block in range(math.ceil(count / BLOCK)):
        ends.extend(_play_block(pairing, stream(seed, "duels", str(block))))
        if progress is not None:
            progress(min(len(ends), count))
    return ends[:count]


def log_evidence(bounded: Array) -> Array:
    """By duel and stake, the logarithm of the wealth that bets on the items lead to."""
    # Zeros are neither a gain nor a loss.
    padded = np.pad(bounded, ((0, 0), (0, -bounded.shape[1] % _TOGETHER)))
    grouped = padded.reshape(len(bounded), -1, _TOGETHER)
    wealths = [np.log(np.prod(1 + stake * grouped, axis=2)).sum(axis=1) for stake in STAKES]
    return np.stack(wealths, axis=1)


def mean_wealth(logs: Array) -> Array:
    """Logarithm of the mean over the last axis, of wealths given by their logarithms."""
    best = logs.max(axis=-1, keepdims=True)
    return np.asarray(best[..., 0] + np.log(np.mean(np.exp(logs - best), axis=-1)))


def _play_block(pairing: Pairing, generator: np.random.Generator) -> list[DuelEnd]:
    settings = pairing.settings
    bar = pairing.epsilon + settings.zone
    size = sum(pairing.samples.values())
    alive = np.arange(BLOCK)
    up, down = np.zeros((2, BLOCK, len(STAKES)))
    ends: dict[int, DuelEnd] = {}
    rounds = 0
    while len(alive):
        rounds += 1
        drawn = pairing.draw(generator, len(alive))
        up[alive] += log_evidence(pairing.bounded(drawn, pairing.epsilon))
        down[alive] += log_evidence(-pairing.bounded(drawn, bar))
        crowned = _reached(up[alive], settings.alpha)
        dropped = _reached(down[alive], settings.beta) | (rounds * size >= settings.max_items)
        for duel, won in zip(alive[crowned | dropped], crowned[crowned | dropped], strict=True):
            verdict = DuelVerdict.CROWN if won else DuelVerdict.DROP
            ends[int(duel)] = DuelEnd(verdict, rounds, rounds * size)
        alive = alive[~(crowned | dropped)]
    return [ends[duel] for duel in range(BLOCK)]


def _reached(logs: Array, error: float) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return np.asarray(np.round(mean_wealth(logs), EVIDENCE_DIGITS) >= -math.log(error))
