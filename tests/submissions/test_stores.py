from pathlib import Path

import pytest

from palio.errors import EvaluationFailed, Fault, SubmissionRejected
from palio.submissions.commitment import Commitment, commit_of
from palio.submissions.digests import content_digest, directory_hash, secure_hash
from palio.submissions.stores import FolderStore, check_secure_hash
from tests.submissions import build

LIMIT = 10_000_000


def commit(folder: Path, participant: str = "5Fada", name: str = "model") -> Commitment:
    manifest = build.accepted(folder).manifest
    return Commitment(
        "ada",
        name,
        commit_of(content_digest(manifest)),
        secure_hash(directory_hash(manifest), participant),
        "t",
    )


def code_of(store: FolderStore, commitment: Commitment, target: Path) -> str:
    with pytest.raises(SubmissionRejected) as refusal:
        store.fetch(commitment, target, LIMIT)
    assert not target.exists()
    return refusal.value.code


def test_what_was_committed_is_fetched(tmp_path: Path) -> None:
    folder = build.write(tmp_path / "store" / "ada" / "model")
    commitment = commit(folder)
    target = FolderStore(tmp_path / "store").fetch(commitment, tmp_path / "mine", LIMIT)
    assert target == tmp_path / "mine"
    check_secure_hash(commitment, build.accepted(target).manifest, "5Fada")


def test_a_revision_of_its_own_folder_is_found_first(tmp_path: Path) -> None:
    draft = build.write(tmp_path / "draft")
    commitment = commit(draft)
    build.write(tmp_path / "store" / "ada" / "model", config=build.config(rms_norm_eps=1e-6))
    (tmp_path / "store" / "ada" / "model2").mkdir()
    place = tmp_path / "store" / "ada" / "model" / commitment.commit
    for path in (tmp_path / "store" / "ada" / "model").iterdir():
        path.unlink()
    build.write(place)
    FolderStore(tmp_path / "store").fetch(commitment, tmp_path / "mine", LIMIT)


def test_files_changed_after_the_commitment_are_refused(tmp_path: Path) -> None:
    folder = build.write(tmp_path / "store" / "ada" / "model")
    commitment = commit(folder)
    (folder / "README.md").write_text("later")
    assert code_of(FolderStore(tmp_path / "store"), commitment, tmp_path / "mine") == (
        "E_FETCH_CHANGED"
    )


def test_a_missing_submission_is_the_participants_fault(tmp_path: Path) -> None:
    folder = build.write(tmp_path / "store" / "ada" / "model")
    store = FolderStore(tmp_path / "store")
    assert code_of(store, commit(folder, name="other"), tmp_path / "mine") == "E_FETCH_MISSING"


def test_a_missing_store_is_the_platforms_fault(tmp_path: Path) -> None:
    commitment = commit(build.write(tmp_path / "model"))
    with pytest.raises(EvaluationFailed) as failure:
        FolderStore(tmp_path / "nowhere").fetch(commitment, tmp_path / "mine", LIMIT)
    assert failure.value.fault is Fault.PLATFORM
    assert failure.value.exit_code == 1


def test_a_target_in_the_way_is_the_platforms_fault(tmp_path: Path) -> None:
    folder = build.write(tmp_path / "store" / "ada" / "model")
    (tmp_path / "mine").mkdir()
    with pytest.raises(EvaluationFailed) as failure:
        FolderStore(tmp_path / "store").fetch(commit(folder), tmp_path / "mine", LIMIT)
    assert failure.value.fault is Fault.PLATFORM


def test_a_linked_place_is_refused(tmp_path: Path) -> None:
    folder = build.write(tmp_path / "elsewhere")
    (tmp_path / "store" / "ada").mkdir(parents=True)
    (tmp_path / "store" / "ada" / "model").symlink_to(folder)
    store = FolderStore(tmp_path / "store")
    assert code_of(store, commit(folder), tmp_path / "mine") == "E_FS_SYMLINK"


def test_a_store_hands_out_no_more_bytes_than_asked(tmp_path: Path) -> None:
    folder = build.write(tmp_path / "store" / "ada" / "model")
    with pytest.raises(SubmissionRejected) as refusal:
        FolderStore(tmp_path / "store").fetch(commit(folder), tmp_path / "mine", 1000)
    assert refusal.value.code == "E_FS_SIZE"


def test_a_line_copied_by_another_participant_does_not_verify(tmp_path: Path) -> None:
    folder = build.write(tmp_path / "model")
    manifest = build.accepted(folder).manifest
    check_secure_hash(commit(folder, "5Fada"), manifest, "5Fada")
    with pytest.raises(SubmissionRejected) as refusal:
        check_secure_hash(commit(folder, "5Fada"), manifest, "5Fbob")
    assert refusal.value.code == "E_COMMIT_HASH"
