"""What a plan or a simulation assumes of a task: how noisy, how costly, how well models do.

The numbers here are stated, not measured on the organiser's models: factors of 2 to 4 in
item counts follow from the likeness of models alone. Give measured ones where there are any.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from palio.competition.model import BaselineNormalisation, Competition, TaskSpec
from palio.errors import ConfigError


class Likeness(StrEnum):
    """How alike two models are, hence how little noise is left when they share samples."""

    COPIES = "copies"
    """One is the other with slightly perturbed weights."""
    SIBLINGS = "siblings"
    """Two fine-tunings of one base model."""
    INDEPENDENTS = "independents"
    """Models that were pretrained apart."""


class _Known(NamedTuple):
    """What is assumed of a method.

    Attributes:
        spread: standard deviation of the difference of two siblings' losses on one sample; in
            raw units where the loss is bounded, else relative to the task's unit of loss.
        bounded: whether the raw loss lies between 0 and 1.
        loss: raw loss of today's models, where no baseline is published.
        seconds: of one accelerator, for one sample and one model.
    """

    spread: float
    bounded: bool
    loss: float
    seconds: float


_METHODS = {
    "multiple_choice": _Known(0.344, True, 0.33, 0.008),
    "choice_likelihood": _Known(0.158, True, 0.35, 0.008),
    "rule_following": _Known(0.264, True, 0.41, 0.2),
    "text_loss": _Known(0.0215, False, 2.3, 0.034),
    "reference_loss": _Known(0.18, False, 0.5, 0.006),
}

#: Standard deviation, over samples, of the logarithm of a graded loss.
DIFFICULTY = 0.3

#: Spreads of other degrees of likeness, in units of the siblings' spread. Answers differ
#: in kind between models of different make, losses mostly in degree.
_FACTORS = {
    True: {Likeness.COPIES: 0.334, Likeness.SIBLINGS: 1.0, Likeness.INDEPENDENTS: 1.39},
    False: {Likeness.COPIES: 0.13, Likeness.SIBLINGS: 1.0, Likeness.INDEPENDENTS: 2.68},
}

#: Methods whose sample is either right or wrong.
_RIGHT_OR_WRONG = frozenset({"multiple_choice"})


@dataclass(frozen=True, slots=True)
class TaskAssumption:
    """One task, as a plan sees it.

    Attributes:
        samples: asked in a round.
        cap: largest advantage of one sample in unit losses; None where none is declared.
        unit_loss: the raw loss that the other numbers are in units of: the published
            baseline's, or what today's models are assumed to lose.
        loss: mean loss of the champion, in unit losses.
        spread: standard deviation of the difference of two models' losses on one sample, in
            unit losses.
        copy_spread: the same between a model and its perturbed copy.
        seconds: of one accelerator, for one sample and one model.
        right_or_wrong: whether a sample costs either one raw unit or nothing.
    """

    weight: float
    samples: int
    cap: float | None
    unit_loss: float
    loss: float
    spread: float
    copy_spread: float
    seconds: float
    right_or_wrong: bool

    def spread_at(self, lead: float) -> float:
        """The spread where one of the two models leads by that much, which adds to it.

        Of right-or-wrong samples at least the lead itself tells the two apart (the share that
        does so is about the mean size of a normal variable with the lead for its mean);
        of graded ones a lead weighs more where a sample is harder.
        """
        shift = abs(lead) * self.loss
        if self.right_or_wrong:
            differing = math.hypot(self.spread**2, shift / self.unit_loss)
            return math.sqrt(differing)
        return math.hypot(self.spread, shift * math.sqrt(math.expm1(DIFFICULTY**2)))


def assume(
    competition: Competition,
    likeness: Likeness = Likeness.SIBLINGS,
    *,
    spreads: Mapping[str, float] | None = None,
    seconds: Mapping[str, float] | None = None,
    losses: Mapping[str, float] | None = None,
) -> dict[str, TaskAssumption]:
    """The assumptions for each task of a competition, in its order.

    Args:
        competition: the one planned for.
        likeness: of the models compared.
        spreads: instead of the stated ones, by task, in unit losses.
        seconds: instead of the stated costs, by task.
        losses: raw losses of today's models, by task.

    Raises:
        ConfigError: a task is unknown, a number is not above 0, or nothing is known about a
            task's method and nothing was given.
    """
    given = {"spread": spreads or {}, "cost": seconds or {}, "loss": losses or {}}
    for option, values in given.items():
        for name, value in values.items():
            if name not in competition.tasks:
                known = ", ".join(competition.tasks)
                raise ConfigError(f"--{option} {name}: no such task; the tasks are {known}")
            if not (math.isfinite(value) and value > 0):
                raise ConfigError(f"--{option} {name} must be a number above 0, not {value!r}")
    return {
        name: _assume(
            name,
            spec,
            likeness,
            given["spread"].get(name),
            given["cost"].get(name),
            given["loss"].get(name),
        )
        for name, spec in competition.tasks.items()
    }


def _assume(
    name: str,
    spec: TaskSpec,
    likeness: Likeness,
    spread: float | None,
    seconds: float | None,
    loss: float | None,
) -> TaskAssumption:
    known = _METHODS.get(spec.method)
    baseline = spec.normalisation if isinstance(spec.normalisation, BaselineNormalisation) else None
    if known is None and (spread is None or seconds is None or (loss is None and not baseline)):
        raise ConfigError(
            f"nothing is known about the noise and cost of task {name}'s method "
            f"{spec.method!r}; give --spread {name}=SD, --cost {name}=SECONDS and "
            f"--loss {name}=LOSS"
        )
    if baseline is not None:
        unit_loss = baseline.loss
    else:
        unit_loss = loss if loss is not None else _stated(known).loss
    bounded = known is not None and known.bounded
    if spread is None:
        stated = _stated(known)
        own = stated.spread / unit_loss if stated.bounded else stated.spread
        spread = own * _FACTORS[bounded][likeness]
        copy_spread = own * _FACTORS[bounded][Likeness.COPIES]
    else:
        factors = _FACTORS[bounded]
        copy_spread = spread * factors[Likeness.COPIES] / factors[likeness]
    return TaskAssumption(
        weight=spec.weight,
        samples=spec.samples,
        cap=None if baseline is None else baseline.cap,
        unit_loss=unit_loss,
        loss=1.0 if loss is None else loss / unit_loss,
        spread=spread,
        copy_spread=copy_spread,
        seconds=_stated(known).seconds if seconds is None else seconds,
        right_or_wrong=spec.method in _RIGHT_OR_WRONG,
    )


def _stated(known: _Known | None) -> _Known:
    assert known is not None
    return known
