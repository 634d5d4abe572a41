"""From the tables' objects, bound to a session, to the frozen rows that leave this room."""

from dataclasses import fields
from typing import Any

from palio.errors import Fault
from palio.records.rows import (
    Evaluation,
    EvaluationState,
    RecordedVerdict,
    Round,
    RoundState,
    Submission,
    SubmissionState,
)
from palio.records.tables import EvaluationTable, RoundTable, SubmissionTable, VerdictTable


def submission_row(found: SubmissionTable) -> Submission:
    """The submission as it is now."""
    return Submission(**_columns(Submission, found, "state"), state=SubmissionState(found.state))


def round_row(found: RoundTable) -> Round:
    """The round as it is now."""
    return Round(
        **_columns(Round, found, "state", "seed"),
        state=RoundState(found.state),
        seed=int(found.seed),
    )


def evaluation_row(found: EvaluationTable) -> Evaluation:
    """The evaluation as it is now, with its submission's content digest."""
    return Evaluation(
        **_columns(Evaluation, found, "state", "fault", "submission"),
        state=EvaluationState(found.state),
        fault=Fault(found.fault) if found.fault else None,
        submission=found.submission.content_digest,
    )


def verdict_row(found: VerdictTable) -> RecordedVerdict:
    """The verdict with the round it belongs to."""
    return RecordedVerdict(
        **_columns(RecordedVerdict, found, "competition", "sync_block"),
        competition=found.round.competition,
        sync_block=found.round.sync_block,
    )


def _columns(row: type, found: object, *converted: str) -> dict[str, Any]:
    names = (field.name for field in fields(row) if field.name not in converted)
    return {name: getattr(found, name) for name in names}
