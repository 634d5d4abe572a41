"""Evaluations: each submission's one result in a round, whatever was interrupted or repeated.

A finished evaluation is a scorecard or a failure by the participant's fault; both are
final. Failures of the platform or the data leave the evaluation unfinished.
"""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from palio.errors import Fault, RecordsError
from palio.evaluation.scorecard import Scorecard, Unscored, scorecard_from_json
from palio.records.conversion import evaluation_row
from palio.records.part import RecordsPart
from palio.records.rounds import round_of
from palio.records.rows import Evaluation, EvaluationState, RoundState
from palio.records.submissions import submission_of
from palio.records.tables import EvaluationTable, RoundTable, SubmissionTable


class EvaluationRecords(RecordsPart):
    """The part of ``palio.records.store.Records`` that concerns evaluations."""

    def enrol(self, round_id: int, submission_ids: Iterable[int]) -> list[Evaluation]:
        """Make submissions entrants of a round, evaluations pending; those that are stay so.

        Raises:
            RecordsError: the round is decided, or a submission is unknown.
        """
        wanted = list(submission_ids)

        def enrol(session: Session) -> list[Evaluation]:
            found = _open_round(session, round_id)
            return [evaluation_row(_evaluation(session, found, item)) for item in wanted]

        return self._database.write(enrol)

    def record_scorecard(
        self, round_id: int, submission_id: int, scorecard: Scorecard, *, seconds: float
    ) -> Evaluation:
        """Record a result, exactly once; the same scorecard again changes nothing.

        Raises:
            RecordsError: the evaluation has another result already, the round is decided, or the
                scorecard is that of another round or submission.
        """
        digest = self._evidence.put([scorecard.to_json()])

        def record(session: Session) -> Evaluation:
            round_ = round_of(session, round_id)
            found = _evaluation(session, round_, submission_id)
            if found.scorecard == digest:
                return evaluation_row(found)
            _check_unfinished(round_, found)
            _check_belongs(round_, found.submission, scorecard)
            found.state, found.scorecard = EvaluationState.DONE, digest
            found.score = scorecard.score
            found.fault = found.code = found.message = found.hint = None
            self._count_attempt(found, seconds)
            return evaluation_row(found)

        return self._database.write(record)

    def record_failure(
        self, round_id: int, submission_id: int, unscored: Unscored, *, seconds: float
    ) -> Evaluation:
        """Record an attempt that ended without a scorecard; final by the participant's fault only.

        Raises:
            RecordsError: the evaluation is finished already, or the round is decided.
        """

        def record(session: Session) -> Evaluation:
            round_ = round_of(session, round_id)
            found = _evaluation(session, round_, submission_id)
            if _is_final(found) and (found.fault, found.code) == (unscored.fault, unscored.code):
                return evaluation_row(found)
            _check_unfinished(round_, found)
            found.state, found.fault = EvaluationState.FAILED, unscored.fault
            found.code, found.message = unscored.code, unscored.message
            found.hint = unscored.hint
            self._count_attempt(found, seconds)
            return evaluation_row(found)

        return self._database.write(record)

    def evaluations(self, round_id: int) -> list[Evaluation]:
        """The evaluations of a round, in the ledger's order of their submissions."""
        return self._select(EvaluationTable.round_id == round_id)

    def evaluations_of(self, submission_id: int) -> list[Evaluation]:
        """The evaluations of a submission, by round."""
        return self._select(EvaluationTable.submission_id == submission_id)

    def unfinished(self, round_id: int) -> list[Evaluation]:
        """What is left to do in a round: pending, or failed by no fault of the participant."""
        return [found for found in self.evaluations(round_id) if not _is_final(found)]

    def scorecards(self, round_id: int) -> dict[str, Scorecard]:
        """The round's scorecards by content digest of the submission, read from the evidence.

        Raises:
            RecordsError: an evidence file is missing or damaged.
        """
        found = (item.scorecard for item in self.evaluations(round_id))
        cards = (self.scorecard(digest) for digest in found if digest is not None)
        return {card.submission: card for card in cards}

    def scorecard(self, digest: str) -> Scorecard:
        """The scorecard of that digest, read from the evidence.

        Raises:
            RecordsError: the evidence file is missing, damaged, or holds no scorecard.
        """
        values = self._evidence.get(digest)
        try:
            (value,) = values
            return scorecard_from_json(value)
        except (ValueError, AttributeError) as error:
            raise RecordsError(f"evidence {digest} holds no scorecard") from error

    def _select(self, condition: ColumnElement[bool]) -> list[Evaluation]:
        query = (
            select(EvaluationTable)
            .join(EvaluationTable.submission)
            .join(RoundTable, RoundTable.id == EvaluationTable.round_id)
            .where(condition)
            .order_by(RoundTable.sync_block, SubmissionTable.sequence, EvaluationTable.id)
        )
        with self._database.reading() as session:
            return [evaluation_row(found) for found in session.scalars(query)]

    def _count_attempt(self, found: EvaluationTable, seconds: float) -> None:
        found.attempts += 1
        found.seconds += seconds
        found.finished_at = self._clock.now()


def _open_round(session: Session, round_id: int) -> RoundTable:
    found = round_of(session, round_id)
    if found.state == RoundState.DECIDED:
        raise RecordsError(f"round {round_id} is decided; nothing can be added to it")
    return found


def _evaluation(session: Session, round_: RoundTable, submission_id: int) -> EvaluationTable:
    """The submission's evaluation in the round; made, pending, if there is none."""
    query = select(EvaluationTable).where(
        EvaluationTable.round_id == round_.id, EvaluationTable.submission_id == submission_id
    )
    found = session.scalar(query)
    if found is None:
        found = EvaluationTable(
            round_id=_open_round(session, round_.id).id,
            submission=submission_of(session, submission_id),
            state=EvaluationState.PENDING,
            attempts=0,
            seconds=0.0,
        )
        session.add(found)
        session.flush()
    return found


def _is_final(found: EvaluationTable | Evaluation) -> bool:
    return found.state == EvaluationState.DONE or found.fault == Fault.PARTICIPANT


def _check_unfinished(round_: RoundTable, found: EvaluationTable) -> None:
    place = f"the evaluation of submission {found.submission_id} in round {round_.id}"
    if _is_final(found):
        result = found.scorecard or found.code
        raise RecordsError(f"{place} has the result {result} already; it is never replaced")
    if round_.state == RoundState.DECIDED:
        raise RecordsError(f"round {round_.id} is decided; {place} comes too late")


def _check_belongs(round_: RoundTable, submission: SubmissionTable, card: Scorecard) -> None:
    for what, expected, actual in (
        ("submission", submission.content_digest, card.submission),
        ("competition digest", round_.competition_digest, card.competition_digest),
        ("seed", round_.seed, str(card.seed)),
        ("samples digest", round_.samples_digest, card.samples_digest),
    ):
        if expected != actual:
            raise RecordsError(
                f"the scorecard does not belong to round {round_.id}: its {what} is {actual}, "
                f"expected {expected}"
            )
