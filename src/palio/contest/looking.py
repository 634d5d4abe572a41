"""A duel within a round: look after look, until one decides it.

The look at which a duel ends follows from the losses alone. Asking an entrant no further
than that look, or asking it everything, gives the same verdict.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from palio.competition.model import Competition
from palio.contest.duel import DuelState, DuelVerdict, PairedLosses, judge_all
from palio.contest.duel_settings import DuelSettings
from palio.contest.outcome import PastRound
from palio.contest.paired import paired_losses
from palio.evaluation.scorecard import Scorecard


class Looked(NamedTuple):
    """A duel's state after a round, and the evidence it rests on, this round's looks included."""

    state: DuelState
    evidence: tuple[PastRound, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Challenge:
    """One challenger's side of a round.

    Attributes:
        past: earlier rounds of the duel.
        card: its scorecard of this round, which may end early; None if it was not scored.
        alpha: error rate granted to the duel.
    """

    past: tuple[PastRound, ...]
    card: Scorecard | None
    alpha: float


def look_through(
    competition: Competition,
    sync_block: int,
    crowned_block: int | None,
    champion: Scorecard,
    challenges: Sequence[Challenge],
) -> list[Looked]:
    """Look at a round's evidence as often as both were asked, until each duel is decided.

    Args:
        competition: decides by duel.
        sync_block: the round's.
        crowned_block: at which the champion was crowned; None if in this round.
        champion: its scorecard of this round.
        challenges: one for each duel; without a scorecard its past alone is judged.

    Raises:
        ValueError: the scorecards do not fit each other or the competition.
    """
    epsilon = competition.epsilon
    age = 0 if crowned_block is None else sync_block - crowned_block
    # Decaying in floating point may end a hair below the end.
    needs = max(epsilon.at(age), epsilon.end)
    settings = DuelSettings.of(competition)
    looked: dict[int, Looked] = {}
    waiting, look = list(range(len(challenges))), 1
    while waiting:
        evidence = [
            _evidence(competition, sync_block, champion, challenges[each], look) for each in waiting
        ]
        states = judge_all(
            settings,
            [_losses(competition, each) for each in evidence],
            [challenges[each].alpha for each in waiting],
            needs,
            epsilon.end,
            together=len(challenges),
        )
        looked.update(zip(waiting, map(Looked, states, evidence), strict=True))
        waiting = [
            each
            for each in waiting
            if looked[each].state.verdict is DuelVerdict.GO_ON
            and look < _looks(champion, challenges[each].card)
        ]
        look += 1
    return [looked[each] for each in range(len(challenges))]


def _looks(champion: Scorecard, challenger: Scorecard | None) -> int:
    return 0 if challenger is None else min(champion.looks, challenger.looks)


def _evidence(
    competition: Competition, sync_block: int, champion: Scorecard, challenge: Challenge, look: int
) -> tuple[PastRound, ...]:
    if challenge.card is None:
        return challenge.past
    losses = paired_losses(competition, champion, challenge.card, look)
    return (*challenge.past, PastRound(sync_block, look, losses))


def _losses(competition: Competition, evidence: Sequence[PastRound]) -> PairedLosses:
    return {
        name: np.concatenate([each.losses[name] for each in evidence]) for name in competition.tasks
    }
