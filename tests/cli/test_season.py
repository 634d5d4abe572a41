"""Keys, submissions, rounds, board and verification, by the commands alone."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from palio.clock import SystemClock
from palio.validator.deployment import load_deployment
from tests.cli.terminal import answer, done, everything_below, palio, refused
from tests.validator.scene import results, state_of

Models = dict[str, Path]

#: A block lasts a day, so that none passes while the commands run.
DAY = "[ledger.options]\nseconds_per_block = 86400\n"


def pass_blocks(home: Path, to: int) -> None:
    ledger = load_deployment(home).open_ledger(SystemClock())
    ledger.advance(to=to)  # type: ignore[attr-defined]  # a local ledger


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory, models: Models, tiny: Path) -> dict[str, Any]:
    """A home folder after one round, and what the commands answered on the way."""
    home = tmp_path_factory.mktemp("season") / "home"
    home.mkdir()
    (home / "palio.toml").write_text(DAY)
    said: dict[str, Any] = {"home": home}
    environ = {"PALIO_HOME": str(home)}
    for name in ("validator", "alice", "bob"):
        said[name] = answer("keys", "new", name, environ=environ)["address"]
    common = ("-c", tiny, "--home", home)
    said["submitted"] = answer("submit", models["calm"], "--key", "alice", *common)
    said["again"] = answer("submit", models["calm"], "--key", "alice", *common)
    said["line"] = done("submit", models["calm"], "--key", "bob", "--name", "mine", *common)
    pass_blocks(home, 10)
    validate = ("validate", "--once", "--key", "validator", *common)
    said["verdict"] = answer(*validate)["verdict"]
    said["state"] = state_of(home)
    said["repeated"] = done(*validate)
    said["state after"] = state_of(home)
    return said


def test_keys_are_private(season: dict[str, Any]) -> None:
    keys = list((season["home"] / "keys").iterdir())
    assert len(keys) == 3
    assert {path.stat().st_mode & 0o777 for path in keys} == {0o600}


def test_submit_commits_once(season: dict[str, Any]) -> None:
    first = season["submitted"]
    assert set(first) == {"participant", "line", "block", "sequence", "digest"}
    assert (first["participant"], first["block"], first["sequence"]) == (season["alice"], 1, 1)
    assert first["line"].startswith("alice:calm:")
    assert season["again"] == first
    assert season["line"].startswith("bob:mine:")


def test_validate_prints_the_verdict(season: dict[str, Any]) -> None:
    verdict = season["verdict"]
    assert verdict["outcome"] == "decided"
    assert verdict["sync_block"] == 10
    assert verdict["shares"] == {verdict["champion_after"]: 1.0}
    assert season["repeated"] == f"{verdict['reason']}\n"


def test_validate_again_changes_nothing(season: dict[str, Any]) -> None:
    assert season["state"] == season["state after"]
    found = results(season["home"])
    assert len(found["evaluations"]) == 1
    assert len(found["verdicts"]) == 1
    assert [kind for kind, _, _ in found["entries"]] == ["commitment", "commitment", "weights"]


def test_verify_keeps_its_contract(season: dict[str, Any]) -> None:
    home = season["home"]
    before = everything_below(home)
    value = answer("verify", home)
    assert set(value) == {"ok", "checks"}
    assert value["ok"] is True
    assert len(value["checks"]) == 7
    for check in value["checks"]:
        assert set(check) == {"about", "what", "ok", "fault"}
        assert (check["ok"], check["fault"]) == (True, None)
    lines = done("verify", home).splitlines()
    assert len(lines) == 7
    assert all(line.startswith("ok    ") for line in lines)
    assert everything_below(home).keys() == before.keys()


def test_verify_ends_with_1_if_anything_is_wrong(season: dict[str, Any], tmp_path: Path) -> None:
    home = Path(shutil.copytree(season["home"], tmp_path / "home"))
    for path in (home / "evidence").rglob("*.zst"):
        path.write_bytes(b"nothing")
    ended = palio("verify", home)
    assert (ended.returncode, ended.stderr) == (1, "")
    wrong = [line for line in ended.stdout.splitlines() if line.startswith("WRONG ")]
    assert len(wrong) == 1
    assert "damaged" in wrong[0]
    machine = palio("verify", home, "--json")
    assert machine.returncode == 1
    assert json.loads(machine.stdout)["ok"] is False


def test_verify_of_a_ledger_alone_checks_the_ledger(season: dict[str, Any], tmp_path: Path) -> None:
    shutil.copy(season["home"] / "ledger.db", tmp_path)
    (check,) = answer("verify", tmp_path)["checks"]
    assert (check["about"], check["ok"]) == ("ledger", True)
    assert not (tmp_path / "records.db").exists()


def test_board_keeps_its_contract(season: dict[str, Any], tiny: Path) -> None:
    value = answer("board", "-c", tiny, "--home", season["home"])
    assert value["competition"] == "TINY"
    assert value["champion"] == season["verdict"]["champion_after"]
    assert value["champion_name"]
    assert value["last_round"]["sync_block"] == 10
    assert {row["name"]: row["code"] for row in value["rows"]} == {
        "calm": None,
        "mine": "E_COPY_EXACT",
    }
    assert "Champion: " in done("board", "-c", "TINY", "--home", season["home"])


def test_validate_with_nothing_to_do_is_no_fault(
    season: dict[str, Any], tiny: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    shutil.copytree(season["home"] / "keys", home / "keys")
    ended = palio("validate", "--once", "--key", "validator", "-c", tiny, "--home", home, "--json")
    assert (ended.returncode, json.loads(ended.stdout)) == (0, {"verdict": None})


def test_submit_refuses_what_a_validator_would(
    season: dict[str, Any], models: Models, tiny: Path
) -> None:
    before = everything_below(season["home"])
    arguments = ("--key", "alice", "-c", tiny, "--home", season["home"])
    said = refused(3, "submit", models["broken"], *arguments)
    assert said.startswith("refused (E_ST_NONFINITE): a weight is NaN or infinite")
    assert "E_COMMIT_REPOSITORY" in refused(
        3, "submit", models["calm"], "--name", "no spaces please", *arguments
    )
    assert everything_below(season["home"]) == before


def test_an_interrupted_command_says_that_it_goes_on(tiny: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    done("keys", "new", "validator", "--folder", home / "keys")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "palio", "validate", "--key", "validator", "--poll", "30"),
            *("-c", tiny, "--home", home),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    # It has looked once when the records are there; then it waits for the next look.
    while process.poll() is None and not (home / "records.db").exists():
        try:
            process.wait(timeout=0.1)
        except subprocess.TimeoutExpired:
            continue
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stdout == ""
    assert stderr.splitlines()[-1] == "palio: interrupted; the same command goes on from here"
    assert "Traceback" not in stderr
