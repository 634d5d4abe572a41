"""Moving averages, the threshold, who is kept, and who may try again."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palio.competition.model import Epsilon, WinRateRule
from palio.contest.shares import Attempt, deserves_retry, kept, shares_of, update_averages
from palio.contest.win_rate import WinCount
from tests.contest.building import WIN_RATE

EPSILON = Epsilon(start=0.05, end=0.01, decay_blocks=100)


def after(rounds: int, averages: dict[str, float], winner: str) -> dict[str, float]:
    for _ in range(rounds):
        averages = update_averages(WIN_RATE, averages, {winner: 1.0})
    return averages


def test_the_first_round_counts_whole() -> None:
    assert update_averages(WIN_RATE, {}, {"a": 1.0, "b": 0.0}) == {"a": 1.0}


def test_a_new_winner_earns_from_its_second_round() -> None:
    assert shares_of(WIN_RATE, after(1, {"old": 1.0}, "new")) == {"old": 1.0}
    assert set(shares_of(WIN_RATE, after(2, {"old": 1.0}, "new"))) == {"old", "new"}


def test_a_former_winner_stops_earning_after_seventeen_rounds() -> None:
    assert "old" in shares_of(WIN_RATE, after(16, {"old": 1.0}, "new"))
    assert shares_of(WIN_RATE, after(17, {"old": 1.0}, "new")) == {"new": 1.0}


def test_retained_is_the_part_of_the_past() -> None:
    averages = update_averages(WIN_RATE, {"old": 1.0}, {"new": 1.0})
    assert averages == pytest.approx({"old": 0.9, "new": 0.1})


def test_averages_of_long_ago_are_forgotten() -> None:
    assert set(after(300, {"old": 1.0}, "new")) == {"new"}


def test_the_threshold_itself_earns_and_nobody_may_reach_it() -> None:
    assert shares_of(WIN_RATE, {"a": 0.18, "b": 0.17}) == {"a": 1.0}
    assert shares_of(WIN_RATE, {"a": 0.17, "b": 0.17}) == {}


@given(st.dictionaries(st.text(min_size=1, max_size=3), st.floats(0, 1), max_size=8))
def test_shares_add_up_to_one_or_are_empty(averages: dict[str, float]) -> None:
    shares = shares_of(WIN_RATE, averages)
    assert not shares or math.fsum(shares.values()) == pytest.approx(1)
    assert all(averages[name] >= WIN_RATE.share_threshold for name in shares)


def test_the_best_by_average_are_kept_then_those_with_most_wins() -> None:
    counts = {name: WinCount(wins, 4) for name, wins in zip("abcde", (0, 1, 4, 2, 2), strict=True)}
    averages = {"a": 0.5, "b": 0.6, "c": 0.0005}
    assert kept(WIN_RATE, averages, counts, list("abcde")) == ("b", "a", "c")
    assert kept(WIN_RATE, {}, counts, list("abcde")) == ("c", "d", "e")
    assert kept(WIN_RATE, {"gone": 1.0}, {}, ["a"]) == ()


def attempt(score: float | None, winner: float | None = 1.0) -> Attempt:
    return Attempt(score, winner, 0 if winner is not None else None)


@pytest.mark.parametrize(
    ("attempts", "block", "expected"),
    [
        ([], 0, True),
        ([attempt(None)], 0, True),
        ([attempt(None), attempt(None)], 0, False),
        ([attempt(0.97)], 0, False),
        ([attempt(0.97)], 100, True),
        ([attempt(0.94)], 0, True),
        ([attempt(1.01)], 1000, False),
        ([attempt(1.0)], 1000, False),
        ([attempt(0.97), attempt(None)], 100, True),
        ([attempt(0.97), attempt(1.01)], 100, False),
        ([attempt(0.9), attempt(None), attempt(None), attempt(None)], 100, False),
        ([attempt(0.5, None)], 100, False),
    ],
)
def test_who_is_evaluated_again(attempts: list[Attempt], block: int, expected: bool) -> None:
    assert deserves_retry(WIN_RATE, EPSILON, attempts, block) is expected


def test_the_number_of_tries_is_the_files() -> None:
    rule = WinRateRule(kind="win_rate", average_retains=0.5, share_threshold=0.1, failed_tries=1)
    assert not deserves_retry(rule, EPSILON, [attempt(None)], 0)
