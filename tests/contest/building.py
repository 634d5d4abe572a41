"""Small competitions, scorecards and rounds for the tests of the contest."""

from collections.abc import Mapping, Sequence

from palio.competition.model import (
    BaselineNormalisation,
    Competition,
    Constraints,
    DuelRule,
    Epsilon,
    Rule,
    TaskSpec,
    WinRateRule,
)
from palio.contest.entrants import Entrant
from palio.contest.outcome import RoundFacts
from palio.errors import Fault
from palio.evaluation.scorecard import Cost, Interval, Scorecard, TaskScore, Unscored
from palio.tasks.samples import SampleScore

DUEL = DuelRule(kind="duel", alpha=0.05, beta=0.1, zone=0.02, max_items=100_000)
WIN_RATE = WinRateRule(kind="win_rate", average_retains=0.9, share_threshold=0.18)


def competition(
    rule: Rule = DUEL,
    *,
    samples: int = 200,
    epsilon: Epsilon | None = None,
    weights: tuple[float, float] = (0.5, 0.5),
) -> Competition:
    """Two tasks, CHOICE (baseline loss .5, cap 2) and TEXT (baseline loss 2, cap .5)."""
    return Competition(
        name="TEST",
        id="T",
        constraints=Constraints(
            architectures=("LlamaForCausalLM",),
            max_parameters=1000,
            max_bytes=1000,
            sequence_length=64,
        ),
        tasks={
            "CHOICE": TaskSpec(
                dataset="d",
                method="m",
                samples=samples,
                weight=weights[0],
                normalisation=BaselineNormalisation(kind="baseline", loss=0.5, cap=2.0),
            ),
            "TEXT": TaskSpec(
                dataset="d",
                method="m",
                samples=samples,
                weight=weights[1],
                normalisation=BaselineNormalisation(kind="baseline", loss=2.0, cap=0.5),
            ),
        },
        rule=rule,
        epsilon=epsilon or Epsilon(start=0.01, end=0.01),
    )


def facts(sync_block: int = 1000) -> RoundFacts:
    return RoundFacts(sync_block, seed=sync_block * 7, samples_digest=f"samples of {sync_block}")


def entrant(submission: str, block: int = 1, sequence: int = 0) -> Entrant:
    return Entrant(submission, f"participant of {submission}", block, sequence)


def scorecard(
    of: Competition,
    about: RoundFacts,
    submission: str,
    losses: Mapping[str, Sequence[float]] | float,
    score: float | None = None,
) -> Scorecard:
    """A scorecard with these raw losses, by task, or with one loss relative to the baseline's."""
    tasks = {}
    for name, spec in of.tasks.items():
        assert isinstance(spec.normalisation, BaselineNormalisation)
        raws = (
            [losses * spec.normalisation.loss] * spec.samples
            if isinstance(losses, float)
            else list(losses[name])
        )
        raw = sum(raws) / len(raws)
        tasks[name] = TaskScore(
            raw=raw,
            unit="u",
            normalised=raw / spec.normalisation.loss,
            weight=spec.weight,
            weighted=spec.weight * raw / spec.normalisation.loss,
            interval=Interval(raw, raw),
            natural=raw,
            natural_unit="u",
            samples=tuple(
                SampleScore(f"{about.sync_block}-{name}-{number}", loss)
                for number, loss in enumerate(raws)
            ),
        )
    total = sum(task.weighted for task in tasks.values()) if score is None else score
    return Scorecard(
        submission=submission,
        competition=of.name,
        competition_digest=of.digest,
        seed=about.seed,
        samples_digest=about.samples_digest,
        score=total,
        interval=Interval(total, total),
        tasks=tasks,
        environment={},
        cost=Cost(0, 0, 0),
    )


def unscored(submission: str, fault: Fault = Fault.PARTICIPANT) -> Unscored:
    return Unscored(submission, "E_RT_TEST", "it broke.", fault)
