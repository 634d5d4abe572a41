"""The board: who leads a competition, by how much, and why; made from verdicts and scorecards.

``board_of`` is pure. A row holds everything that is shown of a submission: its last
standing, its last scorecard in natural units, and the sentence that explains both.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from palio.competition.model import Competition, DuelRule
from palio.contest.outcome import Outcome, Status, Verdict
from palio.records.rows import Submission
from palio.server.board_rows import LatestCard, Row, RowMaker
from palio.validator.naming import names_by_digest, with_names


@dataclass(frozen=True, slots=True)
class TaskHead:
    """A column of the board; ``unit`` is the natural one."""

    name: str
    weight: float
    unit: str


@dataclass(frozen=True, slots=True)
class RoundHead:
    """The last round, and how it ended."""

    sync_block: int
    seed: str
    samples_digest: str
    outcome: str
    verdict: str


@dataclass(frozen=True, slots=True)
class HistoryPoint:
    """A round of the past: its champion, and the score of everyone who was scored, by digest."""

    sync_block: int
    outcome: str
    champion: str | None
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Board:
    """Everything that is shown of a competition at one moment.

    Attributes:
        champion: content digest of the champion, if there is one.
        reason: how the last round ended, in one sentence.
        crowned_because: how the champion's reign began, in one sentence; empty without one.
        last_round: None before the first one is decided.
        tasks: the heaviest first.
        names: what each submission is called, by content digest.
    """

    competition: str
    id: str
    description: str
    definition: str
    rule: str
    rule_in_words: str
    rounds_played: int
    last_round: RoundHead | None
    champion: str | None
    champion_name: str | None
    crowned_at_block: int | None
    crowned_because: str
    reason: str
    tasks: tuple[TaskHead, ...]
    rows: tuple[Row, ...]
    history: tuple[HistoryPoint, ...]
    names: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON: what ``palio board --json`` prints and the API answers."""
        return asdict(self)


def board_of(
    competition: Competition,
    verdicts: Sequence[Verdict],
    scorecards: Mapping[str, LatestCard],
    submissions: Iterable[Submission],
) -> Board:
    """The board of a competition.

    Args:
        competition: as it stands now, or at its last round.
        verdicts: of all its rounds, oldest first.
        scorecards: the newest of each submission, by content digest.
        submissions: all that name this competition, admitted or not.
    """
    entered = sorted(submissions, key=lambda each: (each.block, each.sequence))
    names = names_by_digest(entered)
    last = verdicts[-1] if verdicts else None
    champion = last.champion_after if last else None
    crowning = _crowning(verdicts, champion)
    return Board(
        competition=competition.name,
        id=competition.id,
        description=competition.description,
        definition=last.competition_digest if last else competition.digest,
        rule=competition.rule.kind,
        rule_in_words=rule_in_words(competition),
        rounds_played=sum(each.outcome is Outcome.DECIDED for each in verdicts),
        last_round=_round_head(last) if last else None,
        champion=champion,
        champion_name=names.get(champion) if champion else None,
        crowned_at_block=crowning.sync_block if crowning else None,
        crowned_because=with_names(crowning.reason, names) if crowning else "",
        reason=with_names(last.reason, names) if last else "No round has been decided yet.",
        tasks=_task_heads(competition, scorecards),
        rows=tuple(RowMaker(competition, verdicts, scorecards, entered, names).rows()),
        history=tuple(_history_point(each) for each in verdicts),
        names=names,
    )


def rule_in_words(competition: Competition) -> str:
    """How a competition is decided, in a sentence or two for spectators."""
    epsilon = competition.epsilon
    margin = f"{100 * epsilon.end:.3g}%"
    if epsilon.decay_blocks and epsilon.start > epsilon.end:
        margin = f"{100 * epsilon.start:.3g}% (falling to {margin} with age)"
    rule = competition.rule
    if isinstance(rule, DuelRule):
        return (
            f"A challenger takes the crown once its lead over the champion, on the same samples, "
            f"is shown to exceed {margin}. The chance that one without such a lead ever does is at "
            f"most {100 * rule.alpha:.3g}%."
        )
    return (
        "Every model is compared with every other on the same samples; the later one must be "
        f"better by {margin} to win. The best win rate takes the round, and shares follow a "
        "moving average of the rounds."
    )


def _task_heads(competition: Competition, cards: Mapping[str, LatestCard]) -> tuple[TaskHead, ...]:
    units = {
        name: task.natural_unit for each in cards.values() for name, task in each.card.tasks.items()
    }
    heads = [
        TaskHead(name, spec.weight, units.get(name, "")) for name, spec in competition.tasks.items()
    ]
    return tuple(sorted(heads, key=lambda head: -head.weight))


def _round_head(verdict: Verdict) -> RoundHead:
    return RoundHead(
        verdict.sync_block,
        str(verdict.seed),
        verdict.samples_digest,
        str(verdict.outcome),
        verdict.digest,
    )


def _crowning(verdicts: Sequence[Verdict], champion: str | None) -> Verdict | None:
    """The verdict with which the sitting champion's reign began."""
    crowning = None
    for verdict in reversed(verdicts):
        if champion is None or verdict.champion_after != champion:
            break
        crowning = verdict
    return crowning


def _history_point(verdict: Verdict) -> HistoryPoint:
    scores = {
        row.submission: row.score
        for row in verdict.entrants
        if row.score is not None and row.status is not Status.COPY
    }
    return HistoryPoint(verdict.sync_block, str(verdict.outcome), verdict.champion_after, scores)
