"""Whole rounds: who is evaluated, what faults do, and that doing it again changes nothing."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from palio.contest.outcome import Outcome, Status, Verdict
from palio.errors import ConfigError, DataUnavailable, EvaluationFailed, Fault
from palio.evaluation.executor import GoesOn, LocalExecutor, WorkerProgress, WorkerResult
from palio.evaluation.job import WorkerJob
from palio.ledger.protocol import Ledger, Weights, WeightsEntry
from palio.records.rows import EvaluationState, RoundState
from palio.validator.round import PLATFORM_TRIES
from tests.tiny_models import save_tiny
from tests.validator.conftest import MakeScene, scale
from tests.validator.scene import (
    DEFINITION,
    RULES,
    WIN_RATE,
    EngineHere,
    Scene,
    keypair,
    make_scene,
    results,
    state_of,
)

Models = dict[str, Path]


def statuses(scene: Scene, verdict: Verdict) -> dict[str, str]:
    """Status by name in the store."""
    names = {one.content_digest: name for name, one in scene.submissions().items()}
    return {str(names[row.submission]): row.status for row in verdict.entrants}


def played(scene: Scene, block: int) -> Verdict:
    verdict = scene.play(block)
    assert verdict is not None
    return verdict


def two_entrants(scene: Scene, models: Models) -> None:
    scene.enter("rough", models["rough"], 2)
    scene.enter("middling", models["middling"], 3)


@dataclass
class Faulty:
    """Runs the engine, except where it is told to fail: by a model's digest, that often."""

    failure: EvaluationFailed
    times: int
    submission: str = ""
    engine: EngineHere = field(default_factory=EngineHere)
    failed: int = 0

    def run(
        self,
        job: WorkerJob,
        progress: WorkerProgress | None = None,
        goes_on: GoesOn | None = None,
    ) -> WorkerResult:
        if Path(job.folder).name == self.submission and self.failed < self.times:
            self.failed += 1
            raise self.failure
        return self.engine.run(job, progress, goes_on)

    def stop(self) -> None:
        self.engine.stop()


@dataclass
class Interrupted:
    """Runs the engine that often; then whoever runs the validator presses Ctrl-C."""

    runs: int
    engine: EngineHere = field(default_factory=EngineHere)

    def run(
        self,
        job: WorkerJob,
        progress: WorkerProgress | None = None,
        goes_on: GoesOn | None = None,
    ) -> WorkerResult:
        if len(self.engine.jobs) == self.runs:
            raise KeyboardInterrupt
        return self.engine.run(job, progress, goes_on)

    def stop(self) -> None:
        self.engine.stop()


def crash(fault: Fault) -> EvaluationFailed:
    return EvaluationFailed("E_RT_CRASH", "the worker died", fault=fault, hint="Try again.")


# -- both rules --------------------------------------------------------------------------


def test_a_duel_is_carried_on_until_it_is_decided(scene: Scene, models: Models) -> None:
    two_entrants(scene, models)
    first = played(scene, 10)
    assert statuses(scene, first) == {"rough-1": Status.DETHRONED, "middling-1": Status.CHAMPION}
    scene.enter("calm", models["calm"], 12)
    second = played(scene, 20)
    assert statuses(scene, second)["calm-1"] == Status.OPEN
    third = played(scene, 30)
    assert third.champion_after == scene.digest("calm-1")
    assert third.shares == {scene.digest("calm-1"): 1.0}
    row = next(row for row in third.entrants if row.submission == third.champion_after)
    assert row.duel is not None
    # The evidence of the round before counts, and no sample is counted twice.
    assert row.duel.items == 2 * sum(task["samples"] for task in DEFINITION["tasks"].values())


def test_win_rates_pay_by_a_moving_average(new_scene: MakeScene, models: Models) -> None:
    scene = new_scene(**WIN_RATE)
    two_entrants(scene, models)
    first = played(scene, 10)
    assert first.champion_after == scene.digest("middling-1")
    assert first.shares == {scene.digest("middling-1"): 1.0}
    scene.enter("calm", models["calm"], 12)
    second = played(scene, 20)
    assert second.champion_after == scene.digest("calm-1")
    assert second.shares == {scene.digest("calm-1"): 0.5, scene.digest("middling-1"): 0.5}
    assert statuses(scene, second)["rough-1"] == Status.RANKED


