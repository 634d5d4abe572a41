"""Third models, splits, pauses and order: what must change no duel, and what does change win rates.

Scores are exact here, so that what the rules do is not hidden by noise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palio.competition.model import DuelRule, Epsilon, Rule
from palio.contest.duel import DuelState, Limits
from palio.contest.entrants import Entrant, EntrantResult
from palio.contest.outcome import Carry, History, StoredRound, Verdict
from palio.contest.paired import definition_of
from palio.contest.verdict import decide, history_from
from palio.errors import Fault
from tests.contest.building import (
    DUEL,
    WIN_RATE,
    competition,
    entrant,
    facts,
    scorecard,
    unscored,
)

NOW = 2000


def rates(losses: Mapping[Entrant, float], epsilon: Epsilon) -> dict[str, float]:
    """Win rates of a round at block 2,000 under the win rate rule."""
    verdict = played(WIN_RATE, losses, epsilon, None)
    return {row.submission: round(row.wins.win_rate, 2) for row in verdict.entrants if row.wins}


def played(
    rule: Rule, losses: Mapping[Entrant, float], epsilon: Epsilon, champion: str | None
) -> Verdict:
    """A round at block 2,000; a champion was crowned long before, and epsilon has decayed."""
    of, about = competition(rule, samples=400, epsilon=epsilon), facts(NOW)
    carry = Carry(definition_of(of), champion, None if champion is None else 0)
    results = {
        each.submission: scorecard(of, about, each.submission, loss)
        for each, loss in losses.items()
    }
    return decide(of, about, losses, results, History(carry))


def duels(losses: Mapping[Entrant, float], epsilon: Epsilon, champion: str) -> dict[str, DuelState]:
    """Each challenger's duel, without the limits that are about the whole field."""
    verdict = played(DUEL, losses, epsilon, champion)
    nothing = Limits(None, 1.0)
    return {
        row.submission: replace(row.duel, joint=nothing) for row in verdict.entrants if row.duel
    }


#: From 5% to 1% over 100 blocks, of which each stands for a round.
FALLING = Epsilon(start=0.05, end=0.01, decay_blocks=100)
OLD, BETTER = entrant("old", 1), entrant("better", NOW)


def clones(count: int) -> list[Entrant]:
    """Fresh copies of the champion, retouched so that they are no exact copies."""
    return [entrant(f"clone{number}", NOW - 5, number) for number in range(count)]


def test_a_copy_makes_a_cycle_of_win_rates_and_none_of_duels() -> None:
    """The old one beats its copy, the copy beats the better one, which beats the old one."""
    (copy,) = clones(1)
    with_copy = {OLD: 1.0, copy: 1.0, BETTER: 0.96}
    without = {OLD: 1.0, BETTER: 0.96}
    assert rates(with_copy, FALLING) == {"old": 0.5, "clone0": 0.5, "better": 0.5}
    assert set(played(WIN_RATE, with_copy, FALLING, None).shares) == {"old", "clone0", "better"}
    assert rates(without, FALLING) == {"old": 0.0, "better": 1.0}
    for field in (with_copy, without):
        assert played(DUEL, field, FALLING, "old").champion_after == "better"
    assert duels(with_copy, FALLING, "old")["better"] == duels(without, FALLING, "old")["better"]


@pytest.mark.parametrize(
    ("count", "winners"),
    [(0, {"better"}), (1, {"old", "clone0", "better"}), (2, {"old"}), (8, {"old"})],
)
def test_fresh_copies_shield_a_champion_from_win_rates_and_not_from_a_duel(
    count: int, winners: set[str]
) -> None:
    field = {OLD: 1.0, **dict.fromkeys(clones(count), 1.0), BETTER: 0.96}
    found = rates(field, FALLING)
    assert {name for name, rate in found.items() if rate == max(found.values())} == winners
    assert played(DUEL, field, FALLING, "old").champion_after == "better"


