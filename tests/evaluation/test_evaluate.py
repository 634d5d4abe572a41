"""From a round to a scorecard: purely from answers, and through real workers byte for byte."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from palio.canonical import canonical_json
from palio.competition.loading import resolve
from palio.errors import EvaluationFailed, Fault
from palio.evaluation.evaluate import EngineSettings, evaluate, requests_of, scorecard_of
from palio.evaluation.executor import GoesOn, WorkerProgress, WorkerResult
from palio.evaluation.job import WorkerJob, WorkerLimits
from palio.evaluation.scorecard import scorecard_from_json
from palio.inference.protocol import Answer, answers
from palio.tasks.drawing import Round, draw_round
from tests.tiny_models import save_tiny

SEED = 20260801


@pytest.fixture(scope="module")
def drawn() -> Round:
    return draw_round(resolve("demo/DEMO"), SEED, samples=2)


@pytest.fixture(scope="module")
def gold(drawn: Round) -> list[Answer]:
    """What a perfect model answers, in the order of the requests."""
    known = {
        repr(request): answer
        for task in drawn.tasks.values()
        for sample in task.samples
        for request, answer in zip(
            task.method.requests(sample), task.method.gold_answers(sample), strict=True
        )
    }
    return [known[repr(request)] for request in requests_of(drawn)]


def test_a_perfect_model_loses_nothing(drawn: Round, gold: list[Answer]) -> None:
    card = scorecard_of(drawn, "ab" * 32, gold, {})
    assert card.score == pytest.approx(0.0, abs=1e-12)
    assert {name: len(task.samples) for name, task in card.tasks.items()} == dict.fromkeys(
        drawn.tasks, 2
    )


def test_gold_answers_have_the_form_their_requests_ask_for(
    drawn: Round, gold: list[Answer]
) -> None:
    assert all(map(answers, requests_of(drawn), gold))


def test_a_scorecard_names_what_it_is_of(drawn: Round, gold: list[Answer]) -> None:
    card = scorecard_of(drawn, "ab" * 32, gold, {"torch": "2"})
    assert (card.submission, card.competition, card.seed) == ("ab" * 32, "DEMO", SEED)
    assert card.competition_digest == drawn.competition.digest
    assert card.samples_digest == drawn.samples_digest
    assert card.environment == {"torch": "2"}
    assert card.cost.requests == len(gold)


@pytest.mark.parametrize("change", [lambda a: a[:-1], lambda a: [], lambda a: [*a, a[-1]]])
def test_too_few_or_too_many_answers_are_a_mistake_of_ours(
    drawn: Round,
    gold: list[Answer],
    change: Any,  # noqa: ANN401 - a list to a list
) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        scorecard_of(drawn, "ab" * 32, change(gold), {})


def test_requests_hold_no_right_answer_of_a_judged_question(drawn: Round) -> None:
    task = drawn.tasks["SYNTHETIC_MMLU"]
    for sample in task.samples:
        moved = [
            task.method.requests(type(sample)(**_fields(sample) | {"answer": answer}))
            for answer in range(4)
        ]
        assert all(requests == moved[0] for requests in moved)


def _fields(sample: Any) -> dict[str, Any]:  # noqa: ANN401 - any sample
    return {name: getattr(sample, name) for name in sample.__dataclass_fields__}


class Recorder:
    """An executor that keeps the job and gives the answers that it was made with."""

    def __init__(self, given: list[Answer]) -> None:
        self.given = given
        self.job: WorkerJob | None = None

    def run(
        self,
        job: WorkerJob,
        progress: WorkerProgress | None = None,
        goes_on: GoesOn | None = None,
    ) -> WorkerResult:
        self.job = job
        return WorkerResult(tuple(self.given), {"device": "none"}, 1.5)

    def stop(self) -> None:
        """Nothing runs here."""


def test_a_job_says_what_competition_and_host_say(
    drawn: Round, gold: list[Answer], tmp_path: Path
) -> None:
    recorder = Recorder(gold)
    settings = EngineSettings(device="cuda", batch_tokens=77, batch_rows=3)
    evaluation = evaluate(drawn, tmp_path, "ab" * 32, recorder, settings)
    assert evaluation.seconds == 1.5
    assert evaluation.scorecard == scorecard_of(drawn, "ab" * 32, gold, {"device": "none"})
    job = recorder.job
    assert job is not None
    assert (job.dtype, job.sequence_length) == ("float32", 512)
    assert (job.device, job.batch_tokens, job.batch_rows) == ("cuda", 77, 3)
    assert Path(job.folder).is_absolute()


def test_a_job_survives_its_file_and_holds_no_secret_of_the_round(
    drawn: Round, gold: list[Answer], tmp_path: Path
) -> None:
    recorder = Recorder(gold)
    evaluate(drawn, tmp_path, "ab" * 32, recorder)
    assert recorder.job is not None
    limits = WorkerLimits(seconds=7, threads=2)
    recorder.job.write(tmp_path / "job.json", limits)
    assert WorkerJob.read(tmp_path / "job.json") == (recorder.job, limits)
    written = (tmp_path / "job.json").read_text()
    assert str(SEED) not in written
    assert "answer" not in json.loads(written)


_EVALUATE = """
import sys
from pathlib import Path
from palio.canonical import canonical_json
from palio.competition.loading import resolve
from palio.evaluation.evaluate import EngineSettings, evaluate
from palio.evaluation.executor import LocalExecutor
from palio.tasks.drawing import draw_round

drawn = draw_round(resolve("demo/DEMO"), int(sys.argv[2]), samples=2)
settings = EngineSettings(batch_rows=int(sys.argv[3]), batch_tokens=int(sys.argv[4]))
evaluation = evaluate(drawn, Path(sys.argv[1]), "ab" * 32, LocalExecutor(), settings)
sys.stdout.buffer.write(canonical_json(evaluation.scorecard.to_json()))
"""


def test_two_processes_and_batch_sizes_write_the_same_scorecard_byte_for_byte(
    tmp_path: Path,
) -> None:
    folder = save_tiny(tmp_path / "model")
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _EVALUATE, str(folder), str(SEED), rows, tokens],
            stdout=subprocess.PIPE,
            env={"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1"},
        )
        for seed, rows, tokens in [("1", "1", "4096"), ("2", "32", "512")]
    ]
    written = [process.communicate()[0] for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert written[0] == written[1]
    card = scorecard_from_json(json.loads(written[0]))
    assert canonical_json(card.to_json()) == written[0]
    assert set(card.tasks) == set(resolve("demo/DEMO").tasks)
    assert card.environment["forward"] == "packed"


def test_a_failed_evaluation_is_no_scorecard(drawn: Round, tmp_path: Path) -> None:
    class Failing(Recorder):
        def run(self, *_: Any, **__: Any) -> WorkerResult:  # noqa: ANN401
            raise EvaluationFailed("E_RT_OOM", "no memory", fault=Fault.PLATFORM)

    with pytest.raises(EvaluationFailed) as failure:
        evaluate(drawn, tmp_path, "ab" * 32, Failing([]))
    assert failure.value.fault is Fault.PLATFORM
