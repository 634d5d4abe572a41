"""Why an entrant won, lost or must wait: its comparison with the champion, from records alone.

``duel_report`` reads the evidence, ``render_duel`` makes one file of it that needs no server,
no script and no network. Samples of decided rounds are public, so both answers are shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from palio.competition.model import Competition
from palio.contest.duel import DuelState
from palio.contest.duel_settings import DuelSettings
from palio.contest.explaining import Explanation, TaskPart, explain_duel, explain_scores
from palio.contest.explaining_words import in_words
from palio.contest.outcome import Carry, DuelMark, EntrantVerdict, Status, Verdict
from palio.contest.paired import definition_of
from palio.contest.sample_pairs import ComparedRound, SamplePair
from palio.errors import ConfigError, RecordsError
from palio.evaluation.looks import looks_of
from palio.records.rows import Submission
from palio.server.archive import Archive
from palio.server.duel_figure import duel_figure
from palio.server.entrant_search import find_entrant
from palio.server.rendering import STYLE, render
from palio.server.standings import measured_against
from palio.server.units import NaturalUnits
from palio.server.worst import WorstItem, told_item
from palio.validator.naming import names_by_digest, short_names, with_names


@dataclass(frozen=True, slots=True)
class ShownSample:
    """A sample and both answers to it, told for people.

    Attributes:
        part: its share of the lead; below 0 it speaks for the champion.
        champion: the champion's loss and what its method noted, as is ``challenger``.
    """

    task: str
    sync_block: int
    part: float
    champion: WorstItem
    challenger: WorstItem


@dataclass(frozen=True, slots=True)
class DuelReport:
    """An explanation with names, natural units and the samples that matter most.

    Attributes:
        entrant: content digest of the submission asked about.
        status: its status after the round.
        words: at most three sentences.
        natural: by task, the champion's and the challenger's mean in the natural unit; None
            where the method is not installed here.
        units: by task, the natural unit.
    """

    competition: str
    sync_block: int
    entrant: str
    status: str
    names: Mapping[str, str]
    words: tuple[str, ...]
    explanation: Explanation
    units: Mapping[str, str]
    natural: Mapping[str, tuple[float | None, float | None]]
    for_challenger: tuple[ShownSample, ...]
    for_champion: tuple[ShownSample, ...]

    @property
    def champion(self) -> str:
        """What the champion is called."""
        return self._name(self.explanation.champion)

    @property
    def challenger(self) -> str:
        """What the challenger is called."""
        return self._name(self.explanation.challenger)

    @property
    def about(self) -> str:
        """What the entrant asked about is called."""
        return self._name(self.entrant)

    def _name(self, digest: str) -> str:
        return self.names.get(digest, digest[:12])

    def to_json(self) -> dict[str, Any]:
        """Plain JSON: what ``palio explain --json`` prints."""
        found = self.explanation
        return {
            "competition": self.competition,
            "sync_block": self.sync_block,
            "rule": found.rule,
            "entrant": {
                "submission": self.entrant,
                "name": self.about,
                "status": self.status,
            },
            "champion": {"submission": found.champion, "name": self.champion},
            "challenger": {"submission": found.challenger, "name": self.challenger},
            "words": list(self.words),
            "verdict": found.verdict,
            "won": found.won,
            "lead": found.lead,
            "limits": [found.limits.low, found.limits.high],
            "needs": found.needs,
            "rounds": list(found.rounds),
            "items": found.samples,
            "tasks": [self._task_json(task) for task in found.tasks],
            "topics": [asdict(group) for group in found.topics],
            "difficulties": [asdict(group) for group in found.difficulties],
            "samples": {
                "for_challenger": [_sample_json(each) for each in self.for_challenger],
                "for_champion": [_sample_json(each) for each in self.for_champion],
            },
        }

    def _task_json(self, task: TaskPart) -> dict[str, Any]:
        champion, challenger = self.natural[task.name]
        return {
            **asdict(task.group),
            "weight": task.weight,
            "lead": task.lead,
            "unit": self.units[task.name],
            "champion": champion,
            "challenger": challenger,
            "champion_raw": task.champion_raw,
            "challenger_raw": task.challenger_raw,
            "gain": None if task.gain is None else task.gain._asdict(),
        }


def duel_report(
    archive: Archive, name: str, entrant: str, sync_block: int | None = None
) -> DuelReport:
    """Why the entrant stands where it does.

    Args:
        archive: the records.
        name: of the competition.
        entrant: a digest's beginning, a name, or ``namespace/name``.
        sync_block: of the round to explain; by default the last one that compared the entrant.

    Raises:
        ConfigError: no such competition, entrant or round, or nobody was compared; says which
            there are.
        RecordsError: evidence is missing or damaged.
    """
    competition = archive.competition(name)
    verdicts = archive.verdicts(name)
    if competition is None:
        known = ", ".join(archive.names()) or "none"
        raise ConfigError(f"the records hold no competition {name!r}; they hold {known}")
    submissions = archive.records.submissions(competition.id)
    submission = find_entrant(submissions, entrant)
    names = names_by_digest(submissions)
    own = dict(names)
    if submission.content_digest is not None:
        own[submission.content_digest] = short_names(submissions)[submission.commitment]
    row, verdict = _row(verdicts, submission, sync_block, own)
    return _Reading(archive, name, verdicts, own).report(row, verdict)


def render_duel(report: DuelReport) -> str:
    """The report as HTML: words, tables, bars, and the samples that tell the two apart."""
    return render(
        "duel_report.html",
        style=STYLE.read_text(encoding="utf-8"),
        report=report,
        found=report.explanation,
        figure=duel_figure(report.explanation),
    )


def _row(
    verdicts: Sequence[Verdict],
    submission: Submission,
    sync_block: int | None,
    names: Mapping[str, str],
) -> tuple[EntrantVerdict, Verdict]:
    """The entrant's row to explain, and the verdict it stands in."""
    rows = [
        (row, verdict)
        for verdict in verdicts
        for row in verdict.entrants
        if row.submission == submission.content_digest
        and (row.block, row.sequence) == (submission.block, submission.sequence)
    ]
    told = [(row, verdict) for row, verdict in rows if _is_compared(row, verdict)]
    chosen = [each for each in told if sync_block in (None, each[1].sync_block)]
    if chosen:
        return chosen[-1]
    called = names.get(submission.content_digest or "", submission.line)
    if told:
        blocks = ", ".join(str(verdict.sync_block) for _, verdict in told)
        raise ConfigError(
            f"{called} was not compared with the champion in a round of block {sync_block}; "
            f"it was in the rounds of {blocks}"
        )
    said = with_names(rows[-1][0].sentence, names) if rows else submission.message
    why = said or f"is {submission.state} and has taken part in no round yet"
    raise ConfigError(
        f"{called} was compared with no champion, so there is nothing to explain: it {why}"
    )


