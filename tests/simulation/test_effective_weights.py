"""What a weight comes to, checked against what losses do to scores."""

import math

import pytest

from palio.evaluation.scorecard import normalise
from palio.simulation.assumptions import assume
from palio.simulation.effective_weights import effective_weights
from tests.simulation.building import WIN_RATE, four_tasks


def test_divided_by_a_baseline_a_weight_is_what_it_says() -> None:
    competition = four_tasks()
    noise = effective_weights(competition, assume(competition), 0.01)
    for name, spec in competition.tasks.items():
        weight = noise.weights[name]
        assert weight.share_of_score == pytest.approx(spec.weight)
        assert weight.tenth_moves == pytest.approx(spec.weight / 10)
        assert weight.raw_gain_needed == pytest.approx(0.01 / spec.weight)
    assert math.fsum(each.share_of_noise for each in noise.weights.values()) == pytest.approx(1)


def test_an_inverse_exponential_rescales_weights_silently() -> None:
    competition = four_tasks(WIN_RATE)
    tasks = assume(competition)
    noise = effective_weights(competition, tasks, 0.01)
    raws = {name: task.loss * task.unit_loss for name, task in tasks.items()}
    parts = {
        name: spec.weight * normalise(raws[name], spec.normalisation)
        for name, spec in competition.tasks.items()
    }
    score = sum(parts.values())
    words = noise.weights["WORDS"]
    assert words.nominal == 0.1
    assert words.share_of_score == pytest.approx(parts["WORDS"] / score)
    assert words.share_of_score < 0.01
    assert words.raw_gain_needed is None
    texts, spec = noise.weights["TEXTS"], competition.tasks["TEXTS"]
    needed = texts.raw_gain_needed
    assert needed is not None
    better = spec.weight * normalise(raws["TEXTS"] * (1 - needed), spec.normalisation)
    assert (parts["TEXTS"] - better) / score == pytest.approx(0.01)
    gained = parts["TEXTS"] - spec.weight * normalise(0.9 * raws["TEXTS"], spec.normalisation)
    assert texts.tenth_moves == pytest.approx(gained / score)


def test_a_loss_above_the_ceiling_has_neither_noise_nor_use() -> None:
    competition = four_tasks(WIN_RATE)
    tasks = assume(competition, losses={"TEXTS": 30.0})
    texts = effective_weights(competition, tasks, 0.01).weights["TEXTS"]
    assert texts.share_of_noise == 0
    assert texts.tenth_moves == 0
    assert texts.raw_gain_needed is not None
    assert texts.raw_gain_needed > 1 / 3


def test_the_noise_of_a_round_falls_with_the_root_of_its_samples() -> None:
    few, many = four_tasks(), four_tasks(times=4)
    noisy = effective_weights(few, assume(few), 0.01).relative
    assert effective_weights(many, assume(many), 0.01).relative == pytest.approx(noisy / 2)
