"""``palio keys`` as a person and a script use it, each call a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
import typer
from palio.cli import keys, main
app = typer.Typer()
app.callback()(lambda: None)
keys.register(app)
main.app = app
sys.argv[0] = "palio"
main.main()
"""


def palio(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, "keys", *arguments],
        check=False,
        env={**os.environ, "PALIO_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_keys_are_made_listed_and_shown(tmp_path: Path) -> None:
    made = palio(tmp_path, "new", "alice")
    assert made.returncode == 0, made.stderr
    address = made.stdout.strip()
    assert len(address) == 48
    assert str(tmp_path / "keys" / "alice.json") in made.stderr
    assert palio(tmp_path, "show", "alice").stdout == f"{address}\n"
    listed = palio(tmp_path, "list", "--json")
    assert json.loads(listed.stdout) == {"keys": [{"name": "alice", "address": address}]}
    seed = json.loads((tmp_path / "keys" / "alice.json").read_text())["seed"]
    assert seed not in made.stdout + made.stderr + listed.stdout


def test_folder_option_wins_over_the_environment(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    made = palio(tmp_path, "new", "bob", "--folder", str(folder), "--json")
    assert json.loads(made.stdout)["path"] == str(folder / "bob.json")
    assert not (tmp_path / "keys").exists()


def test_wrong_use_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    palio(tmp_path, "new", "alice")
    for arguments, words in [
        (("new", "alice"), "never overwritten"),
        (("new", "../alice"), "cannot name a key"),
        (("show", "carol"), "known keys: alice"),
    ]:
        result = palio(tmp_path, *arguments)
        assert result.returncode == 2
        assert result.stdout == ""
        assert words in result.stderr
        assert result.stderr.count("\n") == 1


def test_list_prints_usable_keys_and_fails_for_one_that_others_can_read(tmp_path: Path) -> None:
    palio(tmp_path, "new", "alice")
    palio(tmp_path, "new", "bob")
    (tmp_path / "keys" / "bob.json").chmod(0o644)
    result = palio(tmp_path, "list")
    assert result.returncode == 2
    assert result.stdout.startswith("alice  ")
    assert "chmod 600" in result.stderr
