"""A model's result on one round's samples: the scorecard, or the reason why there is none.

A scorecard is a value, built by pure functions of (competition, samples, answers)
and serialised to canonical JSON; its digest is what a validator signs. It holds
nothing that differs between two honest runs on the same hardware class: no clock,
no batch size, no path. A failed evaluation is a :class:`Unscored`, never a number.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from palio.canonical import canonical_json, digest_of
from palio.competition.model import (
    BaselineNormalisation,
    Competition,
    InverseExponential,
    Normalisation,
    TaskSpec,
)
from palio.errors import Fault
from palio.tasks.protocols import Method
from palio.tasks.samples import SampleScore

#: Two-sided 95% quantile of the normal distribution.
Z_95 = 1.959963984540054


class Interval(NamedTuple):
    """A two-sided 95% interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class TaskScore:
    """One task of a scorecard.

    Attributes:
        raw: in the method's ``unit``; lower is better.
        normalised: after the competition's normalisation.
        weighted: ``weight`` times normalised; these add up to the score.
        interval: 95% interval of ``raw`` over the draw of samples (normal approximation).
        natural: raw in the unit people read, named by ``natural_unit``.
        samples: each sample's raw loss, in the round's order.
    """

    raw: float
    unit: str
    normalised: float
    weight: float
    weighted: float
    interval: Interval
    natural: float
    natural_unit: str
    samples: tuple[SampleScore, ...]


@dataclass(frozen=True, slots=True)
class Cost:
    """What the evaluation asked for, in units that do not depend on the machine."""

    requests: int
    scored_tokens: int
    generated_tokens: int


@dataclass(frozen=True, slots=True)
class Scorecard:
    """A submission's result in a round; ``score`` is finite and lower is better.

    Attributes:
        submission: content digest of what was evaluated (hex SHA-256).
        competition: name; ``competition_digest`` names its exact definition.
        seed: the round's seed.
        samples_digest: digest over the round's samples of all tasks.
        looks: looks of the round that it answered; fewer than all if its duel was decided early.
        interval: 95% interval of the score over the draw of samples.
        environment: versions and device class that may matter to the last bit.
    """

    submission: str
    competition: str
    competition_digest: str
    seed: int
    samples_digest: str
    score: float
    interval: Interval
    tasks: Mapping[str, TaskScore]
    environment: Mapping[str, str]
    cost: Cost
    looks: int = 1

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; the seed is written as a decimal string, being wider than JSON numbers."""
        value = asdict(self)
        value["seed"] = str(self.seed)
        return value

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the canonical JSON; what gets signed."""
        return digest_of(self.to_json())


@dataclass(frozen=True, slots=True)
class Unscored:
    """Why a submission has no scorecard in a round."""

    submission: str
    code: str
    message: str
    fault: Fault
    hint: str = ""


def scorecard_from_json(value: Mapping[str, Any]) -> Scorecard:
    """The scorecard written by :meth:`Scorecard.to_json`.

    Raises:
        ValueError: the object is no scorecard, or a number in it is not finite.
    """
    try:
        canonical_json(value)
        tasks = {
            name: TaskScore(
                **{
                    **task,
                    "interval": Interval(*task["interval"]),
                    "samples": tuple(SampleScore(**sample) for sample in task["samples"]),
                }
            )
            for name, task in value["tasks"].items()
        }
        return Scorecard(
            **{
                **value,
                "seed": int(value["seed"]),
                "interval": Interval(*value["interval"]),
                "tasks": tasks,
                "cost": Cost(**value["cost"]),
            }
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"malformed scorecard: {error!r}") from error


def normalise(raw: float, normalisation: Normalisation) -> float:
    """The raw score on the scale on which tasks are weighed."""
    match normalisation:
        case InverseExponential(ceiling=ceiling):
            if raw >= ceiling:
                return 1.0
            return -math.expm1(-raw / ceiling) / -math.expm1(-1.0)
        case BaselineNormalisation(loss=loss):
            return raw / loss
        case _:
            return raw


def score_task(spec: TaskSpec, method: Method, samples: Sequence[SampleScore]) -> TaskScore:
    """One task's score from its samples' losses.

    Raises:
        ValueError: no samples, or a loss that is not finite (the engine refuses those earlier).
    """
    raw = method.aggregate(samples)
    if not math.isfinite(raw):
        raise ValueError(f"the raw score must be finite, not {raw!r}")
    normalised = normalise(raw, spec.normalisation)
    half = Z_95 * _standard_error(samples)
    return TaskScore(
        raw=raw,
        unit=method.unit,
        normalised=normalised,
        weight=spec.weight,
        weighted=spec.weight * normalised,
        interval=Interval(raw - half, raw + half),
        natural=method.in_natural_unit(raw),
        natural_unit=method.natural,
        samples=tuple(samples),
    )


def total(competition: Competition, tasks: Mapping[str, TaskScore]) -> tuple[float, Interval]:
    """The weighted score and its 95% interval; every task of the competition must be there.

    The interval treats tasks as independent and follows each normalisation's slope
    at the raw score (delta method).

    Raises:
        ValueError: a task is missing; weights are never rescaled over the tasks that happen
            to have run.
    """
    missing = sorted(set(competition.tasks) - set(tasks))
    if missing:
        raise ValueError(f"no score for task {', '.join(missing)}")
    # fsum is exact: a definition read back from the records lists its tasks in another order.
    score = math.fsum(tasks[name].weighted for name in competition.tasks)
    variance = math.fsum(
        (spec.weight * _slope(tasks[name].raw, spec.normalisation) * _error(tasks[name])) ** 2
        for name, spec in competition.tasks.items()
    )
    half = Z_95 * math.sqrt(variance)
    return score, Interval(score - half, score + half)


def _error(task: TaskScore) -> float:
    """The standard error of the raw score that its interval was made of."""
    return (task.interval.high - task.interval.low) / (2 * Z_95)


def _slope(raw: float, normalisation: Normalisation) -> float:
    match normalisation:
        case InverseExponential(ceiling=ceiling):
            if raw >= ceiling:
                return 0.0
            return math.exp(-raw / ceiling) / ceiling / -math.expm1(-1.0)
        case BaselineNormalisation(loss=loss):
            return 1.0 / loss
        case _:
            return 1.0


def _standard_error(samples: Sequence[SampleScore]) -> float:
    """Of the weighted mean, as a ratio estimator (Cochran, Sampling Techniques, 1977, ch. 6).

    One sample says nothing about spread, so its error is taken as 0.
    """
    count = len(samples)
    if count < 2:
        return 0.0
    weight = math.fsum(sample.weight for sample in samples)
    mean = math.fsum(sample.weight * sample.loss for sample in samples) / weight
    squares = math.fsum((sample.weight * (sample.loss - mean)) ** 2 for sample in samples)
    return math.sqrt(count / (count - 1) * squares) / weight
