"""A verdict as the rows of a board, best first."""

from dataclasses import dataclass

from palio.contest.duel import Limits
from palio.contest.outcome import EntrantVerdict, Status, Verdict
from palio.evaluation.scorecard import Interval

_UNRANKED = (Status.DROPPED, Status.WAITING, Status.FAILED, Status.COPY)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the board.

    Attributes:
        rank: from 1; None for an entrant that this round compares with nobody.
        lead: over the champion the round began with, and its limits; None outside a duel.
        share: of the competition's reward.
    """

    rank: int | None
    submission: str
    participant: str
    status: Status
    sentence: str
    score: float | None
    interval: Interval | None
    lead: float | None
    limits: Limits | None
    share: float


def ranking(verdict: Verdict) -> tuple[Row, ...]:
    """The champion, then all that were compared, by lead or by wins, then the rest by status.

    Equals stand in order of commitment.
    """
    ordered = sorted(verdict.entrants, key=_standing)
    rows = []
    for place, entrant in enumerate(ordered, start=1):
        ranked = _is_compared(entrant)
        earns = entrant.status is not Status.COPY
        rows.append(
            Row(
                rank=place if ranked else None,
                submission=entrant.submission,
                participant=entrant.participant,
                status=entrant.status,
                sentence=entrant.sentence,
                score=entrant.score,
                interval=entrant.interval,
                lead=entrant.duel.lead if entrant.duel else None,
                limits=entrant.duel.limits if entrant.duel else None,
                share=verdict.shares.get(entrant.submission, 0.0) if earns else 0.0,
            )
        )
    return tuple(rows)


def _is_compared(entrant: EntrantVerdict) -> bool:
    return (
        entrant.status in (Status.CHAMPION, Status.DETHRONED)
        or entrant.duel is not None
        or entrant.wins is not None
    )


def _standing(entrant: EntrantVerdict) -> tuple[int, float, float, tuple[int, int, str, str]]:
    order = entrant.entrant.order
    if entrant.status is Status.CHAMPION:
        return (0, 0.0, 0.0, order)
    if not _is_compared(entrant):
        after = _UNRANKED.index(entrant.status) if entrant.status in _UNRANKED else 0
        return (2 + after, 0.0, 0.0, order)
    if entrant.wins is not None:
        return (1, -entrant.wins.wins, entrant.score or 0.0, order)
    if entrant.duel is None:
        # Leads are over the champion that was dethroned, so its own is 0.
        return (1, 0.0, 0.0, order)
    lead = entrant.duel.lead
    return (1, float("inf") if lead is None else -lead, 0.0, order)
