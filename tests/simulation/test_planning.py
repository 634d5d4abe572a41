"""The planner's formulas, alone and against simulated duels."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palio.contest.duel import DuelVerdict
from palio.errors import ConfigError
from palio.simulation.assumptions import assume
from palio.simulation.duels import play_duels
from palio.simulation.planning import QuotaPlan, cheapest_samples, plan_duels
from tests.simulation.building import DUEL, WIN_RATE, four_tasks, pairing

SAMPLES = {"CHOICES": 64, "RULES": 27, "TEXTS": 3, "WORDS": 6}


def plan_of(lead: float, power: float = 0.9) -> QuotaPlan:
    competition = four_tasks()
    return plan_duels(competition, assume(competition), SAMPLES, [lead], power)


def test_variance_and_width_follow_their_formulas() -> None:
    tasks = assume(four_tasks())
    plan = plan_of(0.05)
    total = sum(SAMPLES.values())
    variance = sum(
        task.weight**2 * task.spread**2 / (SAMPLES[name] / total) for name, task in tasks.items()
    )
    assert plan.variance == pytest.approx(variance)
    widest = max(
        task.weight * (task.cap or 0) / (SAMPLES[name] / total) for name, task in tasks.items()
    )
    assert plan.widest == pytest.approx(widest)
    assert plan.seconds_per_round == pytest.approx(
        2 * sum(SAMPLES[name] * task.seconds for name, task in tasks.items())
    )


def test_small_gains_cost_what_the_closed_formulas_say() -> None:
    plan = plan_of(0.015)
    lead = plan.leads[0]
    assert lead.crowned is not None
    assert lead.mean is not None
    assert lead.fixed is not None
    gain, level = 0.005, math.log(1000) + 1.5
    assert lead.mean.items == pytest.approx(2 * plan.variance * level / gain**2, rel=0.01)
    z = NormalDist().inv_cdf(0.9)
    items = plan.variance / gain**2 * (z + math.sqrt(z * z + 2 * level)) ** 2
    assert lead.crowned.items == pytest.approx(items, rel=0.04)
    fixed = plan.variance * (NormalDist().inv_cdf(0.999) + z) ** 2 / gain**2
    assert lead.fixed.items == pytest.approx(fixed, rel=0.01)


def test_a_lead_within_epsilon_is_never_crowned() -> None:
    assert plan_of(0.01).leads[0].crowned is None
    assert plan_of(-0.2).leads[0].mean is None


@settings(max_examples=40, deadline=None)
@given(st.floats(0.015, 0.5), st.floats(1.05, 2), st.floats(0.5, 0.98))
def test_larger_leads_cost_less_and_more_power_costs_more(
    lead: float, factor: float, power: float
) -> None:
    def items(of: float, at: float) -> int:
        effort = plan_of(of, at).leads[0].crowned
        assert effort is not None
        return effort.items

    assert items(min(lead * factor, 0.9), power) <= items(lead, power)
    assert items(lead, power) <= items(lead, min(power + 0.01, 0.99))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 10_000), min_size=4, max_size=4))
def test_no_division_of_samples_has_less_noise_for_the_same_time(counts: list[int]) -> None:
    competition = four_tasks()
    tasks = assume(competition)
    cheapest = cheapest_samples(tasks, 1_000_000)
    other = dict(zip(tasks, counts, strict=True))

    def noise_times_time(samples: dict[str, int]) -> float:
        plan = plan_duels(competition, tasks, samples, [], 0.9)
        return plan.variance * plan.seconds_per_round / sum(samples.values())

    assert noise_times_time(cheapest) <= noise_times_time(other) * 1.001


@pytest.mark.parametrize("lead", [0.04, 0.06, 0.1])
def test_simulated_duels_take_what_was_planned(lead: float) -> None:
    planned = plan_of(lead).leads[0]
    assert planned.crowned is not None
    assert planned.mean is not None
    ends = play_duels(pairing(four_tasks(), lead), 400, seed=11)
    mean = np.mean([end.items for end in ends])
    assert mean == pytest.approx(planned.mean.items, rel=0.2)
    in_time = [
        end.verdict is DuelVerdict.CROWN and end.items <= 1.2 * planned.crowned.items
        for end in ends
    ]
    assert np.mean(in_time) >= 0.9


def test_an_equal_model_is_dropped_about_when_planned() -> None:
    planned = plan_of(0.05).drops[0]
    assert planned.lead == 0
    ends = play_duels(pairing(four_tasks(), 0.0), 400, seed=12)
    assert np.mean([end.items for end in ends]) == pytest.approx(planned.mean.items, rel=0.2)


def test_the_cheapest_samples_can_be_divided_into_looks() -> None:
    samples = cheapest_samples(assume(four_tasks()), 1000, looks=10)
    assert all(count % 10 == 0 and count >= 10 for count in samples.values())
    assert sum(samples.values()) == pytest.approx(1000, rel=0.02)


def test_looks_within_a_round_save_part_of_it() -> None:
    once = four_tasks(times=10)
    often = four_tasks(DUEL.model_copy(update={"looks": 10}), times=10)
    samples = {name: task.samples for name, task in once.tasks.items()}
    plans = [plan_duels(of, assume(of), samples, [0.2], 0.9).leads[0] for of in (once, often)]
    crowned = [plan.crowned for plan in plans]
    assert crowned[0] is not None
    assert crowned[1] is not None
    assert (crowned[0].items, crowned[0].rounds) == (1000, 1)
    assert (crowned[1].items, crowned[1].rounds) == (400, 1)


def test_wrong_requests_are_refused() -> None:
    competition = four_tasks()
    tasks = assume(competition)
    with pytest.raises(ConfigError, match="--power must lie"):
        plan_duels(competition, tasks, SAMPLES, [0.05], 1.0)
    with pytest.raises(ConfigError, match="--lead must lie"):
        plan_duels(competition, tasks, SAMPLES, [3.0], 0.9)
    other = four_tasks(WIN_RATE)
    with pytest.raises(ConfigError, match="FOUR decides by win_rate, not by duel"):
        plan_duels(other, assume(other), SAMPLES, [0.05], 0.9)
