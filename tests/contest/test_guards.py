"""No crown while a guarded task is shown to have got worse."""

import json

import pytest
from pydantic import ValidationError

from palio.canonical import canonical_json
from palio.competition.model import Competition, DuelRule
from palio.contest.duel import DuelVerdict
from palio.contest.duel_settings import DuelSettings, DuelTask
from palio.contest.outcome import EntrantVerdict, Status, StoredRound
from palio.contest.reading import verdict_from_json
from palio.contest.verdict import decide, history_from
from tests.contest.building import competition, entrant, facts, scorecard

OLD, NEW = entrant("old", 1), entrant("new", 2)
Losses = dict[str, float]


def guarded(max_items: int = 100_000, **guards: float) -> Competition:
    rule = DuelRule(kind="duel", alpha=0.05, max_items=max_items, guards=guards)
    return competition(rule, samples=100)


def play(of: Competition, rounds: list[Losses]) -> list[EntrantVerdict]:
    """The challenger's rows; its losses relative to the champion's, by task."""
    stored: list[StoredRound] = []
    rows = []
    for number, losses in enumerate(rounds):
        about = facts(1000 + 10 * number)
        raw = {"CHOICE": [0.5 * losses["CHOICE"]] * 100, "TEXT": [2.0 * losses["TEXT"]] * 100}
        results = {
            "old": scorecard(of, about, "old", 1.0),
            "new": scorecard(of, about, "new", raw),
        }
        verdict = decide(of, about, [OLD, NEW], results, history_from(of, stored))
        stored.append(StoredRound(verdict, results))
        rows.append(verdict.entrants[1])
    return rows


#: Much better at CHOICE, 10% worse at TEXT.
LOPSIDED = {"CHOICE": 0.2, "TEXT": 1.1}


def test_without_a_guard_a_lead_is_enough() -> None:
    assert play(guarded(), [LOPSIDED])[0].status is Status.CHAMPION


def test_a_shown_regression_on_a_guarded_task_refuses_the_crown() -> None:
    (row,) = play(guarded(TEXT=0.02), [LOPSIDED])
    assert row.status is Status.OPEN
    assert row.duel is not None
    assert row.duel.verdict is DuelVerdict.GO_ON
    assert row.duel.held_back == ("TEXT",)
    assert row.duel.limits.low is not None
    assert row.duel.limits.low >= row.duel.needs
    assert row.duel.tasks["TEXT"].limits.high < -0.02
    assert "enough for the crown, but is shown to be worse by at least" in row.sentence
    assert "on TEXT, where 2.0% is tolerated" in row.sentence


def test_a_verdict_with_a_refused_crown_is_read_back() -> None:
    of, about = guarded(TEXT=0.02), facts()
    raw = {"CHOICE": [0.1] * 100, "TEXT": [2.2] * 100}
    results = {"old": scorecard(of, about, "old", 1.0), "new": scorecard(of, about, "new", raw)}
    verdict = decide(of, about, [OLD, NEW], results)
    assert verdict_from_json(json.loads(canonical_json(verdict.to_json()))) == verdict


def test_a_tolerated_or_unproven_regression_and_a_guard_elsewhere_refuse_nothing() -> None:
    for of in (guarded(TEXT=0.15), guarded(CHOICE=0.0)):
        assert play(of, [LOPSIDED])[0].status is Status.CHAMPION
    slight = {"CHOICE": 0.2, "TEXT": 1.001}
    assert play(guarded(TEXT=0.0), [slight])[0].status is Status.CHAMPION


def test_the_crown_follows_once_the_regression_is_no_longer_shown() -> None:
    """The same model, of which the first round happened to show its weak side."""
    rows = play(guarded(TEXT=0.02), [LOPSIDED, *[{"CHOICE": 0.2, "TEXT": 0.99}] * 2])
    assert rows[0].status is Status.OPEN
    assert rows[-1].status is Status.CHAMPION


def test_who_is_held_back_until_its_samples_are_spent_is_dropped() -> None:
    rows = play(guarded(max_items=400, TEXT=0.02), [LOPSIDED, LOPSIDED])
    assert rows[1].status is Status.DROPPED
    assert "still shown to be worse on TEXT after 400 samples" in rows[1].sentence


def test_a_guard_never_matters_to_a_challenger_without_a_proven_lead() -> None:
    worse = {"CHOICE": 1.2, "TEXT": 1.1}
    (plain,), (held,) = play(guarded(), [worse]), play(guarded(TEXT=0.0), [worse])
    assert held == plain


def test_guards_name_tasks_and_tolerate_between_0_and_1() -> None:
    with pytest.raises(ValidationError, match=r"rule\.guards\.SPEECH: there is no such task"):
        guarded(SPEECH=0.1)
    with pytest.raises(ValidationError, match="less than 1"):
        guarded(TEXT=1.0)
    tasks = {"A": DuelTask(1, 1, 1)}
    with pytest.raises(ValueError, match=r"guards\.B: there is no such task"):
        DuelSettings(tasks, 0.1, 0.1, 0.02, 10, {"B": 0.1})
    with pytest.raises(ValueError, match=r"guards\.A must lie in \[0, 1\)"):
        DuelSettings(tasks, 0.1, 0.1, 0.02, 10, {"A": 1.0})
