"""Seasons: equal to rounds decided from scorecards, decided by their seed, and what they show."""

import json
from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from palio.competition.model import Budget, Competition, DuelRule, Epsilon
from palio.contest.entrants import Entrant
from palio.contest.next_round import worth_evaluating
from palio.contest.outcome import RoundFacts
from palio.contest.verdict import Status, StoredRound, decide, history_from
from palio.errors import ConfigError
from palio.evaluation.scorecard import Cost, Interval, Scorecard, TaskScore, normalise
from palio.randomness import stream
from palio.simulation.assumptions import TaskAssumption, assume
from palio.simulation.noise import noise_of
from palio.simulation.season import SeasonLosses
from palio.simulation.seasons import play_season, play_seasons, rate_of, summarise
from palio.simulation.synthetic import (
    DEFAULT_GROUPS,
    Group,
    Kind,
    groups_of,
    season_entrants,
    true_score,
)
from palio.tasks.samples import SampleScore
from tests.simulation.building import WIN_RATE, four_tasks

ROUNDS = 20
#: Noisy enough that in few rounds challengers are crowned, dropped, parked and left open.
HASTY = DuelRule(kind="duel", alpha=0.2, beta=0.3, zone=0.03, max_items=2000)
DECAYING = Epsilon(start=0.06, end=0.01, decay_blocks=1000)
CROWD: Mapping[Kind, Group] = {
    **DEFAULT_GROUPS,
    Kind.IMPROVERS: Group(4, 0.08),
    Kind.WORSE: Group(3, -0.08),
}


def scorecard(
    of: Competition,
    tasks: Mapping[str, TaskAssumption],
    about: RoundFacts,
    name: str,
    losses: Mapping[str, np.ndarray],
) -> Scorecard:
    scores = {}
    for task, spec in of.tasks.items():
        raws = losses[task] * tasks[task].unit_loss
        raw = float(raws.mean())
        normalised = normalise(raw, spec.normalisation)
        scores[task] = TaskScore(
            raw=raw,
            unit="u",
            normalised=normalised,
            weight=spec.weight,
            weighted=spec.weight * normalised,
            interval=Interval(raw, raw),
            natural=raw,
            natural_unit="u",
            samples=tuple(
                SampleScore(f"{about.sync_block} {task} {number}", loss)
                for number, loss in enumerate(raws.tolist())
            ),
        )
    score = sum(each.weighted for each in scores.values())
    return Scorecard(
        submission=name,
        competition=of.name,
        competition_digest=of.digest,
        seed=about.seed,
        samples_digest=about.samples_digest,
        score=score,
        interval=Interval(score, score),
        tasks=scores,
        environment={},
        cost=Cost(0, 0, 0),
        looks=of.rule.looks if isinstance(of.rule, DuelRule) else 1,
    )


def champions_by_scorecards(of: Competition, seed: int, season: int) -> tuple[list[str], set[str]]:
    """The long way: choose entrants, build scorecards, decide, remember; a champion a round."""
    tasks = assume(of)
    entrants = season_entrants(
        of, tasks, CROWD, ROUNDS, stream(seed, "season", str(season), "arrivals")
    )
    losses = SeasonLosses(
        tasks, {name: noise_of(name, task) for name, task in tasks.items()}, entrants, seed, season
    )
    cadence = of.schedule.cadence_blocks
    stored: list[StoredRound] = []
    champions: list[str] = []
    seen: set[str] = set()
    for number in range(ROUNDS):
        block = number * cadence
        present = [
            Entrant(each.name, each.name, each.arrival * cadence, sequence)
            for sequence, each in enumerate(entrants)
            if each.arrival <= number
        ]
        verdicts = [each.verdict for each in stored]
        wanted = worth_evaluating(of, verdicts, present, block)
        if wanted:
            about = RoundFacts(block, number, str(number))
            cards = {
                each.submission: scorecard(
                    of, tasks, about, each.submission, losses.of(each.submission, number)
                )
                for each in wanted
            }
            verdict = decide(of, about, present, cards, history_from(of, stored))
            stored.append(StoredRound(verdict, cards))
            seen |= {row.status for row in verdict.entrants}
        champion = stored[-1].verdict.champion_after
        assert champion is not None
        champions.append(champion)
    return champions, seen


@pytest.mark.parametrize("looks", [1, 3])
def test_a_duel_season_is_what_rounds_of_scorecards_decide(looks: int) -> None:
    of = four_tasks(
        HASTY.model_copy(update={"looks": looks}), epsilon=DECAYING, times=3, weights=None
    )
    seen: set[str] = set()
    changes = 0
    for season in range(2):
        champions, statuses = champions_by_scorecards(of, 7, season)
        record = play_season(of, assume(of), CROWD, ROUNDS, 7, season)
        assert record.champions == champions
        changes += len(record.crownings)
        seen |= statuses
    assert changes >= 3
    assert {Status.OPEN, Status.PARKED, Status.DROPPED, Status.DETHRONED} <= seen


def test_a_win_rate_season_is_what_rounds_of_scorecards_decide() -> None:
    of = four_tasks(WIN_RATE, epsilon=DECAYING, times=3)
    changes = 0
    for season in range(3):
        record = play_season(of, assume(of), CROWD, ROUNDS, 7, season)
        assert record.champions == champions_by_scorecards(of, 7, season)[0]
        changes += len(record.crownings)
    assert changes >= 6


