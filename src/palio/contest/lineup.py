"""Who is evaluated in a round: the champion, open comparisons, newcomers, and deserved retries.

An entrant that is left out costs nothing and loses nothing; its standing stays as it is.
"""

from collections.abc import Iterable, Mapping, Sequence

from palio.competition.model import Competition, WinRateRule
from palio.contest.duel import DuelVerdict
from palio.contest.entrants import Entrant, sort_out
from palio.contest.outcome import Carry, Outcome, StoredRound
from palio.contest.paired import definition_of
from palio.contest.rows import failed_by_itself
from palio.contest.shares import Attempt, deserves_retry
from palio.evaluation.scorecard import Scorecard


def lineup(
    competition: Competition,
    sync_block: int,
    entrants: Iterable[Entrant],
    rounds: Sequence[StoredRound],
) -> tuple[Entrant, ...]:
    """The entrants to evaluate, in order of commitment.

    Args:
        competition: as it stands at the round.
        sync_block: the round's.
        entrants: everybody admitted and committed early enough.
        rounds: all earlier rounds of the competition, oldest first.
    """
    standing = sort_out(entrants, sync_block).standing
    if not rounds:
        return standing
    if isinstance(competition.rule, WinRateRule):
        return _by_win_rate(competition, competition.rule, sync_block, standing, rounds)
    return _by_duel(competition, sync_block, standing, rounds[-1].verdict.carry)


def _by_duel(
    competition: Competition, sync_block: int, standing: Sequence[Entrant], carry: Carry
) -> tuple[Entrant, ...]:
    """Everybody but the dropped, and the parked for whom epsilon is still too large."""
    if carry.definition != definition_of(competition):
        return tuple(standing)
    crowned = carry.crowned_block if carry.crowned_block is not None else sync_block
    epsilon = competition.epsilon.at(sync_block - crowned)

    def meets(entrant: Entrant) -> bool:
        mark = carry.duels.get(entrant.submission)
        if mark is None or mark.verdict is DuelVerdict.GO_ON:
            return True
        return mark.verdict is DuelVerdict.PARK and epsilon < mark.limits.high

    return tuple(each for each in standing if meets(each))


def _by_win_rate(
    competition: Competition,
    rule: WinRateRule,
    sync_block: int,
    standing: Sequence[Entrant],
    rounds: Sequence[StoredRound],
) -> tuple[Entrant, ...]:
    kept = set(rounds[-1].verdict.kept)
    attempts = _attempts(rounds)
    return tuple(
        each
        for each in standing
        if each.submission in kept
        or deserves_retry(rule, competition.epsilon, attempts.get(each.submission, ()), sync_block)
    )


def _attempts(rounds: Sequence[StoredRound]) -> Mapping[str, list[Attempt]]:
    """What came of each submission's evaluations; the platform's own faults are left out."""
    found: dict[str, list[Attempt]] = {}
    for each in rounds:
        if each.verdict.outcome is Outcome.POSTPONED:
            continue
        champion = each.verdict.champion_after
        winner = each.results.get(champion) if champion is not None else None
        winner_score = winner.score if isinstance(winner, Scorecard) else None
        winner_block = next(
            (row.block for row in each.verdict.entrants if row.submission == champion), None
        )
        for name, result in each.results.items():
            if isinstance(result, Scorecard):
                score: float | None = result.score
            elif failed_by_itself(result):
                score = None
            else:
                continue
            found.setdefault(name, []).append(Attempt(score, winner_score, winner_block))
    return found
