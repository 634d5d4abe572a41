"""How long verdicts take on one core, as JSON: medians of several runs.

    OMP_NUM_THREADS=1 python benchmarks/contest.py [--out FILE] [--duels 10000] [--runs 3]

Times are CPU seconds of the process, so that a busy machine distorts them less; the wall
clock stands beside them. Samples are synthetic: losses of any size on two tasks, right or
wrong answers on one, and bits of text on one, with a challenger 3% better or worse.
"""

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

import palio
from palio.competition.model import (
    BaselineNormalisation,
    Competition,
    Constraints,
    DuelRule,
    Epsilon,
    TaskSpec,
)
from palio.contest.duel import PairedLosses, judge_all, judge_paired
from palio.contest.duel_settings import DuelSettings
from palio.contest.entrants import Entrant
from palio.contest.outcome import Carry, History, PastRound, RoundFacts
from palio.contest.paired import definition_of
from palio.contest.verdict import decide
from palio.contest.win_rate import win_counts
from palio.evaluation.scorecard import Cost, Interval, Scorecard, TaskScore
from palio.tasks.samples import SampleScore

#: By task: weight, samples of a round, cap.
TASKS = {
    "CHOICES": (0.4, 60, 1.3),
    "RULES": (0.2, 30, 1.3),
    "TEXTS": (0.3, 30, 0.15),
    "WORDS": (0.1, 30, 0.6),
}
SAMPLES = sum(samples for _, samples, _ in TASKS.values())
SEED = 2026


class Timed(NamedTuple):
    """Medians over runs, in seconds."""

    cpu_s: float
    wall_s: float


def timed(work: Callable[[], object], runs: int) -> Timed:
    """Times of some work."""
    cpu, wall = [], []
    for _ in range(runs):
        started, clock = time.process_time(), time.perf_counter()
        work()
        cpu.append(time.process_time() - started)
        wall.append(time.perf_counter() - clock)
    return Timed(round(statistics.median(cpu), 4), round(statistics.median(wall), 4))


def competition() -> Competition:
    """Four tasks of a round with 150 samples."""
    return Competition(
        name="FOUR",
        id="4",
        constraints=Constraints(
            architectures=("LlamaForCausalLM",),
            max_parameters=1,
            max_bytes=1,
            sequence_length=64,
        ),
        tasks={
            name: TaskSpec(
                dataset="synthetic",
                method="synthetic",
                samples=samples,
                weight=weight,
                normalisation=BaselineNormalisation(kind="baseline", loss=1.0, cap=cap),
            )
            for name, (weight, samples, cap) in TASKS.items()
        },
        rule=DuelRule(kind="duel", max_items=1_000_000),
        epsilon=Epsilon(start=0.01, end=0.01),
    )


def drawn(
    rng: np.random.Generator, name: str, shared: npt.NDArray[np.float64], factor: float
) -> npt.NDArray[np.float64]:
    """One model's losses on shared samples."""
    noise = rng.normal(0, 0.05, len(shared))
    if name == "RULES":
        return (shared * factor + noise > 0.8).astype(np.float64)
    return np.round(np.abs(shared * factor + noise), 6).astype(np.float64)


class Field:
    """A champion and its challengers over rounds of shared samples."""

    def __init__(self, challengers: int, rounds: int) -> None:
        rng = np.random.Generator(np.random.Philox(key=SEED))
        self.shared = {
            name: np.abs(rng.normal(0.8, 0.3, rounds * samples))
            for name, (_, samples, _) in TASKS.items()
        }
        self.champion = {name: drawn(rng, name, row, 1.0) for name, row in self.shared.items()}
        self.challengers = []
        for _ in range(challengers):
            factor = 1 - rng.normal(0, 0.03)
            self.challengers.append(
                {name: drawn(rng, name, row, factor) for name, row in self.shared.items()}
            )

    def losses(
        self, number: int, rounds: slice = slice(None)
    ) -> dict[str, npt.NDArray[np.float64]]:
        """Paired losses of a challenger in some rounds."""
        return {
            name: np.stack(
                [self.champion[name][part], self.challengers[number][name][part]], axis=1
            )
            for name, (_, samples, _) in TASKS.items()
            for part in [slice((rounds.start or 0) * samples, (rounds.stop or 10**9) * samples)]
        }


