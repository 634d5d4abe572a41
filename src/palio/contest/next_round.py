"""Who is worth evaluating in the coming round, from the verdicts so far alone.

An entrant that is left out costs nothing and loses nothing; its standing stays as it is.
"""

from collections.abc import Iterable, Sequence

from palio.competition.model import Competition, WinRateRule
from palio.contest.duel import DuelVerdict
from palio.contest.entrants import Entrant, sort_out
from palio.contest.outcome import Carry, EntrantVerdict, Outcome, Status, Verdict
from palio.contest.paired import definition_of
from palio.contest.shares import Attempt, deserves_retry

#: Rounds in a row that an entrant without a duel may fail by its own fault.
FAILED_TRIES = 2


def worth_evaluating(
    competition: Competition,
    verdicts: Sequence[Verdict],
    candidates: Iterable[Entrant],
    sync_block: int,
) -> tuple[Entrant, ...]:
    """The candidates to evaluate at ``sync_block``, in order of commitment; maybe none.

    Under the duel rule: the champion, and everyone whose duel with it is not over and not
    parked at the coming epsilon; nobody if no such challenger is left. Under the win rate
    rule: those kept by the last verdict, and those the retry rule grants another evaluation.

    Args:
        competition: as it stands at the coming round.
        verdicts: all earlier ones of the competition, oldest first.
        candidates: admissible submissions; copies and late commitments are left out here.
        sync_block: the coming round's.
    """
    standing = sort_out(candidates, sync_block).standing
    rule = competition.rule
    if isinstance(rule, WinRateRule):
        # The champion is always asked: a round without it is postponed, and it may hold the crown
        # with an average that no longer keeps it.
        kept = (*verdicts[-1].kept, verdicts[-1].champion_after) if verdicts else ()
        return tuple(
            each
            for each in standing
            if each.submission in kept
            or deserves_retry(
                rule, competition.epsilon, attempts_of(verdicts, each.submission), sync_block
            )
        )
    carry = verdicts[-1].carry if verdicts else Carry()
    wanted = {
        each.submission
        for each in standing
        if each.submission != carry.champion
        and _may_still_win(competition, carry, verdicts, each.submission, sync_block)
    }
    if not wanted:
        return ()
    return tuple(
        each for each in standing if each.submission in wanted or each.submission == carry.champion
    )


def attempts_of(verdicts: Iterable[Verdict], submission: str) -> list[Attempt]:
    """A submission's earlier evaluations, oldest first, as the retry rule counts them.

    The platform's own faults and postponed rounds are left out.
    """
    attempts = []
    for verdict in verdicts:
        own = _row(verdict, submission)
        if own is None or verdict.outcome is Outcome.POSTPONED:
            continue
        if own.score is None and own.status is not Status.FAILED:
            continue
        winner = _row(verdict, verdict.champion_after)
        attempts.append(
            Attempt(
                score=own.score,
                winner_score=None if winner is None else winner.score,
                winner_block=None if winner is None else winner.block,
            )
        )
    return attempts


def _may_still_win(
    competition: Competition,
    carry: Carry,
    verdicts: Sequence[Verdict],
    submission: str,
    sync_block: int,
) -> bool:
    same = carry.definition == definition_of(competition)
    mark = carry.duels.get(submission) if same else None
    if mark is None:
        attempts = attempts_of(verdicts, submission)[-FAILED_TRIES:]
        return len(attempts) < FAILED_TRIES or any(each.score is not None for each in attempts)
    if mark.verdict is DuelVerdict.PARK:
        age = sync_block - (sync_block if carry.crowned_block is None else carry.crowned_block)
        return mark.limits.high > competition.epsilon.at(age)
    return mark.verdict is DuelVerdict.GO_ON


def _row(verdict: Verdict, submission: str | None) -> EntrantVerdict | None:
    return next(
        (
            each
            for each in verdict.entrants
            if each.submission == submission and each.status is not Status.COPY
        ),
        None,
    )