@pytest.mark.parametrize("rule", RULES)
def test_a_round_is_on_the_ledger_with_every_scorecard(
    new_scene: MakeScene, models: Models, rule: str
) -> None:
    scene = new_scene(**RULES[rule])
    two_entrants(scene, models)
    verdict = played(scene, 10)
    (entry,) = scene.ledger.weights("TINY")
    assert entry.validator == keypair("validator").address
    assert entry.weights == Weights(
        "TINY",
        10,
        verdict.shares,
        verdict.digest,
        {one.submission: one.scorecard for one in scene.evaluations(10).values()},  # type: ignore[misc]  # all are scored
    )
    with scene.records() as records:
        opened = scene.round(10)
        cards = records.scorecards(opened.id)
    assert {card.score for card in cards.values()} == {row.score for row in verdict.entrants}
    assert {card.samples_digest for card in cards.values()} == {verdict.samples_digest}


@pytest.mark.parametrize("rule", RULES)
def test_doing_it_again_changes_nothing(new_scene: MakeScene, models: Models, rule: str) -> None:
    scene = new_scene(**RULES[rule])
    two_entrants(scene, models)
    scene.enter("broken", models["broken"], 4, check=False)
    verdict = played(scene, 10)
    before, said = state_of(scene.home), list(scene.said)
    scene.executor = engine = EngineHere()
    for _ in range(2):
        assert scene.once() == verdict
    assert state_of(scene.home) == before
    assert scene.said == said
    assert engine.jobs == []


def test_the_same_scene_gives_the_same_bytes(tmp_path: Path, models: Models) -> None:
    homes = [tmp_path / "one", tmp_path / "two"]
    for home in homes:
        two_entrants(scene := make_scene(home), models)
        played(scene, 10)
    assert results(homes[0]) == results(homes[1])


def test_a_worker_process_gives_the_scores_of_the_engine(tmp_path: Path, models: Models) -> None:
    here, worker = make_scene(tmp_path / "here"), make_scene(tmp_path / "worker")
    worker.executor = LocalExecutor()
    for scene in (here, worker):
        scene.enter("middling", models["middling"], 2)
        played(scene, 10)
    assert results(here.home) == results(worker.home)


# -- nothing to do -----------------------------------------------------------------------


def test_without_entrants_there_is_no_round(scene: Scene) -> None:
    assert scene.play(10) is None
    with scene.records() as records:
        assert records.rounds() == []
    assert scene.ledger.weights() == []


def test_a_champion_without_challengers_is_not_evaluated_again(
    scene: Scene, models: Models
) -> None:
    scene.enter("rough", models["rough"], 2)
    played(scene, 10)
    scene.executor = engine = EngineHere()
    assert scene.play(20) is None
    assert engine.jobs == []


def test_before_its_first_round_a_competition_waits(new_scene: MakeScene, models: Models) -> None:
    scene = new_scene(opens_at_block=3)
    scene.enter("rough", models["rough"], 5)
    assert scene.play(7) is None
    assert scene.play(10) is not None
    with pytest.raises(ConfigError, match="is not live at block 10; it is live from block 30"):
        new_scene(opens_at_block=30).once()
    later = new_scene(schedule=DEFINITION["schedule"] | {"genesis_block": 15})
    assert later.once() is None


# -- data --------------------------------------------------------------------------------


def with_local_texts(path: Path) -> dict[str, Any]:
    texts = {
        "dataset": "local",
        "dataset_options": {"path": str(path), "kind": "text"},
        "method": "text_loss",
        "samples": 2,
        "weight": 0.2,
        "normalisation": {"kind": "baseline", "loss": 300.0, "cap": 1.0},
    }
    return {"tasks": {"WORDS": DEFINITION["tasks"]["WORDS"], "TEXTS": texts}}


def write_texts(path: Path, texts: Sequence[str]) -> None:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))


TEXTS = ["a red dog sees a tree", "my neighbour builds a machine", "a river near a small tree"]


