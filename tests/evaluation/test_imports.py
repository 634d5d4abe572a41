"""What only looks at results or waits for workers never pays for torch."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "transformers", "tokenizers", "safetensors")


def loaded_by(code: str, *watched: str) -> list[str]:
    """Which of the watched modules a fresh interpreter holds after running ``code``."""
    report = f"print(json.dumps([name for name in {watched!r} if name in sys.modules]))"
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys, json\ntry:\n    {code}\nexcept SystemExit: pass\n{report}",
        ],
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    names: list[str] = json.loads(ended.stdout.splitlines()[-1])
    return names


@pytest.mark.parametrize("module", ["executor", "job", "scorecard", "evaluate", "worker"])
def test_the_evaluation_room_is_entered_without_torch(module: str) -> None:
    assert loaded_by(f"import palio.evaluation.{module}", *HEAVY) == []


def test_requests_and_answers_need_the_standard_library_alone() -> None:
    assert loaded_by("import palio.inference.protocol", *HEAVY, "pydantic", "numpy") == []


def test_the_bare_worker_starts_without_pydantic() -> None:
    assert loaded_by("import palio.evaluation.worker", "pydantic", "sqlalchemy", "yaml") == []


def test_help_loads_nothing_heavy() -> None:
    code = "sys.argv = ['palio', '--help']; from palio.cli.main import main; main()"
    heavy = (*HEAVY, "pydantic", "sqlalchemy", "numpy", "pyarrow", "fastapi", "cryptography")
    assert loaded_by(code, *heavy) == []


def test_the_watch_itself_sees_what_is_loaded() -> None:
    assert loaded_by("import json, pydantic", "pydantic", "torch") == ["pydantic"]
