"""Key files: private, whole, and never replaced."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from palio.errors import ConfigError
from palio.ledger.identity import Keypair
from palio.ledger.keyfiles import key_names, keys_folder, load_key, save_key

KEYPAIR = Keypair.from_seed(bytes(range(32)))


def test_saved_key_comes_back_and_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "keys"
    path = save_key(folder, "alice", KEYPAIR)
    assert load_key(folder, "alice").seed == KEYPAIR.seed
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [file.name for file in folder.iterdir()] == ["alice.json"]


def test_key_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = save_key(tmp_path, "alice", KEYPAIR)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_existing_key_is_never_overwritten(tmp_path: Path) -> None:
    path = save_key(tmp_path, "alice", KEYPAIR)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="never overwritten"):
        save_key(tmp_path, "alice", Keypair.from_seed(bytes(32)))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["alice.json"]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_key_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = save_key(tmp_path, "alice", KEYPAIR)
    path.chmod(mode)
    with pytest.raises(ConfigError, match=f"mode {mode:04o}.*chmod 600"):
        load_key(tmp_path, "alice")


def test_unknown_key_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="none yet; make one with: palio keys new"):
        load_key(tmp_path, "carol")
    save_key(tmp_path, "bob", KEYPAIR)
    save_key(tmp_path, "alice", KEYPAIR)
    with pytest.raises(ConfigError, match="known keys: alice, bob"):
        load_key(tmp_path, "carol")


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "-x", "a" * 65, "a b", "é"])
def test_names_that_are_no_plain_file_name_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot name a key"):
        save_key(tmp_path, name, KEYPAIR)


def _without_seed(value: dict[str, object]) -> str:
    return json.dumps({key: item for key, item in value.items() if key != "seed"})


@pytest.mark.parametrize(
    "damage",
    [
        lambda value: "",
        lambda value: "[]",
        lambda value: "{",
        lambda value: "[" * 5000,
        _without_seed,
        lambda value: json.dumps({**value, "seed": "00"}),
        lambda value: json.dumps({**value, "seed": "00" * 32}),
        lambda value: json.dumps({**value, "version": 2}),
        lambda value: "\udcff",
    ],
)
def test_damaged_key_is_refused(tmp_path: Path, damage: Callable[[dict[str, object]], str]) -> None:
    path = save_key(tmp_path, "alice", KEYPAIR)
    text = damage(json.loads(path.read_text()))
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ConfigError, match="damaged"):
        load_key(tmp_path, "alice")


def test_names_are_sorted_and_other_files_ignored(tmp_path: Path) -> None:
    assert key_names(tmp_path / "absent") == []
    for name in ("b", "a"):
        save_key(tmp_path, name, KEYPAIR)
    (tmp_path / ".tmp.json").write_text("{}")
    (tmp_path / "notes.txt").write_text("")
    assert key_names(tmp_path) == ["a", "b"]


def test_home_is_taken_from_the_environment() -> None:
    assert keys_folder({"PALIO_HOME": "/srv/palio"}) == Path("/srv/palio/keys")
    assert keys_folder({}) == Path.home() / ".palio" / "keys"
