"""What gain on one task alone would have sufficed, all else unchanged.

A gain of 10% on a task takes a tenth off each of the challenger's losses there.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from palio.competition.model import BaselineNormalisation, Competition
from palio.contest.duel import LOSS_DIGITS, DuelState
from palio.contest.duel_settings import DuelSettings
from palio.contest.evidence import Array, ItemTable, transformed
from palio.contest.measuring import reaches
from palio.contest.sample_pairs import SamplePair
from palio.evaluation.scorecard import Scorecard, normalise

#: Steps into which a gain is resolved: a tenth of a percent.
STEPS = 1000


class Gain(NamedTuple):
    """By how much of its own loss on one task the challenger would have had to be better.

    Attributes:
        to_lead: for its lead to exceed what is needed; None if no gain on this task would do.
        to_win: for that lead to be shown on these very samples, and so for the crown.
    """

    to_lead: float | None
    to_win: float | None


def duel_gains(
    competition: Competition, state: DuelState, pairs: Sequence[SamplePair]
) -> dict[str, Gain]:
    """By task, what would have sufficed in a duel.

    Args:
        competition: decides by duel.
        state: says what the lead had to exceed, and how surely.
        pairs: the duel's items.
    """
    champion = _in_baseline_units(competition, pairs, [each.champion.loss for each in pairs])
    challenger = _in_baseline_units(competition, pairs, [each.challenger.loss for each in pairs])
    settings = DuelSettings.of(competition)
    caps = {name: task.cap for name, task in settings.tasks.items()}
    names = np.array([each.task for each in pairs])
    needed = transformed(np.array([state.needs]))
    enough = np.array([-math.log(state.alpha)])

    def gain_on(name: str) -> Gain:
        def items(gain: float) -> ItemTable:
            improved = np.where(names == name, (1 - gain) * challenger, challenger)
            both = np.stack([champion, improved], axis=1)
            losses = {task: both[names == task] for task in settings.tasks}
            return ItemTable.of(caps, settings.scales, [losses])

        def leads(gain: float) -> bool:
            return bool(items(gain).surplus(needed)[0] > 0)

        def is_shown(gain: float) -> bool:
            return bool(reaches(items(gain).log_evidence_above(needed), enough)[0])

        return Gain(_smallest(leads), _smallest(is_shown))

    return {name: gain_on(name) for name in dict.fromkeys(each.task for each in pairs)}


def score_gains(
    competition: Competition, challenger: Scorecard, wins: Callable[[float], bool]
) -> dict[str, Gain]:
    """By task, what would have sufficed where whole scores are compared.

    Args:
        competition: weighs the tasks.
        challenger: the scorecard that did not win.
        wins: whether the challenger would have won with a score.
    """

    def gain_on(name: str) -> Gain:
        spec, raw = competition.tasks[name], challenger.tasks[name].raw

        def suffices(gain: float) -> bool:
            improved = spec.weight * normalise((1 - gain) * raw, spec.normalisation)
            weighted = {other: task.weighted for other, task in challenger.tasks.items()}
            return wins(math.fsum((weighted | {name: improved}).values()))

        smallest = _smallest(suffices)
        return Gain(smallest, smallest)

    return {name: gain_on(name) for name in competition.tasks}


def _in_baseline_units(
    competition: Competition, pairs: Sequence[SamplePair], losses: Sequence[float]
) -> Array:
    units = []
    for each, loss in zip(pairs, losses, strict=True):
        normalisation = competition.tasks[each.task].normalisation
        assert isinstance(normalisation, BaselineNormalisation), "the pairs were made with one"
        units.append(round(loss / normalisation.loss, LOSS_DIGITS))
    return np.array(units)


def _smallest(suffices: Callable[[float], bool]) -> float | None:
    """The smallest gain, in steps of a tenth of a percent, that suffices; None if none does."""
    if not suffices(1.0):
        return None
    low, high = -1, STEPS
    while high - low > 1:
        middle = (low + high) // 2
        if suffices(middle / STEPS):
            high = middle
        else:
            low = middle
    return high / STEPS
