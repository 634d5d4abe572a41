"""Submissions: one for a commitment, and an end state that stays."""

import pytest

from palio.clock import ManualClock
from palio.errors import RecordsError, SubmissionRejected
from palio.records.rows import NewSubmission, SubmissionState
from palio.records.store import Records
from tests.records.conftest import admitted, new_submission

REASON = SubmissionRejected(
    "E_FS_MISSING", "no weights", stage="fs", hint="Add them.", evidence={"files": 0}
)


def test_commitment_is_remembered_once(records: Records, clock: ManualClock) -> None:
    first = records.add_submission(new_submission(1))
    assert first.state is SubmissionState.RECEIVED
    clock.wait(5)
    assert records.add_submission(new_submission(1)) == first
    assert records.submissions("d") == [first]
    assert records.submissions("x") == []


def test_malformed_line_is_remembered_and_refused(records: Records) -> None:
    found = records.add_submission(NewSubmission("0" * 64, "nonsense", "somebody", 1, 1))
    refused = records.refuse(found.id, REASON)
    assert refused.competition_id is None
    assert records.submissions(state=SubmissionState.REFUSED) == [refused]


def test_admission_is_final_for_its_contents(records: Records) -> None:
    submission = admitted(records, 1)
    found = records.submission(submission)
    again = records.admit(submission, content_digest="b" * 64, weights_digest="9" * 64)
    assert again == found
    assert found.state is SubmissionState.ADMITTED
    with pytest.raises(RecordsError, match="was admitted with contents"):
        records.admit(submission, content_digest="0" * 64, weights_digest="9" * 64)


def test_refusal_keeps_code_sentence_hint_and_evidence(records: Records) -> None:
    submission = records.add_submission(new_submission(1)).id
    found = records.refuse(submission, REASON)
    assert (found.code, found.message, found.hint) == ("E_FS_MISSING", "no weights", "Add them.")
    assert found.evidence == {"stage": "fs", "files": 0}
    assert records.refuse(submission, REASON) == found
    with pytest.raises(RecordsError, match=r"is refused \(E_FS_MISSING\) already"):
        records.admit(submission, content_digest="a" * 64, weights_digest="9" * 64)
    other = SubmissionRejected("E_OTHER", "other", stage="fs")
    with pytest.raises(RecordsError, match="cannot become refused"):
        records.refuse(submission, other)


def test_admitted_submission_can_be_refused_later(records: Records) -> None:
    found = records.refuse(admitted(records, 1), REASON)
    assert found.state is SubmissionState.REFUSED
    assert found.content_digest == "b" * 64


def test_later_commitment_supersedes_the_earlier_one(records: Records) -> None:
    first, second = (records.add_submission(new_submission(n, "alice")).id for n in (1, 2))
    found = records.supersede(first, second)
    assert found.state is SubmissionState.SUPERSEDED
    assert found.message == "replaced by the commitment of block 12"
    assert records.supersede(first, second) == found
    with pytest.raises(RecordsError, match="not a later one"):
        records.supersede(second, first)
    stranger = records.add_submission(new_submission(3, "bob")).id
    with pytest.raises(RecordsError, match="not a later one"):
        records.supersede(second, stranger)


def test_refused_submission_stays_refused_when_superseded(records: Records) -> None:
    first, second = (records.add_submission(new_submission(n, "alice")).id for n in (1, 2))
    refused = records.refuse(first, REASON)
    assert records.supersede(first, second) == refused


def test_submissions_come_in_the_ledgers_order(records: Records) -> None:
    for number in (3, 1, 2):
        records.add_submission(new_submission(number))
    assert [found.sequence for found in records.submissions()] == [1, 2, 3]


def test_unknown_submission_is_one_sentence(records: Records) -> None:
    with pytest.raises(RecordsError, match="no submission 99"):
        records.submission(99)
