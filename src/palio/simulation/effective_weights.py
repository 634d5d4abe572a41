"""What a task's nominal weight comes to once its normalisation and noise are counted."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from palio.competition.model import Competition, Normalisation
from palio.evaluation.scorecard import normalise
from palio.simulation.assumptions import TaskAssumption

#: Relative gain on one task whose effect on the score is reported.
TENTH = 0.1
#: Relative step of a numerical slope.
_STEP = 1e-6
#: Halvings of a bisection on [0, 1].
_HALVINGS = 50


@dataclass(frozen=True, slots=True)
class EffectiveWeight:
    """One task of a competition, with all others held still.

    Attributes:
        nominal: the declared weight.
        share_of_score: the part of today's score that the task makes; a perfect model gains it.
        share_of_noise: the part of the variance of two models' difference in a round.
        tenth_moves: relative gain in score from a tenth less raw loss.
        raw_gain_needed: relative raw gain that pays the margin alone; None if even a perfect
            model on this task cannot.
    """

    nominal: float
    share_of_score: float
    share_of_noise: float
    tenth_moves: float
    raw_gain_needed: float | None


@dataclass(frozen=True, slots=True)
class RoundNoise:
    """How much two equal models differ by luck in one round.

    Attributes:
        relative: standard deviation of the difference of their scores, as part of the score.
        weights: by task.
    """

    relative: float
    weights: Mapping[str, EffectiveWeight]


def effective_weights(
    competition: Competition, tasks: Mapping[str, TaskAssumption], margin: float
) -> RoundNoise:
    """The effective weights of a competition under what is assumed of its tasks.

    Args:
        competition: gives weights, samples and normalisations of any kind.
        tasks: what is assumed of each.
        margin: the relative lead that a challenger needs.
    """
    parts = {}
    variances = {}
    for name, spec in competition.tasks.items():
        raw = tasks[name].loss * tasks[name].unit_loss
        parts[name] = spec.weight * normalise(raw, spec.normalisation)
        slope = spec.weight * _slope(raw, spec.normalisation)
        spread = tasks[name].spread * tasks[name].unit_loss
        variances[name] = (slope * spread) ** 2 / spec.samples
    score, variance = math.fsum(parts.values()), math.fsum(variances.values())
    weights = {}
    for name, spec in competition.tasks.items():
        task = _Task(spec.weight / score, tasks[name], spec.normalisation)
        weights[name] = EffectiveWeight(
            nominal=spec.weight,
            share_of_score=parts[name] / score,
            share_of_noise=variances[name] / variance,
            tenth_moves=task.gain(TENTH),
            raw_gain_needed=task.needed(margin),
        )
    return RoundNoise(math.sqrt(variance) / score, weights)


class _Task(NamedTuple):
    """A task's part of the score, its weight already divided by the score."""

    weight: float
    assumed: TaskAssumption
    normalisation: Normalisation

    def gain(self, raw_gain: float) -> float:
        """Relative gain in score from a relative gain in raw loss."""
        raw = self.assumed.loss * self.assumed.unit_loss
        before = normalise(raw, self.normalisation)
        return self.weight * (before - normalise(raw * (1 - raw_gain), self.normalisation))

    def needed(self, wanted: float) -> float | None:
        """The smallest raw gain that brings the wanted gain in score."""
        if self.gain(1.0) < wanted:
            return None
        low, high = 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            if self.gain(middle) < wanted:
                low = middle
            else:
                high = middle
        return high


def _slope(raw: float, normalisation: Normalisation) -> float:
    step = raw * _STEP
    above, below = normalise(raw + step, normalisation), normalise(raw - step, normalisation)
    return (above - below) / (2 * step)
