"""How the error rate alpha is spent over duels: which number a duel has, and what that grants it.

A duel opens in the first round that scores its challenger. By the union bound, the
chance that any challenger not ahead by epsilon is ever crowned is at most the sum of what
their duels were granted; ``1 / (j (j + 1))`` adds up to 1 over all j, so that the sum stays
below alpha however many duels are opened.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from palio.competition.model import Budget, DuelRule
from palio.contest.entrants import Entrant
from palio.contest.outcome import Carry, DuelNumber


def duel_numbers(carry: Carry, standing: Iterable[Entrant]) -> dict[str, DuelNumber]:
    """By submission, the number of the duel that it fights or would open in the coming round.

    New duels are numbered in order of commitment, whoever is scored, so that nobody's result
    moves another's number. A number that is not used in the round is given again or skipped.

    Args:
        carry: what earlier rounds left, against the champion of the coming one.
        standing: the round's entrants in order of commitment.
    """
    numbers: dict[str, DuelNumber] = {}
    season, own = carry.opened, dict(carry.opened_by)
    for entrant in standing:
        mark = carry.duels.get(entrant.submission)
        if entrant.submission == carry.champion:
            continue
        if mark is not None:
            if mark.number is not None:
                numbers[entrant.submission] = mark.number
            continue
        season += 1
        own[entrant.participant] = own.get(entrant.participant, 0) + 1
        numbers[entrant.submission] = DuelNumber(season, own[entrant.participant])
    return numbers


def counted(carry: Carry, opened: Mapping[Entrant, DuelNumber]) -> Carry:
    """The carry with the numbers of these duels used up."""
    by = dict(carry.opened_by)
    for entrant, number in opened.items():
        by[entrant.participant] = max(by.get(entrant.participant, 0), number.of_participant)
    season = max((number.of_season for number in opened.values()), default=0)
    return replace(carry, opened=max(carry.opened, season), opened_by=by)


def alpha_for(rule: DuelRule, number: DuelNumber) -> float:
    """The error rate granted to a duel."""
    if rule.budget is Budget.DUEL:
        return rule.alpha
    season = rule.budget is Budget.SEASON
    place = number.of_season if season else number.of_participant
    return rule.alpha / (place * (place + 1))
