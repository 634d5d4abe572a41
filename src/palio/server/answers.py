"""What the HTTP API answers: typed, so that the description of the API is complete."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from palio.evaluation.scorecard import Interval


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Problem(_Answer):
    """Why there is no answer, in one sentence."""

    detail: str


class CompetitionSummary(_Answer):
    """A competition at a glance."""

    name: str
    id: str = Field(description="Short id that stands in commitments.")
    description: str
    rounds: int = Field(description="Rounds so far, whatever their state.")
    entrants: int = Field(description="Submissions that name this competition.")
    champion: str | None = Field(description="Content digest of the champion.")
    champion_name: str | None
    last_sync_block: int | None


class CompetitionDefinition(_Answer):
    """A competition as it stands at a block."""

    name: str
    block: int | None = Field(description="Block asked for; null for the newest definition.")
    digest: str = Field(description="Names exactly this definition.")
    definition: dict[str, Any] = Field(description="All keys, defaults included.")


class RoundSummary(_Answer):
    """A round at a glance."""

    competition: str
    sync_block: int
    state: str = Field(description="open, decided or postponed.")
    reason: str | None = Field(description="Why it waits, or how it ended.")
    outcome: str | None = Field(description="Of the verdict: decided, postponed or no winner.")
    champion: str | None
    opened_at: datetime
    closed_at: datetime | None


class RoundDetail(RoundSummary):
    """A round with its verdict and all that it rests on."""

    seed: str = Field(description="Decimal; wider than JSON numbers.")
    competition_digest: str
    samples_digest: str | None
    verdict_digest: str | None
    verdict: dict[str, Any] | None
    evidence: dict[str, str] = Field(description="Paths of evidence files by what they hold.")
    scorecards: dict[str, str] = Field(description="Scorecard digest by submission.")


class EvaluationSummary(_Answer):
    """What came of a submission in one round."""

    sync_block: int
    state: str
    score: float | None
    scorecard: str | None = Field(description="Digest; see /api/v1/scorecards/{digest}.")
    fault: str | None = Field(description="participant, platform or data.")
    code: str | None
    message: str | None
    hint: str | None
    attempts: int


class SubmissionDetail(_Answer):
    """A submission and all that became of it."""

    commitment: str
    competition: str | None
    entrant: str
    participant: str
    block: int
    line: str
    submission: str | None = Field(description="Content digest, once it was inspected.")
    state: str
    status: str | None = Field(description="On the board.")
    rank: int | None
    interval: Interval | None = Field(description="95% interval of the newest score.")
    code: str | None
    sentence: str | None
    hint: str | None
    evaluations: list[EvaluationSummary]


class LedgerHead(_Answer):
    """The newest sealed block."""

    ledger: str
    block: int
    hash: str
    time: datetime
