"""docs/competition-file.md says what the models hold, and its example works."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from palio.competition.history import Change, Lifetime
from palio.competition.loading import load_file
from palio.competition.model import (
    BaselineNormalisation,
    Competition,
    Constraints,
    DuelRule,
    Epsilon,
    FixedTokenizer,
    InverseExponential,
    NormCheck,
    Schedule,
    TaskSpec,
    WinRateRule,
)
from palio.competition.yaml_source import MAX_DEPTH, MAX_NODES

PAGE = Path(__file__).parents[2] / "docs" / "competition-file.md"


@pytest.mark.parametrize(
    "model",
    [
        BaselineNormalisation, Change, Competition, Constraints, DuelRule, Epsilon, FixedTokenizer,
        InverseExponential, Lifetime, NormCheck, Schedule, TaskSpec, WinRateRule,
    ],
)  # fmt: skip
def test_every_key_is_explained(model: type[BaseModel]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    quoted = set(re.findall(r"[a-z_0-9]+", " ".join(re.findall(r"`([^`\n]+)`", text))))
    assert set(model.model_fields) - quoted == set()


def test_the_example_is_a_competition(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 1
    path = tmp_path / "example.yaml"
    path.write_text(blocks[0])
    assert [stage.from_block for stage in load_file(path).stages()] == [0, 7_200]


def test_the_limits_are_the_real_ones() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert f"{MAX_NODES:,} values" in text
    assert f"{MAX_DEPTH} levels" in text
