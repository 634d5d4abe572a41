"""A verdict as the rows of a board, best first, and what of their order is sure.

Under the duel rule every challenger of a round has joint limits to its lead over the same
champion, and all of them hold together. So "surely ahead" may be read off for every
pair at once: the one's lower limit exceeds the other's upper limit.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from palio.contest.duel import Limits
from palio.contest.outcome import EntrantVerdict, Status, Verdict
from palio.evaluation.scorecard import Interval

_UNRANKED = (Status.DROPPED, Status.WAITING, Status.FAILED, Status.COPY)


class Span(NamedTuple):
    """Ranks, both counted from 1 and included."""

    best: int
    worst: int


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the board.

    Attributes:
        rank: from 1; None for an entrant that this round compares with nobody.
        lead: over the champion the round began with, and its limits; None outside a duel.
        span: best and worst rank that can be true; all rows' spans hold together. None outside
            the duel rule.
        group: tie group, from 1; nobody in a group is surely ahead of another in it.
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
    span: Span | None = None
    group: int | None = None


def ranking(verdict: Verdict) -> tuple[Row, ...]:
    """The champion, then all that were compared, by lead or by wins, then the rest by status.

    Equals stand in order of commitment.
    """
    ordered = sorted(verdict.entrants, key=_standing)
    limits = _joint_limits(verdict)
    spans, groups = rank_spans(limits), tie_groups(limits)
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
                span=spans.get(entrant.submission) if earns else None,
                group=groups.get(entrant.submission) if earns else None,
            )
        )
    return tuple(rows)


def rank_spans(limits: Mapping[str, Limits]) -> dict[str, Span]:
    """The ranks that are possible for each, given limits that all hold."""
    lows = sorted(_low(each) for each in limits.values())
    highs = sorted(each.high for each in limits.values())
    return {
        name: Span(
            # Nobody's lower limit exceeds its own upper one, so nobody is ahead of itself.
            best=1 + len(lows) - bisect_right(lows, own.high),
            worst=len(highs) - bisect_left(highs, _low(own)),
        )
        for name, own in limits.items()
    }


def tie_groups(limits: Mapping[str, Limits]) -> dict[str, int]:
    """Groups from 1: whom nobody left is surely ahead of comes next.

    In order of their upper limits, a group ends where one lies under the highest lower
    limit of those that are left.
    """
    left = sorted(limits, key=lambda name: -limits[name].high)
    groups: dict[str, int] = {}
    # Highest lower limit from each place on.
    bars = list(accumulate((_low(limits[name]) for name in reversed(left)), max))[::-1]
    group, bar = 0, math.inf
    for place, name in enumerate(left):
        if limits[name].high < bar:
            group, bar = group + 1, bars[place]
        groups[name] = group
    return groups


def _joint_limits(verdict: Verdict) -> dict[str, Limits]:
    """Of everyone compared by duel; the champion the round began with leads itself by 0."""
    limits = {
        each.submission: each.duel.joint
        for each in verdict.entrants
        if each.duel is not None and each.status is not Status.COPY
    }
    itself = [
        each.submission
        for each in verdict.entrants
        if each.status in (Status.CHAMPION, Status.DETHRONED) and each.duel is None
    ]
    if verdict.rule == "duel":
        limits.update(dict.fromkeys(itself, Limits(0.0, 0.0)))
    return limits


def _low(limits: Limits) -> float:
    return -math.inf if limits.low is None else limits.low


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