def test_a_round_whose_data_are_away_waits_and_keeps_its_seed(
    new_scene: MakeScene, models: Models, tmp_path: Path
) -> None:
    path = tmp_path / "texts.jsonl"
    scene = new_scene(**with_local_texts(path))
    scene.enter("rough", models["rough"], 2)
    scene.executor = engine = EngineHere()
    for _ in range(2):
        with pytest.raises(DataUnavailable, match=r"texts\.jsonl cannot be read"):
            scene.play(10)
    waiting = scene.round(10)
    assert waiting.state is RoundState.POSTPONED
    assert waiting.reason is not None
    assert "task TEXTS" in waiting.reason
    assert engine.jobs == []
    assert scene.ledger.weights() == []
    write_texts(path, TEXTS)
    scene.ledger.advance(to=14)
    verdict = scene.once()
    assert verdict is not None
    assert (verdict.sync_block, verdict.seed) == (10, waiting.seed)
    assert scene.round(10).reason is None

    undisturbed = make_scene(tmp_path / "undisturbed", **with_local_texts(path))
    undisturbed.enter("rough", models["rough"], 2)
    again = undisturbed.play(10)
    assert again is not None
    assert again.digest == verdict.digest


def test_a_round_that_waited_too_long_lapses_and_the_next_is_played(
    new_scene: MakeScene, models: Models, tmp_path: Path
) -> None:
    path = tmp_path / "texts.jsonl"
    scene = new_scene(**with_local_texts(path))
    scene.enter("rough", models["rough"], 2)
    with pytest.raises(DataUnavailable):
        scene.play(10)
    write_texts(path, TEXTS)
    verdict = scene.play(20)
    assert verdict is not None
    assert verdict.sync_block == 20
    assert scene.round(10).state is RoundState.POSTPONED
    assert [entry.weights.sync_block for entry in scene.ledger.weights()] == [20]


def test_samples_once_drawn_stay_whatever_happens_to_their_source(
    new_scene: MakeScene, models: Models, tmp_path: Path
) -> None:
    path = tmp_path / "texts.jsonl"
    write_texts(path, TEXTS)
    scene = new_scene(**with_local_texts(path))
    scene.enter("rough", models["rough"], 2)
    scene.executor = Interrupted(runs=0)
    with pytest.raises(KeyboardInterrupt):
        scene.play(10)
    drawn = scene.round(10).samples_digest
    write_texts(path, ["other texts", "entirely", "than before"])
    scene.executor = EngineHere()
    verdict = scene.once()
    assert verdict is not None
    assert verdict.samples_digest == drawn


# -- faults ------------------------------------------------------------------------------


def test_a_fault_of_the_platform_is_retried_and_lowers_no_score(
    tmp_path: Path, models: Models
) -> None:
    smooth, bumpy = make_scene(tmp_path / "smooth"), make_scene(tmp_path / "bumpy")
    for scene in (smooth, bumpy):
        two_entrants(scene, models)
        scene.once()
    bumpy.executor = Faulty(crash(Fault.PLATFORM), PLATFORM_TRIES - 1, bumpy.digest("middling-1"))
    for scene in (smooth, bumpy):
        played(scene, 10)
    assert results(smooth.home) == results(bumpy.home)
    evaluation = bumpy.evaluations(10)["middling-1"]
    assert (evaluation.attempts, evaluation.code) == (PLATFORM_TRIES, None)
    assert bumpy.wall.monotonic() > 0, "it waits before it tries again"


def test_a_fault_that_stays_is_held_against_nobody(scene: Scene, models: Models) -> None:
    two_entrants(scene, models)
    scene.once()
    scene.executor = faulty = Faulty(crash(Fault.PLATFORM), 99, scene.digest("middling-1"))
    verdict = played(scene, 10)
    assert faulty.failed == PLATFORM_TRIES
    assert statuses(scene, verdict) == {"rough-1": Status.CHAMPION, "middling-1": Status.WAITING}
    row = verdict.entrants[1]
    assert (row.score, row.code) == (None, "E_RT_CRASH")
    scene.executor = EngineHere()
    later = played(scene, 20)
    assert later.champion_after == scene.digest("middling-1")


