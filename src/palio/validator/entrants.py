"""Which admitted submissions take part in a round."""

from collections.abc import Iterable

from palio.competition.model import Competition
from palio.contest.entrants import Entrant
from palio.records.rows import Submission, SubmissionState


def candidates(
    competition: Competition,
    submissions: Iterable[Submission],
    sync_block: int,
    champion: str | None,
) -> tuple[Entrant, ...]:
    """Each participant's newest admitted submission of before the evaluation delay, and the champion.

    A later commitment replaces an earlier one once it is old enough to be evaluated itself; it
    never takes the crown away from a champion that its participant has moved on from.
    """
    newest: dict[str, Submission] = {}
    sitting: Submission | None = None
    delay = competition.schedule.evaluation_delay_blocks
    for each in sorted(submissions, key=lambda one: one.sequence):
        if each.state is not SubmissionState.ADMITTED or each.block + delay > sync_block:
            continue
        newest[each.participant] = each
        if each.content_digest == champion and sitting is None:
            sitting = each
    chosen = {each.id: each for each in newest.values()}
    if sitting is not None:
        chosen[sitting.id] = sitting
    return tuple(entrant_of(each) for each in sorted(chosen.values(), key=lambda one: one.sequence))


def entrant_of(submission: Submission) -> Entrant:
    """The contest's view of an admitted submission."""
    assert submission.content_digest is not None, "an admitted submission has a content digest"
    return Entrant(
        submission=submission.content_digest,
        participant=submission.participant,
        block=submission.block,
        sequence=submission.sequence,
    )
