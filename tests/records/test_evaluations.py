"""Evaluations: exactly one result each, whatever is repeated, retried or killed."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from palio.clock import ManualClock
from palio.errors import Fault, RecordsError
from palio.evaluation.scorecard import Unscored
from palio.records.rows import EvaluationState
from palio.records.store import Records
from tests.records.conftest import VERDICT, admitted, open_round, scorecard

CRASHED = Unscored("a" * 64, "E_RT_KILLED", "out of memory", Fault.PLATFORM)
BROKEN = Unscored("a" * 64, "E_RT_NAN", "losses are not finite", Fault.PARTICIPANT, "Train less.")


def test_scorecard_is_recorded_exactly_once(records: Records, clock: ManualClock) -> None:
    round_id, submission = open_round(records), admitted(records, 0)
    first = records.record_scorecard(round_id, submission, scorecard(), seconds=2.0)
    clock.wait(5)
    assert records.record_scorecard(round_id, submission, scorecard(), seconds=9.0) == first
    assert (first.state, first.score, first.attempts) == (EvaluationState.DONE, 0.5, 1)
    assert first.scorecard == scorecard().digest
    assert records.scorecards(round_id) == {"a" * 64: scorecard()}
    with pytest.raises(RecordsError, match="is never replaced"):
        records.record_scorecard(round_id, submission, scorecard(score=0.4), seconds=1.0)
    with pytest.raises(RecordsError, match="is never replaced"):
        records.record_failure(round_id, submission, CRASHED, seconds=1.0)
    assert records.evaluations(round_id) == [first]


def test_platform_failure_is_retried_and_forgotten_by_success(records: Records) -> None:
    round_id, submission = open_round(records), admitted(records, 0)
    for attempt in (1, 2):
        failed = records.record_failure(round_id, submission, CRASHED, seconds=1.5)
        assert failed.attempts == attempt
        assert records.unfinished(round_id) == [failed]
    done = records.record_scorecard(round_id, submission, scorecard(), seconds=2.0)
    assert (done.attempts, done.seconds, done.code, done.fault) == (3, 5.0, None, None)
    assert records.unfinished(round_id) == []


def test_participants_failure_is_final(records: Records) -> None:
    round_id, submission = open_round(records), admitted(records, 0)
    failed = records.record_failure(round_id, submission, BROKEN, seconds=1.0)
    assert failed.fault is Fault.PARTICIPANT
    assert failed.hint == "Train less."
    assert failed.score is None
    assert records.record_failure(round_id, submission, BROKEN, seconds=1.0) == failed
    assert records.unfinished(round_id) == []
    with pytest.raises(RecordsError, match="E_RT_NAN already"):
        records.record_scorecard(round_id, submission, scorecard(), seconds=1.0)


def test_entrants_are_enrolled_once_and_wait(records: Records) -> None:
    round_id = open_round(records)
    ids = [admitted(records, 1), admitted(records, 0)]
    records.record_scorecard(round_id, ids[1], scorecard(), seconds=1.0)
    for _ in range(2):
        records.enrol(round_id, ids)
    (waiting,) = records.unfinished(round_id)
    assert (waiting.submission_id, waiting.state) == (ids[0], EvaluationState.PENDING)
    assert [found.submission for found in records.evaluations(round_id)] == ["a" * 64, "b" * 64]
    assert len(records.evaluations_of(ids[1])) == 1
    with pytest.raises(RecordsError, match="no submission 99"):
        records.enrol(round_id, [99])


def test_decided_round_takes_nothing_more(records: Records) -> None:
    round_id, done, late = open_round(records), admitted(records, 0), admitted(records, 1)
    records.enrol(round_id, [late])
    first = records.record_scorecard(round_id, done, scorecard(), seconds=1.0)
    records.decide_round(round_id, VERDICT)
    assert records.record_scorecard(round_id, done, scorecard(), seconds=1.0) == first
    with pytest.raises(RecordsError, match="comes too late"):
        records.record_scorecard(round_id, late, scorecard("b" * 64), seconds=1.0)
    with pytest.raises(RecordsError, match="nothing can be added"):
        records.enrol(round_id, [admitted(records, 2)])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"submission": "b" * 64}, "its submission is"),
        ({"competition_digest": "0" * 64}, "its competition digest is"),
        ({"seed": 7}, "its seed is 7"),
        ({"samples_digest": "0" * 64}, "its samples digest is"),
    ],
)
def test_scorecard_of_another_round_or_model_is_refused(
    sqlite_records: Records, changes: dict[str, object], words: str
) -> None:
    records = sqlite_records
    round_id, submission = open_round(records), admitted(records, 0)
    with pytest.raises(RecordsError, match=words):
        records.record_scorecard(round_id, submission, scorecard(**changes), seconds=1.0)  # type: ignore[arg-type]
    assert records.evaluations(round_id) == []


def test_score_that_is_not_finite_is_never_recorded(sqlite_records: Records) -> None:
    records = sqlite_records
    round_id, submission = open_round(records), admitted(records, 0)
    with pytest.raises(ValueError, match="JSON"):
        records.record_scorecard(round_id, submission, scorecard(score=float("nan")), seconds=1.0)
    assert records.evaluations(round_id) == []


def test_missing_scorecard_evidence_is_one_sentence(sqlite_records: Records) -> None:
    records = sqlite_records
    round_id, submission = open_round(records), admitted(records, 0)
    records.record_scorecard(round_id, submission, scorecard(), seconds=1.0)
    records.evidence.path(scorecard().digest).unlink()
    with pytest.raises(RecordsError, match="is missing"):
        records.scorecards(round_id)
    with pytest.raises(RecordsError, match="holds no scorecard"):
        records.scorecard(records.evidence.put([{"no": "scorecard"}]))


def test_board_shows_every_submission_with_its_evaluation(sqlite_records: Records) -> None:
    records = sqlite_records
    round_id, first, second = open_round(records), admitted(records, 0), admitted(records, 1)
    done = records.record_scorecard(round_id, first, scorecard(), seconds=1.0)
    rows = records.board_rows("d", round_id)
    assert [(row.submission.id, row.evaluation) for row in rows] == [(first, done), (second, None)]
    assert [row.evaluation for row in records.board_rows("d")] == [None, None]


WORK = """
import sys
from pathlib import Path
from palio.clock import ManualClock
from palio.records.store import Records
from tests.records.conftest import SEED, competition, new_submission, open_round, scorecard
from datetime import UTC, datetime

