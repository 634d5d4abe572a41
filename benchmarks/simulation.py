"""What the duel's error rates, savings and plans are in simulation, as JSON.

    python benchmarks/simulation.py [--out FILE] [--duels 24000] [--seasons 50]

Every number follows from the seeds written beside it; only the times depend on the machine.
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

import palio
from palio.competition.loading import find
from palio.competition.model import Competition, DuelRule, WinRateRule
from palio.contest.duel import DuelVerdict
from palio.contest.duel_settings import DuelSettings
from palio.simulation.assumptions import Likeness, TaskAssumption, assume
from palio.simulation.claims import counted, ends_of, mix_saving, specialist_trap
from palio.simulation.duels import Pairing, play_duels
from palio.simulation.noise import noise_of
from palio.simulation.planning import plan_duels
from palio.simulation.seasons import play_seasons, summarise
from palio.simulation.synthetic import DEFAULT_GROUPS

#: By task: weight, samples of a round, method, baseline's loss, cap.
FOUR: dict[str, tuple[float, int, str, float, float]] = {
    "CHOICES": (0.4, 64, "multiple_choice", 0.348, 2.87),
    "RULES": (0.2, 27, "rule_following", 0.41, 2.4),
    "TEXTS": (0.3, 3, "text_loss", 2.3, 0.15),
    "WORDS": (0.1, 6, "reference_loss", 0.5, 1.0),
}
EPSILON, SEED = 0.01, 2026


def competition(rule: DuelRule | WinRateRule, times: int = 1, tasks: Any = None) -> Competition:  # noqa: ANN401 - JSON
    """The four tasks under a rule."""
    return Competition.model_validate(
        {
            "name": "FOUR",
            "id": "4",
            "constraints": find("demo/DEMO").current_or_last().constraints.model_dump(),
            "rule": rule.model_dump(),
            "epsilon": {"start": EPSILON, "end": EPSILON},
            "tasks": tasks
            or {
                name: {
                    "dataset": "embedded",
                    "method": method,
                    "samples": samples * times,
                    "weight": weight,
                    "normalisation": {"kind": "baseline", "loss": loss, "cap": cap},
                }
                for name, (weight, samples, method, loss, cap) in FOUR.items()
            },
        }
    )


def duel(alpha: float, max_items: int = 1_000_000) -> DuelRule:
    """The default rule at that alpha."""
    return DuelRule(kind="duel", alpha=alpha, beta=0.1, zone=0.02, max_items=max_items)


def pairing(
    of: Competition, lead: float, tasks: dict[str, TaskAssumption] | None = None
) -> Pairing:
    """A challenger that leads alike on every task."""
    assumed = tasks or assume(of)
    return Pairing(
        DuelSettings.of(of),
        EPSILON,
        {name: noise_of(name, task) for name, task in assumed.items()},
        dict.fromkeys(of.tasks, lead),
    )


def crownings(duels: int) -> list[dict[str, Any]]:
    """How often challengers that should not be crowned are."""
    found = []
    for lead, alpha, count in (
        (0.0, 0.001, duels),
        (0.0, 0.01, duels),
        (EPSILON, 0.001, duels // 3),
        (EPSILON, 0.01, duels // 3),
        (EPSILON, 0.05, duels // 3),
    ):
        ends = ends_of(pairing(competition(duel(alpha, 60_000)), lead), count, SEED)
        found.append({"lead": lead, "alpha": alpha, "seed": SEED, **asdict(ends)})
        say(f"lead {lead:.0%}, alpha {alpha}: {ends.crowned.count} of {count} crowned")
    return found


def plans() -> list[dict[str, Any]]:
    """Plans beside simulated duels."""
    found = []
    of = competition(duel(0.001))
    for likeness in Likeness:
        tasks = assume(of, likeness)
        samples = {name: task.samples for name, task in tasks.items()}
        for lead in (0.03, 0.04, 0.06, 0.1):
            plan = plan_duels(of, tasks, samples, [lead], 0.9).leads[0]
            assert plan.crowned is not None
            assert plan.mean is not None
            ends = play_duels(pairing(of, lead, tasks), 1000, SEED)
            most = 1.2 * plan.crowned.items
            in_time = sum(e.verdict is DuelVerdict.CROWN and e.items <= most for e in ends)
            found.append(
                {
                    "likeness": likeness,
                    "lead": lead,
                    "planned_mean_items": plan.mean.items,
                    "simulated_mean_items": counted(ends).mean_items,
                    "planned_items_at_power_0.9": plan.crowned.items,
                    "crowned_within_plan_plus_20_percent": in_time / len(ends),
                    "duels": len(ends),
                    "seed": SEED,
                }
            )
            say(f"{likeness}, lead {lead:.0%}: {in_time / len(ends):.1%} within the plan + 20%")
    return found


def savings() -> list[dict[str, Any]]:
    """Items of duels over a mix of challengers, beside a test of a fixed number."""
    found = []
    of = competition(duel(1e-4))
    for likeness in Likeness:
        tasks = assume(of, likeness)
        samples = {name: task.samples for name, task in tasks.items()}
        fixed = plan_duels(of, tasks, samples, [0.03], 0.9).leads[0].fixed
        assert fixed is not None
        saving = mix_saving(pairing(of, 0.0, tasks), fixed.items, 1000, SEED)
        found.append(
            {
                "likeness": likeness,
                "alpha": 1e-4,
                "seed": SEED,
                "duels_each": 1000,
                "fixed_items": saving.fixed_items,
                "mean_items": saving.mean_items,
                "by_lead": saving.by_lead,
                "factor": saving.factor,
            }
        )
        say(f"{likeness}: {saving.factor:.1f} times fewer items than a fixed test")
    return found


def trap() -> list[dict[str, Any]]:
    """A specialist exactly at epsilon, looked at when a round is over and at every item."""
    found = []
    for alpha in (0.05, 0.01):
        whole = competition(duel(alpha, 20_000)).model_dump(mode="json")["tasks"]
        tasks = {
            "CHOICES": {**whole["CHOICES"], "weight": 2 / 3, "samples": 100},
            "RULES": {**whole["RULES"], "weight": 1 / 3, "samples": 42},
        }
        of = competition(duel(alpha, 20_000), tasks=tasks)
        leads = {"CHOICES": 0.23, "RULES": (EPSILON - 2 / 3 * 0.23) * 3}
        seen = specialist_trap(replace(pairing(of, 0.0), leads=leads), 4000, SEED)
        found.append(
            {
                "alpha": alpha,
                "seed": SEED,
                "leads": leads,
                "at_round_ends": asdict(seen.at_round_ends),
                "at_every_item": asdict(seen.at_every_item),
            }
        )
        say(
            f"specialist, alpha {alpha}: {seen.at_round_ends.share:.1%} at round ends, "
            f"{seen.at_every_item.share:.1%} at every item"
        )
    return found


def seasons(count: int) -> list[dict[str, Any]]:
    """Whole seasons of one field under both rules."""
    found = []
    win_rate = WinRateRule(kind="win_rate", average_retains=0.85, share_threshold=0.18)
    for rule in (duel(0.001, 60_000), win_rate):
        of = competition(rule, times=10)
        records = play_seasons(of, assume(of), DEFAULT_GROUPS, 100, SEED, count)
        summary = summarise(records, 100, EPSILON)
        found.append({"rule": rule.kind, "seed": SEED, **asdict(summary)})
        say(f"{rule.kind}: {summary.false_crownings.mean:.2f} false crownings a season")
    return found


def say(sentence: str) -> None:
    """Progress."""
    print(sentence, file=sys.stderr, flush=True)


def timed(work: Callable[[], list[dict[str, Any]]]) -> dict[str, Any]:
    """The results of an experiment and how long it took."""
    start = time.perf_counter()
    results = work()
    return {"seconds": round(time.perf_counter() - start, 2), "results": results}


def main() -> None:
    """Run all experiments and write their results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, help="where to write the JSON [default: stdout]")
    parser.add_argument("--duels", type=int, default=24_000)
    parser.add_argument("--seasons", type=int, default=50)
    options = parser.parse_args()
    report = {
        "palio": palio.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": platform.machine(),
        "processor": platform.processor(),
        "false_crownings": timed(lambda: crownings(options.duels)),
        "plans": timed(plans),
        "savings": timed(savings),
        "trap": timed(trap),
        "seasons": timed(lambda: seasons(options.seasons)),
    }
    text = json.dumps(report, indent=1, allow_nan=False)
    if options.out is None:
        print(text)
    else:
        options.out.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
