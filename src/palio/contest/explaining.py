"""Why a challenger won, lost or must wait: its comparison with the champion, taken apart.

Pure functions of what the records and evidence hold of a comparison. The numbers of a
duel (lead, limits, contributions) are those of its verdict; what is added here is where they
come from, and what gain on one task alone would have sufficed. Sentences are
``palio.contest.explaining_words``'.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from palio.competition.model import Competition
from palio.contest.breakdown import Group, by_difficulty, by_task, by_topic
from palio.contest.duel import DuelState, DuelVerdict, Limits
from palio.contest.duel_settings import DuelSettings
from palio.contest.entrants import Entrant
from palio.contest.gains import Gain, duel_gains, score_gains
from palio.contest.sample_pairs import (
    ComparedRound,
    SamplePair,
    duel_pairs,
    score_pairs,
    steepness,
)
from palio.evaluation.scorecard import Z_95

#: Samples shown for either side.
SHOWN_SAMPLES = 10
#: Digits of numbers that are computed here.
DIGITS = 9


@dataclass(frozen=True, slots=True)
class TaskPart:
    """One task of a comparison.

    Attributes:
        champion_raw: the champion's mean loss in the method's unit, over the samples compared.
        lead: relative lead on this task alone; None where it cannot be said.
        group: difference, interval and contribution of the task's samples.
        gain: None once the challenger has won.
    """

    name: str
    weight: float
    champion_raw: float
    challenger_raw: float
    lead: float | None
    group: Group
    gain: Gain | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """A comparison, taken apart; positive numbers speak for the challenger.

    Attributes:
        rule: ``duel`` or ``win_rate``.
        champion: content digest, as is ``challenger``.
        verdict: of a duel; None under the win rate rule.
        won: whether the challenger has shown, or under the win rate rule has, what was needed.
        limits: of a duel, valid at any time; else the 95% interval over the draw of samples.
        needs: what the lead must exceed; below 0 where the challenger was committed first.
        rounds: sync blocks of the rounds compared, oldest first.
        for_challenger: samples that speak most for it, the strongest first.
        for_champion: likewise.
    """

    rule: str
    champion: str
    challenger: str
    verdict: DuelVerdict | None
    won: bool
    lead: float | None
    limits: Limits
    needs: float
    rounds: tuple[int, ...]
    tasks: tuple[TaskPart, ...]
    topics: tuple[Group, ...]
    difficulties: tuple[Group, ...]
    for_challenger: tuple[SamplePair, ...]
    for_champion: tuple[SamplePair, ...]

    @property
    def samples(self) -> int:
        """Samples that both answered."""
        return sum(task.group.samples for task in self.tasks)


def explain_duel(
    competition: Competition,
    settings: DuelSettings,
    state: DuelState,
    rounds: Sequence[ComparedRound],
) -> Explanation:
    """A duel as its verdict left it.

    Args:
        competition: as it stood in the last of the rounds.
        settings: what the duel was judged by.
        state: the duel in its verdict.
        rounds: those whose items are its evidence, oldest first.

    Raises:
        ValueError: the rounds do not hold the duel's items.
    """
    pairs = duel_pairs(competition, settings, rounds, state.tasks)
    if len(pairs) != state.items:
        raise ValueError(
            f"the rounds hold {len(pairs)} items, but the verdict counts {state.items}"
        )
    won = state.verdict is DuelVerdict.CROWN
    gains = {} if won else duel_gains(competition, state, pairs)
    return _explanation(
        competition,
        rounds,
        pairs,
        gains,
        leads={name: task.lead for name, task in state.tasks.items()},
        verdict=state.verdict,
        won=won,
        lead=state.lead,
        limits=state.limits,
        needs=state.needs,
    )


def explain_scores(
    competition: Competition, round_: ComparedRound, champion: Entrant, challenger: Entrant
) -> Explanation:
    """A comparison of two scores under the win rate rule, in one round.

    Args:
        competition: as it stood in that round.
        round_: holds both scorecards.
        champion: of that round.
        challenger: compared with it.

    Raises:
        ValueError: the scorecards hold different samples.
    """
    pairs = score_pairs(competition, round_)
    ours, theirs = round_.champion, round_.challenger
    lead = 1 - theirs.score / ours.score if ours.score else None

    def wins(score: float) -> bool:
        if challenger.block > champion.block:
            premium = competition.epsilon.at(round_.sync_block - champion.block)
            return score < (1 - premium) * ours.score
        if challenger.block < champion.block:
            premium = competition.epsilon.at(round_.sync_block - challenger.block)
            return (1 - premium) * score < ours.score
        return score < ours.score

    won = wins(theirs.score)
    gains = {} if won else score_gains(competition, round_.challenger, wins)
    return _explanation(
        competition,
        [round_],
        pairs,
        gains,
        leads={
            name: 1 - theirs.tasks[name].normalised / task.normalised if task.normalised else None
            for name, task in ours.tasks.items()
        },
        verdict=None,
        won=won,
        lead=None if lead is None else _tidy(lead),
        limits=_score_limits(competition, round_, pairs, lead),
        needs=_tidy(_needed(competition, round_.sync_block, champion, challenger)),
    )


def _explanation(
    competition: Competition,
    rounds: Sequence[ComparedRound],
    pairs: Sequence[SamplePair],
    gains: Mapping[str, Gain],
    *,
    leads: Mapping[str, float | None],
    verdict: DuelVerdict | None,
    won: bool,
    lead: float | None,
    limits: Limits,
    needs: float,
) -> Explanation:
    strongest = sorted(pairs, key=lambda each: -each.part)
    return Explanation(
        rule=competition.rule.kind,
        champion=rounds[-1].champion.submission,
        challenger=rounds[-1].challenger.submission,
        verdict=verdict,
        won=won,
        lead=lead,
        limits=limits,
        needs=needs,
        rounds=tuple(each.sync_block for each in rounds),
        tasks=tuple(
            _task_part(competition, group, pairs, leads[group.name], gains.get(group.name))
            for group in by_task(pairs)
        ),
        topics=tuple(by_topic(pairs)),
        difficulties=tuple(by_difficulty(pairs)),
        for_challenger=tuple(each for each in strongest[:SHOWN_SAMPLES] if each.part > 0),
        for_champion=tuple(each for each in strongest[: -SHOWN_SAMPLES - 1 : -1] if each.part < 0),
    )


def _task_part(
    competition: Competition,
    group: Group,
    pairs: Sequence[SamplePair],
    lead: float | None,
    gain: Gain | None,
) -> TaskPart:
    own = [each for each in pairs if each.task == group.name]
    heaviness = math.fsum(each.champion.weight for each in own)
    return TaskPart(
        name=group.name,
        weight=competition.tasks[group.name].weight,
        champion_raw=math.fsum(each.champion.weight * each.champion.loss for each in own)
        / heaviness,
        challenger_raw=math.fsum(each.champion.weight * each.challenger.loss for each in own)
        / heaviness,
        lead=lead,
        group=group,
        gain=gain,
    )


def _needed(
    competition: Competition, sync_block: int, champion: Entrant, challenger: Entrant
) -> float:
    """The relative lead over the champion's score that wins: epsilon, or less than none at all."""
    if challenger.block > champion.block:
        return competition.epsilon.at(sync_block - champion.block)
    if challenger.block < champion.block:
        premium = competition.epsilon.at(sync_block - challenger.block)
        return -premium / (1 - premium)
    return 0.0


