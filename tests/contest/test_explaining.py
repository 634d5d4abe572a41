"""A comparison taken apart: the parts add up, the groups are what they say, the gains suffice."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palio.competition.model import Competition, Epsilon, InverseExponential
from palio.contest.breakdown import ENOUGH, by_topic, mean_with_interval, student_95
from palio.contest.duel import DuelState, DuelVerdict, judge_paired
from palio.contest.duel_settings import DuelSettings
from palio.contest.explaining import Explanation, explain_duel, explain_scores
from palio.contest.explaining_words import in_words
from palio.contest.paired import paired_losses
from palio.contest.sample_pairs import ComparedRound, SamplePair, duel_pairs
from palio.evaluation.scorecard import Scorecard, normalise
from palio.tasks.samples import Provenance, SampleScore, TextSample
from tests.contest.building import WIN_RATE, competition, entrant, facts, scorecard

TOPICS = ("law", "music", "physics")


def samples_of(of: Competition) -> dict[str, list[TextSample]]:
    return {
        name: [
            TextSample(
                f"{name} {number}",
                Provenance(
                    source="test", topic=TOPICS[number % 3], difficulty=(None, 1, 2, 3)[number % 4]
                ),
            )
            for number in range(spec.samples)
        ]
        for name, spec in of.tasks.items()
    }


def compared(
    of: Competition, champion: Scorecard, challenger: Scorecard, sync_block: int = 1000
) -> ComparedRound:
    return ComparedRound(sync_block, champion, challenger, samples_of(of))


def cards(
    of: Competition, skill: Mapping[str, float], seed: int = 1, sync_block: int = 1000
) -> tuple[Scorecard, Scorecard]:
    """A champion and a challenger whose losses are scaled by ``skill``, by task."""
    rng = np.random.default_rng([seed, sync_block])
    about = facts(sync_block)
    ours, theirs = {}, {}
    for name, spec in of.tasks.items():
        base = 0.3 + 0.2 * rng.random(spec.samples)
        noise = 1 + 0.1 * rng.standard_normal(spec.samples)
        ours[name] = [float(loss) for loss in base]
        theirs[name] = [float(max(loss, 0.0)) for loss in base * noise * skill[name]]
    return scorecard(of, about, "champion", ours), scorecard(of, about, "challenger", theirs)


def state_of(of: Competition, rounds: Sequence[ComparedRound]) -> DuelState:
    found = [paired_losses(of, each.champion, each.challenger) for each in rounds]
    losses = {name: np.concatenate([each[name] for each in found]) for name in of.tasks}
    return judge_paired(DuelSettings.of(of), losses, of.epsilon.end, of.epsilon.end)


def explained(of: Competition, *rounds: ComparedRound) -> Explanation:
    return explain_duel(of, DuelSettings.of(of), state_of(of, rounds), rounds)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.7, 1.3), st.floats(0.7, 1.3), st.integers(12, 40))
def test_parts_of_tasks_topics_and_difficulties_add_up_to_the_lead(
    seed: int, choice: float, text: float, count: int
) -> None:
    of = competition(samples=count)
    found = explained(of, compared(of, *cards(of, {"CHOICE": choice, "TEXT": text}, seed)))
    assert found.lead is not None
    for groups in ([task.group for task in found.tasks], found.topics, found.difficulties):
        assert sum(group.contribution for group in groups) == pytest.approx(found.lead, abs=2e-6)
        assert sum(group.samples for group in groups) == found.samples == 2 * count


def test_contributions_of_tasks_are_those_of_the_verdict() -> None:
    of = competition()
    round_ = compared(of, *cards(of, {"CHOICE": 0.9, "TEXT": 1.05}))
    state = state_of(of, [round_])
    found = explain_duel(of, DuelSettings.of(of), state, [round_])
    for task in found.tasks:
        assert task.group.contribution == pytest.approx(state.tasks[task.name].contribution)
        assert task.lead == state.tasks[task.name].lead
    assert (found.lead, found.limits, found.needs) == (state.lead, state.limits, state.needs)


def scaled(card: Scorecard, task: str, gain: float) -> Scorecard:
    losses = {
        name: [each.loss * (1 - gain if name == task else 1) for each in score.samples]
        for name, score in card.tasks.items()
    }
    return scorecard(competition(), facts(), card.submission, losses)


def test_the_gain_told_crowns_on_the_same_samples_and_a_smaller_one_does_not() -> None:
    of = competition()
    champion, challenger = cards(of, {"CHOICE": 1.0, "TEXT": 1.0})
    found = explained(of, compared(of, champion, challenger))
    assert not found.won
    for task in found.tasks:
        assert task.gain is not None
        assert task.gain.to_lead is not None
        assert task.gain.to_win is not None
        assert 0 < task.gain.to_lead < task.gain.to_win
        for gain, crowned in ((task.gain.to_win + 1e-5, True), (task.gain.to_win - 0.001, False)):
            state = state_of(of, [compared(of, champion, scaled(challenger, task.name, gain))])
            assert (state.verdict is DuelVerdict.CROWN) is crowned
        just = state_of(
            of, [compared(of, champion, scaled(challenger, task.name, task.gain.to_lead + 1e-5))]
        )
        less = state_of(
            of, [compared(of, champion, scaled(challenger, task.name, task.gain.to_lead - 0.001))]
        )
        assert just.lead is not None
        assert less.lead is not None
        assert just.lead > of.epsilon.end >= less.lead


def test_no_gain_is_told_where_even_a_perfect_task_would_not_do() -> None:
    of = competition(weights=(0.98, 0.02))
    found = explained(of, compared(of, *cards(of, {"CHOICE": 1.3, "TEXT": 1.0})))
    gains = {task.name: task.gain for task in found.tasks}
    assert gains["TEXT"] == (None, None)
    assert gains["CHOICE"] is not None
    assert gains["CHOICE"].to_win is not None
    words = in_words(found, {})
    assert len(words) == 3
    assert "on no other task alone would any gain have done" in words[2]


def test_a_crowned_challenger_is_told_no_gain() -> None:
    of = competition()
    found = explained(of, compared(of, *cards(of, {"CHOICE": 0.6, "TEXT": 0.6})))
    assert found.won
    assert all(task.gain is None for task in found.tasks)
    words = in_words(found, {"challenger": "bruco", "champion": "aquila"})
    assert words[0].startswith("bruco took the crown from aquila")
    assert len(words) == 2
    lost = in_words(found, {"challenger": "bruco", "champion": "aquila"}, about="champion")
    assert lost[0].startswith("aquila lost the crown to bruco")
    late = in_words(found, {}, crowned="somebody else")
    assert "was committed earlier" in late[0]


def test_rounds_of_a_duel_are_taken_together_and_only_what_counted() -> None:
    of = competition(samples=40)
    first = compared(of, *cards(of, {"CHOICE": 1.1, "TEXT": 0.9}, sync_block=1000), 1000)
    second = compared(of, *cards(of, {"CHOICE": 1.1, "TEXT": 0.9}, sync_block=2000), 2000)
    found = explained(of, first, second)
    assert found.rounds == (1000, 2000)
    assert found.samples == 160
    half = replace(second, counted={"CHOICE": 20, "TEXT": 20})
    pairs = duel_pairs(of, DuelSettings.of(of), [first, half], state_of(of, [first, second]).tasks)
    assert [sum(each.sync_block == block for each in pairs) for block in (1000, 2000)] == [80, 40]
    with pytest.raises(ValueError, match="hold 120 items, but the verdict counts 160"):
        explain_duel(of, DuelSettings.of(of), state_of(of, [first, second]), [first, half])


def test_strongest_samples_stand_first_on_their_own_side() -> None:
    of = competition()
    found = explained(of, compared(of, *cards(of, {"CHOICE": 1.02, "TEXT": 0.98})))
    parts = [each.part for each in found.for_challenger]
    assert len(parts) == 10
    assert parts == sorted(parts, reverse=True)
    assert parts[-1] > 0
    against = [each.part for each in found.for_champion]
    assert against == sorted(against)
    assert against[-1] < 0


def test_advantages_are_capped_as_the_rule_caps_them() -> None:
    of = competition(samples=12)
    champion = scorecard(of, facts(), "champion", {"CHOICE": [0.5] * 12, "TEXT": [4.0] * 12})
    challenger = scorecard(of, facts(), "challenger", {"CHOICE": [0.5] * 12, "TEXT": [0.0] * 12})
    found = explained(of, compared(of, champion, challenger))
    text = next(task for task in found.tasks if task.name == "TEXT")
    assert text.group.difference == 0.5
    assert text.champion_raw == 4.0


def test_scorecards_of_different_samples_are_refused() -> None:
    of = competition(samples=12)
    champion, challenger = cards(of, {"CHOICE": 1, "TEXT": 1})
    other, _ = cards(of, {"CHOICE": 1, "TEXT": 1}, sync_block=2000)
    state = state_of(of, [compared(of, champion, challenger)])
    with pytest.raises(ValueError, match="different samples"):
        explain_duel(of, DuelSettings.of(of), state, [compared(of, other, challenger)])


def pair(topic: str, difference: float, weight: float = 1.0) -> SamplePair:
    return SamplePair(
        "TEXT", 1, 0, TextSample("t", Provenance(source="s", topic=topic)), SampleScore("s", 1.0),
        SampleScore("s", 1.0), difference, weight, weight / 100,
    )  # fmt: skip


def test_small_topics_are_taken_together_and_too_few_samples_say_nothing() -> None:
    pairs = [pair("law", 0.1)] * ENOUGH + [pair("music", 0.2)] * 6 + [pair("", -0.2)] * 5
    law, rest = by_topic(pairs)
    assert (law.name, law.samples, law.merged) == ("law", ENOUGH, 0)
    assert law.interval is not None
    assert (rest.name, rest.samples, rest.merged) == ("other topics", 11, 2)
    assert rest.interval is not None
    law, music = by_topic(pairs[: ENOUGH + 6])
    assert (music.name, music.interval, music.contribution_interval) == ("music", None, None)
    assert music.contribution == pytest.approx(6 * 0.2 / 100)


def test_interval_of_the_mean_is_students() -> None:
    # By the tables: 2.262 for 9 degrees of freedom, 2.045 for 29, 1.960 for infinitely many.
    assert student_95(9) == pytest.approx(2.262, abs=1e-3)
    assert student_95(29) == pytest.approx(2.045, abs=1e-3)
    assert student_95(10**9) == pytest.approx(1.95996, abs=1e-5)
    mean, interval = mean_with_interval(
        [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0], [2.0] * 10
    )
    assert mean == 5.5
    error = math.sqrt(55 / 6 / 10)
    assert interval.high - mean == pytest.approx(2.262 * error, rel=1e-3)


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(5)
    misses = 0
    for _ in range(1000):
        values = rng.normal(0.3, 1.0, 12).tolist()
        _, (low, high) = mean_with_interval(values, [1.0] * 12)
        misses += not low <= 0.3 <= high
    assert 30 <= misses <= 75


def scored(of: Competition, submission: str, losses: Mapping[str, Sequence[float]]) -> Scorecard:
    """A scorecard whose normalised scores are those of the competition."""
    card = scorecard(win_rate_competition(), facts(), submission, losses)
    tasks = {}
    for name, task in card.tasks.items():
        normalised = normalise(task.raw, of.tasks[name].normalisation)
        weight = of.tasks[name].weight
        tasks[name] = replace(task, normalised=normalised, weighted=weight * normalised)
    return replace(card, tasks=tasks, score=sum(task.weighted for task in tasks.values()))


def win_rate_competition(*, bent: bool = False) -> Competition:
    of = competition(WIN_RATE, samples=20, epsilon=Epsilon(start=0.05, end=0.05))
    if not bent:
        return of
    bend = InverseExponential(kind="inverse_exponential", ceiling=2.0)
    return of.model_copy(
        update={
            "tasks": of.tasks
            | {"TEXT": of.tasks["TEXT"].model_copy(update={"normalisation": bend})}
        }
    )


def test_scores_are_compared_under_the_epsilon_of_the_earlier_one() -> None:
    of = win_rate_competition()
    champion = scored(of, "champion", {"CHOICE": [0.5] * 20, "TEXT": [2.0] * 20})
    challenger = scored(of, "challenger", {"CHOICE": [0.49] * 20, "TEXT": [1.96] * 20})
    round_ = compared(of, champion, challenger)
    later = explain_scores(of, round_, entrant("champion", 1), entrant("challenger", 2))
    assert later.lead == pytest.approx(0.02)
    assert (later.needs, later.won) == (0.05, False)
    earlier = explain_scores(of, round_, entrant("champion", 2), entrant("challenger", 1))
    assert earlier.won
    assert earlier.needs == pytest.approx(-0.05 / 0.95)
    same = explain_scores(of, round_, entrant("champion", 1), entrant("challenger", 1))
    assert (same.needs, same.won) == (0.0, True)
    assert "as the later one" in in_words(later, {})[0]
    assert "could trail" in in_words(earlier, {})[0]


def test_gain_under_win_rate_just_wins_the_comparison() -> None:
    of = win_rate_competition()
    champion = scored(of, "champion", {"CHOICE": [0.5] * 20, "TEXT": [2.0] * 20})
    challenger = scored(of, "challenger", {"CHOICE": [0.5] * 20, "TEXT": [2.0] * 20})
    found = explain_scores(
        of, compared(of, champion, challenger), entrant("champion", 1), entrant("challenger", 2)
    )
    # Half of the score is TEXT, so a lead of more than 5% takes more than 10% of it.
    assert {task.name: task.gain for task in found.tasks} == {
        "CHOICE": (0.101, 0.101),
        "TEXT": (0.101, 0.101),
    }


def test_parts_add_up_where_a_normalisation_bends_too() -> None:
    of = win_rate_competition(bent=True)
    rng = np.random.default_rng(3)
    losses = [
        {"CHOICE": rng.random(20).tolist(), "TEXT": (1 + rng.random(20)).tolist()} for _ in range(2)
    ]
    champion, challenger = scored(of, "champion", losses[0]), scored(of, "challenger", losses[1])
    found = explain_scores(
        of, compared(of, champion, challenger), entrant("champion", 1), entrant("challenger", 2)
    )
    assert found.lead is not None
    for groups in ([task.group for task in found.tasks], found.topics, found.difficulties):
        assert sum(group.contribution for group in groups) == pytest.approx(found.lead)
    assert found.limits.low is not None
    assert found.limits.low < found.lead < found.limits.high


def test_limits_of_a_score_cover_the_true_lead_as_often_as_they_say() -> None:
    of = win_rate_competition()
    misses = 0
    for seed in range(300):
        rng = np.random.default_rng([9, seed])
        base = {"CHOICE": rng.random(20), "TEXT": 1 + rng.random(20)}
        noise = {name: 1 + 0.2 * rng.standard_normal(20) for name in base}
        champion = scored(of, "champion", {name: each.tolist() for name, each in base.items()})
        challenger = scored(
            of, "challenger", {name: (0.9 * base[name] * noise[name]).tolist() for name in base}
        )
        found = explain_scores(
            of, compared(of, champion, challenger), entrant("champion", 1), entrant("challenger", 2)
        )
        assert found.limits.low is not None
        misses += not found.limits.low <= 0.1 <= found.limits.high
    assert 5 <= misses <= 35
