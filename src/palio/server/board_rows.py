"""The rows of a board: each submission's standing, its scorecard, and the sentence that explains it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from palio.competition.model import Competition
from palio.contest.entrants import Entrant
from palio.contest.outcome import EntrantVerdict, Status, Verdict
from palio.evaluation.scorecard import Interval, Scorecard
from palio.records.rows import Submission, SubmissionState
from palio.server.standings import Standing, measured_against, standings
from palio.server.units import NaturalUnits
from palio.validator.naming import entrant_name, short_names, with_names

#: How the codes of refused copies begin.
COPY_CODES = "E_COPY"

_SUPERSEDED = "was replaced by a later commitment of the same participant"


@dataclass(frozen=True, slots=True)
class LatestCard:
    """A submission's newest scorecard, its digest and the sync block of its round."""

    sync_block: int
    digest: str
    card: Scorecard


@dataclass(frozen=True, slots=True)
class TaskCell:
    """A task's result; ``interval`` is in the natural unit, None if its method is unknown here."""

    natural: float
    unit: str
    interval: Interval | None
    raw: float
    normalised: float
    weighted: float
    samples: int


@dataclass(frozen=True, slots=True)
class Lead:
    """By how much of its loss the champion ``over`` (a content digest) is beaten.

    Attributes:
        limits: they hold at any time; the lower one is None while nothing supports one.
        needs: what the lower limit must exceed.
        items: samples behind it.
        contributions: by task; they add up to the lead.
    """

    value: float | None
    limits: tuple[float | None, float]
    needs: float
    over: str
    items: int
    contributions: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Row:
    """One submission.

    Attributes:
        rank: from 1; None for what is compared with nobody at present.
        name: short and unique on this board; ``entrant`` is ``namespace/name``.
        submission: content digest; None until it was fetched and inspected.
        commitment: digest of the ledger's entry, by which a submission is found.
        status: as in the verdict, or received, admitted, refused, superseded, copy.
        round: sync block of the scorecard shown; None without one.
    """

    rank: int | None
    name: str
    entrant: str
    participant: str
    submission: str | None
    commitment: str
    block: int
    status: str
    code: str | None
    sentence: str
    hint: str | None
    score: float | None = None
    interval: Interval | None = None
    round: int | None = None
    scorecard: str | None = None
    tasks: Mapping[str, TaskCell] = field(default_factory=dict)
    lead: Lead | None = None
    wins: tuple[int, int] | None = None
    share: float = 0.0


