"""One duel: the published test vector, brute force, and what must change nothing."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palio.contest.duel import DuelItem, DuelState, DuelVerdict, judge_duel
from palio.contest.duel_settings import DuelSettings, DuelTask
from palio.contest.evidence import STAKES, ItemTable
from tests.contest.building import DUEL, WIN_RATE, competition

#: The vector's caps differ by item: every fourth belongs to a task with cap .25, and quotas in
#: proportion to weight * cap make each item count clip / cap.
VECTOR = DuelSettings(
    tasks={"FOURTH": DuelTask(4 / 7, 1, 0.25), "REST": DuelTask(3 / 7, 3, 1.0)},
    alpha=0.1,
    beta=0.1,
    zone=0.02,
    max_items=1000,
)
VECTOR_ITEMS = [
    DuelItem("FOURTH", 0.5 + 0.01 * (i % 7), 0.45 + 0.01 * (i % 5))
    if i % 4 == 0
    else DuelItem("REST", float(7 * i % 10 < 4), float(3 * i % 10 < 3))
    for i in range(1, 41)
]

TWO = DuelSettings(
    tasks={"A": DuelTask(0.7, 3, 1.0), "B": DuelTask(0.3, 2, 0.25)},
    alpha=0.1,
    beta=0.1,
    zone=0.02,
    max_items=10_000,
)
ITEMS = st.lists(
    st.builds(
        DuelItem,
        st.sampled_from(["A", "B"]),
        st.sampled_from([0.0, 0.25, 0.5, 1.0, 1.5]) | st.floats(0, 3).map(lambda x: round(x, 6)),
        st.sampled_from([0.0, 0.25, 0.5, 1.0, 1.5]) | st.floats(0, 3).map(lambda x: round(x, 6)),
    ),
    max_size=60,
)


def brute_logs(rule: DuelSettings, items: Sequence[DuelItem], margin: float) -> tuple[float, float]:
    """Evidence above and below a margin, item by item as the formula is written."""
    widest = max(task.weight * task.cap / task.quota for task in rule.tasks.values())
    above, below = [1 / 7] * 7, [1 / 7] * 7
    for item in items:
        task = rule.tasks[item.task]
        if margin >= 0:
            advantage = (1 - margin) * item.champion_loss - item.challenger_loss
        else:
            advantage = item.champion_loss - item.challenger_loss / (1 - margin)
        capped = max(-task.cap, min(task.cap, advantage))
        y = task.weight / task.quota * capped / widest
        above = [wealth * (1 + stake * y) for wealth, stake in zip(above, STAKES, strict=True)]
        below = [wealth * (1 - stake * y) for wealth, stake in zip(below, STAKES, strict=True)]
    return math.log(sum(above)), math.log(sum(below))


def test_the_published_vector_is_met_to_nine_digits() -> None:
    state = judge_duel(VECTOR, VECTOR_ITEMS, 0.01, 0.01)
    assert state.log_evidence_up == pytest.approx(0.438791947, abs=1e-9)
    assert state.log_evidence_down == pytest.approx(-0.736467605, abs=1e-9)
    assert state.lead == pytest.approx(0.19374, abs=5e-6)
    assert state.limits.low == pytest.approx(-0.2151, abs=5e-5)
    assert state.limits.high == pytest.approx(0.4848, abs=5e-5)
    assert state.verdict is DuelVerdict.GO_ON
    assert state.items == 40


@settings(max_examples=60, deadline=None)
@given(ITEMS, st.floats(0, 0.3), st.floats(0, 1))
def test_evidence_equals_brute_force(items: list[DuelItem], now: float, part: float) -> None:
    least = now * part
    state = judge_duel(TWO, items, now, least)
    assert state.log_evidence_up == pytest.approx(brute_logs(TWO, items, now)[0], abs=2e-9)
    down = brute_logs(TWO, items, least + TWO.zone)[1]
    assert state.log_evidence_down == pytest.approx(down, abs=2e-9)


@settings(max_examples=60, deadline=None)
@given(ITEMS, st.floats(0, 0.3))
def test_limits_are_where_the_evidence_meets_its_level(items: list[DuelItem], now: float) -> None:
    state = judge_duel(TWO, items, now, now)
    level = math.log(10)
    low, high = state.limits.low, state.limits.high
    if low is not None:
        assert brute_logs(TWO, items, low)[0] >= level - 1e-6
        assert brute_logs(TWO, items, low + 1e-4 * (1 + low * low))[0] < level + 1e-6
        assert low <= high
    if high < 1:
        assert brute_logs(TWO, items, high)[1] >= level - 1e-6
    if -1e3 < high < 1:
        assert brute_logs(TWO, items, high - 1e-4 * (1 + high * high))[1] < level + 1e-6


@settings(max_examples=60, deadline=None)
@given(ITEMS, st.floats(0, 0.3))
def test_a_crown_is_a_lower_limit_that_reaches_what_is_needed(
    items: list[DuelItem], now: float
) -> None:
    state = judge_duel(TWO, items * 4, now, now)
    crowned = state.verdict is DuelVerdict.CROWN
    assert crowned == (state.limits.low is not None and state.limits.low >= now)
    if state.verdict is DuelVerdict.DROP:
        assert state.limits.high <= now + TWO.zone


@settings(max_examples=40, deadline=None)
@given(st.data(), ITEMS)
def test_the_order_of_items_changes_no_bit(data: st.DataObject, items: list[DuelItem]) -> None:
    shuffled = data.draw(st.permutations(items))
    assert judge_duel(TWO, shuffled, 0.02, 0.01) == judge_duel(TWO, items, 0.02, 0.01)


@settings(max_examples=40, deadline=None)
@given(ITEMS, st.floats(0, 0.5), st.floats(0, 0.5))
def test_the_evidence_for_a_lead_falls_as_more_is_asked(
    items: list[DuelItem], one: float, other: float
) -> None:
    less, more = sorted((one, other))
    easy, hard = (judge_duel(TWO, items, each, each) for each in (less, more))
    assert hard.log_evidence_up <= easy.log_evidence_up + 1e-9
    assert hard.log_evidence_down >= easy.log_evidence_down - 1e-9
    assert hard.lead == easy.lead


@settings(max_examples=60, deadline=None)
@given(ITEMS)
def test_contributions_add_up_to_the_lead(items: list[DuelItem]) -> None:
    state = judge_duel(TWO, items, 0.01, 0.01)
    if state.lead is not None and abs(state.lead) < 1e3:
        total = math.fsum(task.contribution for task in state.tasks.values())
        assert total == pytest.approx(state.lead, abs=3e-6)
    assert sum(task.items for task in state.tasks.values()) == len(items)


def test_without_capping_the_lead_is_the_relative_difference_of_the_scores() -> None:
    rule = DuelSettings(
        {"A": DuelTask(0.7, 1, 9.0), "B": DuelTask(0.3, 1, 9.0)}, 0.1, 0.1, 0.02, 1000
    )
    items = [DuelItem("A", 1.0, 0.8), DuelItem("B", 2.0, 2.1)] * 5
    state = judge_duel(rule, items, 0.0, 0.0)
    champion, challenger = 0.7 * 1.0 + 0.3 * 2.0, 0.7 * 0.8 + 0.3 * 2.1
    assert state.lead == pytest.approx(1 - challenger / champion, abs=1e-6)
    assert state.tasks["A"].lead == pytest.approx(0.2, abs=1e-6)
    assert state.tasks["A"].contribution == pytest.approx(0.7 * 0.2 / champion, abs=1e-6)
    assert state.tasks["B"].contribution == pytest.approx(-0.3 * 0.1 / champion, abs=1e-6)


def test_a_trailing_challenger_has_a_negative_lead() -> None:
    rule = DuelSettings({"A": DuelTask(1, 1, 9.0)}, 0.1, 0.1, 0.02, 1000)
    state = judge_duel(rule, [DuelItem("A", 1.0, 1.25)], 0.0, 0.0)
    assert state.lead == pytest.approx(-0.25, abs=1e-6)


def test_opposite_leads_of_two_tasks_are_shown_although_they_cancel() -> None:
    rule = DuelSettings(
        {"A": DuelTask(0.5, 1, 9.0), "B": DuelTask(0.5, 1, 9.0)}, 0.1, 0.1, 0.02, 1000
    )
    state = judge_duel(rule, [DuelItem("A", 1.0, 0.5), DuelItem("B", 1.0, 1.5)], 0.0, 0.0)
    assert state.lead == 0
    assert state.tasks["A"].contribution == pytest.approx(0.25)
    assert state.tasks["B"].contribution == pytest.approx(-0.25)


def test_without_items_nothing_is_known() -> None:
    state = judge_duel(TWO, [], 0.01, 0.01)
    assert state.verdict is DuelVerdict.GO_ON
    assert (state.lead, state.limits.low, state.limits.high) == (None, None, 1.0)
    assert (state.log_evidence_up, state.log_evidence_down) == (0.0, 0.0)


def test_identical_models_have_a_lead_of_exactly_zero() -> None:
    items = [DuelItem("A", 0.3 * n, 0.3 * n) for n in range(20)]
    assert judge_duel(TWO, items, 0.01, 0.01).lead == 0


def test_capped_items_that_cancel_up_to_rounding_leave_no_lead() -> None:
    rule = DuelSettings(
        {"A": DuelTask(1, 10, 1.0), "B": DuelTask(3, 10, 1.0)}, 0.1, 0.1, 0.02, 1000
    )
    items = [DuelItem("A", 9.0, 1.0)] * 3 + [DuelItem("B", 1.0, 9.0)]
    state = judge_duel(rule, items, 0.0, 0.0)
    assert state.lead == 0
    assert [task.contribution for task in state.tasks.values()] == [0.0, 0.0]


def test_a_perfect_champion_is_behind_nobody_and_its_lead_unbounded() -> None:
    state = judge_duel(TWO, [DuelItem("A", 0.0, 1.0)] * 50, 0.01, 0.01)
    assert state.lead is None
    assert state.limits.low is None
    assert state.verdict is DuelVerdict.DROP


def at_threshold(items: list[DuelItem], shift: float) -> DuelState:
    """The items judged with the alpha that their rounded evidence just meets, times a hair."""
    evidence = round(judge_duel(TWO, items, 0.01, 0.01).log_evidence_up, 6)
    alpha = math.exp(-evidence) * (1 + shift)
    rule = DuelSettings(TWO.tasks, alpha, 0.1, 0.02, 10_000)
    return judge_duel(rule, items, 0.01, 0.01)


def test_the_threshold_itself_is_enough() -> None:
    items = [DuelItem("A", 1.0, 0.8)] * 20
    assert at_threshold(items, 1e-12).verdict is DuelVerdict.CROWN
    assert at_threshold(items, -1e-12).verdict is not DuelVerdict.CROWN


def test_more_may_be_needed_now_than_later() -> None:
    items = [DuelItem("A", 1.0, 0.9)] * 200
    assert judge_duel(TWO, items, 0.3, 0.0).verdict is DuelVerdict.PARK
    assert judge_duel(TWO, items, 0.01, 0.0).verdict is DuelVerdict.CROWN
    assert judge_duel(TWO, items, 0.3, 0.3).verdict is DuelVerdict.DROP


def test_spent_items_end_a_duel_that_nothing_decided() -> None:
    rule = DuelSettings(TWO.tasks, 0.001, 0.001, 0.02, 4)
    assert judge_duel(rule, [DuelItem("A", 1.0, 1.0)] * 3, 0.0, 0.0).verdict is DuelVerdict.GO_ON
    assert judge_duel(rule, [DuelItem("A", 1.0, 1.0)] * 4, 0.0, 0.0).verdict is DuelVerdict.DROP


@pytest.mark.parametrize("loss", [math.nan, math.inf, -0.1])
def test_losses_that_are_none_are_refused(loss: float) -> None:
    with pytest.raises(ValueError, match="finite number of at least 0"):
        judge_duel(TWO, [DuelItem("A", 1.0, loss)], 0.01, 0.01)


def test_an_unknown_task_and_a_wrong_epsilon_are_refused() -> None:
    with pytest.raises(ValueError, match="'C' is unknown; the rule knows A, B"):
        judge_duel(TWO, [DuelItem("C", 1.0, 1.0)], 0.01, 0.01)
    with pytest.raises(ValueError, match="epsilon must lie"):
        judge_duel(TWO, [], 0.01, 0.02)


@pytest.mark.parametrize("field", ["weight", "quota", "cap"])
@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_settings_outside_their_range_are_refused(field: str, value: float) -> None:
    task = DuelTask(**{"weight": 1.0, "quota": 1.0, "cap": 1.0, field: value})
    with pytest.raises(ValueError, match=rf"tasks\.A\.{field} must be"):
        DuelSettings({"A": task}, 0.1, 0.1, 0.02, 10)


@pytest.mark.parametrize(
    ("alpha", "beta", "zone", "max_items", "said"),
    [
        (0.0, 0.1, 0.02, 10, "alpha must lie"),
        (0.1, 1.0, 0.02, 10, "beta must lie"),
        (0.1, 0.1, math.nan, 10, "zone must lie"),
        (0.1, 0.1, 0.02, 0, "max_items must be"),
    ],
)
def test_error_rates_outside_their_range_are_refused(
    alpha: float, beta: float, zone: float, max_items: int, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        DuelSettings(TWO.tasks, alpha, beta, zone, max_items)
    with pytest.raises(ValueError, match="at least one task"):
        DuelSettings({}, 0.1, 0.1, 0.02, 10)


def test_a_competition_gives_its_weights_sample_counts_and_caps() -> None:
    rule = DuelSettings.of(competition(samples=7, weights=(0.25, 0.75)))
    assert rule.tasks == {"CHOICE": DuelTask(0.25, 7, 2.0), "TEXT": DuelTask(0.75, 7, 0.5)}
    assert (rule.alpha, rule.beta, rule.zone) == (DUEL.alpha, DUEL.beta, DUEL.zone)
    with pytest.raises(ValueError, match="does not decide by duel"):
        DuelSettings.of(competition(WIN_RATE))


def test_only_proportions_of_weights_and_quotas_count() -> None:
    scaled = DuelSettings(
        {name: DuelTask(9 * t.weight, 5 * t.quota, t.cap) for name, t in VECTOR.tasks.items()},
        VECTOR.alpha,
        VECTOR.beta,
        VECTOR.zone,
        VECTOR.max_items,
    )
    one, other = (judge_duel(rule, VECTOR_ITEMS, 0.01, 0.01) for rule in (VECTOR, scaled))
    assert one.log_evidence_up == pytest.approx(other.log_evidence_up, abs=1e-9)


def test_an_equal_challenger_is_almost_never_crowned() -> None:
    """2,000 duels of an equal sibling, looked at after every round, at alpha .05."""
    rng = np.random.Generator(np.random.Philox(key=7))
    losses = (rng.random((2000, 400, 2)) < 0.4).astype(float)
    best = np.full(2000, -np.inf)
    for rounds in range(1, 11):
        table = ItemTable.of(
            {"A": 1.0}, {"A": 1.0}, [{"A": duel[: 40 * rounds]} for duel in losses]
        )
        best = np.maximum(best, table.log_evidence_above(np.zeros(2000)))
    crowned = np.count_nonzero(best >= math.log(1 / 0.05))
    # Ville's bound is 100 of 2,000; three standard deviations above it would be a fault.
    assert crowned <= 100 + 30
