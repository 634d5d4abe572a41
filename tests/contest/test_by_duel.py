"""Rounds under the duel rule: crowns, failures, restarts and postponements."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palio.canonical import canonical_json
from palio.competition.model import Competition, DuelRule, Epsilon
from palio.contest.duel import DuelVerdict
from palio.contest.entrants import Entrant, EntrantResult
from palio.contest.verdict import (
    EntrantVerdict,
    Outcome,
    Status,
    StoredRound,
    Verdict,
    decide,
    history_from,
)
from palio.errors import Fault
from tests.contest.building import competition, entrant, facts, scorecard, unscored

OLD, NEW, THIRD = entrant("old", 1), entrant("new", 2), entrant("third", 3)


class Season:
    """Rounds decided one after another, each from what was stored of the ones before."""

    def __init__(self, of: Competition, entrants: Sequence[Entrant]) -> None:
        self.competition = of
        self.entrants = entrants
        self.rounds: list[StoredRound] = []

    def play(
        self, losses: Mapping[str, float | EntrantResult], *, block: int | None = None
    ) -> Verdict:
        about = facts(block or 1000 + 10 * len(self.rounds))
        results = {
            name: scorecard(self.competition, about, name, loss)
            if isinstance(loss, float)
            else loss
            for name, loss in losses.items()
        }
        verdict = decide(
            self.competition,
            about,
            self.entrants,
            results,
            history_from(self.competition, self.rounds),
        )
        canonical_json(verdict.to_json())
        self.rounds.append(StoredRound(verdict, results))
        return verdict


def row(verdict: Verdict, submission: str) -> EntrantVerdict:
    return next(each for each in verdict.entrants if each.submission == submission)


def test_the_first_valid_entrant_is_crowned_until_another_is_shown_to_be_better() -> None:
    verdict = Season(competition(samples=20), [NEW, OLD]).play({"old": 1.0, "new": 1.0})
    assert verdict.champion_before is None
    assert verdict.champion_after == "old"
    assert verdict.shares == {"old": 1.0}
    assert row(verdict, "old").status is Status.CHAMPION
    assert row(verdict, "new").status is Status.OPEN
    assert "first valid entrant" in verdict.reason


def test_a_clearly_better_entrant_takes_the_crown_in_the_very_first_round() -> None:
    verdict = Season(competition(), [OLD, NEW]).play({"old": 1.0, "new": 0.7})
    assert verdict.champion_after == "new"
    assert row(verdict, "old").status is Status.DETHRONED
    duel = row(verdict, "new").duel
    assert duel is not None
    assert duel.verdict is DuelVerdict.CROWN
    assert duel.lead == pytest.approx(0.3, abs=1e-6)
    assert "takes the crown" in verdict.reason


def test_a_single_entrant_wins() -> None:
    verdict = Season(competition(), [OLD]).play({"old": 5.0})
    assert (verdict.outcome, verdict.champion_after) == (Outcome.DECIDED, "old")


@pytest.mark.parametrize("entrants", [[], [OLD, NEW]])
def test_a_round_in_which_nobody_was_scored_has_no_winner(entrants: list[Entrant]) -> None:
    verdict = Season(competition(), entrants).play(
        {each.submission: unscored(each.submission) for each in entrants}
    )
    assert verdict.outcome is Outcome.NO_WINNER
    assert verdict.champion_after is None
    assert verdict.shares == {}


def test_evidence_adds_up_over_rounds() -> None:
    season = Season(competition(samples=20), [OLD, NEW])
    first = season.play({"old": 1.0, "new": 0.9})
    assert first.champion_after == "old"
    verdicts = [season.play({"old": 1.0, "new": 0.9}) for _ in range(10)]
    crowned = next(each for each in verdicts if each.champion_after == "new")
    duel = row(crowned, "new").duel
    assert duel is not None
    assert duel.items == 40 * (1 + verdicts.index(crowned) + 1)


def test_splitting_the_same_items_into_rounds_changes_no_number() -> None:
    whole = Season(competition(samples=60), [OLD, NEW])
    whole.play({"old": 1.0, "new": 0.99})
    split = Season(competition(samples=20), [OLD, NEW])
    for _ in range(3):
        split.play({"old": 1.0, "new": 0.99})
    one, other = (row(each.rounds[-1].verdict, "new").duel for each in (whole, split))
    assert one == other


def test_a_crowning_restarts_all_other_duels() -> None:
    season = Season(competition(), [OLD, NEW, THIRD])
    verdict = season.play({"old": 1.0, "new": 0.7, "third": 1.0})
    assert verdict.champion_after == "new"
    assert verdict.carry.duels == {}
    assert verdict.carry.crowned_block == verdict.sync_block
    after = row(season.play({"old": 1.0, "new": 0.7, "third": 0.7}), "third").duel
    assert after is not None
    assert after.items == 400


def test_of_several_proven_challengers_the_earliest_commitment_is_crowned() -> None:
    season = Season(competition(), [OLD, THIRD, NEW])
    verdict = season.play({"old": 1.0, "new": 0.7, "third": 0.5})
    assert verdict.champion_after == "new"
    assert row(verdict, "third").status is Status.OPEN
    assert "committed earlier" in row(verdict, "third").sentence
    assert season.play({"old": 1.0, "new": 0.7, "third": 0.5}).champion_after == "third"


def test_in_one_block_the_earlier_sequence_is_crowned() -> None:
    early, late = entrant("z", 2, 5), entrant("a", 2, 6)
    verdict = Season(competition(), [OLD, late, early]).play({"old": 1.0, "a": 0.5, "z": 0.5})
    assert verdict.champion_after == "z"


def test_a_dropped_challenger_never_duels_the_same_champion_again() -> None:
    season = Season(competition(samples=20), [OLD, NEW, THIRD])
    first = season.play({"old": 1.0, "new": 1.5, "third": 1.0})
    assert row(first, "new").status is Status.DROPPED
    assert "new" not in first.kept
    second = season.play({"old": 1.0, "new": 0.1, "third": 1.0})
    assert second.champion_after == "old"
    assert row(second, "new").status is Status.DROPPED
    third = season.play({"old": 1.0, "third": 0.5})
    assert third.champion_after == "third"
    fourth = season.play({"old": 1.0, "third": 0.5, "new": 0.1})
    assert fourth.champion_after == "new"


def test_an_undecided_challenger_is_dropped_when_its_items_are_spent() -> None:
    rule = DuelRule(kind="duel", alpha=1e-9, beta=1e-9, max_items=800)
    season = Season(competition(rule), [OLD, NEW])
    assert row(season.play({"old": 1.0, "new": 0.98}), "new").status is Status.OPEN
    dropped = row(season.play({"old": 1.0, "new": 0.98}), "new")
    assert dropped.status is Status.DROPPED
    assert "800" in dropped.sentence


@pytest.mark.parametrize("fault", [Fault.PLATFORM, Fault.DATA])
def test_a_champion_that_the_platform_failed_to_score_postpones_the_round(fault: Fault) -> None:
    season = Season(competition(samples=20), [OLD, NEW])
    before = season.play({"old": 1.0, "new": 1.0})
    verdict = season.play({"old": unscored("old", fault), "new": 0.1})
    assert verdict.outcome is Outcome.POSTPONED
    assert verdict.champion_after == "old"
    assert verdict.shares == {"old": 1.0}
    assert verdict.carry == before.carry
    assert season.play({"new": 0.1}).outcome is Outcome.POSTPONED


def test_a_champion_loses_the_crown_at_its_second_failure_by_its_own_fault() -> None:
    season = Season(competition(samples=20), [OLD, NEW, THIRD])
    season.play({"old": 1.0, "new": 1.0, "third": 1.0})
    failure: dict[str, float | EntrantResult] = {
        "old": unscored("old"),
        "new": unscored("new", Fault.PLATFORM),
        "third": 1.0,
    }
    assert season.play(failure).champion_after == "old"
    assert season.play({"old": 1.0, "new": 1.0, "third": 1.0}).champion_after == "old"
    verdict = season.play(failure)
    assert verdict.champion_after == "third"
    assert "failed 2 rounds by its own fault" in verdict.reason
    assert row(verdict, "old").status is Status.FAILED


def test_a_champion_keeps_the_crown_where_nobody_else_was_scored_either() -> None:
    season = Season(competition(samples=20), [OLD, NEW])
    before = season.play({"old": 1.0, "new": 1.0})
    for _ in range(3):
        verdict = season.play({"old": unscored("old"), "new": unscored("new")})
        assert verdict.champion_after == "old"
        assert verdict.carry == before.carry


def test_a_challenger_that_fails_by_its_own_fault_is_out_of_its_duel() -> None:
    season = Season(competition(samples=20), [OLD, NEW])
    season.play({"old": 1.0, "new": 1.0})
    failed = row(season.play({"old": 1.0, "new": unscored("new")}), "new")
    assert failed.status is Status.FAILED
    assert row(season.play({"old": 1.0, "new": 0.1}), "new").status is Status.DROPPED


def test_a_challenger_that_the_platform_failed_to_score_keeps_its_evidence() -> None:
    season = Season(competition(samples=20), [OLD, NEW])
    before = row(season.play({"old": 1.0, "new": 0.97}), "new").duel
    absent = row(season.play({"old": 1.0, "new": unscored("new", Fault.PLATFORM)}), "new")
    assert absent.status is Status.WAITING
    assert absent.duel == before
    again = row(season.play({"old": 1.0, "new": 0.97}), "new").duel
    assert again is not None
    assert again.items == 80


def test_nobody_is_crowned_in_absence() -> None:
    """Epsilon decays until the evidence suffices, in a round that misses the challenger."""
    decaying = Epsilon(start=0.3, end=0.0, decay_blocks=100)
    season = Season(competition(epsilon=decaying), [OLD, NEW])
    first = row(season.play({"old": 1.0, "new": 0.8}, block=1000), "new")
    assert first.status is Status.PARKED
    absent = season.play({"old": 1.0}, block=1100)
    duel = row(absent, "new").duel
    assert duel is not None
    assert duel.verdict is DuelVerdict.CROWN
    assert absent.champion_after == "old"
    assert season.play({"old": 1.0, "new": 0.8}, block=1110).champion_after == "new"


def test_a_copy_of_an_earlier_submission_takes_no_part() -> None:
    copy = Entrant("old", "somebody else", 5, 0)
    verdict = Season(competition(), [copy, OLD, NEW]).play({"old": 1.0, "new": 1.0})
    rows = [(each.participant, each.status) for each in verdict.entrants]
    assert (OLD.participant, Status.CHAMPION) in rows
    assert ("somebody else", Status.COPY) in rows


def test_a_submission_committed_after_the_seed_adds_no_evidence() -> None:
    verdict = Season(competition(), [OLD, entrant("new", 1001)]).play({"old": 1.0, "new": 0.1})
    assert verdict.champion_after == "old"
    assert row(verdict, "new").status is Status.WAITING


def test_a_changed_definition_restarts_duels_and_keeps_the_champion() -> None:
    season = Season(competition(samples=20), [OLD, NEW])
    season.play({"old": 1.0, "new": 0.97})
    season.competition = competition(samples=30)
    duel = row(season.play({"old": 1.0, "new": 0.97}), "new").duel
    assert duel is not None
    assert duel.items == 60


def test_epsilon_counts_from_the_crowning() -> None:
    decaying = Epsilon(start=0.05, end=0.01, decay_blocks=40)
    season = Season(competition(samples=20, epsilon=decaying), [OLD, NEW])
    needs = []
    for block in (1000, 1020, 1040, 2000):
        duel = row(season.play({"old": 1.0, "new": 0.99}, block=block), "new").duel
        needs.append(duel.needs if duel else math.nan)
    assert needs == pytest.approx([0.05, 0.03, 0.01, 0.01])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_never_wins(value: float) -> None:
    of, about = competition(), facts()
    broken = scorecard(of, about, "new", 0.1, score=value)
    results = {"old": scorecard(of, about, "old", 1.0), "new": broken}
    verdict = decide(of, about, [OLD, NEW], results)
    assert verdict.champion_after == "old"
    assert row(verdict, "new").status is Status.FAILED
    canonical_json(verdict.to_json())


LOSSES = st.floats(0.5, 1.5)


@settings(max_examples=30, deadline=None)
@given(
    losses=st.lists(LOSSES, min_size=1, max_size=4),
    failure=st.sampled_from([None, "nan", "unscored"]),
    data=st.data(),
)
def test_order_and_broken_entrants_change_nothing_for_others(
    losses: list[float], failure: str | None, data: st.DataObject
) -> None:
    of, about = competition(samples=10), facts()
    entrants = [entrant(f"m{number}", number) for number in range(len(losses))]
    results: dict[str, EntrantResult] = {
        each.submission: scorecard(of, about, each.submission, loss)
        for each, loss in zip(entrants, losses, strict=True)
    }
    plain = decide(of, about, entrants, results)
    broken = entrant("broken", data.draw(st.integers(0, 10)))
    more = dict(results)
    if failure == "nan":
        more["broken"] = scorecard(of, about, "broken", 1.0, score=math.nan)
    elif failure == "unscored":
        more["broken"] = unscored("broken")
    shuffled = data.draw(st.permutations([*entrants, broken]))
    verdict = decide(of, about, shuffled, dict(reversed(more.items())))
    assert [each for each in verdict.entrants if each.submission != "broken"] == list(
        plain.entrants
    )
    assert verdict.shares == plain.shares
    assert verdict.reason == plain.reason
    assert verdict.champion_after == plain.champion_after


def test_a_verdict_does_not_depend_on_the_order_given() -> None:
    of, about = competition(), facts()
    results = {
        name: scorecard(of, about, name, loss) for name, loss in (("old", 1.0), ("new", 0.9))
    }
    one = decide(of, about, [OLD, NEW], results)
    other = decide(of, about, [NEW, OLD], dict(reversed(results.items())))
    assert one.digest == other.digest


def test_scorecards_of_another_round_are_the_callers_mistake() -> None:
    of = competition()
    results = {"old": scorecard(of, facts(1000), "old", 1.0)}
    with pytest.raises(ValueError, match="another round"):
        decide(of, facts(1010), [OLD], results)
    with pytest.raises(ValueError, match="is that of old"):
        decide(of, facts(1000), [OLD], {"new": results["old"]})


def test_scorecards_with_other_samples_than_the_quota_are_refused() -> None:
    of, about = competition(samples=20), facts()
    card = scorecard(of, about, "new", 1.0)
    task = replace(card.tasks["TEXT"], samples=card.tasks["TEXT"].samples[:-1])
    short = replace(card, tasks={**card.tasks, "TEXT": task})
    results = {"old": replace(short, submission="old"), "new": short}
    with pytest.raises(ValueError, match="19 samples; 1 of 1 looks ask 20"):
        decide(of, about, [OLD, NEW], results)
    with pytest.raises(ValueError, match="19 samples"):
        decide(of, about, [OLD, NEW], {**results, "old": scorecard(of, about, "old", 1.0)})


def test_scorecards_with_different_samples_are_refused() -> None:
    of, about = competition(samples=20), facts()
    card = scorecard(of, about, "new", 1.0)
    first, *rest = card.tasks["TEXT"].samples
    task = replace(card.tasks["TEXT"], samples=(replace(first, sample="another"), *rest))
    other = replace(card, tasks={**card.tasks, "TEXT": task})
    results = {"old": scorecard(of, about, "old", 1.0), "new": other}
    with pytest.raises(ValueError, match="different samples"):
        decide(of, about, [OLD, NEW], results)


def test_a_scorecard_without_a_task_or_with_a_negative_loss_is_the_callers_mistake() -> None:
    of, about = competition(samples=20), facts()
    card = scorecard(of, about, "old", 1.0)
    partial = replace(card, tasks={"TEXT": card.tasks["TEXT"]})
    with pytest.raises(ValueError, match="lacks a task"):
        decide(of, about, [OLD], {"old": partial})
    results = {"old": card, "new": scorecard(of, about, "new", -1.0)}
    with pytest.raises(ValueError, match="a loss is negative"):
        decide(of, about, [OLD, NEW], results)


def test_a_round_is_never_counted_twice() -> None:
    season = Season(competition(samples=20), [OLD, NEW])
    season.play({"old": 1.0, "new": 1.0}, block=1000)
    with pytest.raises(ValueError, match="counted before"):
        season.play({"old": 1.0, "new": 1.0}, block=1000)


def test_missing_evidence_is_named() -> None:
    season = Season(competition(samples=20), [OLD, NEW])
    verdict = season.play({"old": 1.0, "new": 1.0})
    with pytest.raises(ValueError, match="of block 1000 are missing"):
        history_from(season.competition, [StoredRound(verdict, {})])
