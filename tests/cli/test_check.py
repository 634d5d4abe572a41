import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.submissions import build

KEYS = ["verdict", "code", "stage", "message", "hint", "evidence", "warnings"]


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A competition file as a user could write it: JSON is YAML."""
    definition = build.competition().model_dump(mode="json", exclude={"id", "name"})
    path = tmp_path / "test.yaml"
    path.write_text(json.dumps({"name": "TEST", "id": "t"} | definition))
    return path


def palio(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "palio", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "NO_COLOR": "1"},
    )


def test_an_admissible_model_exits_with_zero_and_one_object(tmp_path: Path, rules: Path) -> None:
    folder = build.write(tmp_path / "model", generation_config={"do_sample": True})
    result = palio("check", folder, "-c", rules, "--json")
    assert result.returncode == 0, result.stderr
    verdict = json.loads(result.stdout)
    assert list(verdict) == KEYS
    assert (verdict["verdict"], verdict["code"], verdict["stage"]) == ("accept", None, "done")
    assert verdict["evidence"]["architecture"] == "LlamaForCausalLM"
    assert verdict["warnings"][0].startswith("W_GENCONFIG_IGNORED: ")


def test_a_refused_model_exits_with_three_and_says_why(tmp_path: Path, rules: Path) -> None:
    folder = build.write(tmp_path / "model")
    (folder / "config.json").write_text(json.dumps(build.config(is_causal=False)))
    result = palio("check", folder, "-c", rules, "--json")
    assert result.returncode == 3
    verdict = json.loads(result.stdout)
    assert list(verdict) == KEYS
    assert (verdict["verdict"], verdict["code"], verdict["stage"]) == (
        "reject",
        "E_CFG_UNKNOWN_KEY",
        "config",
    )
    assert "is_causal" in verdict["message"]
    assert verdict["hint"]


def test_people_get_sentences(tmp_path: Path, rules: Path) -> None:
    folder = build.write(tmp_path / "model")
    good = palio("check", folder, "--competition", rules)
    assert good.returncode == 0
    assert "Admissible to TEST" in good.stdout
    (folder / "x.py").touch()
    bad = palio("check", folder, "-c", rules)
    assert bad.returncode == 3
    assert "E_FS_CODE" in bad.stderr
    assert len(bad.stderr.splitlines()) == 1


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path, rules: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "holiday 1.jpg").touch()
    result = palio("check", tmp_path / "photos", "-c", rules, "--json")
    assert result.returncode == 3
    assert json.loads(result.stdout)["code"] == "E_FS_MISSING"


@pytest.mark.parametrize("name", ["nowhere", "test.yaml"])
def test_no_folder_is_wrong_use(tmp_path: Path, rules: Path, name: str) -> None:
    result = palio("check", tmp_path / name, "-c", rules)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert name in result.stderr
    assert not result.stdout


def test_an_unknown_competition_is_wrong_use(tmp_path: Path) -> None:
    result = palio("check", build.write(tmp_path / "model"), "-c", "NO_SUCH")
    assert result.returncode == 2
    assert "NO_SUCH" in result.stderr


def test_a_link_that_the_user_typed_is_followed(tmp_path: Path, rules: Path) -> None:
    (tmp_path / "latest").symlink_to(build.write(tmp_path / "model"))
    assert palio("check", tmp_path / "latest", "-c", rules).returncode == 0
