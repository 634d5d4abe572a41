"""A duel within a round: look after look, until one decides it.

The look at which a duel ends follows from the losses alone. Asking an entrant no further
than that look, or asking it everything, gives the same verdict.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from palio.competition.model import Competition
from palio.contest.duel import DuelState, DuelVerdict, PairedLosses, judge_paired
from palio.contest.duel_settings import DuelSettings
from palio.contest.outcome import PastRound
from palio.contest.paired import paired_losses
from palio.evaluation.scorecard import Scorecard


class Looked(NamedTuple):
    """A duel's state after a round, and the evidence it rests on, this round's looks included."""

    state: DuelState
    evidence: tuple[PastRound, ...]


def look_through(
    competition: Competition,
    sync_block: int,
    crowned_block: int | None,
    past: Sequence[PastRound],
    champion: Scorecard,
    challenger: Scorecard,
) -> Looked:
    """Look at a round's evidence as often as both were asked, until the duel is decided.

    Args:
        competition: decides by duel.
        sync_block: the round's.
        crowned_block: at which the champion was crowned; None if in this round.
        past: earlier rounds of the duel.
        champion: its scorecard of this round.
        challenger: its scorecard of this round; it may end early.

    Raises:
        ValueError: the scorecards do not fit each other or the competition.
    """
    looks = min(champion.looks, challenger.looks)
    for look in range(1, looks + 1):
        losses = paired_losses(competition, champion, challenger, look)
        evidence = (*past, PastRound(sync_block, look, losses))
        state = state_of(competition, sync_block, crowned_block, evidence)
        if state.verdict is not DuelVerdict.GO_ON:
            break
    return Looked(state, evidence)


def state_of(
    competition: Competition,
    sync_block: int,
    crowned_block: int | None,
    evidence: Sequence[PastRound],
) -> DuelState:
    """The state of a duel from all its evidence, under the epsilon of ``sync_block``."""
    losses: PairedLosses = {
        name: np.concatenate([each.losses[name] for each in evidence]) for name in competition.tasks
    }
    age = 0 if crowned_block is None else sync_block - crowned_block
    epsilon = competition.epsilon
    # Decaying in floating point may end a hair below the end.
    now = max(epsilon.at(age), epsilon.end)
    return judge_paired(DuelSettings.of(competition), losses, now, epsilon.end)
