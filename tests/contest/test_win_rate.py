"""SN37's pairwise wins: equal to comparing every pair, and its written rules for ties."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palio.competition.model import Epsilon
from palio.contest.win_rate import Contender, WinCount, step_weights, win_counts, win_rates

FIVE = Epsilon(start=0.05, end=0.05)


def brute_wins(scores: list[float], blocks: list[int], premiums: list[float]) -> list[int]:
    """Every pair compared: the earlier one's score lowered by its epsilon, strictly lower wins."""
    wins = [0] * len(scores)
    for i in range(len(scores)):
        for j in range(len(scores)):
            mine, other = scores[i], scores[j]
            if blocks[i] < blocks[j]:
                mine *= 1 - premiums[i]
            elif blocks[j] < blocks[i]:
                other *= 1 - premiums[j]
            wins[i] += i != j and mine < other
    return wins


# Halves and quarters make scores that stand exactly on a threshold.
SCORES = st.sampled_from([-1.0, -0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 2.0]) | st.floats(-2, 2)
ENTRIES = st.lists(
    st.tuples(SCORES, st.integers(0, 6), st.sampled_from([0.0, 0.25, 0.5, 0.05])), max_size=30
)


@settings(max_examples=200, deadline=None)
@given(ENTRIES)
def test_counting_equals_comparing_every_pair(entries: list[tuple[float, int, float]]) -> None:
    scores, blocks, premiums = ([each[part] for each in entries] for part in range(3))
    counted = win_counts(
        np.array(scores, dtype=float), np.array(blocks, dtype=np.int64), np.array(premiums)
    )
    assert counted.tolist() == brute_wins(scores, blocks, premiums)  # type: ignore[arg-type]


def test_counting_equals_comparing_every_pair_of_many() -> None:
    rng = np.random.Generator(np.random.Philox(key=3))
    scores = rng.normal(1, 0.05, 300).round(3)
    blocks = rng.integers(0, 60, 300)
    premiums = rng.uniform(0.01, 0.05, 300)
    expected = brute_wins(scores.tolist(), blocks.tolist(), premiums.tolist())
    assert win_counts(scores, blocks, premiums).tolist() == expected


def rates(*contenders: tuple[str, float, int]) -> dict[str, float]:
    counts = win_rates([Contender(*each) for each in contenders], FIVE, 100)
    return {name: count.rate for name, count in counts.items()}


def test_a_later_entrant_must_be_better_by_epsilon() -> None:
    assert rates(("early", 1.0, 1), ("late", 0.96, 2)) == {"early": 1.0, "late": 0.0}
    assert rates(("early", 1.0, 1), ("late", 0.94, 2)) == {"early": 0.0, "late": 1.0}


def test_on_the_threshold_itself_nobody_wins() -> None:
    half = Epsilon(start=0.5, end=0.5)
    counts = win_rates([Contender("early", 1.0, 1), Contender("late", 0.5, 2)], half, 100)
    assert [count.wins for count in counts.values()] == [0, 0]


def test_in_one_block_there_is_no_premium_and_equals_tie() -> None:
    assert rates(("a", 1.0, 1), ("b", 0.99, 1)) == {"a": 0.0, "b": 1.0}
    assert rates(("a", 1.0, 1), ("b", 1.0, 1)) == {"a": 0.0, "b": 0.0}
    assert step_weights({"a": WinCount(0, 1), "b": WinCount(0, 1)}) == {"a": 0.5, "b": 0.5}


def test_a_single_contender_takes_the_step_and_nobody_takes_none() -> None:
    assert rates(("only", 9.0, 1)) == {"only": 0.0}
    assert step_weights({"only": WinCount(0, 0)}) == {"only": 1.0}
    assert win_rates([], FIVE, 1) == {}
    assert step_weights({}) == {}


def test_epsilon_decays_with_the_age_of_the_earlier_one() -> None:
    decaying = Epsilon(start=0.05, end=0.01, decay_blocks=100)
    pair = [Contender("early", 1.0, 0), Contender("late", 0.97, 5)]
    assert win_rates(pair, decaying, 10)["late"].wins == 0
    assert win_rates(pair, decaying, 100)["late"].wins == 1


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_scores_that_are_not_finite_are_refused(score: float) -> None:
    with pytest.raises(ValueError, match="only finite"):
        win_rates([Contender("a", score, 1)], FIVE, 1)


def test_a_submission_stands_once() -> None:
    with pytest.raises(ValueError, match="stands twice"):
        win_rates([Contender("a", 1.0, 1), Contender("a", 1.0, 2)], FIVE, 3)
