"""A submission meets a round: requests out, answers in, scorecard.

``requests_of`` and ``scorecard_of`` are pure; ``evaluate`` is the thin shell between
them that hands the requests to an executor.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from palio.evaluation.executor import Executor, WorkerProgress
from palio.evaluation.job import WorkerJob
from palio.evaluation.looks import in_order, requests_by_look
from palio.evaluation.scorecard import Cost, Scorecard, score_task, total
from palio.inference.protocol import Answer, LossAnswer, Request, TextAnswer
from palio.tasks.drawing import Round
from palio.tasks.samples import SampleScore


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
    """All requests of a round, look after look and task after task, as they are judged."""
    return tuple(request for part in requests_by_look(drawn) for request in part)


def scorecard_of(
    drawn: Round, submission: str, answers: Sequence[Answer], environment: Mapping[str, str]
) -> Scorecard:
    """The scorecard from the answers to :func:`requests_of`, or to its first looks.

    Args:
        drawn: the round.
        submission: content digest of what answered.
        answers: one per request, in order; they end with a look.
        environment: what the engine says may matter to the last bit.

    Raises:
        ValueError: the answers do not fit the requests (Palio's own fault).
    """
    rest = deque(answers)
    scores: dict[str, list[SampleScore]] = {name: [] for name in drawn.tasks}
    looks = 0
    for look, task, sample in in_order(drawn):
        if look == looks and look > 0 and not rest:
            break
        looks = look + 1
        asked = len(task.method.requests(sample))
        given = [rest.popleft() for _ in range(min(asked, len(rest)))]
        scores[task.name].append(task.method.judge(sample, given))
    if rest:
        raise ValueError(f"{len(answers)} answers are more than were asked for")
    tasks = {
        name: score_task(task.spec, task.method, scores[name]) for name, task in drawn.tasks.items()
    }
    score, interval = total(drawn.competition, tasks)
    return Scorecard(
        submission=submission,
        competition=drawn.competition.name,
        competition_digest=drawn.competition.digest,
        seed=drawn.seed,
        samples_digest=drawn.samples_digest,
        looks=looks,
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
    goes_on: Callable[[Scorecard], bool] | None = None,
) -> Evaluation:
    """Evaluate the model in a canonical folder on a round's samples.

    Args:
        drawn: the round.
        folder: the canonical folder.
        submission: content digest of what lies there.
        executor: runs the worker.
        settings: how this host runs models.
        progress: hears how far the worker has got.
        goes_on: asked after each look but the last, with the scorecard so far; without it,
            or while it says yes, the next look is asked too.

    Raises:
        EvaluationFailed: there is no scorecard; says whose fault it is.
    """
    host = settings or EngineSettings()
    constraints = drawn.competition.constraints
    parts = requests_by_look(drawn)
    job = WorkerJob(
        folder=str(folder.resolve()),
        requests=tuple(request for part in parts for request in part),
        stops=tuple(accumulate(len(part) for part in parts[:-1])) if goes_on else (),
        dtype=str(constraints.dtype),
        sequence_length=constraints.sequence_length,
        engine=host.engine,
        device=host.device,
        batch_tokens=host.batch_tokens,
        batch_rows=host.batch_rows,
    )

    def look(answers: Sequence[Answer]) -> bool:
        # What the engine says of itself comes last; it is no part of what a look decides by.
        return goes_on is None or goes_on(scorecard_of(drawn, submission, answers, {}))

    result = executor.run(job, progress, look) if job.stops else executor.run(job, progress)
    scorecard = scorecard_of(drawn, submission, result.answers, result.environment)
    return Evaluation(scorecard, result.seconds)


def _cost(answers: Sequence[Answer]) -> Cost:
    return Cost(
        requests=len(answers),
        scored_tokens=sum(answer.tokens for answer in answers if isinstance(answer, LossAnswer)),
        generated_tokens=sum(answer.tokens for answer in answers if isinstance(answer, TextAnswer)),
    )
