"""Where each entrant stands after all rounds so far, and who ranks before whom."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from palio.contest.entrants import Entrant
from palio.contest.outcome import EntrantVerdict, Outcome, Status, Verdict

#: How those that are compared with nobody follow one another at the end of a board.
_UNRANKED = (Status.OPEN, Status.PARKED, Status.RANKED, Status.WAITING, Status.DROPPED)


@dataclass(frozen=True, slots=True)
class Standing:
    """An entrant's latest row, and the verdict in which it stands.

    Attributes:
        compared: whether its numbers can be set beside those of the last decided round.
    """

    row: EntrantVerdict
    verdict: Verdict
    compared: bool


def standings(verdicts: Sequence[Verdict]) -> dict[Entrant, Standing]:
    """The standing of everyone who ever took part, best first.

    A round that was postponed or had no winner changes nothing, so earlier rows outlive it.

    Args:
        verdicts: of all rounds, oldest first.
    """
    latest: dict[Entrant, tuple[EntrantVerdict, Verdict]] = {}
    for verdict in verdicts:
        for row in verdict.entrants:
            known = latest.get(row.entrant)
            if known is None or _replaces(row, verdict, known[1]):
                latest[row.entrant] = (row, verdict)
    last = _last(verdicts)
    champion = verdicts[-1].champion_after if verdicts else None
    compared = [one for one in latest.values() if _is_compared(one, last, champion)]
    others = [one for one in latest.values() if one not in compared]
    compared.sort(key=lambda one: _merit(one[0], champion))
    others.sort(key=lambda one: _later(one[0]))
    ahead = {row.entrant: Standing(row, verdict, True) for row, verdict in compared}
    return ahead | {row.entrant: Standing(row, verdict, False) for row, verdict in others}


def measured_against(verdict: Verdict) -> str | None:
    """The champion over which a verdict's leads are: the one that its duels were fought with."""
    dethroned = (row for row in verdict.entrants if row.status is Status.DETHRONED)
    former = next(dethroned, None)
    return verdict.champion_after if former is None else former.submission


def _replaces(row: EntrantVerdict, verdict: Verdict, earlier: Verdict) -> bool:
    """Whether a row says more of where an entrant stands than its row of an earlier round."""
    if not _counts(verdict):
        return not _counts(earlier)
    absent = row.score is None and row.code is None
    if absent and row.status in (Status.WAITING, Status.DROPPED):
        # Not evaluated again: against the same champion its earlier numbers still stand.
        return measured_against(verdict) != measured_against(earlier)
    return True


def _counts(verdict: Verdict) -> bool:
    return verdict.outcome is Outcome.DECIDED


def _last(verdicts: Iterable[Verdict]) -> Verdict | None:
    return next((each for each in reversed(list(verdicts)) if _counts(each)), None)


def _is_compared(
    one: tuple[EntrantVerdict, Verdict], last: Verdict | None, champion: str | None
) -> bool:
    """Whether the row's numbers can be set beside those of the last decided round."""
    row, verdict = one
    if last is None or row.status is Status.COPY:
        return False
    if row.submission == champion:
        return True
    if row.wins is not None:
        return verdict is last
    if row.status is not Status.DETHRONED and (row.duel is None or row.duel.lead is None):
        return False
    return measured_against(verdict) == measured_against(last)


def _merit(
    row: EntrantVerdict, champion: str | None
) -> tuple[float, float, float, tuple[int, int]]:
    order = (row.block, row.sequence)
    if row.submission == champion:
        return (0.0, 0.0, 0.0, order)
    if row.wins is not None:
        return (1.0, -row.wins.wins, row.score or 0.0, order)
    # A dethroned champion's lead over itself is 0.
    lead = row.duel.lead if row.duel is not None and row.duel.lead is not None else 0.0
    return (1.0, -lead, 0.0, order)


def _later(row: EntrantVerdict) -> tuple[int, int, int]:
    place = _UNRANKED.index(row.status) if row.status in _UNRANKED else len(_UNRANKED)
    return (place, row.block, row.sequence)