class RowMaker:
    """Makes the rows of one board."""

    def __init__(
        self,
        competition: Competition,
        verdicts: Sequence[Verdict],
        scorecards: Mapping[str, LatestCard],
        submissions: Sequence[Submission],
        names: Mapping[str, str],
    ) -> None:
        self._competition = competition
        self._last = verdicts[-1] if verdicts else None
        self._cards = scorecards
        self._submissions = submissions
        self._names = names
        self._short = short_names(submissions)
        self._standings = standings(verdicts)
        self._units = NaturalUnits(competition)

    def rows(self) -> list[Row]:
        """Ranked first, then the unranked, then the refused."""
        places = {entrant: place for place, entrant in enumerate(self._standings)}
        found: list[tuple[int, int, int, int, Row]] = []
        for submission in self._submissions:
            entrant = _entrant_of(submission)
            standing = self._standings.get(entrant) if entrant else None
            row = self._row(submission, standing)
            place = places.get(entrant, len(places)) if entrant else len(places)
            found.append((_group(row), place, submission.block, submission.sequence, row))
        ordered = [row for *_, row in sorted(found, key=lambda each: each[:4])]
        return [
            row if row.rank is None else replace(row, rank=rank)
            for rank, row in enumerate(ordered, start=1)
        ]

    def _row(self, submission: Submission, standing: Standing | None) -> Row:
        if standing is None:
            return self._entered(submission)
        row = standing.row
        is_champion = self._last is not None and row.submission == self._last.champion_after
        superseded = self._is_superseded(submission) and not is_champion
        copied = row.status is Status.COPY
        sentence = with_names(row.sentence, self._names)
        return self._filled(
            submission,
            # Its place among the rows follows once all are there.
            rank=1 if standing.compared and not superseded else None,
            status="superseded" if superseded else str(row.status),
            code=row.code,
            sentence=_SUPERSEDED if superseded else sentence,
            hint=None,
            card=None if copied else self._cards.get(row.submission),
            lead=_lead(row, measured_against(standing.verdict)),
            wins=(row.wins.wins, row.wins.opponents) if row.wins else None,
            share=0.0 if copied or not self._last else self._last.shares.get(row.submission, 0.0),
        )

    def _entered(self, submission: Submission) -> Row:
        """The row of a submission that no verdict speaks of."""
        code = submission.code
        copied = code is not None and code.startswith(COPY_CODES)
        refused = submission.state is SubmissionState.REFUSED
        superseded = self._is_superseded(submission)
        state = SubmissionState.SUPERSEDED if superseded else submission.state
        return self._filled(
            submission,
            rank=None,
            status="copy" if refused and copied else str(state),
            code=code,
            sentence=_SUPERSEDED if superseded else self._why(submission),
            hint=submission.hint,
            card=None if copied else self._cards.get(submission.content_digest or ""),
        )

    def _is_superseded(self, submission: Submission) -> bool:
        """Whether its participant has a later one that is old enough to be evaluated itself."""
        if submission.state is not SubmissionState.ADMITTED or self._last is None:
            return submission.state is SubmissionState.SUPERSEDED
        newest = self._last.sync_block - self._competition.schedule.evaluation_delay_blocks
        return any(
            later.participant == submission.participant
            and later.state is SubmissionState.ADMITTED
            and submission.sequence < later.sequence
            and later.block <= newest
            for later in self._submissions
        )

    def _why(self, submission: Submission) -> str:
        match submission.state:
            case SubmissionState.RECEIVED:
                return f"was committed at block {submission.block:,}; it has not been inspected yet"
            case SubmissionState.ADMITTED:
                block = self._first_round(submission.block)
                return f"is admitted; it can first be evaluated in the round of block {block:,}"
            case _:
                return with_names(submission.message or "is not admissible", self._names)

    def _first_round(self, block: int) -> int:
        schedule = self._competition.schedule
        earliest = max(block + schedule.evaluation_delay_blocks, schedule.genesis_block)
        if self._last is not None:
            earliest = max(earliest, self._last.sync_block + 1)
        sync_block = schedule.sync_block(earliest)
        return sync_block if sync_block >= earliest else sync_block + schedule.cadence_blocks

    def _filled(
        self,
        submission: Submission,
        *,
        rank: int | None,
        status: str,
        code: str | None,
        sentence: str,
        hint: str | None,
        card: LatestCard | None,
        lead: Lead | None = None,
        wins: tuple[int, int] | None = None,
        share: float = 0.0,
    ) -> Row:
        return Row(
            rank=rank,
            name=self._short[submission.commitment],
            entrant=entrant_name(submission),
            participant=submission.participant,
            submission=submission.content_digest,
            commitment=submission.commitment,
            block=submission.block,
            status=status,
            code=code,
            sentence=sentence,
            hint=hint,
            score=card.card.score if card else None,
            interval=card.card.interval if card else None,
            round=card.sync_block if card else None,
            scorecard=card.digest if card else None,
            tasks=task_cells(card.card, self._units) if card else {},
            lead=lead,
            wins=wins,
            share=share,
        )


def task_cells(card: Scorecard, units: NaturalUnits) -> dict[str, TaskCell]:
    """A scorecard's tasks in natural units."""
    return {
        name: TaskCell(
            natural=task.natural,
            unit=task.natural_unit,
            interval=units.interval(name, task),
            raw=task.raw,
            normalised=task.normalised,
            weighted=task.weighted,
            samples=len(task.samples),
        )
        for name, task in card.tasks.items()
    }


def _entrant_of(submission: Submission) -> Entrant | None:
    if submission.content_digest is None:
        return None
    return Entrant(
        submission.content_digest, submission.participant, submission.block, submission.sequence
    )


def _group(row: Row) -> int:
    if row.rank is not None:
        return 0
    return {"superseded": 2, "copy": 3, "refused": 4}.get(row.status, 1)


def _lead(row: EntrantVerdict, over: str | None) -> Lead | None:
    if row.duel is None or over is None:
        return None
    return Lead(
        value=row.duel.lead,
        limits=(row.duel.limits.low, row.duel.limits.high),
        needs=row.duel.needs,
        over=over,
        items=row.duel.items,
        contributions={name: task.contribution for name, task in row.duel.tasks.items()},
    )