def _is_compared(row: EntrantVerdict, verdict: Verdict) -> bool:
    if row.wins is not None:
        return row.submission != verdict.champion_after
    return row.duel is not None or row.status is Status.DETHRONED


class _Reading:
    """Reads what is behind one row of a verdict."""

    def __init__(
        self,
        archive: Archive,
        name: str,
        verdicts: Sequence[Verdict],
        names: Mapping[str, str],
    ) -> None:
        self._archive = archive
        self._verdicts = verdicts
        self._names = names
        self._name = name
        self._rounds = {each.sync_block: each for each in archive.rounds(name)}

    def report(self, row: EntrantVerdict, verdict: Verdict) -> DuelReport:
        """The report about a row."""
        definition = self._rounds[verdict.sync_block].definition
        competition = Competition.model_validate(definition)
        try:
            explanation = self._explanation(competition, row, verdict)
        except ValueError as error:
            raise RecordsError(
                f"the evidence of the round of block {verdict.sync_block} does not fit its "
                f"verdict: {error}; palio verify says more"
            ) from error
        units = NaturalUnits(competition)
        return DuelReport(
            competition=competition.name,
            sync_block=verdict.sync_block,
            entrant=row.submission,
            status=str(row.status),
            names=self._names,
            words=in_words(
                explanation, self._names, about=row.submission, crowned=verdict.champion_after
            ),
            explanation=explanation,
            units=self._natural_units(explanation),
            natural={
                task.name: (
                    units.value(task.name, task.champion_raw),
                    units.value(task.name, task.challenger_raw),
                )
                for task in explanation.tasks
            },
            for_challenger=tuple(_shown(each) for each in explanation.for_challenger),
            for_champion=tuple(_shown(each) for each in explanation.for_champion),
        )

    def _explanation(
        self, competition: Competition, row: EntrantVerdict, verdict: Verdict
    ) -> Explanation:
        if row.wins is not None:
            champion = _row_of(verdict, verdict.champion_after or "")
            round_ = self._compared(verdict.sync_block, champion.submission, row.submission)
            return explain_scores(competition, round_, champion.entrant, row.entrant)
        dueled = row
        if row.duel is None:
            dueled = _row_of(verdict, verdict.champion_after or "")
        champion_digest = measured_against(verdict)
        if dueled.duel is None or champion_digest is None:
            raise ConfigError(
                f"{self._names.get(row.submission, row.submission[:12])} lost the crown without a "
                f"duel: {with_names(verdict.reason, self._names)}"
            )
        rounds = self._evidence(competition, verdict, champion_digest, dueled, dueled.duel)
        return explain_duel(competition, DuelSettings.of(competition), dueled.duel, rounds)

    def _evidence(
        self,
        competition: Competition,
        verdict: Verdict,
        champion: str,
        row: EntrantVerdict,
        state: DuelState,
    ) -> list[ComparedRound]:
        """The rounds whose items the duel rests on: those carried so far, and this one.

        A duel ends at the look that decides it, so not all that was answered counts.
        """
        rest = {name: task.items for name, task in state.tasks.items()}
        rounds = []
        mark = self._mark_before(competition, verdict, champion, row.submission)
        if mark is not None:
            whole = looks_of(competition)
            for block, looks in zip(mark.rounds, mark.looks, strict=True):
                counted = {
                    name: spec.samples * looks // whole for name, spec in competition.tasks.items()
                }
                rest = {name: count - counted[name] for name, count in rest.items()}
                rounds.append(self._compared(block, champion, row.submission, counted))
        if row.score is not None:
            rounds.append(self._compared(verdict.sync_block, champion, row.submission, rest))
        return rounds

    def _mark_before(
        self, competition: Competition, verdict: Verdict, champion: str, challenger: str
    ) -> DuelMark | None:
        """What the verdict before remembered of the duel, if it was the same one."""
        earlier = [each for each in self._verdicts if each.sync_block < verdict.sync_block]
        carry = earlier[-1].carry if earlier else Carry()
        if carry.definition != definition_of(competition) or carry.champion != champion:
            return None
        return carry.duels.get(challenger)

    def _compared(
        self,
        sync_block: int,
        champion: str,
        challenger: str,
        counted: Mapping[str, int] | None = None,
    ) -> ComparedRound:
        round_ = self._rounds[sync_block]
        digests = self._archive.scorecard_digests(round_)
        for submission in (champion, challenger):
            if submission not in digests:
                raise RecordsError(
                    f"the records hold no scorecard of {submission[:12]} in the round of block "
                    f"{sync_block}, which its verdict rests on; palio verify says more"
                )
        return ComparedRound(
            sync_block,
            self._archive.scorecard(digests[champion]),
            self._archive.scorecard(digests[challenger]),
            self._archive.samples(round_),
            counted,
        )

    def _natural_units(self, explanation: Explanation) -> dict[str, str]:
        digests = self._archive.scorecard_digests(self._rounds[explanation.rounds[-1]])
        card = self._archive.scorecard(digests[explanation.champion])
        return {name: task.natural_unit for name, task in card.tasks.items()}


def _row_of(verdict: Verdict, submission: str) -> EntrantVerdict:
    return next(
        each
        for each in verdict.entrants
        if each.submission == submission and each.status is not Status.COPY
    )


def _shown(pair: SamplePair) -> ShownSample:
    return ShownSample(
        task=pair.task,
        sync_block=pair.sync_block,
        part=pair.part,
        champion=told_item(pair.champion, pair.sample),
        challenger=told_item(pair.challenger, pair.sample),
    )


def _sample_json(shown: ShownSample) -> dict[str, Any]:
    asked = shown.champion
    return {
        "task": shown.task,
        "sync_block": shown.sync_block,
        "sample": asked.sample,
        "topic": asked.topic,
        "part": shown.part,
        "asked": asked.asked,
        "expected": asked.expected,
        "champion": {"loss": shown.champion.loss, "facts": dict(shown.champion.facts)},
        "challenger": {"loss": shown.challenger.loss, "facts": dict(shown.challenger.facts)},
    }