@pytest.mark.parametrize("rule", [HASTY, WIN_RATE])
def test_a_season_does_not_depend_on_the_seasons_around_it(rule: DuelRule) -> None:
    of = four_tasks(rule, epsilon=DECAYING)
    tasks = assume(of)
    many = play_seasons(of, tasks, CROWD, ROUNDS, 3, 3)
    assert play_season(of, tasks, CROWD, ROUNDS, 3, 2) == many[2]
    assert play_season(of, tasks, CROWD, ROUNDS, 4, 2) != many[2]


def test_both_rules_meet_the_same_entrants_with_the_same_losses() -> None:
    of = four_tasks()
    tasks = assume(of)
    entrants = season_entrants(of, tasks, CROWD, ROUNDS, stream(1, "season", "0", "arrivals"))
    noises = {name: noise_of(name, task) for name, task in tasks.items()}
    one, other = (SeasonLosses(tasks, noises, entrants, 1, 0) for _ in range(2))
    names = [each.name for each in entrants]
    first = {name: one.of(name, 5) for name in names}
    for name in reversed(names[3:]):
        for task, losses in other.of(name, 5).items():
            assert np.array_equal(losses, first[name][task])


def test_entrants_are_as_good_as_their_kind_says() -> None:
    of = four_tasks()
    tasks = assume(of)
    entrants = season_entrants(of, tasks, CROWD, ROUNDS, stream(2, "x"))
    assert [each.arrival for each in entrants] == sorted(each.arrival for each in entrants)
    counts = {kind: sum(each.kind is kind for each in entrants) for kind in Kind}
    assert counts == {kind: group.count for kind, group in CROWD.items()}
    best = 1.0
    leads = dict.fromkeys(Kind, 0.0) | {Kind.IMPROVERS: 0.08, Kind.WORSE: -0.08}
    for each in entrants[1:]:
        assert each.kind is not None
        score = true_score(of, tasks, each)
        assert score == pytest.approx(best * (1 - leads[each.kind]))
        best = min(best, score)
        assert (each.parent is not None) == (each.kind is Kind.COPIES)
        if each.kind is Kind.SPECIALISTS:
            assert len(set(each.factors.values())) > 1
    sybils = {each.arrival for each in entrants if each.kind is Kind.SYBILS}
    assert len(sybils) == 1


def test_the_duel_crowns_the_better_and_the_win_rate_crowns_luck() -> None:
    """6 seasons of 60 rounds, seed 1: the same entrants and losses under both rules."""
    shown = {}
    for rule in (DuelRule(kind="duel", alpha=0.001), WIN_RATE):
        of = four_tasks(rule, times=5)
        records = play_seasons(of, assume(of), DEFAULT_GROUPS, 60, 1, 6)
        shown[rule.kind] = summarise(records, 60, 0.01)
    assert shown["duel"].false_crownings.mean == 0
    assert shown["duel"].improvers_crowned.share > 0.7
    assert shown["win_rate"].seasons_with_false.share > 0.9
    assert shown["win_rate"].false_crownings.mean > 5


def test_a_season_of_nobody_costs_one_evaluation() -> None:
    of = four_tasks()
    record = play_season(of, assume(of), {}, 10, 1, 0)
    assert record.champions == ["founder"] * 10
    assert (record.played, record.items, record.regret, record.waits) == (1, 100, 0.0, [])


@pytest.mark.parametrize("changes", [{"budget": Budget.SEASON}, {"guards": {"TEXT": 0.1}}])
def test_what_is_not_simulated_yet_is_refused_not_ignored(changes: dict[str, object]) -> None:
    of = four_tasks()
    rule = of.rule.model_copy(update=changes)
    with pytest.raises(ConfigError, match="cannot be simulated yet"):
        play_season(of.model_copy(update={"rule": rule}), assume(of), CROWD, ROUNDS, 1, 0)


def test_summaries_are_plain_json() -> None:
    of = four_tasks(HASTY, epsilon=DECAYING)
    records = play_seasons(of, assume(of), CROWD, ROUNDS, 3, 2)
    json.dumps(asdict(summarise(records, ROUNDS, 0.01)), allow_nan=False)


@given(st.integers(0, 200), st.integers(1, 200))
def test_wilson_intervals_hold_the_share_and_stay_between_0_and_1(count: int, more: int) -> None:
    rate = rate_of(count, count + more)
    assert 0 <= rate.interval.low <= rate.share <= rate.interval.high <= 1
    assert rate.interval.high > rate.interval.low


def test_a_wilson_interval_is_the_published_one() -> None:
    # Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I.
    assert rate_of(81, 263).interval == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert rate_of(0, 20).interval == pytest.approx((0.0, 0.1611), abs=5e-5)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("robots=2", r"'robots' is unknown; known kinds: siblings, improvers"),
        ("copies", r"'copies' should read copies=COUNT or copies=COUNT@LEAD"),
        ("copies=1,copies=2", "copies stands twice"),
        ("copies=1@0.1", "copies are as good as the best and take no lead"),
        ("improvers=2@-0.1", "the lead of improvers must be above 0"),
        ("worse=2@nan", "the lead of worse must be below 0"),
        ("siblings=-1", "siblings takes a count from 0 to 1000"),
    ],
)
def test_wrong_entrants_are_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        groups_of(text)


def test_entrants_are_read_with_their_leads() -> None:
    groups = groups_of("improvers=2@0.03, worse=1,copies=0")
    assert groups == {
        Kind.IMPROVERS: Group(2, 0.03),
        Kind.WORSE: Group(1, -0.05),
        Kind.COPIES: Group(0),
    }
