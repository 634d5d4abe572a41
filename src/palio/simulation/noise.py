"""Synthetic losses: what two models share on a sample, and what is each one's own.

A sample has a difficulty that all models meet; each model adds its own part. The two parts
are normal variables, so that a pair's stated spread fixes how much of the noise is shared.
"""

import math
from statistics import NormalDist

import numpy as np

from palio.contest.duel import LOSS_DIGITS
from palio.contest.evidence import Array
from palio.errors import ConfigError
from palio.simulation.assumptions import DIFFICULTY, TaskAssumption

#: Raw losses of right-or-wrong tasks above this leave no room for a worse model.
_MOST_WRONG = 0.99
#: Halvings of a bisection on [0, 1].
_HALVINGS = 60
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)


class GradedNoise:
    """Positive losses: level times difficulty times the model's own factor, both lognormal."""

    def __init__(self, task: TaskAssumption) -> None:
        self._level = task.loss
        square = (task.spread / task.loss) ** 2 / (2 * math.exp(DIFFICULTY**2))
        self._own = math.sqrt(math.log1p(square))
        less = (task.copy_spread / task.loss) ** 2 / (2 * math.exp(DIFFICULTY**2))
        # The mean of the product of two own factors falls from 1 + square by ``less``.
        self.copy_correlation = (
            max(0.0, math.log1p(square - less) / self._own**2) if less < square else 0.0
        )

    def losses(self, shared: Array, own: Array, factor: float) -> Array:
        """Losses in unit losses, rounded to 6 digits, of a model with mean level * factor."""
        exponent = DIFFICULTY * shared + self._own * own
        exponent -= (DIFFICULTY**2 + self._own**2) / 2
        return np.round(self._level * factor * np.exp(exponent), LOSS_DIGITS)


class RightOrWrongNoise:
    """One raw unit or nothing: wrong where a normal variable lies below the model's threshold.

    The chance that exactly one of two models is wrong, at correlation r and threshold t, is
    the integral of exp(-t^2 / (1 + sin x)) / pi from asin(r) to pi / 2 (Plackett, 1954).
    """

    def __init__(self, name: str, task: TaskAssumption) -> None:
        self._wrong = task.loss * task.unit_loss
        if not 0 < self._wrong < _MOST_WRONG:
            raise ConfigError(
                f"task {name}: a right-or-wrong task needs a share wrong between 0 and "
                f"{_MOST_WRONG}, not {self._wrong:.6g}; give --loss {name}=SHARE"
            )
        self._unit = round(1 / task.unit_loss, LOSS_DIGITS)
        threshold = NormalDist().inv_cdf(self._wrong)
        most = math.sqrt(2 * self._wrong * (1 - self._wrong))
        spread, copies = task.spread * task.unit_loss, task.copy_spread * task.unit_loss
        if spread > most:
            raise ConfigError(
                f"task {name}: two models of which each is wrong on {self._wrong:.0%} of samples "
                f"cannot differ with a spread of {task.spread:.3g}; the most is "
                f"{most / task.unit_loss:.3g}"
            )
        self._shared = _correlation(threshold, spread**2)
        together = _correlation(threshold, copies**2)
        self.copy_correlation = max(0.0, (together - self._shared) / (1 - self._shared))

    def losses(self, shared: Array, own: Array, factor: float) -> Array:
        """Losses in unit losses of a model with mean level * factor."""
        wrong = min(self._wrong * factor, _MOST_WRONG)
        threshold = NormalDist().inv_cdf(wrong)
        mixed = math.sqrt(self._shared) * shared + math.sqrt(1 - self._shared) * own
        return np.where(mixed < threshold, self._unit, 0.0)


Noise = GradedNoise | RightOrWrongNoise


def noise_of(name: str, task: TaskAssumption) -> Noise:
    """The generator of a task's losses.

    Raises:
        ConfigError: no two models can be as noisy as assumed.
    """
    return RightOrWrongNoise(name, task) if task.right_or_wrong else GradedNoise(task)


def _correlation(threshold: float, differing: float) -> float:
    """At which two models differ on that share of samples."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _share_differing(threshold, middle) > differing:
            low = middle
        else:
            high = middle
    return low


def _share_differing(threshold: float, correlation: float) -> float:
    start = math.asin(correlation)
    half = (math.pi / 2 - start) / 2
    angles = start + half * (_NODES + 1)
    heights = np.exp(-(threshold**2) / (1 + np.sin(angles)))
    return float(half * np.sum(_WEIGHTS * heights)) / math.pi
