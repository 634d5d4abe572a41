"""The dishonest entrants are what they pretend to be, and are made whole or not at all."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from palio.competition.loading import resolve
from palio.demo.tricks import copy_model, spoil_model
from palio.errors import SubmissionRejected
from palio.submissions.inspection import inspect
from tests.demo.playing import SHORT
from tests.tiny_models import save_tiny

RULES = resolve(SHORT.competition)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("models") / "uno")


def test_a_copy_has_the_same_content_digest(model: Path, tmp_path: Path) -> None:
    copy_model(model, tmp_path / "copia")
    copied = inspect(tmp_path / "copia", RULES)
    assert copied.content_digest == inspect(model, RULES).content_digest


def test_a_spoiled_model_differs_in_one_weight_that_is_nan(model: Path, tmp_path: Path) -> None:
    spoil_model(model, tmp_path / "rotto")
    before = load_file(model / "model.safetensors")
    after = load_file(tmp_path / "rotto" / "model.safetensors")
    changed = [
        (name, int(np.sum(before[name] != after[name])))
        for name in before
        if not np.array_equal(before[name], after[name])
    ]
    assert [count for _, count in changed] == [1]
    assert np.isnan(after[changed[0][0]]).sum() == 1


def test_a_spoiled_model_is_refused_for_it(model: Path, tmp_path: Path) -> None:
    spoil_model(model, tmp_path / "rotto")
    with pytest.raises(SubmissionRejected) as refused:
        inspect(tmp_path / "rotto", RULES)
    assert refused.value.code == "E_ST_NONFINITE"


@pytest.mark.parametrize("make", [copy_model, spoil_model])
def test_what_an_interrupted_run_left_is_replaced(
    model: Path, tmp_path: Path, make: object
) -> None:
    left = tmp_path / ".altro.partial"
    left.mkdir()
    (left / "half.bin").write_bytes(b"half")
    assert callable(make)
    make(model, tmp_path / "altro")
    assert not left.exists()
    assert not (tmp_path / "altro" / "half.bin").exists()
    assert (tmp_path / "altro" / "config.json").is_file()
