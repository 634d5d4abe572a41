"""Who is evaluated in the coming round."""

from dataclasses import replace

from palio.competition.model import Epsilon, Rule
from palio.contest.next_round import worth_evaluating
from palio.contest.outcome import Status
from palio.contest.verdict import Entrant, EntrantResult, StoredRound, decide, history_from
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

EVERYONE = [
    *(entrant(name, number) for number, name in enumerate("abcd", start=1)),
    Entrant("a", "a copier", 9, 0),
]
BROKEN = unscored("d")
Losses = dict[str, float | EntrantResult]


def season(rule: Rule, *rounds: Losses, epsilon: Epsilon | None = None) -> list[StoredRound]:
    of = competition(rule, samples=20, epsilon=epsilon)
    stored: list[StoredRound] = []
    for number, losses in enumerate(rounds):
        about = facts(1000 + 10 * number)
        results = {
            name: scorecard(of, about, name, loss) if isinstance(loss, float) else loss
            for name, loss in losses.items()
        }
        verdict = decide(of, about, EVERYONE, results, history_from(of, stored))
        stored.append(StoredRound(verdict, results))
    return stored


def names(
    rule: Rule, rounds: list[StoredRound], block: int, epsilon: Epsilon | None = None
) -> list[str]:
    of = competition(rule, samples=20, epsilon=epsilon)
    verdicts = [each.verdict for each in rounds]
    return [each.submission for each in worth_evaluating(of, verdicts, EVERYONE, block)]


def test_before_the_first_round_everyone_is_evaluated_once() -> None:
    assert names(DUEL, [], 1000) == ["a", "b", "c", "d"]
    assert names(WIN_RATE, [], 1000) == ["a", "b", "c", "d"]
    assert names(DUEL, [], 2) == ["a", "b"]


def test_champion_and_open_duels_are_evaluated_again_and_decided_ones_not() -> None:
    rounds = season(DUEL, {"a": 1.0, "b": 1.6, "c": 1.01, "d": BROKEN})
    assert names(DUEL, rounds, 1010) == ["a", "c"]


def test_without_an_open_challenger_nobody_is_evaluated() -> None:
    rounds = season(DUEL, {"a": 1.0, "b": 1.6, "c": 1.6, "d": BROKEN})
    assert names(DUEL, rounds, 1010) == []


def test_under_duel_an_entrant_that_failed_before_any_champion_is_tried_twice() -> None:
    failing: Losses = {"d": BROKEN}
    assert "d" in names(DUEL, season(DUEL, failing), 1010)
    assert "d" not in names(DUEL, season(DUEL, failing, failing), 1020)


def test_a_parked_challenger_waits_until_less_is_needed() -> None:
    decaying = Epsilon(start=0.5, end=0.0, decay_blocks=100)
    losses: Losses = {"a": 1.0, "b": 0.8, "c": 1.6, "d": BROKEN}
    rounds = season(DUEL, losses, losses, epsilon=decaying)
    last = {each.submission: each.status for each in rounds[-1].verdict.entrants}
    assert last["b"] is Status.PARKED
    assert "b" not in names(DUEL, rounds, 1012, decaying)
    assert names(DUEL, rounds, 1090, decaying) == ["a", "b"]


def test_under_win_rate_an_entrant_that_only_failed_by_itself_is_tried_twice() -> None:
    failing: Losses = {"a": 1.0, "d": BROKEN}
    assert "d" in names(WIN_RATE, season(WIN_RATE, failing), 1010)
    assert "d" not in names(WIN_RATE, season(WIN_RATE, failing, failing), 1020)
    innocent: Losses = {"a": 1.0, "d": unscored("d", Fault.PLATFORM)}
    assert "d" in names(WIN_RATE, season(WIN_RATE, innocent, innocent, innocent), 1030)


def test_under_win_rate_the_best_are_kept_and_the_hopeless_are_not() -> None:
    of_four: Losses = {"a": 1.0, "b": 1.1, "c": 1.2, "d": 1.3}
    assert names(WIN_RATE, season(WIN_RATE, of_four), 1010) == ["a", "b", "c"]


def test_under_win_rate_the_champion_is_asked_even_when_its_average_no_longer_keeps_it() -> None:
    # Without it every further round would be postponed.
    of_four: Losses = {"a": 1.0, "b": 1.1, "c": 1.2, "d": 1.3}
    (played,) = season(WIN_RATE, of_four)
    verdict = replace(played.verdict, kept=("b", "c"), champion_after="d")
    assert "d" not in names(WIN_RATE, [replace(played, verdict=played.verdict)], 1010)
    assert "d" in names(WIN_RATE, [replace(played, verdict=verdict)], 1010)
