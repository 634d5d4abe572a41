"""Synthetic losses have the means and spreads they are asked for."""

import math

import numpy as np
import pytest

from palio.errors import ConfigError
from palio.simulation.assumptions import Likeness, assume
from palio.simulation.noise import noise_of
from tests.simulation.building import FOUR, four_tasks

COUNT = 200_000


@pytest.mark.parametrize("likeness", list(Likeness))
@pytest.mark.parametrize("name", list(FOUR))
def test_means_and_spreads_are_the_stated_ones(name: str, likeness: Likeness) -> None:
    task = assume(four_tasks(), likeness)[name]
    noise = noise_of(name, task)
    shared, own, other, third = np.random.default_rng(5).standard_normal((4, COUNT))
    first, second = noise.losses(shared, own, 1.0), noise.losses(shared, other, 0.9)
    equal = noise.losses(shared, other, 1.0)
    tied = noise.copy_correlation * own + math.sqrt(1 - noise.copy_correlation**2) * third
    copy = noise.losses(shared, tied, 1.0)
    assert first.min() >= 0
    assert first.mean() == pytest.approx(1, abs=0.015)
    assert second.mean() == pytest.approx(0.9, abs=0.015)
    assert np.std(first - equal) == pytest.approx(task.spread, rel=0.02)
    if likeness is Likeness.SIBLINGS:
        assert np.std(first - copy) == pytest.approx(task.copy_spread, rel=0.05)
    if task.right_or_wrong:
        assert set(first.tolist()) == {0.0, round(1 / task.unit_loss, 6)}


@pytest.mark.parametrize("lead", [0.03, 0.1])
@pytest.mark.parametrize("likeness", list(Likeness))
@pytest.mark.parametrize("name", list(FOUR))
def test_a_lead_adds_to_the_spread_as_planned(name: str, likeness: Likeness, lead: float) -> None:
    task = assume(four_tasks(), likeness)[name]
    noise = noise_of(name, task)
    shared, own, other = np.random.default_rng(6).standard_normal((3, COUNT))
    apart = noise.losses(shared, own, 1.0) - noise.losses(shared, other, 1 - lead)
    # Where samples are right or wrong, planned from all that tell the two apart.
    measured = math.sqrt(np.mean(apart**2)) if task.right_or_wrong else np.std(apart)
    assert measured == pytest.approx(task.spread_at(lead), rel=0.07)


def test_an_impossible_spread_is_refused_with_the_largest_possible_one() -> None:
    task = assume(four_tasks(), spreads={"CHOICES": 2.5})["CHOICES"]
    with pytest.raises(ConfigError, match=r"CHOICES.*the most is 1\.94"):
        noise_of("CHOICES", task)


def test_a_share_wrong_without_room_is_refused() -> None:
    task = assume(four_tasks(), losses={"CHOICES": 1.2})["CHOICES"]
    with pytest.raises(ConfigError, match=r"share wrong between 0 and 0\.99, not 1\.2"):
        noise_of("CHOICES", task)


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ({"spreads": {"NONE": 1.0}}, "--spread NONE: no such task; the tasks are CHOICES, "),
        ({"seconds": {"TEXTS": 0.0}}, "--cost TEXTS must be a number above 0, not 0.0"),
        ({"losses": {"TEXTS": math.nan}}, "--loss TEXTS must be a number above 0, not nan"),
    ],
)
def test_a_wrong_assumption_is_one_sentence(
    option: dict[str, dict[str, float]], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        assume(four_tasks(), **option)  # type: ignore[arg-type]


def test_an_unknown_method_needs_numbers() -> None:
    competition = four_tasks()
    odd = competition.tasks["TEXTS"].model_copy(update={"method": "poetry"})
    competition = competition.model_copy(update={"tasks": {**competition.tasks, "TEXTS": odd}})
    with pytest.raises(ConfigError, match="'poetry'; give --spread TEXTS=SD"):
        assume(competition)
    given = assume(competition, spreads={"TEXTS": 0.2}, seconds={"TEXTS": 1.0})["TEXTS"]
    assert (given.spread, given.seconds, given.right_or_wrong) == (0.2, 1.0, False)
