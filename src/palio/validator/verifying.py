"""Recomputing everything a validator has published, from the ledger and the evidence alone.

For each decided round: the seed from its block's hash, the samples from the seed, each
scorecard's numbers from its sample scores, the verdict from the scorecards, and the
weights on the ledger against the verdict. What is not repeated here is the models'
own work: answers are taken from the scorecards (``palio evaluate`` repeats those).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from palio.competition.model import Competition
from palio.contest.outcome import RoundFacts
from palio.contest.reading import verdict_from_json
from palio.contest.verdict import decide, history_from
from palio.errors import DataUnavailable, LedgerError, PalioError
from palio.evaluation.scorecard import Scorecard, score_task, total
from palio.ledger.protocol import Ledger, Weights
from palio.randomness import seed_of_block
from palio.records.rows import RecordedVerdict, Round
from palio.records.store import Records
from palio.tasks.drawing import Round as DrawnRound
from palio.tasks.drawing import draw_round, round_from_json
from palio.validator.history import History
from palio.validator.publishing import weights_of


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was recomputed.

    Attributes:
        about: what it is about, e.g. ``DEMO round 20``.
        what: what was checked.
        fault: a sentence if it is wrong, else None.
    """

    about: str
    what: str
    fault: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"about": self.about, "what": self.what, "ok": not self.fault, "fault": self.fault}


def verify_rounds(ledger: Ledger, records: Records) -> Iterator[Check]:
    """Recompute every decided round, oldest first, competition by competition.

    A round in which something is wrong yields a check that says what; the later ones are
    checked all the same.
    """
    rounds = {each.id: each for each in records.rounds()}
    for recorded in records.verdicts():
        opened = rounds[recorded.round_id]
        yield from _RoundCheck(ledger, records, opened, recorded).run()


class _RoundCheck:
    def __init__(
        self, ledger: Ledger, records: Records, opened: Round, recorded: RecordedVerdict
    ) -> None:
        self._ledger = ledger
        self._records = records
        self._opened = opened
        self._recorded = recorded
        self._history = History(records, opened.competition)
        self._about = f"{opened.competition} round {opened.sync_block}"

    def run(self) -> Iterator[Check]:
        """The checks of one round; the first that fails ends it, since the rest rests on it."""
        steps = (
            ("the seed is that of the block's hash", self._seed),
            ("the samples are those the seed draws", self._samples),
            ("every scorecard adds up", self._scorecards),
            ("the verdict follows from the scorecards", self._verdict),
            ("the entrants committed before the seed existed", self._commitments),
            ("the ledger holds the weights of this verdict", self._weights),
        )
        for what, step in steps:
            try:
                fault = step()
            except (PalioError, ValueError, ValidationError) as error:
                fault = str(error)
            yield Check(self._about, what, fault)
            if fault:
                return

    def _competition(self) -> Competition:
        competition = Competition.model_validate(self._opened.definition)
        if competition.digest != self._opened.competition_digest:
            raise ValueError("the recorded definition does not have the recorded digest")
        return competition

    def _drawn(self) -> DrawnRound:
        (written,) = self._records.samples(self._opened.id)
        return round_from_json(self._competition(), written)

    def _seed(self) -> str | None:
        block = self._ledger.block(self._opened.sync_block)
        if seed_of_block(block.hash) != self._opened.seed:
            return f"block {block.number} has another hash than the one the seed was made of"
        return None

    def _samples(self) -> str | None:
        written = self._drawn()
        try:
            drawn = draw_round(self._competition(), self._opened.seed)
        except DataUnavailable as error:
            return f"the samples cannot be drawn again now: {error}"
        if drawn.samples_digest != written.samples_digest:
            return (
                f"the seed draws samples {drawn.samples_digest}, not {written.samples_digest}; "
                "is this the version of Palio and of its data that played the round?"
            )
        return None

    def _scorecards(self) -> str | None:
        drawn = self._drawn()
        for card in self._records.scorecards(self._opened.id).values():
            fault = _card_fault(drawn, card)
            if fault:
                return f"the scorecard of {card.submission[:12]}: {fault}"
        return None

    def _verdict(self) -> str | None:
        verdict = verdict_from_json(self._recorded.verdict)
        if verdict.digest != self._recorded.digest:
            return "the recorded verdict does not have the recorded digest"
        competition, block = self._competition(), self._opened.sync_block
        before = self._history.verdicts(before=block)
        again = decide(
            competition,
            RoundFacts(block, self._opened.seed, verdict.samples_digest),
            [row.entrant for row in verdict.entrants],
            self._history.results(block),
            history_from(competition, self._history.rounds(before)),
        )
        if again.digest != verdict.digest:
            return f"deciding again gives {again.reason!r}, not {verdict.reason!r}"
        return None

    def _commitments(self) -> str | None:
        on_ledger = {
            (entry.participant, entry.block, entry.sequence) for entry in self._ledger.commitments()
        }
        for row in verdict_from_json(self._recorded.verdict).entrants:
            if (row.participant, row.block, row.sequence) not in on_ledger:
                return f"the ledger has no commitment of {row.submission[:12]} at block {row.block}"
            if row.block > self._opened.sync_block:
                return f"{row.submission[:12]} was committed after the sync block"
        return None

    def _weights(self) -> str | None:
        verdict = verdict_from_json(self._recorded.verdict)
        published = [
            entry.weights
            for entry in self._ledger.weights(verdict.competition)
            if entry.weights.sync_block == verdict.sync_block
        ]
        if not published:
            return "nothing was published; palio validate does it when it next runs"
        expected = weights_of(verdict, self._records.evaluations(self._opened.id))
        return None if expected in published else _weights_fault(expected, published)


def _weights_fault(expected: Weights, published: list[Weights]) -> str:
    """What is wrong with the weights of a round, none of which are the expected ones."""
    same = [weights for weights in published if weights.verdict == expected.verdict]
    if not same:
        return f"the published verdict is {published[0].verdict}, not {expected.verdict}"
    if same[0].shares != expected.shares:
        return "the published shares are not those of the verdict"
    return "the published scorecards are not those of the round"


def _card_fault(drawn: DrawnRound, card: Scorecard) -> str | None:
    """What is wrong with a scorecard's own arithmetic, if anything."""
    competition = drawn.competition
    if card.tasks.keys() != competition.tasks.keys():
        return f"it holds {', '.join(card.tasks)}, not the tasks of {competition.name}"
    tasks = {
        name: score_task(spec, drawn.tasks[name].method, card.tasks[name].samples)
        for name, spec in competition.tasks.items()
    }
    for name, task in tasks.items():
        if task != card.tasks[name]:
            return f"task {name} does not follow from its sample scores"
    score, interval = total(competition, tasks)
    if (score, interval) != (card.score, card.interval):
        return (
            f"its tasks add up to {score!r} within {tuple(interval)}, not to {card.score!r} within "
            f"{tuple(card.interval)}"
        )
    return None


def ledger_check(ledger: Ledger) -> Check:
    """The audit of the ledger itself, where the ledger offers one."""
    audit = getattr(ledger, "verify", None)
    if audit is None:
        return Check("ledger", "kept elsewhere; its own nodes verify it")
    try:
        report = audit()
    except LedgerError as error:
        return Check("ledger", "every hash and signature", str(error))
    what = f"every hash and signature ({report.blocks} blocks, {report.entries} entries)"
    return Check("ledger", what, report.fault)
