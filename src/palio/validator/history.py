"""Earlier rounds as the contest wants them, read back from records and evidence."""

from collections.abc import Sequence

from palio.contest.entrants import EntrantResult
from palio.contest.outcome import StoredRound, Verdict
from palio.contest.reading import verdict_from_json
from palio.errors import Fault, RecordsError
from palio.evaluation.scorecard import Unscored
from palio.records.rows import Evaluation, EvaluationState, Round
from palio.records.store import Records


class History:
    """A competition's rounds so far."""

    def __init__(self, records: Records, competition: str) -> None:
        self._records = records
        self._competition = competition

    def round(self, sync_block: int) -> Round | None:
        """The recorded round of that sync block, whatever its state."""
        rounds = self._records.rounds(self._competition)
        return next((each for each in rounds if each.sync_block == sync_block), None)

    def verdicts(self, before: int | None = None) -> list[Verdict]:
        """The competition's verdicts, oldest first; only of rounds before block ``before``."""
        return [
            verdict_from_json(each.verdict)
            for each in self._records.verdicts(self._competition)
            if before is None or each.sync_block < before
        ]

    def rounds(self, verdicts: Sequence[Verdict]) -> list[StoredRound]:
        """The rounds whose items the last verdict counts as evidence, and the last one itself."""
        if not verdicts:
            return []
        needed = {verdicts[-1].sync_block}
        for mark in verdicts[-1].carry.duels.values():
            needed.update(mark.rounds)
        return [
            StoredRound(verdict, self.results(verdict.sync_block))
            for verdict in verdicts
            if verdict.sync_block in needed
        ]

    def results(self, sync_block: int) -> dict[str, EntrantResult]:
        """What the evaluations of a round ended with, by submission.

        Raises:
            RecordsError: there is no such round, or evidence is missing or damaged.
        """
        found = self.round(sync_block)
        if found is None:
            raise RecordsError(
                f"the records hold no round of {self._competition} at block {sync_block}"
            )
        results = {}
        for evaluation in self._records.evaluations(found.id):
            result = self._result_of(evaluation)
            if result is not None:
                results[result.submission] = result
        return results

    def _result_of(self, evaluation: Evaluation) -> EntrantResult | None:
        """The scorecard, or why there is none; None while it is not finished."""
        if evaluation.state is EvaluationState.DONE and evaluation.scorecard is not None:
            return self._records.scorecard(evaluation.scorecard)
        if evaluation.state is EvaluationState.FAILED and evaluation.submission is not None:
            return Unscored(
                submission=evaluation.submission,
                code=evaluation.code or "",
                message=evaluation.message or "",
                fault=evaluation.fault or Fault.PLATFORM,
                hint=evaluation.hint or "",
            )
        return None