url, evidence, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
with Records.open(url, evidence, ManualClock(datetime(2026, 1, 1, tzinfo=UTC))) as records:
    round_id = open_round(records)
    for number in range(count):
        content = f"{number:064x}"
        submission = records.add_submission(new_submission(number)).id
        records.admit(submission, content_digest=content, weights_digest="9" * 64)
        card = scorecard(content, score=number / 100)
        records.record_scorecard(round_id, submission, card, seconds=1.0)
        print(number, flush=True)
"""


def test_killed_validator_loses_nothing_and_counts_nothing_twice(
    url: str, tmp_path: Path, clock: ManualClock
) -> None:
    command = [sys.executable, "-c", WORK, url, str(tmp_path / "evidence"), "30"]
    for after in (1, 8):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for _ in range(after):
            acknowledged = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        with Records.open(url, tmp_path / "evidence", clock) as records:
            (round_,) = records.rounds()
            assert len(records.scorecards(round_.id)) > acknowledged
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60)
    with Records.open(url, tmp_path / "evidence", clock) as records:
        found = records.evaluations(round_.id)
        assert len(found) == 30
        assert {item.attempts for item in found} == {1}
        assert len(records.scorecards(round_.id)) == 30
        assert records.evidence.damaged() == []


def test_processes_that_record_the_same_results_agree(
    url: str, tmp_path: Path, clock: ManualClock
) -> None:
    command = [sys.executable, "-c", WORK, url, str(tmp_path / "evidence"), "20"]
    processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    with Records.open(url, tmp_path / "evidence", clock) as records:
        (round_,) = records.rounds()
        assert [item.attempts for item in records.evaluations(round_.id)] == [1] * 20
