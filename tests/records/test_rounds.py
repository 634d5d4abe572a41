"""Rounds: one definition, one seed, one set of samples, one verdict."""

import pytest

from palio.canonical import digest_of
from palio.clock import ManualClock
from palio.errors import RecordsError
from palio.records.rows import RoundState
from palio.records.store import Records
from tests.records.conftest import SAMPLES_DIGEST, SEED, VERDICT, competition, open_round


def test_round_is_opened_once(records: Records) -> None:
    first = records.open_round(competition(), sync_block=360, seed=SEED)
    assert first.seed == SEED
    assert first.definition == competition().model_dump(mode="json")
    assert records.open_round(competition(), sync_block=360, seed=SEED) == first
    second = records.open_round(competition(), sync_block=720, seed=SEED)
    assert records.rounds("DEMO") == [first, second]


def test_changed_definition_is_refused_naming_the_keys(records: Records) -> None:
    records.open_round(competition(), sync_block=360, seed=SEED)
    changed = competition(
        reward_share=0.5,
        tasks={
            "WORDS": {"dataset": "words", "method": "reference_loss", "samples": 3, "weight": 0.5},
            "DYCK": {"dataset": "dyck", "method": "reference_loss", "samples": 3, "weight": 0.5},
        },
    )
    keys = r"differ: reward_share, tasks.DYCK, tasks.WORDS.samples, tasks.WORDS.weight\."
    with pytest.raises(RecordsError, match=keys):
        records.open_round(changed, sync_block=360, seed=SEED)


def test_another_seed_is_refused(records: Records) -> None:
    records.open_round(competition(), sync_block=360, seed=SEED)
    with pytest.raises(RecordsError, match="another seed"):
        records.open_round(competition(), sync_block=360, seed=1)


def test_samples_are_fixed_once(records: Records) -> None:
    round_id = open_round(records)
    assert records.samples(round_id) == [{"id": "s1"}, {"id": "s2"}]
    assert open_round(records) == round_id
    with pytest.raises(RecordsError, match="has samples 5555"):
        records.fix_samples(round_id, "6" * 64, [{"id": "s1"}, {"id": "s2"}])
    with pytest.raises(RecordsError, match="has samples 5555"):
        records.fix_samples(round_id, SAMPLES_DIGEST, [{"id": "s3"}])


def test_samples_that_were_not_drawn_cannot_be_read(records: Records) -> None:
    round_ = records.open_round(competition(), sync_block=360, seed=SEED)
    with pytest.raises(RecordsError, match="have not been drawn"):
        records.samples(round_.id)


def test_postponed_round_is_taken_up_again(records: Records) -> None:
    round_id = open_round(records)
    waiting = records.postpone_round(round_id, "the page cannot be fetched")
    assert (waiting.state, waiting.reason) == (RoundState.POSTPONED, "the page cannot be fetched")
    assert records.rounds(state=RoundState.POSTPONED) == [waiting]
    resumed = records.resume_round(round_id)
    assert (resumed.state, resumed.reason) == (RoundState.OPEN, None)


def test_verdict_is_recorded_once_and_closes_the_round(
    records: Records, clock: ManualClock
) -> None:
    round_id = open_round(records)
    first = records.decide_round(round_id, VERDICT)
    clock.wait(5)
    assert records.decide_round(round_id, VERDICT) == first
    assert first.digest == digest_of(VERDICT)
    assert first.champion_after == "a" * 64
    assert records.evidence.get(first.digest) == [VERDICT]
    assert records.round(round_id).state is RoundState.DECIDED
    with pytest.raises(RecordsError, match="has the verdict"):
        records.decide_round(round_id, {**VERDICT, "champion_after": None})
    with pytest.raises(RecordsError, match="is decided"):
        records.postpone_round(round_id, "too late")


def test_publication_is_noted_once(records: Records, clock: ManualClock) -> None:
    round_id = open_round(records)
    with pytest.raises(RecordsError, match="no verdict to publish"):
        records.mark_published(round_id)
    verdict = records.decide_round(round_id, VERDICT)
    assert records.unpublished("DEMO") == [verdict]
    published = records.mark_published(round_id)
    assert published.published_at == clock.now()
    clock.wait(5)
    assert records.mark_published(round_id) == published
    assert records.unpublished() == []


def test_champions_are_the_crownings_alone(records: Records) -> None:
    a, b = "a" * 64, "b" * 64
    history = [(None, None), (None, a), (a, a), (a, b), (b, b)]
    for number, (before, after) in enumerate(history):
        round_ = records.open_round(competition(), sync_block=number, seed=SEED)
        records.decide_round(round_.id, {"champion_before": before, "champion_after": after})
    assert [(r.champion, r.sync_block) for r in records.champions("DEMO")] == [(a, 1), (b, 3)]
    assert [found.sync_block for found in records.verdicts("DEMO")] == [0, 1, 2, 3, 4]
    assert records.verdicts("OTHER") == []


def test_unknown_round_is_one_sentence(records: Records) -> None:
    with pytest.raises(RecordsError, match="no round 99"):
        records.round(99)
