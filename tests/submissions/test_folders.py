import os
import socket
from pathlib import Path

import pytest

from palio.errors import ConfigError, SubmissionRejected
from palio.submissions.folders import open_folder
from palio.submissions.staging import stage
from tests.submissions import build


def code_of(folder: Path, max_bytes: int = 10_000_000) -> str:
    with pytest.raises(SubmissionRejected) as refusal, open_folder(folder, max_bytes=max_bytes):
        pass
    assert refusal.value.stage == "fs"
    return refusal.value.code


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return build.write(tmp_path / "model")


def test_a_plain_submission_is_listed_with_its_sizes(folder: Path) -> None:
    with open_folder(folder, max_bytes=10_000_000) as listing:
        assert listing.sizes["config.json"] == (folder / "config.json").stat().st_size
        assert listing.total_bytes == sum(p.stat().st_size for p in folder.iterdir())


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("pytorch_model.bin", "E_FS_PICKLE"),
        ("training_args.bin", "E_FS_PICKLE"),
        ("optimizer.PT", "E_FS_PICKLE"),
        ("data.pkl.gz", "E_FS_PICKLE"),
        ("modeling_x.py", "E_FS_CODE"),
        ("libx.so.1", "E_FS_CODE"),
        ("run.SH", "E_FS_CODE"),
        ("adapter_config.json", "E_FS_ADAPTER"),
        ("adapter_model.safetensors", "E_FS_ADAPTER"),
        ("model.gguf", "E_FS_UNLISTED"),
        ("consolidated.safetensors", "E_FS_UNLISTED"),
        ("vocab.json", "E_FS_UNLISTED"),
        (".hidden", "E_FS_UNLISTED"),
        ("Config.json", "E_FS_NAME"),
        ("two words.txt", "E_FS_NAME"),
        ("x\n\x1b[2J.txt", "E_FS_NAME"),
        (os.fsdecode(b"bad\xff\xfe.txt"), "E_FS_NAME"),
        ("\u202emodel.txt", "E_FS_NAME"),
        ("x" * 129, "E_FS_NAME"),
    ],
)
def test_what_a_submission_does_not_need_is_refused_by_kind(
    folder: Path, name: str, code: str
) -> None:
    (folder / name).write_bytes(b"x")
    assert code_of(folder) == code


def test_a_pickle_alone_is_called_a_pickle(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    assert code_of(tmp_path) == "E_FS_PICKLE"


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_missing_parts_are_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with (
        pytest.raises(SubmissionRejected, match=name) as refusal,
        open_folder(folder, max_bytes=10_000_000),
    ):
        pass
    assert refusal.value.code == "E_FS_MISSING"


def test_a_folder_of_something_else_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "holiday photo.jpg").write_bytes(b"x")
    (tmp_path / "notes").mkdir()
    assert code_of(tmp_path) == "E_FS_MISSING"


def test_a_link_to_a_file_or_folder_is_refused(folder: Path) -> None:
    (folder / "README.md").symlink_to("/etc/hostname")
    assert code_of(folder) == "E_FS_SYMLINK"
    (folder / "README.md").unlink()
    (folder / "extra").symlink_to("/etc")
    assert code_of(folder) == "E_FS_SYMLINK"


def test_a_dangling_link_is_refused(folder: Path) -> None:
    (folder / "LICENSE").symlink_to("nowhere")
    assert code_of(folder) == "E_FS_SYMLINK"


def test_a_folder_that_is_itself_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(folder)
    assert code_of(link) == "E_FS_SYMLINK"


def test_a_second_name_elsewhere_is_refused_unless_the_platform_made_it(
    folder: Path, tmp_path: Path
) -> None:
    os.link(folder / "model.safetensors", tmp_path / "other")
    assert code_of(folder) == "E_FS_HARDLINK"
    with open_folder(folder, max_bytes=10_000_000, staged=True) as listing:
        assert "model.safetensors" in listing.sizes


@pytest.mark.parametrize("name", ["config.json", "chat_template.jinja", "tokenizer.json"])
def test_a_pipe_neither_blocks_nor_passes(folder: Path, name: str) -> None:
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert code_of(folder) == "E_FS_SPECIAL"


def test_a_socket_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("README.md")
        assert code_of(folder) == "E_FS_SPECIAL"


def test_a_sparse_file_is_refused(folder: Path) -> None:
    with (folder / "model.safetensors").open("r+b") as file:
        file.truncate(1 << 24)
    assert code_of(folder, 1 << 30) in ("E_FS_SPARSE", "E_ST_OFFSETS")


@pytest.mark.parametrize("mode", [0o4755, 0o2755, 0o1755])
def test_privilege_bits_are_refused(folder: Path, mode: int) -> None:
    (folder / "model.safetensors").chmod(mode)
    assert code_of(folder) == "E_FS_MODE"


def test_too_many_entries_stop_the_walk(folder: Path) -> None:
    (folder / "d").mkdir()
    for number in range(301):
        (folder / "d" / f"{number}.txt").touch()
    assert code_of(folder) == "E_FS_COUNT"


def test_deep_folders_stop_the_walk(folder: Path) -> None:
    (folder / "a" / "b" / "c" / "d").mkdir(parents=True)
    assert code_of(folder) == "E_FS_DEPTH"


def test_a_sub_folder_is_not_listed(folder: Path) -> None:
    (folder / "onnx").mkdir()
    assert code_of(folder) == "E_FS_UNLISTED"


def test_the_sum_of_sizes_is_limited(folder: Path) -> None:
    total = sum(p.stat().st_size for p in folder.iterdir())
    assert code_of(folder, total - 1) == "E_FS_SIZE"
    with open_folder(folder, max_bytes=total):
        pass


def test_a_missing_folder_is_wrong_use_and_not_the_submissions_fault(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match="no such folder"),
        open_folder(tmp_path / "none", max_bytes=1),
    ):
        pass


def test_staging_copies_and_digests_what_was_read(folder: Path, tmp_path: Path) -> None:
    manifest = stage(folder, tmp_path / "staged", 10_000_000)
    assert [entry.path for entry in manifest] == sorted(p.name for p in folder.iterdir())
    for entry in manifest:
        copy = tmp_path / "staged" / entry.path
        assert copy.read_bytes() == (folder / entry.path).read_bytes()
        assert copy.stat().st_mode & 0o7777 == 0o444
        assert copy.stat().st_ino != (folder / entry.path).stat().st_ino
    assert build.accepted(tmp_path / "staged").manifest == manifest


def test_a_refused_submission_leaves_nothing_behind(folder: Path, tmp_path: Path) -> None:
    (folder / "x.py").touch()
    with pytest.raises(SubmissionRejected):
        stage(folder, tmp_path / "staged", 10_000_000)
    assert not (tmp_path / "staged").exists()


def test_staging_never_writes_into_an_existing_folder(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "staged").mkdir()
    (tmp_path / "staged" / "precious").touch()
    with pytest.raises(FileExistsError):
        stage(folder, tmp_path / "staged", 10_000_000)
    assert (tmp_path / "staged" / "precious").exists()
