"""What is made of verdicts: JSON and back, the board's rows, and their words."""

import json

import pytest

from palio.canonical import canonical_json
from palio.competition.model import Rule
from palio.contest.duel import Limits
from palio.contest.outcome import Status
from palio.contest.ranking import ranking
from palio.contest.reading import verdict_from_json
from palio.contest.verdict import Entrant, EntrantResult, StoredRound, Verdict, decide, history_from
from palio.contest.wording import lead_with_limits, odds
from tests.contest.building import (
    DUEL,
    WIN_RATE,
    competition,
    entrant,
    facts,
    scorecard,
    unscored,
)

A, B, C, D = (entrant(name, number) for number, name in enumerate("abcd", start=1))
COPY = Entrant("a", "a copier", 9, 0)
EVERYONE = [A, B, C, D, COPY]
BROKEN = unscored("d")


def season(rule: Rule, *rounds: dict[str, float | EntrantResult]) -> list[Verdict]:
    of = competition(rule, samples=20)
    stored: list[StoredRound] = []
    for number, losses in enumerate(rounds):
        about = facts(1000 + 10 * number)
        results = {
            name: scorecard(of, about, name, loss) if isinstance(loss, float) else loss
            for name, loss in losses.items()
        }
        verdict = decide(of, about, EVERYONE, results, history_from(of, stored))
        stored.append(StoredRound(verdict, results))
    return [each.verdict for each in stored]


ROUND: dict[str, float | EntrantResult] = {"a": 1.0, "b": 1.6, "c": 1.01, "d": BROKEN}


@pytest.mark.parametrize("rule", [DUEL, WIN_RATE])
def test_a_verdict_is_read_back_as_it_was_written(rule: Rule) -> None:
    for verdict in season(rule, ROUND, {}, ROUND):
        text = canonical_json(verdict.to_json())
        back = verdict_from_json(json.loads(text))
        assert back == verdict
        assert back.digest == verdict.digest


@pytest.mark.parametrize("damage", [{"carry": {}}, {"outcome": "odd"}, {"more": 1}, {"kept": 3}])
def test_a_damaged_verdict_is_refused(damage: dict[str, object]) -> None:
    value = season(DUEL, ROUND)[0].to_json()
    with pytest.raises(ValueError, match="malformed verdict"):
        verdict_from_json({**value, **damage})


def test_the_board_under_duel_ranks_by_lead_and_leaves_others_unranked() -> None:
    rows = ranking(season(DUEL, ROUND)[0])
    assert [(each.rank, each.participant[-1], each.status) for each in rows] == [
        (1, "a", Status.CHAMPION),
        (2, "c", Status.OPEN),
        (3, "b", Status.DROPPED),
        (None, "d", Status.FAILED),
        (None, "r", Status.COPY),
    ]
    assert [each.share for each in rows] == [1.0, 0.0, 0.0, 0.0, 0.0]
    assert rows[1].lead == pytest.approx(-0.01, abs=1e-3)


def test_the_board_after_a_crowning_shows_the_former_champion_between() -> None:
    rows = ranking(season(DUEL, {"a": 1.0, "b": 0.2, "c": 1.1})[0])
    assert [(each.rank, each.submission) for each in rows][:3] == [(1, "b"), (2, "a"), (3, "c")]
    assert rows[1].status is Status.DETHRONED


def test_the_board_under_win_rate_ranks_by_wins() -> None:
    rows = ranking(season(WIN_RATE, ROUND)[0])
    assert [(each.rank, each.submission) for each in rows][:3] == [(1, "a"), (2, "c"), (3, "b")]
    assert rows[0].lead is None


def test_numbers_are_worded_with_sign_and_one_decimal() -> None:
    assert lead_with_limits(0.0432, Limits(0.01, 0.0649)) == "+4.3% [+1.0%, +6.5%]"
    assert lead_with_limits(-0.0001, Limits(None, 1.0)) == "+0.0% [no limit yet, +100.0%]"
    assert lead_with_limits(None, Limits(None, 1.0)).startswith("an unknown lead")
    assert [odds(value) for value in (0.0, 8.45532, 50.0)] == [
        "1 : 1",
        "4,700 : 1",
        "more than a billion : 1",
    ]
