"""One round: draw, evaluate everybody once, decide, publish. Safe to be killed and begun again.

Each step writes down its result before the next begins, and finds it there when the
round is played again: samples are drawn once, a scorecard is recorded once, a verdict
is decided once and published once.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from palio.clock import Clock
from palio.competition.model import Competition
from palio.contest.entrants import Entrant
from palio.contest.next_round import worth_evaluating
from palio.contest.outcome import History as EarlierRounds
from palio.contest.outcome import RoundFacts, Verdict
from palio.contest.reading import verdict_from_json
from palio.contest.verdict import decide, history_from
from palio.errors import DataUnavailable, EvaluationFailed, Fault
from palio.evaluation.evaluate import EngineSettings, evaluate
from palio.evaluation.executor import Executor, WorkerProgress
from palio.evaluation.scorecard import Scorecard, Unscored
from palio.ledger.identity import Keypair
from palio.ledger.protocol import Ledger
from palio.randomness import seed_of_block
from palio.records.rows import Evaluation, EvaluationState, Round, RoundState, Submission
from palio.records.store import Records
from palio.tasks.drawing import Round as DrawnRound
from palio.tasks.drawing import draw_round, round_from_json
from palio.validator.admission import Admission
from palio.validator.entrants import candidates
from palio.validator.history import History
from palio.validator.naming import names_by_digest, with_names
from palio.validator.publishing import weights_of
from palio.validator.racing import Race, races, share_asked

#: How often an evaluation is tried in a round when the platform is at fault.
PLATFORM_TRIES = 3
#: Seconds before another try; twice as many before the one after.
RETRY_WAIT_S = 2.0

Say = Callable[[str], None]
Track = Callable[[str], WorkerProgress]


@dataclass(frozen=True, slots=True)
class Tools:
    """What a validator works with.

    Attributes:
        workers: models evaluated side by side.
        say: hears one sentence for each change of state.
        track: opens a line of progress.
    """

    ledger: Ledger
    records: Records
    admission: Admission
    executor: Executor
    engine: EngineSettings
    keypair: Keypair
    clock: Clock
    workers: int
    say: Say
    track: Track


class RoundPlayer:
    """Plays the round of one sync block of one competition."""

    def __init__(self, tools: Tools, competition: Competition, sync_block: int) -> None:
        self._tools = tools
        self._competition = competition
        self._sync_block = sync_block
        self._history = History(tools.records, competition.name)

    def play(self) -> Verdict | None:
        """The round's verdict, decided now or earlier; None if there was nobody to evaluate.

        Raises:
            DataUnavailable: a task's data cannot be had; the round is postponed and waits.
            RecordsError, LedgerError: what was done so far is kept.
        """
        found = self._history.round(self._sync_block)
        if found is None or found.state is not RoundState.DECIDED:
            verdicts = self._history.verdicts(before=self._sync_block)
            entrants = self._entrants(verdicts)
            wanted = worth_evaluating(self._competition, verdicts, entrants, self._sync_block)
            if not wanted:
                return None
            found, drawn = self._draw()
            # Reads the evidence of all rounds that still count, so it is made once.
            history = history_from(self._competition, self._history.rounds(verdicts))
            self._evaluate_all(found, drawn, history, entrants, wanted)
            self._decide(found, drawn, history, entrants)
        return self._publish(found)

    def _entrants(self, verdicts: Sequence[Verdict]) -> tuple[Entrant, ...]:
        champion = verdicts[-1].champion_after if verdicts else None
        submissions = self._tools.records.submissions(self._competition.id)
        return candidates(self._competition, submissions, self._sync_block, champion)

    def _draw(self) -> tuple[Round, DrawnRound]:
        records, competition = self._tools.records, self._competition
        seed = seed_of_block(self._tools.ledger.block(self._sync_block).hash)
        opened = records.open_round(competition, sync_block=self._sync_block, seed=seed)
        if opened.samples_digest is not None:
            (written,) = records.samples(opened.id)
            return opened, round_from_json(competition, written)
        try:
            drawn = draw_round(competition, seed)
        except DataUnavailable as error:
            records.postpone_round(opened.id, str(error))
            raise
        records.resume_round(opened.id)
        opened = records.fix_samples(opened.id, drawn.samples_digest, [drawn.to_json()])
        count = sum(len(task.samples) for task in drawn.tasks.values())
        self._tools.say(
            f"Round {self._sync_block} of {competition.name}: drew {count} samples from the seed of "
            f"block {self._sync_block} (digest {drawn.samples_digest[:12]})."
        )
        return opened, drawn

    # -- evaluating ----------------------------------------------------------------------

    def _evaluate_all(
        self,
        opened: Round,
        drawn: DrawnRound,
        history: EarlierRounds,
        entrants: Sequence[Entrant],
        wanted: Sequence[Entrant],
    ) -> None:
        records = self._tools.records
        sequences = {entrant.sequence for entrant in wanted}
        submissions = {
            one.id: one
            for one in records.submissions(self._competition.id)
            if one.sequence in sequences
        }
        enrolled = records.enrol(opened.id, submissions)
        race = None
        if races(self._competition):
            in_order = sorted(submissions.values(), key=lambda one: one.sequence)
            race = self._race(opened, drawn, history, entrants, in_order)
            enrolled = records.evaluations(opened.id)
        missing = [submissions[each.submission_id] for each in enrolled if not _is_over(each)]
        goes_on = race.goes_on if race else None
        with ThreadPoolExecutor(max_workers=self._tools.workers) as pool:
            try:
                # list() lets the first error that is nobody's evaluation surface, after all ended.
                list(pool.map(lambda one: self._evaluate(opened, drawn, one, goes_on), missing))
            except KeyboardInterrupt:
                # Whoever interrupts should not wait for evaluations that may take hours.
                self._tools.executor.stop()
                raise
        if race:
            self._tell_share(opened)

    def _race(
        self,
        opened: Round,
        drawn: DrawnRound,
        history: EarlierRounds,
        entrants: Sequence[Entrant],
        in_order: Sequence[Submission],
    ) -> Race | None:
        """Score the champion whole, so that the others can be compared with it look by look.

        Without a champion it is the first valid entrant, as the rule will have it; None if
        there is nobody to race against.
        """
        sitting = [one for one in in_order if one.content_digest == history.carry.champion]
        for submission in sitting or in_order:
            evaluations = self._tools.records.evaluations(opened.id)
            known = {each.submission_id: each for each in evaluations}
            if not _is_over(known[submission.id]):
                self._evaluate(opened, drawn, submission, None)
            card = self._history.results(self._sync_block).get(submission.content_digest or "")
            if isinstance(card, Scorecard):
                return Race(self._competition, self._sync_block, history, card, entrants)
        return None

    def _tell_share(self, opened: Round) -> None:
        cards = self._tools.records.scorecards(opened.id).values()
        if cards:
            share = share_asked(self._competition, cards)
            self._tools.say(f"The entrants were asked {share:.0%} of the round's samples.")

    def _evaluate(
        self,
        opened: Round,
        drawn: DrawnRound,
        submission: Submission,
        goes_on: Callable[[Scorecard], bool] | None,
    ) -> None:
        """Try until there is a result, or until the platform has failed often enough."""
        tools = self._tools
        name = f"{submission.namespace}/{submission.name}"
        progress = tools.track(name)
        digest = submission.content_digest or ""
        folder = tools.admission.folder_of(digest)
        while True:
            started = tools.clock.monotonic()
            try:
                result = evaluate(
                    drawn, folder, digest, tools.executor, tools.engine, progress, goes_on
                )
            except EvaluationFailed as error:
                failure = Unscored(digest, error.code, str(error), error.fault, error.hint)
                seconds = tools.clock.monotonic() - started
                state = tools.records.record_failure(
                    opened.id, submission.id, failure, seconds=seconds
                )
                tools.say(f"{name} was not scored: {error} ({error.code}, {error.fault}).")
                if _is_over(state):
                    return
                tools.clock.wait(RETRY_WAIT_S * state.attempts)
                continue
            tools.records.record_scorecard(
                opened.id, submission.id, result.scorecard, seconds=result.seconds
            )
            tools.say(f"{name} scored {result.scorecard.score:.4f} in {result.seconds:.1f} s.")
            return

    # -- deciding and publishing ---------------------------------------------------------

    def _decide(
        self,
        opened: Round,
        drawn: DrawnRound,
        history: EarlierRounds,
        entrants: Sequence[Entrant],
    ) -> None:
        verdict = decide(
            self._competition,
            RoundFacts(self._sync_block, drawn.seed, drawn.samples_digest),
            entrants,
            self._history.results(self._sync_block),
            history,
        )
        self._tools.records.decide_round(opened.id, verdict.to_json())
        names = names_by_digest(self._tools.records.submissions(self._competition.id))
        reason = with_names(verdict.reason, names)
        self._tools.say(f"Round {self._sync_block} of {self._competition.name}: {reason}")

    def _publish(self, decided: Round) -> Verdict:
        tools, name = self._tools, self._competition.name
        recorded = next(
            each for each in tools.records.verdicts(name) if each.round_id == decided.id
        )
        verdict = verdict_from_json(recorded.verdict)
        if recorded.published_at is None:
            weights = weights_of(verdict, tools.records.evaluations(decided.id))
            tools.ledger.publish_weights(tools.keypair, weights)
            tools.records.mark_published(decided.id)
        return verdict


def _is_over(evaluation: Evaluation) -> bool:
    """Whether nothing more will be tried in this round."""
    if evaluation.state is EvaluationState.DONE or evaluation.fault is Fault.PARTICIPANT:
        return True
    return evaluation.attempts >= PLATFORM_TRIES
