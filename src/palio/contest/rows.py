"""The rows of entrants that no rule compares: copies, latecomers, the absent and the failed."""

from collections.abc import Mapping

from palio.contest.entrants import Entrant, EntrantResult, Field
from palio.contest.outcome import EntrantVerdict, Status
from palio.errors import Fault
from palio.evaluation.scorecard import Scorecard, Unscored


def failed_by_itself(result: EntrantResult | None) -> bool:
    """Whether an entrant without a valid scorecard has only itself to blame.

    A scorecard counts here too: one that is not valid holds a number that is not finite.
    """
    if isinstance(result, Unscored):
        return result.fault is Fault.PARTICIPANT
    return result is not None


def row(
    entrant: Entrant, status: Status, sentence: str, card: Scorecard | None = None
) -> EntrantVerdict:
    """A row with who, status and sentence, and the score where there is a valid one."""
    return EntrantVerdict(
        submission=entrant.submission,
        participant=entrant.participant,
        block=entrant.block,
        sequence=entrant.sequence,
        status=status,
        sentence=sentence,
        score=None if card is None else card.score,
        interval=None if card is None else card.interval,
    )


def unscored_row(entrant: Entrant, result: EntrantResult | None) -> EntrantVerdict:
    """The row of an entrant that has no valid scorecard in the round."""
    code: str | None = None
    match result:
        case Unscored(message=message, fault=Fault.PARTICIPANT):
            code = result.code
            status, sentence = Status.FAILED, f"was not scored: {message}"
        case Unscored(message=message):
            code = result.code
            status = Status.WAITING
            sentence = f"was not scored through no fault of its own: {message}; will be tried again"
        case Scorecard():
            code = "E_RT_NONFINITE"
            status, sentence = Status.FAILED, "was not scored: a loss is not a finite number"
        case _:
            status, sentence = Status.WAITING, "was not evaluated in this round"
    return EntrantVerdict(
        submission=entrant.submission,
        participant=entrant.participant,
        block=entrant.block,
        sequence=entrant.sequence,
        status=status,
        sentence=sentence,
        code=code,
    )


def outside_rows(field: Field) -> list[EntrantVerdict]:
    """Rows of the entrants that take no part: copies, and those committed after the seed."""
    owners = {entrant.submission: entrant for entrant in field.standing}
    copies = [
        row(
            entrant,
            Status.COPY,
            "holds the same content as the submission that "
            f"{owners[entrant.submission].participant} committed at block "
            f"{owners[entrant.submission].block}; only the earliest counts",
        )
        for entrant in field.copies
    ]
    late = [
        row(
            entrant,
            Status.WAITING,
            f"was committed at block {entrant.block}, after this round's samples were decided",
        )
        for entrant in field.late
    ]
    return copies + late


def unchanged_rows(
    field: Field, cards: Mapping[str, Scorecard], results: Mapping[str, EntrantResult]
) -> list[EntrantVerdict]:
    """Rows of a round that changes nothing."""
    return [
        row(entrant, Status.WAITING, "was scored, but the round is postponed", card)
        if (card := cards.get(entrant.submission)) is not None
        else unscored_row(entrant, results.get(entrant.submission))
        for entrant in field.standing
    ] + outside_rows(field)
