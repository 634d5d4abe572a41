"""What a round ends with, and what the next one must remember of it: plain frozen values.

A :class:`Verdict` is written once, digested and signed. Its ``carry`` is all that a
rule remembers, so the next verdict follows from this one, the stored results and
nothing else.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from palio.canonical import digest_of
from palio.contest.duel import DuelState, DuelVerdict, Limits, PairedLosses
from palio.contest.entrants import Entrant, EntrantResult
from palio.evaluation.scorecard import Interval


@dataclass(frozen=True, slots=True)
class RoundFacts:
    """What a round is: its sync block, the seed of that block, and the samples drawn from it."""

    sync_block: int
    seed: int
    samples_digest: str


class Outcome(StrEnum):
    """How a round ended."""

    DECIDED = "decided"
    POSTPONED = "postponed"
    """The sitting champion was not scored; nothing else of the round counts."""
    NO_WINNER = "no winner"
    """Nobody was scored; nothing changes."""


class Status(StrEnum):
    """Where an entrant stands after a round."""

    CHAMPION = "champion"
    DETHRONED = "dethroned"
    OPEN = "open"
    """Its duel goes on."""
    PARKED = "parked"
    """Not ahead by the present epsilon, perhaps by a later one; costs nothing until then."""
    DROPPED = "dropped"
    """Its duel with this champion is over."""
    RANKED = "ranked"
    """Compared by win rate."""
    WAITING = "waiting"
    """Not scored in this round through no fault of its own; nothing counts against it."""
    FAILED = "failed"
    """Not scored through its own fault."""
    COPY = "copy"
    """An earlier entrant committed the same content."""


@dataclass(frozen=True, slots=True)
class WinStanding:
    """An entrant's comparisons under the win rate rule.

    Attributes:
        step_weight: its part of this round's reward.
        average: its moving average after the round.
    """

    wins: int
    opponents: int
    win_rate: float
    step_weight: float
    average: float


@dataclass(frozen=True, slots=True)
class EntrantVerdict:
    """One entrant of a round: its status, its numbers, and a sentence that explains them.

    Attributes:
        score: of this round's scorecard, with its 95% interval; None if there is none.
        code: reason code where the evaluation ended without a scorecard.
        duel: its comparison with the champion, under the duel rule.
        wins: its comparisons with all others, under the win rate rule.
    """

    submission: str
    participant: str
    block: int
    sequence: int
    status: Status
    sentence: str
    score: float | None = None
    interval: Interval | None = None
    code: str | None = None
    duel: DuelState | None = None
    wins: WinStanding | None = None

    @property
    def entrant(self) -> Entrant:
        """Who this is about."""
        return Entrant(self.submission, self.participant, self.block, self.sequence)


@dataclass(frozen=True, slots=True)
class DuelNumber:
    """How many duels were opened up to this one: in the competition, and by its participant."""

    of_season: int
    of_participant: int


@dataclass(frozen=True, slots=True)
class DuelMark:
    """What is remembered of a duel against the sitting champion.

    Attributes:
        rounds: sync blocks of the rounds whose items are its evidence, in order.
        looks: how many looks of each of these rounds count; a duel ends at the look that decides
            it, whether or not more was asked.
        why: the sentence with which it was dropped; empty while it is open.
        number: None if it ended before its first item.
    """

    verdict: DuelVerdict
    rounds: tuple[int, ...]
    limits: Limits
    why: str = ""
    looks: tuple[int, ...] = ()
    number: DuelNumber | None = None


@dataclass(frozen=True, slots=True)
class Carry:
    """All that a rule remembers from round to round.

    Attributes:
        definition: digest of what losses and duels depend on; when the competition changes
            it, evidence gathered before does not count.
        crowned_block: sync block at which the champion was crowned.
        strikes: rounds of this reign that the champion failed by its own fault.
        averages: moving averages by submission, under the win rate rule.
        duels: by challenger, under the duel rule.
        opened: highest number of a duel so far.
        opened_by: by participant, the highest number of a duel of theirs.
    """

    definition: str = ""
    champion: str | None = None
    crowned_block: int | None = None
    strikes: int = 0
    averages: Mapping[str, float] = field(default_factory=dict)
    duels: Mapping[str, DuelMark] = field(default_factory=dict)
    opened: int = 0
    opened_by: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, slots=True)
class PastRound:
    """A challenger's and the champion's losses in one round of their duel.

    ``losses`` are those of the first ``looks`` looks of the round.
    """

    sync_block: int
    looks: int
    losses: PairedLosses


@dataclass(frozen=True, eq=False, slots=True)
class History:
    """What a round's decision needs from earlier rounds; empty before the first."""

    carry: Carry = field(default_factory=Carry)
    past: Mapping[str, tuple[PastRound, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a rule decides about a round; the frame around it is added by ``decide``."""

    outcome: Outcome
    rows: tuple[EntrantVerdict, ...]
    champion: str | None
    shares: Mapping[str, float]
    kept: tuple[str, ...]
    reason: str
    carry: Carry


@dataclass(frozen=True, slots=True)
class Verdict:
    """A round's decision.

    Attributes:
        rule: ``duel`` or ``win_rate``.
        entrants: in order of commitment.
        shares: of the competition's reward, by submission; they add up to 1, or are empty.
        kept: submissions that are evaluated again in the next round as things stand.
        reason: one sentence: why the champion won or stays, or why nothing changes.
    """

    competition: str
    competition_digest: str
    rule: str
    sync_block: int
    seed: int
    samples_digest: str
    outcome: Outcome
    entrants: tuple[EntrantVerdict, ...]
    champion_before: str | None
    champion_after: str | None
    shares: Mapping[str, float]
    kept: tuple[str, ...]
    reason: str
    carry: Carry

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; the seed is written as a decimal string, being wider than JSON numbers."""
        value = asdict(self)
        value["seed"] = str(self.seed)
        return value

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the canonical JSON; what gets signed."""
        return digest_of(self.to_json())


@dataclass(frozen=True, slots=True)
class StoredRound:
    """A decided round as the records hold it: the verdict and the results it was made from."""

    verdict: Verdict
    results: Mapping[str, EntrantResult]
