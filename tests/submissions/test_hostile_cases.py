"""Every case of the catalogue of hostile, broken and benign submissions, if it is there."""

import importlib.util
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from palio.errors import SubmissionRejected
from palio.submissions.inspection import inspect
from tests.submissions import build

_DEFAULT = Path(__file__).parents[3] / "shared" / "hostile"
GENERATOR = Path(os.environ.get("PALIO_SHARED_HOSTILE", _DEFAULT)) / "hostile_cases.py"


@cache
def _generator() -> Any:  # noqa: ANN401 - a module known at run time only
    specification = importlib.util.spec_from_file_location("hostile_cases", GENERATOR)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def _identifiers() -> list[str]:
    return [case["id"] for case in _generator().CASES] if GENERATOR.exists() else []


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    root = tmp_path_factory.mktemp("hostile")
    _generator().build(str(root))
    manifest = json.loads((root / "manifest.json").read_text())
    return root, {case["id"]: case for case in manifest["cases"]}


@pytest.mark.skipif(not GENERATOR.exists(), reason=f"no catalogue of cases at {GENERATOR}")
@pytest.mark.parametrize("identifier", _identifiers())
def test_the_expected_verdict_is_reached(
    cases: tuple[Path, dict[str, Any]], identifier: str
) -> None:
    root, known = cases
    case = known[identifier]
    if case.get("skipped"):
        pytest.skip(case["skipped"])
    expected, folder = case["expect"], root / case["path"]
    if expected["verdict"] == "reject":
        assert build.verdict(folder) in {expected["code"], *case["also_ok"]}
        return
    codes = [warning.code for warning in inspect(folder, build.competition()).warnings]
    assert codes == [expected["code"]] if expected["code"] else not codes


@pytest.mark.skipif(not GENERATOR.exists(), reason=f"no catalogue of cases at {GENERATOR}")
def test_no_payload_of_the_catalogue_ever_runs(cases: tuple[Path, dict[str, Any]]) -> None:
    root, known = cases
    for case in known.values():
        if not case.get("skipped"):
            try:
                inspect(root / case["path"], build.competition())
            except SubmissionRejected:
                continue
    assert not Path(_generator().MARKER_ROOT).exists()
