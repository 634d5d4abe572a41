"""``palio competition calibrate`` with real models, as a process of its own."""

import json
import shutil
from pathlib import Path

import pytest

from palio.competition.loading import load_file
from tests.cli.terminal import only_sentence, palio, refused

Models = dict[str, Path]
CALIBRATE = ("competition", "calibrate")


@pytest.fixture
def file(tiny: Path, tmp_path: Path) -> Path:
    """A copy with a comment, which has to outlive the rewriting."""
    path = tmp_path / "mine.yaml"
    path.write_text(f"# ours\n{tiny.read_text(encoding='utf-8')}", encoding="utf-8")
    return path


def test_two_models_are_measured_and_the_file_rewritten(file: Path, models: Models) -> None:
    before = file.read_text(encoding="utf-8")
    ended = palio(
        *CALIBRATE, file, "--model", models["middling"], "--model", models["calm"],
        "--samples", 6, "--seed", 3, "--json", "--write", "--home", file.parent / "home",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found["models"] == ["middling", "calm"]
    assert found["written"]
    words = found["tasks"]["WORDS"]
    assert words["samples"] == 6
    assert words["interval"][0] <= words["loss"] <= words["interval"][1]
    assert words["spread"] > 0
    stated = load_file(file).current_or_last().tasks["WORDS"].normalisation.model_dump()
    assert stated["loss"] == words["proposed_loss"]
    assert stated["cap"] == words["proposed_cap"]
    after = file.read_text(encoding="utf-8")
    assert after.startswith("# ours\n")
    changed = [
        (number, new)
        for number, (old, new) in enumerate(
            zip(before.splitlines(), after.splitlines(), strict=True), start=1
        )
        if old != new
    ]
    told = {change["line"]: change["after"] for change in found["changes"]}
    assert [number for number, _ in changed] == sorted(told)
    assert all(told[number] in line for number, line in changed)
    assert sorted(path.name for path in file.parent.iterdir()) == ["mine.yaml"]


def test_without_write_a_table_is_printed_and_nothing_changed(file: Path, models: Models) -> None:
    before = file.read_bytes()
    ended = palio(
        *CALIBRATE, file, "--model", models["middling"], "--samples", 2, "--seed", 3,
        "--home", file.parent / "home",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "8 -> " in ended.stdout
    assert "A ? needs a second --model." in ended.stdout.replace("\n", " ")
    assert "Nothing was written" in ended.stderr
    assert file.read_bytes() == before


def test_what_could_not_be_written_is_refused_before_a_model_runs(
    file: Path, models: Models
) -> None:
    write = ("--model", models["calm"], "--write")
    assert "belongs to the catalogue" in refused(2, *CALIBRATE, "demo/DEMO", *write)
    staged = file.with_name("staged.yaml")
    shutil.copy(file, staged)
    with staged.open("a", encoding="utf-8") as text:
        text.write("changes: [{from_block: 9, description: later}]\n")
    assert "has 2 stages" in refused(2, *CALIBRATE, staged, *write)
    assert "is not a folder" in refused(2, *CALIBRATE, file, "--model", file)


def test_a_model_that_is_not_admissible_is_told_with_its_code(file: Path, models: Models) -> None:
    before = file.read_bytes()
    ended = palio(
        *CALIBRATE, file, "--model", models["broken"], "--write", "--seed", 1, "--samples", 1
    )
    assert ended.returncode == 3
    assert not ended.stdout
    assert only_sentence(ended.stderr.splitlines()[-1]).startswith("broken (E_")
    assert file.read_bytes() == before
