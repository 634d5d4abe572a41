"""Racing saves work and changes no verdict."""

from pathlib import Path
from typing import Any

import pytest

from palio.contest.outcome import Verdict
from palio.evaluation.executor import GoesOn, WorkerProgress, WorkerResult
from palio.evaluation.job import WorkerJob
from palio.evaluation.scorecard import Scorecard
from palio.validator.racing import races, share_asked
from palio.validator.verifying import verify_rounds
from tests.validator.conftest import MakeScene
from tests.validator.scene import EngineHere, Scene

LOOKS = {"rule": {"kind": "duel", "alpha": 0.2, "beta": 0.2, "zone": 0.02, "looks": 4}}


class AsksEverything(EngineHere):
    """An executor that never stops, whatever it is told at the stops."""

    def run(
        self,
        job: WorkerJob,
        progress: WorkerProgress | None = None,
        goes_on: GoesOn | None = None,
    ) -> WorkerResult:
        return super().run(job, progress, None)


def season(scene: Scene, models: dict[str, Path]) -> list[Verdict | None]:
    verdicts = []
    for name, block in (("rough", 1), ("middling", 2), ("calm", 12)):
        scene.enter(name, models[name], block)
        if block in (2, 12):
            verdicts.append(scene.play(10 if block == 2 else 20))
    verdicts.append(scene.play(30))
    return verdicts


def decision(verdict: Verdict | None) -> Any:  # noqa: ANN401 - compared as a whole
    """Everything of a verdict that is decided; scores shown are over what was asked."""
    if verdict is None:
        return None
    rows = [(row.submission, row.status, row.sentence, row.duel) for row in verdict.entrants]
    return rows, verdict.champion_after, verdict.shares, verdict.reason, verdict.carry


def cards(scene: Scene, block: int) -> dict[str, Scorecard]:
    opened = scene.round(block)
    with scene.records() as records:
        return records.scorecards(opened.id)


@pytest.fixture
def raced(new_scene: MakeScene, models: dict[str, Path]) -> tuple[Scene, list[Verdict | None]]:
    scene = new_scene(**LOOKS)
    return scene, season(scene, models)


@pytest.mark.parametrize("order", [("rough", "middling", "calm"), ("calm", "rough", "middling")])
def test_a_race_decides_what_asking_everything_decides(
    order: tuple[str, ...], new_scene: MakeScene, models: dict[str, Path], tmp_path: Path
) -> None:
    # One round: what is published of it enters the next block's hash, and so the next samples.
    raced = new_scene(**LOOKS)
    (tmp_path / "whole").mkdir()
    whole = Scene(tmp_path / "whole", raced.file, executor=AsksEverything())
    for scene in (raced, whole):
        for block, name in enumerate(order, start=1):
            scene.enter(name, models[name], block)
    assert decision(raced.play(10)) == decision(whole.play(10))
    asked = [sum(card.looks for card in cards(scene, 10).values()) for scene in (raced, whole)]
    assert asked[0] < asked[1] == 12


def test_a_decided_entrant_is_not_asked_the_rest_and_the_champion_is_asked_all(
    raced: tuple[Scene, list[Verdict | None]],
) -> None:
    scene, verdicts = raced
    first = verdicts[0]
    assert first is not None
    held = cards(scene, 10)
    champion = next(row.submission for row in first.entrants if row.block == 1)
    assert held[champion].looks == 4
    assert any(card.looks < 4 for card in held.values())
    assert 0 < share_asked(scene.file.at(10), held.values()) < 1
    assert any("of the round's samples" in sentence for sentence in scene.said)


def test_a_raced_season_is_verified_from_its_evidence(
    raced: tuple[Scene, list[Verdict | None]],
) -> None:
    scene, _ = raced
    with scene.records() as records:
        checks = list(verify_rounds(scene.ledger, records))
    assert checks
    assert [check.fault for check in checks if check.fault] == []


def test_only_a_duel_with_looks_is_a_race(new_scene: MakeScene) -> None:
    assert not races(new_scene().file.at(10))
    with pytest.raises(ValueError, match="nobody was asked anything"):
        share_asked(new_scene(**LOOKS).file.at(10), [])
