"""What the records give out: frozen rows, free of any database session."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from palio.errors import Fault


class SubmissionState(StrEnum):
    """What has become of a submission."""

    RECEIVED = "received"
    """Seen on the ledger; not looked at yet."""
    ADMITTED = "admitted"
    """Fetched, inspected and found admissible."""
    REFUSED = "refused"
    """Not admissible; code, message and hint say why."""
    SUPERSEDED = "superseded"
    """Replaced by a later commitment of the same participant."""


class RoundState(StrEnum):
    """How far a round has got."""

    OPEN = "open"
    DECIDED = "decided"
    POSTPONED = "postponed"
    """Waits, for instance for data; it is tried again."""


class EvaluationState(StrEnum):
    """How far an evaluation has got."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    """Ended without a score; final only where the fault is the participant's."""


@dataclass(frozen=True, slots=True)
class NewSubmission:
    """A commitment as found on the ledger; the parsed fields are None if the line is malformed.

    Attributes:
        commitment: digest of the ledger's entry.
        sequence: the entry's position on the ledger.
    """

    commitment: str
    line: str
    participant: str
    block: int
    sequence: int
    competition_id: str | None = None
    namespace: str | None = None
    name: str | None = None
    commit: str | None = None
    secure_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """A submission and what became of it; ``content_digest`` is known once it was inspected."""

    id: int
    commitment: str
    line: str
    participant: str
    block: int
    sequence: int
    competition_id: str | None
    namespace: str | None
    name: str | None
    commit: str | None
    secure_hash: str | None
    content_digest: str | None
    weights_digest: str | None
    state: SubmissionState
    code: str | None
    message: str | None
    hint: str | None
    evidence: Mapping[str, Any] | None
    received_at: datetime
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class Round:
    """A round; ``definition`` is the resolved competition as JSON."""

    id: int
    competition: str
    sync_block: int
    seed: int
    competition_digest: str
    definition: Mapping[str, Any]
    samples_digest: str | None
    samples_evidence: str | None
    state: RoundState
    reason: str | None
    opened_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A submission's evaluation in a round.

    Attributes:
        submission: content digest of the submission.
        scorecard: digest of the scorecard, which is also its evidence file's name.
        attempts: how often it was tried, the last one included.
        seconds: spent on all attempts together.
    """

    id: int
    round_id: int
    submission_id: int
    submission: str | None
    state: EvaluationState
    scorecard: str | None
    score: float | None
    fault: Fault | None
    code: str | None
    message: str | None
    hint: str | None
    attempts: int
    seconds: float
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class RecordedVerdict:
    """A round's verdict as it was decided; champions are content digests."""

    round_id: int
    competition: str
    sync_block: int
    verdict: Mapping[str, Any]
    digest: str
    champion_before: str | None
    champion_after: str | None
    decided_at: datetime
    published_at: datetime | None


@dataclass(frozen=True, slots=True)
class Reign:
    """A champion and the round that crowned it."""

    champion: str
    sync_block: int
    verdict: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class BoardRow:
    """A submission with its evaluation in the round shown, if it took part in it."""

    submission: Submission
    evaluation: Evaluation | None
