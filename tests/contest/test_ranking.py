"""What is sure about the order of entrants: rank spans and tie groups."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from palio.competition.model import Rule
from palio.contest.duel import Limits, PairedLosses, judge_all
from palio.contest.duel_settings import DuelSettings, DuelTask
from palio.contest.outcome import Verdict
from palio.contest.ranking import Row, Span, rank_spans, ranking, tie_groups
from palio.contest.verdict import decide
from tests.contest.building import DUEL, WIN_RATE, competition, entrant, facts, scorecard

LIMITS = st.builds(
    lambda low, width, known: Limits(low if known else None, low + width),
    st.integers(-5, 5).map(float),
    st.integers(0, 4).map(float),
    st.booleans(),
)


def is_ahead(one: Limits, other: Limits) -> bool:
    return one.low is not None and one.low > other.high


@given(st.lists(LIMITS, max_size=12))
def test_spans_count_who_is_surely_ahead_and_behind(found: list[Limits]) -> None:
    limits = {str(number): each for number, each in enumerate(found)}
    assert rank_spans(limits) == {
        name: Span(
            1 + sum(is_ahead(other, own) for other in found),
            len(found) - sum(is_ahead(own, other) for other in found),
        )
        for name, own in limits.items()
    }


@given(st.lists(LIMITS, max_size=12))
def test_groups_are_peeled_off_one_after_another(found: list[Limits]) -> None:
    limits = {str(number): each for number, each in enumerate(found)}
    left, expected, group = dict(limits), {}, 0
    while left:
        group += 1
        top = [
            name
            for name, own in left.items()
            if not any(is_ahead(other, own) for other in left.values())
        ]
        expected.update(dict.fromkeys(top, group))
        left = {name: own for name, own in left.items() if name not in top}
    assert tie_groups(limits) == expected


def played(rule: Rule, losses: dict[str, float]) -> Verdict:
    of, about = competition(rule), facts()
    entrants = [entrant(name, number) for number, name in enumerate(losses, start=1)]
    results = {name: scorecard(of, about, name, loss) for name, loss in losses.items()}
    return decide(of, about, entrants, results)


def rows_of(rule: Rule, losses: dict[str, float]) -> dict[str, Row]:
    return {row.submission: row for row in ranking(played(rule, losses))}


def test_equals_share_a_group_and_all_their_ranks() -> None:
    rows = rows_of(DUEL, {"a": 1.0, "b": 1.001, "c": 0.999, "far": 2.0})
    assert {name: rows[name].group for name in rows} == {"a": 1, "b": 1, "c": 1, "far": 2}
    assert {rows[name].span for name in "abc"} == {Span(1, 3)}
    assert rows["far"].span == Span(4, 4)


def test_a_crowned_challenger_is_surely_ahead_of_the_one_it_dethroned() -> None:
    rows = rows_of(DUEL, {"a": 1.0, "b": 0.5})
    assert (rows["b"].span, rows["b"].group) == (Span(1, 1), 1)
    assert (rows["a"].span, rows["a"].group) == (Span(2, 2), 2)


def test_who_is_compared_with_nobody_has_no_span() -> None:
    verdict = played(DUEL, {"a": 1.0, "b": 1.6})
    about = facts(1010)
    of = competition(DUEL)
    again = decide(
        of, about, [entrant("a", 1), entrant("b", 2)], {"a": scorecard(of, about, "a", 1.0)}
    )
    for each, expected in ((verdict, Span(2, 2)), (again, None)):
        (row,) = (row for row in ranking(each) if row.submission == "b")
        assert row.span == expected
        assert row.group == (2 if expected else None)


def test_under_win_rate_nothing_is_said_about_ties() -> None:
    rows = rows_of(WIN_RATE, {"a": 1.0, "b": 1.1}).values()
    assert {(row.span, row.group) for row in rows} == {(None, None)}


@pytest.mark.parametrize("field", [5, 20])
def test_all_joint_limits_hold_at_once_in_at_least_95_of_100_rounds(field: int) -> None:
    """Siblings of equal strength over 60 rounds: nobody may be surely ahead of anybody."""
    rng = np.random.Generator(np.random.Philox(key=field))
    settings = DuelSettings({"A": DuelTask(1, 1, 1.0)}, 0.05, 0.1, 0.02, 10_000)
    wrong = 0
    for _ in range(60):
        losses = (rng.random((field + 1, 100)) < 0.4).astype(float)
        duels: list[PairedLosses] = [
            {"A": np.stack([losses[0], each], axis=1)} for each in losses[1:]
        ]
        states = judge_all(settings, duels, [0.05] * field, 0.0, 0.0)
        limits = {str(number): state.joint for number, state in enumerate(states)}
        limits["champion"] = Limits(0.0, 0.0)
        wrong += set(tie_groups(limits).values()) != {1}
    # 3 of 60 are allowed on average; 8 are three standard deviations more.
    assert wrong <= 8