def test_copies_of_a_loser_hand_the_win_rate_to_another_and_leave_duels_as_they_are() -> None:
    """The worst model's copies lose to the first, and four of them beat the best."""
    first, best = entrant("first", NOW - 131), entrant("best", NOW - 39)
    field = {
        first: 0.3362,
        best: 0.3290,
        entrant("late", NOW - 12): 0.3359,
        entrant("worst", NOW - 68): 0.3367,
    }
    ages = (66, 60, 50, 41, 6, 5)
    copied = field | {entrant(f"copy{age}", NOW - age): 0.3367 for age in ages}
    assert rates(field, FALLING)["best"] == 1.0
    found = rates(copied, FALLING)
    assert (found["first"], found["best"]) == (0.89, 0.56)
    assert max(found, key=lambda name: found[name]) == "first"
    for champion in ("first", "best"):
        before, after = (duels(each, FALLING, champion) for each in (field, copied))
        assert before == {name: after[name] for name in before}
        champions = {
            played(DUEL, each, FALLING, champion).champion_after for each in (field, copied)
        }
        assert len(champions) == 1


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.floats(0.5, 1.5), min_size=1, max_size=4),
    st.lists(st.floats(0.5, 1.5), max_size=4),
)
def test_no_third_model_changes_a_duel(losses: list[float], others: list[float]) -> None:
    some = {entrant(f"m{number}", number + 2): loss for number, loss in enumerate(losses)}
    more = {entrant(f"x{number}", number): loss for number, loss in enumerate(others, start=1)}
    few = duels({OLD: 1.0, **some}, FALLING, "old")
    many = duels({**more, **some, OLD: 1.0}, FALLING, "old")
    assert few == {name: many[name] for name in few}


#: So hard to decide that every round is played.
PATIENT = DuelRule(kind="duel", alpha=1e-12, beta=1e-12, max_items=1_000_000)
ITEMS = 24


def drawn(seed: int, shift: float) -> dict[str, dict[str, list[float]]]:
    """Raw losses of a champion and a challenger on the same samples, by model and task."""
    rng = np.random.Generator(np.random.Philox(key=seed))
    shared = rng.random((2, ITEMS))
    return {
        name: {
            task: (baseline * np.abs(row * factor + 0.1 * rng.random(ITEMS))).tolist()
            for task, baseline, row in zip(("CHOICE", "TEXT"), (0.5, 2.0), shared, strict=True)
        }
        for name, factor in (("old", 1.0), ("new", 1.0 - shift))
    }


def season(
    losses: Mapping[str, Mapping[str, Sequence[float]]],
    rounds: int,
    looks: int = 1,
    pauses: Sequence[int] = (),
) -> DuelState:
    """The duel at the end of rounds that share the items out equally.

    Before each round of ``pauses`` there is another, in which the challenger could not be scored,
    through no fault of its own.
    """
    size = ITEMS // rounds
    of = competition(PATIENT.model_copy(update={"looks": looks}), samples=size)
    stored: list[StoredRound] = []

    def play(part: slice, *, present: bool) -> None:
        about = facts(1000 + 10 * len(stored))
        results: dict[str, EntrantResult] = {}
        for name, tasks in losses.items():
            asked = {task: row[part] for task, row in tasks.items()}
            results[name] = replace(scorecard(of, about, name, asked), looks=looks)
        if not present:
            results["new"] = unscored("new", Fault.PLATFORM)
        entrants = [entrant("old", 1), entrant("new", 2)]
        verdict = decide(of, about, entrants, results, history_from(of, stored))
        stored.append(StoredRound(verdict, results))

    for number in range(rounds):
        part = slice(number * size, (number + 1) * size)
        if number in pauses:
            play(part, present=False)
        play(part, present=True)
    state = stored[-1].verdict.entrants[1].duel
    assert state is not None
    return state


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), st.floats(-0.1, 0.1))
def test_however_items_are_split_into_rounds_and_looks_the_duel_is_the_same(
    seed: int, shift: float
) -> None:
    losses = drawn(seed, shift)
    whole = season(losses, 1)
    assert whole.items == 2 * ITEMS
    for rounds, looks in ((2, 1), (6, 1), (1, 4), (3, 2)):
        assert season(losses, rounds, looks) == whole


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), st.sets(st.integers(0, 3)))
def test_pausing_and_resuming_change_nothing(seed: int, pauses: set[int]) -> None:
    losses = drawn(seed, 0.05)
    assert season(losses, 4, pauses=sorted(pauses)) == season(losses, 4)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), st.permutations(range(4)))
def test_the_order_of_rounds_changes_no_bit(seed: int, order: list[int]) -> None:
    losses = drawn(seed, 0.05)
    size = ITEMS // 4
    shuffled = {
        name: {
            task: [row[place * size + item] for place in order for item in range(size)]
            for task, row in tasks.items()
        }
        for name, tasks in losses.items()
    }
    assert season(shuffled, 4) == season(losses, 4)
