"""Rounds under SN37's rule, and what its pool of opponents lets clones do."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palio.canonical import canonical_json
from palio.competition.model import Competition, Epsilon
from palio.contest.entrants import Entrant, EntrantResult
from palio.contest.verdict import (
    EntrantVerdict,
    History,
    Outcome,
    Status,
    StoredRound,
    Verdict,
    decide,
    history_from,
)
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

DECAYING = Epsilon(start=0.05, end=0.01, decay_blocks=1000)


def play(
    of: Competition,
    losses: dict[Entrant, float | EntrantResult | None],
    history: History | None = None,
    block: int = 1000,
) -> Verdict:
    about = facts(block)
    results = {
        each.submission: scorecard(of, about, each.submission, loss)
        if isinstance(loss, float)
        else loss
        for each, loss in losses.items()
        if loss is not None
    }
    verdict = decide(of, about, losses, results, history)
    canonical_json(verdict.to_json())
    return verdict


def row(verdict: Verdict, submission: str) -> EntrantVerdict:
    return next(each for each in verdict.entrants if each.submission == submission)


OF = competition(WIN_RATE, samples=2)
A, B, C = entrant("a", 1), entrant("b", 2), entrant("c", 3)


def test_the_best_win_rate_is_champion_and_takes_the_step() -> None:
    verdict = play(OF, {A: 1.0, B: 0.9, C: 1.1})
    assert verdict.champion_after == "b"
    assert verdict.shares == {"b": 1.0}
    wins = row(verdict, "b").wins
    assert wins is not None
    assert (wins.wins, wins.opponents, wins.win_rate, wins.average) == (2, 2, 1.0, 1.0)
    assert verdict.reason == "b is champion: it wins 2 of 2 comparisons (100%)."


def test_equals_of_one_block_share_the_step_and_the_earlier_sequence_is_champion() -> None:
    verdict = play(OF, {entrant("x", 1, 2): 1.0, entrant("y", 1, 1): 1.0})
    assert verdict.shares == {"x": 0.5, "y": 0.5}
    assert verdict.champion_after == "y"


def test_the_sitting_champion_stays_among_equals() -> None:
    first = play(OF, {entrant("x", 1, 2): 1.0})
    history = History(first.carry)
    verdict = play(OF, {entrant("x", 1, 2): 1.0, entrant("y", 1, 1): 1.0}, history, 1010)
    assert verdict.champion_after == "x"
    assert verdict.carry.crowned_block == 1000


def test_a_single_valid_entrant_wins() -> None:
    verdict = play(OF, {A: 1.0, B: unscored("b"), C: None})
    assert verdict.champion_after == "a"
    assert verdict.reason == "a is champion: it is the only valid entrant."
    assert row(verdict, "b").status is Status.FAILED
    assert row(verdict, "c").status is Status.WAITING


def test_a_round_in_which_all_failed_changes_nothing() -> None:
    first = play(OF, {A: 1.0})
    verdict = play(OF, {A: unscored("a"), B: unscored("b")}, History(first.carry), 1010)
    assert verdict.outcome is Outcome.NO_WINNER
    assert verdict.champion_after == "a"
    assert verdict.shares == first.shares
    assert verdict.carry == first.carry


def test_a_champion_missing_through_no_fault_of_its_own_postpones_the_round() -> None:
    first = play(OF, {A: 1.0})
    for result in (unscored("a", Fault.PLATFORM), None):
        verdict = play(OF, {A: result, B: 0.5}, History(first.carry), 1010)
        assert verdict.outcome is Outcome.POSTPONED
        assert verdict.carry == first.carry


def test_a_champion_that_fails_by_its_own_fault_loses_to_the_rest() -> None:
    first = play(OF, {A: 1.0})
    verdict = play(OF, {A: unscored("a"), B: 2.0}, History(first.carry), 1010)
    assert verdict.champion_after == "b"
    assert verdict.shares == {"a": 1.0}


def test_averages_follow_the_stored_rounds_alone() -> None:
    rounds: list[StoredRound] = []
    for number in range(3):
        winner, loser = (A, B) if number == 0 else (B, A)
        verdict = play(OF, {winner: 0.5, loser: 1.0}, history_from(OF, rounds), 1000 + 10 * number)
        rounds.append(StoredRound(verdict, {}))
    assert rounds[-1].verdict.carry.averages == pytest.approx({"a": 0.81, "b": 0.19})
    assert rounds[-1].verdict.shares == pytest.approx({"a": 0.81, "b": 0.19})


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_is_no_opponent(score: float) -> None:
    broken = scorecard(OF, facts(), "c", 0.1, score=score)
    verdict = play(OF, {A: 1.0, B: 0.9, C: broken})
    plain = play(OF, {A: 1.0, B: 0.9})
    assert [each for each in verdict.entrants if each.submission != "c"] == list(plain.entrants)
    assert verdict.shares == plain.shares
    assert row(verdict, "c").status is Status.FAILED


@settings(max_examples=40, deadline=None)
@given(
    losses=st.lists(st.floats(0.5, 1.5), min_size=1, max_size=5),
    fault=st.sampled_from([*Fault, None]),
    data=st.data(),
)
def test_order_and_broken_entrants_change_nothing_for_others(
    losses: list[float], fault: Fault | None, data: st.DataObject
) -> None:
    of = competition(WIN_RATE, samples=2, epsilon=DECAYING)
    entrants: dict[Entrant, float | EntrantResult | None] = {
        entrant(f"m{number}", data.draw(st.integers(0, 3)), number): loss
        for number, loss in enumerate(losses)
    }
    plain = play(of, entrants)
    broken = None if fault is None else unscored("broken", fault)
    more = {**entrants, entrant("broken", data.draw(st.integers(0, 3)), 99): broken}
    verdict = play(of, dict(data.draw(st.permutations(list(more.items())))))
    others = [each for each in verdict.entrants if each.submission != "broken"]
    assert others == list(plain.entrants)
    assert (verdict.shares, verdict.reason) == (plain.shares, plain.reason)


def test_clones_shield_a_champion_under_win_rate_and_not_under_duel() -> None:
    """A champion of full age, fresh copies of it, and a challenger 4% better."""
    old, better = entrant("old", 1), entrant("better", 2000)
    clones = [entrant(f"clone{number}", 1990, number) for number in range(3)]
    fields = ([old, better], [old, *clones, better])
    losses = {each: 0.96 if each == better else 1.0 for each in fields[1]}
    epsilon = Epsilon(start=0.05, end=0.01, decay_blocks=1000)
    champions = {}
    for rule in (WIN_RATE, DUEL):
        of = competition(rule, samples=400, epsilon=epsilon)
        first = play(of, {old: 1.0}, block=1000)
        champions[rule.kind] = [
            play(
                of, {each: losses[each] for each in field}, History(first.carry), 2000
            ).champion_after
            for field in fields
        ]
    assert champions == {"win_rate": ["better", "old"], "duel": ["better", "better"]}
