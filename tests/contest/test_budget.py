"""How alpha is spent over duels."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palio.competition.model import Budget, DuelRule, Rule
from palio.contest.budget import alpha_for, duel_numbers
from palio.contest.entrants import Entrant
from palio.contest.outcome import Carry, DuelNumber, StoredRound, Verdict
from palio.contest.verdict import EntrantResult, decide, history_from
from palio.errors import Fault
from tests.contest.building import competition, entrant, facts, scorecard, unscored

OLD = entrant("old", 1)


def rule(budget: Budget) -> DuelRule:
    return DuelRule(kind="duel", alpha=0.05, budget=budget, max_items=100_000)


def flood(count: int, start: int = 2) -> list[Entrant]:
    return [Entrant(f"flood{n}", "flooder", start, n) for n in range(count)]


class Season:
    """Rounds decided from what was stored of the ones before."""

    def __init__(self, of: Rule) -> None:
        self.competition = competition(of, samples=20)
        self.rounds: list[StoredRound] = []

    def play(self, losses: dict[Entrant, float | EntrantResult]) -> Verdict:
        about = facts(1000 + 10 * len(self.rounds))
        results = {
            each.submission: scorecard(self.competition, about, each.submission, loss)
            if isinstance(loss, float)
            else loss
            for each, loss in losses.items()
        }
        history = history_from(self.competition, self.rounds)
        verdict = decide(self.competition, about, losses, results, history)
        self.rounds.append(StoredRound(verdict, results))
        return verdict


def alphas(verdict: Verdict) -> dict[str, float]:
    return {row.submission: row.duel.alpha for row in verdict.entrants if row.duel}


@given(st.integers(1, 10_000))
def test_what_many_duels_are_granted_never_adds_up_to_more_than_alpha(count: int) -> None:
    granted = math.fsum(
        alpha_for(rule(Budget.SEASON), DuelNumber(number, 1)) for number in range(1, count + 1)
    )
    assert granted == pytest.approx(0.05 * count / (count + 1))
    assert granted < 0.05


def test_a_constant_budget_grants_every_duel_the_same() -> None:
    verdict = Season(rule(Budget.DUEL)).play(dict.fromkeys([OLD, *flood(5)], 1.0))
    assert set(alphas(verdict).values()) == {0.05}


def test_a_season_spends_alpha_in_order_of_commitment() -> None:
    season = Season(rule(Budget.SEASON))
    verdict = season.play(dict.fromkeys([OLD, *flood(3)], 1.0))
    assert alphas(verdict) == pytest.approx(
        {"flood0": 0.05 / 2, "flood1": 0.05 / 6, "flood2": 0.05 / 12}
    )
    late = entrant("late", 3)
    verdict = season.play(dict.fromkeys([OLD, *flood(3), late], 1.0))
    assert alphas(verdict)["late"] == pytest.approx(0.05 / 20)
    assert alphas(verdict)["flood0"] == pytest.approx(0.05 / 2)


@pytest.mark.parametrize("count", [0, 1, 30])
def test_flooding_by_one_participant_moves_no_threshold_of_others(count: int) -> None:
    season = Season(rule(Budget.PARTICIPANT))
    first, second = entrant("mine", 3), Entrant("mine too", "participant of mine", 4, 0)
    season.play(dict.fromkeys([OLD, *flood(count)], 1.0))
    verdict = season.play(dict.fromkeys([OLD, *flood(count), first, second], 1.0))
    granted = alphas(verdict)
    assert granted["mine"] == pytest.approx(0.05 / 2)
    assert granted["mine too"] == pytest.approx(0.05 / 6)
    if count:
        assert granted[f"flood{count - 1}"] == pytest.approx(0.05 / (count * (count + 1)))


def test_under_a_season_budget_flooding_does_move_thresholds() -> None:
    season = Season(rule(Budget.SEASON))
    mine = entrant("mine", 3)
    verdict = season.play(dict.fromkeys([OLD, *flood(30), mine], 1.0))
    assert alphas(verdict)["mine"] == pytest.approx(0.05 / (31 * 32))


def test_a_duel_that_restarts_after_a_crowning_is_a_new_one() -> None:
    season = Season(rule(Budget.SEASON))
    better, other = entrant("better", 2), entrant("other", 3)
    verdict = season.play({OLD: 1.0, better: 0.1, other: 1.0})
    assert verdict.champion_after == "better"
    assert verdict.carry.opened == 2
    again = season.play({OLD: 1.0, better: 0.1, other: 1.0})
    assert alphas(again) == pytest.approx({"old": 0.05 / 12, "other": 0.05 / 20})


def test_who_was_not_scored_moves_nobodys_number() -> None:
    numbers = {}
    for result in (1.0, unscored("flood0", Fault.PLATFORM), unscored("flood0")):
        first, second = flood(2)
        verdict = Season(rule(Budget.SEASON)).play({OLD: 1.0, first: result, second: 1.0})
        numbers[str(result)] = alphas(verdict)["flood1"]
    assert set(numbers.values()) == {0.05 / 6}


def test_a_number_is_never_given_to_two_duels() -> None:
    season = Season(rule(Budget.SEASON))
    first, second = flood(2)
    absent = unscored("flood0", Fault.PLATFORM)
    season.play({OLD: 1.0, first: absent, second: 1.0})
    verdict = season.play({OLD: 1.0, first: 1.0, second: 1.0})
    assert alphas(verdict) == pytest.approx({"flood0": 0.05 / 12, "flood1": 0.05 / 6})


def test_numbers_do_not_depend_on_who_is_asked_about() -> None:
    carry = Carry(champion="old", opened=7, opened_by={"flooder": 3})
    assert duel_numbers(carry, [OLD, *flood(1), entrant("x", 3)]) == {
        "flood0": DuelNumber(8, 4),
        "x": DuelNumber(9, 1),
    }
