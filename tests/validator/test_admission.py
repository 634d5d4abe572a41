"""From commitments to admitted models: who gets in, in which order, and what the others are told."""

import shutil
from pathlib import Path

from palio.records.rows import SubmissionState
from palio.submissions.commitment import Commitment
from tests.validator.scene import Scene, keypair

Models = dict[str, Path]


def names_in_round(scene: Scene, sync_block: int) -> set[str]:
    return set(scene.evaluations(sync_block))


def test_a_copy_is_refused_and_told_whose_it_is(scene: Scene, models: Models) -> None:
    scene.enter("first", models["middling"], 2)
    scene.enter("second", models["copy"], 3)
    scene.enter("third", models["same_weights"], 4)
    scene.play(10)
    known = scene.submissions()
    assert known["first-1"].state is SubmissionState.ADMITTED
    for name in ("second-1", "third-1"):
        copy = known[name]
        assert (copy.state, copy.code) == (SubmissionState.REFUSED, "E_COPY_EXACT")
        assert copy.message is not None
        assert scene.digest("first-1")[:12] in copy.message
        assert "block 2" in copy.message
        assert copy.hint
        assert copy.evidence is not None
        assert copy.evidence["original"] == scene.digest("first-1")
    assert names_in_round(scene, 10) == {"first-1"}


def test_of_two_equal_models_in_one_block_the_earlier_entry_stands(
    scene: Scene, models: Models
) -> None:
    # Whatever the names: the order is that of the ledger.
    scene.enter("zebra", models["copy"], 3)
    scene.enter("aardvark", models["middling"], 3)
    scene.play(10)
    known = scene.submissions()
    assert known["zebra-1"].block == known["aardvark-1"].block
    assert known["zebra-1"].state is SubmissionState.ADMITTED
    assert known["aardvark-1"].code == "E_COPY_EXACT"


def test_copies_are_found_whatever_is_received_together(scene: Scene, models: Models) -> None:
    scene.enter("first", models["middling"], 2)
    assert scene.once() is None
    scene.enter("second", models["copy"], 3)
    assert scene.once() is None
    assert scene.submissions()["second-1"].code == "E_COPY_EXACT"


def test_a_participant_is_represented_by_the_newest_commitment(
    scene: Scene, models: Models
) -> None:
    scene.enter("first", models["rough"], 2, under="old")
    scene.enter("first", models["middling"], 4, under="new")
    scene.play(10)
    assert names_in_round(scene, 10) == {"new"}


def test_a_replacement_counts_from_when_it_is_old_enough_itself(
    scene: Scene, models: Models
) -> None:
    scene.enter("first", models["rough"], 2, under="old")
    scene.enter("other", models["middling"], 3)
    scene.enter("first", models["calm"], 6, under="new")
    scene.play(10)
    assert names_in_round(scene, 10) == {"old", "other-1"}
    scene.play(20)
    assert names_in_round(scene, 20) == {"new", "other-1"}


def test_a_champion_keeps_the_crown_when_its_participant_moves_on(
    scene: Scene, models: Models
) -> None:
    scene.enter("first", models["middling"], 2, under="old")
    crowned = scene.play(10)
    assert crowned is not None
    assert crowned.champion_after == scene.digest("old")
    scene.enter("first", models["rough"], 12, under="new")
    verdict = scene.play(20)
    assert verdict is not None
    assert names_in_round(scene, 20) == {"old", "new"}
    assert verdict.champion_after == scene.digest("old")


def test_who_comes_too_late_waits_for_the_next_round(scene: Scene, models: Models) -> None:
    scene.enter("early", models["rough"], 5)
    scene.enter("late", models["middling"], 6)
    scene.play(10)
    assert names_in_round(scene, 10) == {"early-1"}
    assert scene.submissions()["late-1"].state is SubmissionState.ADMITTED
    scene.play(20)
    assert names_in_round(scene, 20) == {"early-1", "late-1"}


