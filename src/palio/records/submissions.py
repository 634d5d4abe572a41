"""Submissions as a validator remembers them: seen, then admitted, refused or superseded."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from palio.errors import RecordsError, SubmissionRejected
from palio.records.conversion import submission_row
from palio.records.part import RecordsPart
from palio.records.rows import NewSubmission, Submission, SubmissionState
from palio.records.tables import SubmissionTable


class SubmissionRecords(RecordsPart):
    """The part of ``palio.records.store.Records`` that concerns submissions."""

    def add_submission(self, new: NewSubmission) -> Submission:
        """Remember a commitment seen on the ledger; one that is known stays as it is."""

        def add(session: Session) -> Submission:
            query = select(SubmissionTable).where(SubmissionTable.commitment == new.commitment)
            found = session.scalar(query)
            if found is None:
                found = SubmissionTable(
                    **asdict(new),
                    state=SubmissionState.RECEIVED,
                    received_at=self._clock.now(),
                )
                session.add(found)
                session.flush()
            return submission_row(found)

        return self._database.write(add)

    def admit(
        self,
        submission_id: int,
        *,
        content_digest: str,
        weights_digest: str,
        evidence: Mapping[str, Any] | None = None,
    ) -> Submission:
        """Note that a received submission is admissible; the same again changes nothing.

        Raises:
            RecordsError: it was decided otherwise before, or admitted with other contents.
        """

        def admit(session: Session) -> Submission:
            found = submission_of(session, submission_id)
            digests = (content_digest, weights_digest)
            if found.state == SubmissionState.ADMITTED:
                if (found.content_digest, found.weights_digest) != digests:
                    raise RecordsError(
                        f"submission {submission_id} was admitted with contents "
                        f"{found.content_digest}, not {content_digest}"
                    )
                return submission_row(found)
            self._decide(found, SubmissionState.ADMITTED, SubmissionState.RECEIVED)
            found.content_digest, found.weights_digest = digests
            found.evidence = dict(evidence) if evidence is not None else None
            return submission_row(found)

        return self._database.write(admit)

    def refuse(self, submission_id: int, why: SubmissionRejected) -> Submission:
        """Note why a submission is not admissible; the same reason again changes nothing.

        An admitted submission can be refused later, when running it shows the reason.

        Raises:
            RecordsError: it was refused for another reason before, or is superseded.
        """

        def refuse(session: Session) -> Submission:
            found = submission_of(session, submission_id)
            if found.state == SubmissionState.REFUSED and found.code == why.code:
                return submission_row(found)
            self._decide(
                found,
                SubmissionState.REFUSED,
                SubmissionState.RECEIVED,
                SubmissionState.ADMITTED,
            )
            found.code, found.message, found.hint = why.code, str(why), why.hint
            found.evidence = {"stage": why.stage, **why.evidence}
            return submission_row(found)

        return self._database.write(refuse)

    def supersede(self, submission_id: int, by: int) -> Submission:
        """Note that the participant has committed anew; a refused submission stays refused.

        Raises:
            RecordsError: ``by`` is not a later submission of the same participant.
        """

        def supersede(session: Session) -> Submission:
            found, later = submission_of(session, submission_id), submission_of(session, by)
            if (found.participant, found.competition_id) != (
                later.participant,
                later.competition_id,
            ) or found.sequence >= later.sequence:
                raise RecordsError(
                    f"submission {by} is not a later one of the participant of {submission_id}"
                )
            if found.state in (SubmissionState.RECEIVED, SubmissionState.ADMITTED):
                self._decide(found, SubmissionState.SUPERSEDED, SubmissionState(found.state))
                found.message = f"replaced by the commitment of block {later.block}"
            return submission_row(found)

        return self._database.write(supersede)

    def submission(self, submission_id: int) -> Submission:
        """The submission of that id.

        Raises:
            RecordsError: there is none.
        """
        with self._database.reading() as session:
            return submission_row(submission_of(session, submission_id, lock=False))

    def submissions(
        self, competition_id: str | None = None, state: SubmissionState | None = None
    ) -> list[Submission]:
        """Submissions, of one competition and one state or of all, in the ledger's order."""
        query = select(SubmissionTable).order_by(SubmissionTable.sequence, SubmissionTable.id)
        if competition_id is not None:
            query = query.where(SubmissionTable.competition_id == competition_id)
        if state is not None:
            query = query.where(SubmissionTable.state == state)
        with self._database.reading() as session:
            return [submission_row(found) for found in session.scalars(query)]

    def _decide(
        self, found: SubmissionTable, state: SubmissionState, *allowed: SubmissionState
    ) -> None:
        if found.state not in allowed:
            reason = f" ({found.code})" if found.code else ""
            raise RecordsError(
                f"submission {found.id} is {found.state}{reason} already and cannot become {state}"
            )
        found.state = state
        found.decided_at = self._clock.now()


def submission_of(session: Session, submission_id: int, *, lock: bool = True) -> SubmissionTable:
    """The submission of that id; with ``lock`` nobody else changes it until the transaction ends.

    Raises:
        RecordsError: there is none.
    """
    found = session.get(SubmissionTable, submission_id, with_for_update=lock)
    if found is None:
        raise RecordsError(f"there is no submission {submission_id} in the records")
    return found
