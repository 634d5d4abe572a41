"""Saved and loaded tiny models, made once a session."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from palio.inference.loading import LoadedModel, load_model
from tests.tiny_models import save_tiny


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A folder with a tiny model of the given type; not to be changed."""
    return cache(
        lambda model_type: save_tiny(tmp_path_factory.mktemp(model_type), model_type=model_type)
    )


@pytest.fixture(scope="session")
def loaded(saved: Callable[[str], Path]) -> Callable[[str], LoadedModel]:
    """The same, loaded in float32."""
    return cache(lambda model_type: load_model(saved(model_type), "float32"))