def test_a_refusal_has_a_code_a_sentence_a_hint_and_evidence(scene: Scene, models: Models) -> None:
    scene.enter("broken", models["broken"], 2, check=False)
    scene.once()
    refused = scene.submissions()["broken-1"]
    assert (refused.state, refused.code) == (SubmissionState.REFUSED, "E_ST_NONFINITE")
    assert refused.message == "a weight is NaN or infinite: lm_head.weight"
    assert refused.hint
    assert refused.evidence == {"stage": "weights", "tensor": "lm_head.weight"}
    assert scene.said == [f"broken/broken-1 is refused: {refused.message} (E_ST_NONFINITE)."]


def test_a_commitment_line_cannot_be_taken_over(scene: Scene, models: Models) -> None:
    line = scene.enter("first", models["middling"], 2).line
    scene.ledger.commit(keypair("thief"), line)
    scene.play(10)
    with scene.records() as records:
        thief = records.submissions()[1]
    assert (thief.participant, thief.code) == (keypair("thief").address, "E_COMMIT_HASH")
    assert names_in_round(scene, 10) == {"first-1"}


def test_lines_of_others_are_left_alone(scene: Scene, models: Models) -> None:
    line = scene.enter("first", models["middling"], 2).line
    for stranger in ("not a commitment", line[:-2] + ":x", "a:b:c"):
        scene.ledger.commit(keypair("stranger"), stranger)
    scene.play(10)
    assert set(scene.submissions()) == {"first-1"}


def test_what_was_changed_after_the_commitment_is_refused(scene: Scene, models: Models) -> None:
    entry = scene.enter("first", models["middling"], 2)
    commit = Commitment.parse(entry.line).commit
    stored = scene.deployment.store_folder / "first" / "first-1" / commit
    shutil.rmtree(stored)
    shutil.copytree(models["calm"], stored)
    scene.once()
    assert scene.submissions()["first-1"].code == "E_FETCH_CHANGED"


def test_what_is_not_in_the_store_is_refused(scene: Scene, models: Models) -> None:
    scene.enter("first", models["middling"], 2)
    shutil.rmtree(scene.deployment.store_folder / "first")
    scene.once()
    assert scene.submissions()["first-1"].code == "E_FETCH_MISSING"


def test_a_store_that_is_away_refuses_nobody(scene: Scene, models: Models) -> None:
    scene.enter("first", models["middling"], 2)
    store = scene.deployment.store_folder
    store.rename(store.with_name("away"))
    assert scene.play(10) is None
    assert scene.submissions()["first-1"].state is SubmissionState.RECEIVED
    assert "could not be fetched yet" in scene.said[-1]
    store.with_name("away").rename(store)
    verdict = scene.once()
    assert scene.submissions()["first-1"].state is SubmissionState.ADMITTED
    assert verdict is not None
    assert verdict.champion_after == scene.digest("first-1")


def test_an_admitted_model_that_is_lost_here_is_fetched_again(scene: Scene, models: Models) -> None:
    scene.enter("first", models["middling"], 2)
    scene.once()
    folder = scene.deployment.admitted_folder / scene.digest("first-1")
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    shutil.rmtree(folder)
    verdict = scene.play(10)
    assert verdict is not None
    assert verdict.champion_after == scene.digest("first-1")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files


def test_an_admitted_model_that_is_lost_everywhere_is_no_fault_of_its_participant(
    scene: Scene, models: Models
) -> None:
    scene.enter("first", models["middling"], 2)
    scene.once()
    shutil.rmtree(scene.deployment.admitted_folder)
    shutil.rmtree(scene.deployment.store_folder / "first")
    scene.once()
    assert scene.submissions()["first-1"].state is SubmissionState.ADMITTED
    assert "could not be fetched again" in scene.said[-1]


def test_nothing_of_a_submission_is_kept_but_the_canonical_folder(
    scene: Scene, models: Models
) -> None:
    scene.enter("first", models["middling"], 2)
    scene.enter("broken", models["broken"], 2, check=False)
    scene.once()
    (folder,) = scene.deployment.admitted_folder.iterdir()
    assert folder.name == scene.digest("first-1")
    assert {path.name for path in folder.iterdir()} == {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "chat_template.jinja",
    }
