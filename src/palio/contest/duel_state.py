"""What a duel is made of, and where it stands: plain frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class DuelVerdict(StrEnum):
    """What the items so far decide."""

    CROWN = "crown"
    DROP = "drop"
    PARK = "park"
    GO_ON = "go on"


class DuelItem(NamedTuple):
    """One sample's losses in baseline units (the published baseline loses 1); at least 0."""

    task: str
    champion_loss: float
    challenger_loss: float


@dataclass(frozen=True, slots=True)
class Limits:
    """Between which leads the truth lies; ``low`` is None while the items give no lower limit."""

    low: float | None
    high: float


@dataclass(frozen=True, slots=True)
class TaskLead:
    """One task's part in a duel.

    Attributes:
        lead: relative lead on this task alone; None without items.
        limits: of this task's lead, at the error rates of the duel.
        contribution: its part of the duel's lead; the contributions add up to it.
    """

    lead: float | None
    limits: Limits
    contribution: float
    items: int


@dataclass(frozen=True, slots=True)
class DuelState:
    """Where a duel stands.

    Attributes:
        lead: by how much of its loss the champion is beaten, weighted over tasks; None if it
            cannot be said.
        limits: with errors of ``alpha`` below and beta above.
        joint: wider limits, which hold together for all challengers of the round.
        needs: the lead that must be exceeded now (epsilon).
        alpha: error rate granted to this duel; evidence of ``1 / alpha`` proves a lead.
        log_evidence_up: natural logarithm of the evidence that the lead exceeds ``needs``.
        log_evidence_down: of the evidence that it is below the smallest epsilon plus zone.
        items: pairs seen, over all rounds of the duel.
        held_back: guarded tasks with a shown regression, which alone refuse it the crown.
    """

    verdict: DuelVerdict
    lead: float | None
    limits: Limits
    joint: Limits
    needs: float
    alpha: float
    log_evidence_up: float
    log_evidence_down: float
    items: int
    tasks: Mapping[str, TaskLead]
    held_back: tuple[str, ...] = ()
