"""Duels judged side by side: the same to the last bit as alone, and as brute force finds."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palio.contest.duel import JOINT_ERROR, Limits, PairedLosses, judge_all, judge_paired
from palio.contest.duel_settings import DuelSettings, DuelTask
from palio.contest.evidence import STAKES, Array, ItemTable
from palio.contest.item_blocks import blocks_of
from palio.contest.limits import COARSE, FINE

RULE = DuelSettings(
    tasks={"B": DuelTask(0.3, 2, 0.25), "A": DuelTask(0.7, 3, 1.0)},
    alpha=0.05,
    beta=0.1,
    zone=0.02,
    max_items=10_000,
)


def random_duel(rng: np.random.Generator, items: int, shift: float, kind: int) -> PairedLosses:
    """Losses of 0 or 1, of any size, or far beyond what a cap lets through."""
    losses = {}
    for name in RULE.tasks:
        shared = rng.random((items, 1))
        if kind == 0:
            pairs = (rng.random((items, 2)) < [0.5, 0.5 - shift]).astype(float)
        elif kind == 1:
            pairs = np.abs(shared + 0.2 * rng.random((items, 2)) - [0.0, shift])
        else:
            pairs = 5000 * shared * (1 + rng.random((items, 2)) - [0.0, shift])
        losses[name] = np.round(np.abs(pairs), 6)
    return losses


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 150), st.floats(-0.3, 0.3), st.integers(0, 2)),
        min_size=1,
        max_size=6,
    ),
    st.integers(0, 2**32),
    st.floats(0.0, 0.1),
)
def test_a_duel_is_judged_in_company_as_it_is_alone(
    shapes: list[tuple[int, float, int]], seed: int, needs: float
) -> None:
    rng = np.random.Generator(np.random.Philox(key=seed))
    duels = [random_duel(rng, *shape) for shape in shapes]
    alphas = [0.05 / number for number in range(1, len(duels) + 1)]
    company = judge_all(RULE, duels, alphas, needs, needs)
    for losses, alpha, state in zip(duels, alphas, company, strict=True):
        (alone,) = judge_all(RULE, [losses], [alpha], needs, needs, together=len(duels))
        assert alone == state


def test_duels_of_any_length_keep_their_bits_in_company() -> None:
    """More blocks than are multiplied in one group, beside a handful of items."""
    rng = np.random.Generator(np.random.Philox(key=3))
    duels = [random_duel(rng, items, 0.01, 1) for items in (3, 40_000, 64, 0, 65)]
    company = judge_all(RULE, duels, [0.05] * 5, 0.01, 0.01)
    for losses, state in zip(duels, company, strict=True):
        assert judge_all(RULE, [losses], [0.05], 0.01, 0.01, together=5) == [state]


def test_evidence_of_very_many_items_neither_over_nor_underflows() -> None:
    ones = np.tile([[1.0, 0.0]], (40_000, 1))
    table = ItemTable.of({"A": 1.0}, {"A": 1.0}, [{"A": ones}, {"A": ones[:, ::-1]}])
    up, down = table.log_evidence_above(np.zeros(2)).tolist()
    assert up == pytest.approx(40_000 * math.log(1.8) - math.log(7), rel=1e-12)
    assert down == pytest.approx(40_000 * math.log(1 - 0.0125) - math.log(7), rel=1e-12)


def brute(bounded: Sequence[float], sign: float) -> float:
    wealths = [math.fsum(math.log(1 + sign * s * y) for y in bounded) for s in STAKES]
    best = max(wealths)
    return best + math.log(math.fsum(math.exp(each - best) for each in wealths) / len(STAKES))


def bounded_by(losses: PairedLosses, at: float, only: str | None = None) -> list[float]:
    """Advantages at a transformed margin, one by one as the formula is written."""
    found = []
    for name, task in RULE.tasks.items():
        if only not in (None, name):
            continue
        scale = 1 / task.cap if only else RULE.scales[name]
        for champion, challenger in losses[name].tolist():
            ours = (1 - at) * champion if at >= 0 else champion
            theirs = challenger if at >= 0 else (1 + at) * challenger
            found.append(max(-task.cap, min(task.cap, ours - theirs)) * scale)
    return found


def transformed(margin: float) -> float:
    return margin if margin >= 0 else margin / (1 - margin)


def check_limits(losses: PairedLosses) -> None:
    """Against brute force: evidence suffices at each limit, and no longer a step of the grid on."""
    state = judge_paired(RULE, losses, 0.0, 0.0)
    joint = math.log(2 / JOINT_ERROR)
    found: list[tuple[Limits, str | None, int, float, float]]
    found = [(state.limits, None, FINE, math.log(20), math.log(10))]
    found.append((state.joint, None, COARSE, joint, joint))
    for task_name, task in state.tasks.items():
        found.append((task.limits, task_name, COARSE, math.log(20), math.log(10)))
    for limits, name, grid, up, down in found:
        # A step of the grid and the rounding to 6 digits; the tolerance is for the brute force.
        if limits.low is not None and limits.low > -1:
            at = transformed(limits.low)
            assert brute(bounded_by(losses, at, name), 1.0) >= up - 2e-6
            beyond = brute(bounded_by(losses, at + 1 / grid + 4e-6, name), 1.0)
            assert beyond < up + 2e-6
        if -1 < limits.high < 1:
            at = transformed(limits.high)
            assert brute(bounded_by(losses, at, name), -1.0) >= down - 2e-6
            assert brute(bounded_by(losses, at - 1 / grid - 4e-6, name), -1.0) < down + 2e-6


@settings(max_examples=25, deadline=None)
@given(st.integers(5, 150), st.floats(-0.2, 0.2), st.sampled_from([0, 1]), st.integers(0, 2**32))
def test_limits_are_the_last_points_at_which_evidence_suffices(
    items: int, shift: float, kind: int, seed: int
) -> None:
    check_limits(random_duel(np.random.Generator(np.random.Philox(key=seed)), items, shift, kind))


@pytest.mark.parametrize("shift", [-0.02, 0.0, 0.03])
def test_limits_close_to_the_lead_are_found_too(shift: float) -> None:
    check_limits(random_duel(np.random.Generator(np.random.Philox(key=9)), 4000, shift, 1))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 150), st.floats(-0.2, 0.2), st.integers(0, 2**32))
def test_the_order_of_tasks_changes_no_bit(items: int, shift: float, seed: int) -> None:
    losses = random_duel(np.random.Generator(np.random.Philox(key=seed)), items, shift, 1)
    other = DuelSettings(
        dict(reversed(list(RULE.tasks.items()))), RULE.alpha, RULE.beta, RULE.zone, RULE.max_items
    )
    assert judge_paired(other, losses, 0.01, 0.01) == judge_paired(RULE, losses, 0.01, 0.01)


def test_losses_too_large_for_a_key_are_ordered_alike() -> None:
    rng = np.random.Generator(np.random.Philox(key=5))
    losses = np.round(rng.random((200, 2)) * 3, 1)
    huge: Array = np.concatenate([losses, [[9e6, 9e6]]])
    for small, large in zip(blocks_of([losses]), blocks_of([huge]), strict=True):
        assert np.array_equal(small.T.ravel()[:200], large.T.ravel()[:200])


def test_joint_limits_widen_with_the_company_and_others_do_not() -> None:
    losses = random_duel(np.random.Generator(np.random.Philox(key=6)), 300, 0.05, 1)
    few, many = (judge_all(RULE, [losses], [0.05], 0.01, 0.01, together=n)[0] for n in (1, 1000))
    assert few.limits == many.limits
    assert few.tasks == many.tasks
    assert few.joint.low is not None
    assert many.joint.low is not None
    assert many.joint.low < few.joint.low < few.joint.high < many.joint.high


def test_limits_of_tasks_hold_as_often_as_promised() -> None:
    """400 duels with a task exactly 10% better, looked at after every round."""
    rng = np.random.Generator(np.random.Philox(key=8))
    settings_ = DuelSettings(RULE.tasks, 0.05, 0.05, 0.02, 10_000)
    champion = 0.5 + rng.random((400, 5, 20))
    noise = rng.normal(0, 0.05, champion.shape)
    pairs = np.round(np.stack([champion, 0.9 * champion + noise], axis=-1), 6).astype(np.float64)
    missed_low, missed_high = np.zeros(400, dtype=bool), np.zeros(400, dtype=bool)
    for rounds in range(1, 6):
        seen: Array = pairs[:, :rounds].reshape(400, -1, 2)
        duels: list[PairedLosses] = [{"A": each, "B": np.minimum(each, 1.0)} for each in seen]
        for number, state in enumerate(judge_all(settings_, duels, [0.05] * 400, 0.0, 0.0)):
            limits = state.tasks["A"].limits
            missed_low[number] |= limits.low is not None and limits.low > 0.1
            missed_high[number] |= limits.high < 0.1
    # 20 of 400 are allowed each; three standard deviations more would be a fault.
    assert missed_low.sum() <= 20 + 13
    assert missed_high.sum() <= 20 + 13
