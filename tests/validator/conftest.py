"""Real tiny models that really differ, made once, and a fresh scene for each test."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from palio.demo.tricks import copy_model, spoil_model
from tests.tiny_models import save_tiny
from tests.validator.scene import Scene, make_scene

MakeScene = Callable[..., Scene]

#: Name -> (seed, factor on the output layer). The smaller the factor, the less sure a model of
#: random weights is of its wrong guesses, and the better it scores.
MODELS = {"rough": (1, 2.0), "middling": (2, 1.0), "calm": (3, 0.0)}


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """``calm`` beats ``middling`` beats ``rough``; the others should not get in."""
    root = tmp_path_factory.mktemp("models")
    folders = {name: root / name for name in (*MODELS, "copy", "same_weights", "broken")}
    for name, (seed, factor) in MODELS.items():
        # Never quite zero: every option must have a probability of its own.
        scale(save_tiny(folders[name], seed), "lm_head", max(factor, 1e-3))
    copy_model(folders["middling"], folders["copy"])
    copy_model(folders["middling"], folders["same_weights"])
    (folders["same_weights"] / "generation_config.json").unlink()
    spoil_model(folders["calm"], folders["broken"])
    return folders


@pytest.fixture
def new_scene(tmp_path: Path) -> MakeScene:
    """Makes the scene of a test, some keys of its competition changed."""

    def make(**changes: Any) -> Scene:  # noqa: ANN401 - any YAML value
        return make_scene(tmp_path / "home", **changes)

    return make


@pytest.fixture
def scene(new_scene: MakeScene) -> Scene:
    return new_scene()


def scale(model: Path, part: str, factor: float) -> None:
    """Multiply a saved model's weights whose names hold ``part``."""
    path = model / "model.safetensors"
    tensors = load_file(path)
    scaled = {name: one * factor if part in name else one for name, one in tensors.items()}
    save_file(scaled, path, metadata={"format": "pt"})