def test_a_champion_that_the_platform_fails_postpones_the_verdict(
    scene: Scene, models: Models
) -> None:
    scene.enter("rough", models["rough"], 2)
    played(scene, 10)
    scene.enter("middling", models["middling"], 12)
    scene.once()
    scene.executor = Faulty(crash(Fault.DATA), 99, scene.digest("rough-1"))
    verdict = played(scene, 20)
    assert verdict.outcome is Outcome.POSTPONED
    assert verdict.champion_after == scene.digest("rough-1")


def test_a_participants_own_fault_counts_at_once(scene: Scene, models: Models) -> None:
    two_entrants(scene, models)
    scene.once()
    scene.executor = faulty = Faulty(crash(Fault.PARTICIPANT), 99, scene.digest("middling-1"))
    verdict = played(scene, 10)
    assert faulty.failed == 1
    assert statuses(scene, verdict) == {"rough-1": Status.CHAMPION, "middling-1": Status.FAILED}
    evaluation = scene.evaluations(10)["middling-1"]
    assert evaluation.state is EvaluationState.FAILED
    assert (evaluation.code, evaluation.message, evaluation.hint) == (
        "E_RT_CRASH",
        "the worker died",
        "Try again.",
    )
    assert "middling/middling-1 was not scored: the worker died" in " ".join(scene.said)


def test_a_model_that_overflows_fails_by_itself_and_disturbs_nobody(
    new_scene: MakeScene, models: Models, tmp_path: Path
) -> None:
    half = new_scene(constraints=DEFINITION["constraints"] | {"dtype": "float16"})
    loud = save_tiny(tmp_path / "loud", 9)
    scale(loud, "proj", 300.0)
    half.enter("loud", loud, 2)
    half.enter("rough", models["rough"], 3)
    verdict = played(half, 10)
    assert statuses(half, verdict) == {"loud-1": Status.FAILED, "rough-1": Status.CHAMPION}
    failed = half.evaluations(10)["loud-1"]
    assert (failed.code, failed.fault) == ("E_RT_NONFINITE", Fault.PARTICIPANT)
    assert failed.message
    assert failed.hint


# -- what an interrupted run leaves behind -----------------------------------------------


class Unreachable:
    """A ledger that takes no weights; everything else is the real one's."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.id = ledger.id
        self.head, self.block = ledger.head, ledger.block
        self.commit, self.commitments = ledger.commit, ledger.commitments
        self.weights = ledger.weights

    def publish_weights(self, keypair: object, weights: Weights) -> WeightsEntry:
        raise KeyboardInterrupt


def test_a_verdict_that_was_not_published_is_published_later(scene: Scene, models: Models) -> None:
    two_entrants(scene, models)
    scene.ledger.advance(to=10)
    with (
        scene.validator(ledger=Unreachable(scene.ledger)) as validator,
        pytest.raises(KeyboardInterrupt),
    ):
        validator.once()
    assert scene.round(10).state is RoundState.DECIDED
    assert scene.ledger.weights() == []
    scene.play(20)
    assert [entry.weights.sync_block for entry in scene.ledger.weights()] == [10, 20]
    with scene.records() as records:
        assert records.unpublished() == []


def test_a_round_that_was_begun_is_finished_before_the_next(scene: Scene, models: Models) -> None:
    two_entrants(scene, models)
    scene.once()
    scene.executor = Interrupted(runs=1)
    with pytest.raises(KeyboardInterrupt):
        scene.play(10)
    finished = scene.evaluations(10)["rough-1"].scorecard
    assert finished is not None
    scene.executor = engine = EngineHere()
    scene.enter("calm", models["calm"], 12)
    played(scene, 20)
    assert scene.evaluations(10)["rough-1"].scorecard == finished
    assert set(scene.evaluations(10)) == {"rough-1", "middling-1"}
    assert [entry.weights.sync_block for entry in scene.ledger.weights()] == [10, 20]
    asked = [Path(job.folder).name for job in engine.jobs]
    assert asked[0] == scene.digest("middling-1")
    assert asked.count(scene.digest("rough-1")) == 1


def test_the_coming_round_is_the_next_multiple_of_the_cadence(scene: Scene) -> None:
    scene.ledger.advance(to=13)
    with scene.validator() as validator:
        assert validator.next_round() == (20, 7 * 12.0)
    scene.ledger.advance(to=20)
    with scene.validator() as validator:
        assert validator.next_round() == (30, 120.0)
