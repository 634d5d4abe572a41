"""A submission meets a round: requests out, answers in, scorecard.

``requests_of`` and ``scorecard_of`` are pure; ``evaluate`` is the thin shell between
them that hands the requests to an executor.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from palio.evaluation.executor import Executor, WorkerProgress
from palio.evaluation.job import WorkerJob
from palio.evaluation.scorecard import Cost, Scorecard, score_task, total
from palio.inference.protocol import Answer, LossAnswer, Request, TextAnswer
from palio.tasks.drawing import Round


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How this host runs models; none of it may change an answer in float32.

    Attributes:
        engine: name of a ``palio.engines`` entry point.
        device: where models run, e.g. ``cpu`` or ``cuda``.
        batch_tokens, batch_rows: how much is computed at once.
    """

    engine: str = "transformers"
    device: str = "cpu"
    batch_tokens: int = 4096
    batch_rows: int = 32


class Evaluation(NamedTuple):
    """A scorecard and the wall clock it took, which is no part of it."""

    scorecard: Scorecard
    seconds: float


def requests_of(drawn: Round) -> tuple[Request, ...]:
    """All requests of a round, task after task, in the order in which they are judged."""
    return tuple(
        request
        for task in drawn.tasks.values()
        for sample in task.samples
        for request in task.method.requests(sample)
    )


def scorecard_of(
    drawn: Round, submission: str, answers: Sequence[Answer], environment: Mapping[str, str]
) -> Scorecard:
    """The scorecard from the answers to :func:`requests_of`.

    Args:
        drawn: the round.
        submission: content digest of what answered.
        answers: one per request, in order.
        environment: what the engine says may matter to the last bit.

    Raises:
        ValueError: the answers do not fit the requests (Palio's own fault).
    """
    rest = iter(answers)
    tasks = {}
    for name, task in drawn.tasks.items():
        scores = []
        for sample in task.samples:
            asked = len(task.method.requests(sample))
            given = list(islice(rest, asked))
            scores.append(task.method.judge(sample, given))
        tasks[name] = score_task(task.spec, task.method, scores)
    if next(rest, None) is not None:
        raise ValueError(f"{len(answers)} answers are more than were asked for")
    score, interval = total(drawn.competition, tasks)
    return Scorecard(
        submission=submission,
        competition=drawn.competition.name,
        competition_digest=drawn.competition.digest,
        seed=drawn.seed,
        samples_digest=drawn.samples_digest,
        score=score,
        interval=interval,
        tasks=tasks,
        environment=dict(environment),
        cost=_cost(answers),
    )


def evaluate(
    drawn: Round,
    folder: Path,
    submission: str,
    executor: Executor,
    settings: EngineSettings | None = None,
    progress: WorkerProgress | None = None,
) -> Evaluation:
    """Evaluate the model in a canonical folder on a round's samples.

    Raises:
        EvaluationFailed: there is no scorecard; says whose fault it is.
    """
    host = settings or EngineSettings()
    constraints = drawn.competition.constraints
    job = WorkerJob(
        folder=str(folder.resolve()),
        requests=requests_of(drawn),
        dtype=str(constraints.dtype),
        sequence_length=constraints.sequence_length,
        engine=host.engine,
        device=host.device,
        batch_tokens=host.batch_tokens,
        batch_rows=host.batch_rows,
    )
    result = executor.run(job, progress)
    scorecard = scorecard_of(drawn, submission, result.answers, result.environment)
    return Evaluation(scorecard, result.seconds)


def _cost(answers: Sequence[Answer]) -> Cost:
    return Cost(
        requests=len(answers),
        scored_tokens=sum(answer.tokens for answer in answers if isinstance(answer, LossAnswer)),
        generated_tokens=sum(answer.tokens for answer in answers if isinstance(answer, TextAnswer)),
    )