def _score_limits(
    competition: Competition,
    round_: ComparedRound,
    pairs: Sequence[SamplePair],
    lead: float | None,
) -> Limits:
    """The 95% interval of ``1 - S(challenger) / S(champion)`` over the draw of samples.

    By the delta method: of the weighted means of ``(1 - lead) * champion - challenger``.
    """
    if lead is None:
        return Limits(None, 1.0)
    variance = 0.0
    for name in competition.tasks:
        own = [each for each in pairs if each.task == name]
        if len(own) < 2:
            continue
        ours, theirs = round_.champion.tasks[name], round_.challenger.tasks[name]
        steep = steepness(competition.tasks[name], ours, theirs)
        rests = [
            each.weight * steep * ((1 - lead) * each.champion.loss - each.challenger.loss)
            for each in own
        ]
        heaviness = math.fsum(each.weight for each in own)
        mean = math.fsum(rests) / heaviness
        squares = math.fsum(
            (rest - each.weight * mean) ** 2 for rest, each in zip(rests, own, strict=True)
        )
        variance += len(own) / (len(own) - 1) * squares
    half = Z_95 * math.sqrt(variance) / round_.champion.score
    return Limits(_tidy(lead - half), _tidy(lead + half))


def _tidy(value: float) -> float:
    return round(value, DIGITS) + 0.0
