"""Exact copies: the same content or the same weights as an earlier commitment's."""

from collections.abc import Sequence
from dataclasses import dataclass

from palio.errors import SubmissionRejected
from palio.submissions.inspection import Inspection
from palio.submissions.refusals import rejected, shown


@dataclass(frozen=True, slots=True)
class KnownSubmission:
    """An admitted submission to compare with.

    Attributes:
        submission: its content digest.
        weights_digest: as in :class:`Inspection`.
        participant: the participant's address.
        block: block of the commitment; ``sequence`` orders commitments of one block.
    """

    submission: str
    weights_digest: str
    participant: str
    block: int
    sequence: int = 0


def find_copy(inspection: Inspection, earlier: Sequence[KnownSubmission]) -> KnownSubmission | None:
    """The earliest of ``earlier`` with the same files or the same tensors; None if there is none.

    The caller passes only commitments made before the one inspected, and decides whether a
    participant may repeat an own model.
    """
    same = (
        known
        for known in earlier
        if known.submission == inspection.content_digest
        or known.weights_digest == inspection.weights_digest
    )
    return min(same, key=lambda known: (known.block, known.sequence), default=None)


def copy_refusal(original: KnownSubmission) -> SubmissionRejected:
    """``E_COPY_EXACT``, naming the original."""
    return rejected(
        "E_COPY_EXACT",
        f"{original.submission[:12]} of {shown(original.participant)}, block {original.block}",
        original=original.submission,
        participant=shown(original.participant),
        block=original.block,
    )
