"""Models and a competition file for the commands."""

from pathlib import Path

import pytest

from tests.validator.conftest import models
from tests.validator.scene import write_competition

__all__ = ["models"]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a competition of two cheap tasks."""
    return write_competition(tmp_path_factory.mktemp("competition"))