def one_large_duel(runs: int) -> dict[str, object]:
    """Verdict and all limits of a duel with 100,000 items."""
    rounds = 100_000 // SAMPLES + 1
    losses = Field(1, rounds).losses(0)
    settings = DuelSettings.of(competition())
    state = judge_paired(settings, losses, 0.01, 0.01)
    took = timed(lambda: judge_paired(settings, losses, 0.01, 0.01), max(runs, 5))
    return {"items": state.items, "verdict": state.verdict, **took._asdict()}


def many_duels(duels: int, runs: int) -> dict[str, object]:
    """All duels of a round: 10 earlier rounds and this one, of 150 samples each."""
    field = Field(duels, 11)
    settings = DuelSettings.of(competition())
    losses: list[PairedLosses] = [field.losses(number) for number in range(duels)]
    took = timed(lambda: judge_all(settings, losses, [0.001] * duels, 0.01, 0.01), runs)
    decision = _decision(field, duels)
    whole = timed(decision, runs)
    return {
        "duels": duels,
        "items_of_each": 11 * SAMPLES,
        "judging": took._asdict(),
        "whole_verdict_from_scorecards": whole._asdict(),
    }


def _decision(field: Field, duels: int) -> Callable[[], object]:
    """``decide`` itself, with the scorecards of the last round and the history of ten."""
    of = competition()
    facts = RoundFacts(5000, 1, "samples")
    names = [f"{number:06d}" for number in range(duels)]
    rows = {
        "champion": {name: row[-TASKS[name][1] :] for name, row in field.champion.items()},
        **{
            name: {task: row[-TASKS[task][1] :] for task, row in losses.items()}
            for name, losses in zip(names, field.challengers, strict=True)
        },
    }
    results = {name: _scorecard(of, facts, name, losses) for name, losses in rows.items()}
    entrants = [Entrant(name, f"owner of {name}", 1, place) for place, name in enumerate(rows)]
    past = {
        name: tuple(
            PastRound(1000 + 10 * round_, 1, field.losses(number, slice(round_, round_ + 1)))
            for round_ in range(10)
        )
        for number, name in enumerate(names)
    }
    carry = Carry(definition=definition_of(of), champion="champion", crowned_block=0)
    return lambda: decide(of, facts, entrants, results, History(carry, past))


def _scorecard(
    of: Competition, facts: RoundFacts, name: str, losses: dict[str, npt.NDArray[np.float64]]
) -> Scorecard:
    tasks = {
        task: TaskScore(
            raw=float(row.mean()),
            unit="baselines",
            normalised=float(row.mean()),
            weight=TASKS[task][0],
            weighted=float(TASKS[task][0] * row.mean()),
            interval=Interval(0.0, 1.0),
            natural=float(row.mean()),
            natural_unit="baselines",
            samples=tuple(
                SampleScore(f"{task} {number}", loss) for number, loss in enumerate(row.tolist())
            ),
        )
        for task, row in losses.items()
    }
    return Scorecard(
        submission=name,
        competition=of.name,
        competition_digest=of.digest,
        seed=facts.seed,
        samples_digest=facts.samples_digest,
        score=sum(task.weighted for task in tasks.values()),
        interval=Interval(0.0, 1.0),
        tasks=tasks,
        environment={},
        cost=Cost(0, 0, 0),
    )


def win_counts_of_many(models: int, runs: int) -> dict[str, object]:
    """The win count rule on a field of models."""
    rng = np.random.Generator(np.random.Philox(key=SEED))
    scores, blocks = rng.random(models), rng.integers(0, models, models)
    premiums = rng.choice([0.01, 0.02, 0.05], models)
    took = timed(lambda: win_counts(scores, blocks, premiums), max(runs, 5))
    return {"models": models, **took._asdict()}


def main() -> None:
    """Write the figures to a file, or to stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--duels", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    figures = {
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "system": platform.system(),
            "python": platform.python_version(),
            "numpy": np.__version__,
            "palio": palio.__version__,
        },
        "seed": SEED,
        "one_large_duel": one_large_duel(options.runs),
        "many_duels": many_duels(options.duels, options.runs),
        "win_counts": win_counts_of_many(100_000, options.runs),
    }
    text = json.dumps(figures, indent=2)
    if options.out is None:
        sys.stdout.write(text + "\n")
    else:
        options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
