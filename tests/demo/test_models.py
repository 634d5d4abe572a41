"""Training the demo's models: reused, whole or absent, and one sentence when it fails."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from palio.demo.models import BASE, make_models
from palio.demo.script import Script
from palio.errors import PalioError
from tests.demo.playing import SHORT
from tests.tiny_models import save_tiny


class Heard:
    """Remembers which pieces of work were begun."""

    def __init__(self) -> None:
        self.works: list[str] = []

    def track(self, name: str) -> Callable[[str, int, int], None]:
        self.works.append(name)
        return lambda stage, done, total: None


def without_budget(script: Script) -> Script:
    """A script whose training sources do not exist, so that no training can succeed."""
    return replace(script, base_mixture={"gossip": 1.0})


def test_models_that_exist_are_left_as_they_are(tmp_path: Path) -> None:
    for name in (BASE, "uno", "due", "copia", "rotto"):
        save_tiny(tmp_path / name)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    heard = Heard()
    models = make_models(tmp_path, SHORT, heard.track)
    assert models == {name: tmp_path / name for name in ("uno", "due", "copia", "rotto")}
    assert heard.works == []
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_only_the_missing_tricks_are_played_when_all_is_trained(tmp_path: Path) -> None:
    for name in (BASE, "uno", "due"):
        save_tiny(tmp_path / name)
    heard = Heard()
    make_models(tmp_path, SHORT, heard.track)
    assert heard.works == []
    weights = {
        name: (tmp_path / name / "model.safetensors").read_bytes()
        for name in ("uno", "due", "copia", "rotto")
    }
    assert weights["copia"] == weights["uno"]
    assert weights["rotto"] != weights["due"]


def test_a_training_that_fails_ends_in_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    heard = Heard()
    with pytest.raises(PalioError, match=re.escape("training base failed")) as failed:
        make_models(tmp_path, without_budget(SHORT), heard.track)
    assert "gossip" in str(failed.value)
    assert "run the same command again" in str(failed.value)
    assert "\n" not in str(failed.value)
    assert list(tmp_path.iterdir()) == []
