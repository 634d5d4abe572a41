"""What a baseline model loses on each task, and the numbers that a competition should state.

A published baseline's losses are the units in which tasks are weighed, so they are measured
as every submission is. Pure functions of scorecards; ``palio.validator.trial`` runs the models.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from palio.competition.model import BaselineNormalisation, Competition, DuelRule
from palio.competition.rewriting import Key
from palio.errors import ConfigError
from palio.evaluation.scorecard import Interval, Scorecard
from palio.tasks.drawing import Round
from palio.tasks.protocols import Method

#: Significant digits of a proposed loss, and of a proposed cap.
LOSS_DIGITS = 3
CAP_DIGITS = 2
#: Paired spreads that a cap should let pass: it stops outliers and little else.
SPREADS_IN_CAP = 6


@dataclass(frozen=True, slots=True)
class TaskCalibration:
    """One task, measured.

    Attributes:
        unit: of the raw loss.
        samples: that were asked.
        loss: the baseline's raw loss, with its 95% interval over the draw of samples.
        spread: standard deviation of two models' difference on a sample, in units of the proposed
            loss, root mean square over all pairs of models; None with one model.
        stated_loss: what the file says now, as are ``stated_cap`` and ``stated_samples``; None
            where the task is not measured against a baseline.
        proposed_cap: None where only a second model could tell.
        proposed_samples: a round's, shared out by weight times cap, so that no task's sample
            proves more than another's.
        cheapest_samples: shared out by weight times spread, which proves a lead with the fewest
            samples if all cost the same; None without a spread.
    """

    name: str
    unit: str
    weight: float
    samples: int
    loss: float
    interval: Interval
    spread: float | None
    stated_loss: float | None
    stated_cap: float | None
    stated_samples: int
    proposed_loss: float
    proposed_cap: float | None
    proposed_samples: int | None
    cheapest_samples: int | None


def calibrate(drawn: Round, cards: Sequence[Scorecard]) -> tuple[TaskCalibration, ...]:
    """The competition's tasks as the models' scorecards show them.

    Args:
        drawn: the samples; they may be more than a round of the competition draws.
        cards: the baseline's first; more models add the spreads.

    Raises:
        ConfigError: the baseline loses nothing on a task, so its loss cannot be a unit.
    """
    losses = {name: _proposed_loss(name, cards[0].tasks[name].raw) for name in drawn.tasks}
    spreads = {name: _spread(cards, name, losses[name]) for name in drawn.tasks}
    caps = {
        name: _proposed_cap(task.method, losses[name], spreads[name])
        for name, task in drawn.tasks.items()
    }
    competition = drawn.competition
    by_cap = _shared_out(
        competition, {name: caps[name] or _stated_cap(competition, name) for name in caps}
    )
    by_spread = _shared_out(competition, spreads)
    return tuple(
        TaskCalibration(
            name=name,
            unit=task.method.unit,
            weight=task.spec.weight,
            samples=len(task.samples),
            loss=cards[0].tasks[name].raw,
            interval=cards[0].tasks[name].interval,
            spread=spreads[name],
            stated_loss=_stated_loss(competition, name),
            stated_cap=_stated_cap(competition, name),
            stated_samples=task.spec.samples,
            proposed_loss=losses[name],
            proposed_cap=caps[name],
            proposed_samples=by_cap.get(name),
            cheapest_samples=by_spread.get(name),
        )
        for name, task in drawn.tasks.items()
    )


def proposed_numbers(tasks: Sequence[TaskCalibration]) -> dict[Key, float]:
    """What a file should say, by key; only of tasks that are measured against a baseline."""
    numbers: dict[Key, float] = {}
    for task in tasks:
        if task.stated_loss is None:
            continue
        numbers["tasks", task.name, "normalisation", "loss"] = task.proposed_loss
        if task.proposed_cap is not None:
            numbers["tasks", task.name, "normalisation", "cap"] = task.proposed_cap
    return numbers


def _proposed_loss(name: str, raw: float) -> float:
    if not raw > 0:
        raise ConfigError(
            f"task {name}: the baseline's loss is {raw:g}, and nothing can be measured in units of "
            "that; take a weaker baseline or a harder task"
        )
    return _rounded(raw, LOSS_DIGITS)


def _proposed_cap(method: Method, loss: float, spread: float | None) -> float | None:
    """The largest advantage there can be where losses are shares, else six spreads."""
    if _is_share(method):
        return _rounded_up(1 / loss, LOSS_DIGITS)
    return _rounded_up(SPREADS_IN_CAP * spread, CAP_DIGITS) if spread else None


def _is_share(method: Method) -> bool:
    """Whether a loss lies between 0 and 1, being the share of something that people see as 1 - it."""
    return (method.in_natural_unit(0.0), method.in_natural_unit(1.0)) == (1.0, 0.0)


def _spread(cards: Sequence[Scorecard], name: str, loss: float) -> float | None:
    variances = []
    for one, other in combinations(cards, 2):
        pairs = zip(one.tasks[name].samples, other.tasks[name].samples, strict=True)
        differences = [(ours.loss - theirs.loss) / loss for ours, theirs in pairs]
        if len(differences) < 2:
            return None
        mean = math.fsum(differences) / len(differences)
        squares = math.fsum((each - mean) ** 2 for each in differences)
        variances.append(squares / (len(differences) - 1))
    return math.sqrt(math.fsum(variances) / len(variances)) if variances else None


def _shared_out(competition: Competition, widths: Mapping[str, float | None]) -> dict[str, int]:
    """A round's samples in proportion to weight times width; empty where a width is unknown."""
    shares = {name: spec.weight * (widths[name] or 0.0) for name, spec in competition.tasks.items()}
    if not all(shares.values()):
        return {}
    looks = competition.rule.looks if isinstance(competition.rule, DuelRule) else 1
    total = sum(spec.samples for spec in competition.tasks.values())
    whole = math.fsum(shares.values())
    # Every look takes an equal part of each task.
    return {
        name: looks * max(round(total * share / whole / looks), 1) for name, share in shares.items()
    }


def _stated_loss(competition: Competition, name: str) -> float | None:
    normalisation = competition.tasks[name].normalisation
    return normalisation.loss if isinstance(normalisation, BaselineNormalisation) else None


def _stated_cap(competition: Competition, name: str) -> float | None:
    normalisation = competition.tasks[name].normalisation
    return normalisation.cap if isinstance(normalisation, BaselineNormalisation) else None


def _rounded(value: float, digits: int) -> float:
    """To so many significant digits."""
    return float(f"{value:.{digits - 1}e}")


def _rounded_up(value: float, digits: int) -> float:
    """The smallest number of so many significant digits that is not less."""
    rounded = _rounded(value, digits)
    # What is above by rounding error alone counts as reached.
    if rounded >= value * (1 - 1e-9):
        return rounded
    step = 10.0 ** (math.floor(math.log10(value)) - digits + 1)
    return _rounded(rounded + step, digits)
