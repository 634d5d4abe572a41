"""``palio competition`` as a person and a script use it, each call a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from palio.competition.loading import catalogue, find
from palio.tasks.drawing import draw_round
from palio.tasks.registry import load_task

PROGRAM = """
import sys
import typer
from palio.cli import competition, main
app = typer.Typer()
app.callback()(lambda: None)
competition.register(app)
main.app = app
sys.argv[0] = "palio"
main.main()
"""

SOUND = """\
name: MINE
id: m
constraints:
  architectures: [LlamaForCausalLM]
  max_parameters: 5_000
  max_bytes: 1_000_000
  sequence_length: 64
tasks:
  TEXTS:
    dataset: embedded_passages
    method: text_loss
    samples: 3
    weight: 1.0
    normalisation: { kind: baseline, loss: 1.0, cap: 0.5 }
epsilon: { start: 0.03, end: 0.01, decay_blocks: 100 }
changes:
  - from_block: 50
    note: shorter texts
    tasks: { TEXTS: { method_options: { max_bytes: 100 } } }
"""


def palio(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, "competition", *arguments],
        check=False,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )


def refused(folder: Path, *arguments: str) -> str:
    """The one sentence with which a wrong use ends."""
    ended = palio(folder, *arguments)
    assert ended.returncode == 2, ended
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stderr


def test_list_names_every_competition_of_the_catalogue(tmp_path: Path) -> None:
    listed = palio(tmp_path, "list", "--json")
    assert listed.returncode == 0
    assert listed.stderr == ""
    entries = json.loads(listed.stdout)["competitions"]
    assert [(entry["edition"], entry["name"]) for entry in entries] == [
        (edition, name) for edition, names in catalogue().items() for name in names
    ]
    sn9 = next(entry for entry in entries if entry["name"] == "SN9_MODEL")
    assert (sn9["id"], sn9["deprecated"], sn9["closes_at_block"]) == ("1", True, 3_819_200)
    told = palio(tmp_path, "list").stdout
    assert "demo/DEMO" in told
    assert "live from block 3790400 to 4675162" in told


def test_show_prints_one_block_or_the_history(tmp_path: Path) -> None:
    shown = palio(tmp_path, "show", "sn37-reference/B7_MULTICHOICE", "--block", "4139465")
    assert shown.returncode == 0
    assert "97.5%" in shown.stdout
    assert "History" not in shown.stdout
    whole = palio(tmp_path, "show", "sn37-reference/B7_MULTICHOICE").stdout
    assert "History" in whole
    assert "word sorting begins" in whole
    assert "3,815,600" in whole


def test_show_as_json_holds_the_definition_its_digest_and_the_stages(tmp_path: Path) -> None:
    shown = palio(tmp_path, "show", "INSTRUCT_8B", "--block", "4552882", "--json")
    value = json.loads(shown.stdout)
    assert value["block"] == 4_552_882
    assert value["competition"]["reward_share"] == 0.1
    stages = {stage["from_block"]: stage for stage in value["stages"]}
    assert stages[4_552_883]["reward_share"] == 0.25
    assert value["digest"] == stages[4_523_592]["digest"]
    assert stages[4_523_592]["weights"]["IF_EVAL"] == 0.1


def test_check_passes_a_sound_file(tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text(SOUND)
    checked = palio(tmp_path, "check", "my.yaml")
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.startswith("my.yaml is valid: MINE, 2 stages")
    value = json.loads(palio(tmp_path, "check", "my.yaml", "--json").stdout)
    assert (value["valid"], value["problems"], value["num_stages"]) == (True, [], 2)


def test_check_lists_every_problem_with_its_line(tmp_path: Path) -> None:
    wrong = SOUND.replace("samples: 3", "samples: -3").replace("note:", "node:")
    (tmp_path / "my.yaml").write_text(wrong)
    checked = palio(tmp_path, "check", "my.yaml", "--json")
    assert checked.returncode == 2
    value = json.loads(checked.stdout)
    assert value["valid"] is False
    assert value["problems"] == [
        "my.yaml:12: tasks.TEXTS.samples: must be greater than 0 (is -3)",
        "my.yaml:18: node: unknown key; did you mean 'note'? (from block 50)",
    ]
    assert checked.stderr.splitlines() == [f"palio: {one}" for one in value["problems"]]


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("dataset: embedded_passages", "dataset: embeded", 9, "embedded_passages"),
        ("method: text_loss", "method: textloss", 9, "text_loss"),
        ("method: text_loss", "method: rule_following", 9, "rule_following"),
        ("max_bytes: 100 ", "max_byte: 100 ", 19, "max_byte"),
        ("max_bytes: 100 ", "max_bytes: 1 ", 19, "max_bytes"),
    ],
)
def test_check_knows_datasets_methods_and_their_options(
    tmp_path: Path, old: str, new: str, line: int, said: str
) -> None:
    (tmp_path / "my.yaml").write_text(SOUND.replace(old, new))
    checked = palio(tmp_path, "check", "my.yaml")
    assert checked.returncode == 2
    first = checked.stderr.splitlines()[0]
    assert first.startswith(f"palio: my.yaml:{line}: tasks.TEXTS: ")
    assert said in first


@pytest.mark.parametrize(
    "reference", [f"{edition}/{name}" for edition, names in catalogue().items() for name in names]
)
def test_every_stage_of_the_catalogue_can_be_played(reference: str) -> None:
    last = find(reference, load_task).current_or_last()
    drawn = draw_round(last, seed=7)
    assert {name: len(task.samples) for name, task in drawn.tasks.items()} == {
        name: spec.samples for name, spec in last.tasks.items()
    }


def test_new_writes_a_working_file_and_never_overwrites(tmp_path: Path) -> None:
    made = palio(tmp_path, "new", "mine.yaml")
    assert made.returncode == 0, made.stderr
    assert made.stdout == "mine.yaml\n"
    written = (tmp_path / "mine.yaml").read_text()
    assert written.startswith("# Started from demo/DEMO.\n")
    assert palio(tmp_path, "check", "mine.yaml").returncode == 0
    assert "exists already" in refused(tmp_path, "new", "mine.yaml", "--from", "INSTRUCT_8B")
    assert (tmp_path / "mine.yaml").read_text() == written
    assert palio(tmp_path, "new", "other.yml", "--from", "mine.yaml", "--json").returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.yaml", "other.yml"]


def test_wrong_uses_end_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "list.yaml").write_text("- a\n")
    assert "no competition file at gone.yaml" in refused(tmp_path, "show", "gone.yaml")
    assert "no competition file at gone.yaml" in refused(tmp_path, "check", "gone.yaml")
    assert "is a folder" in refused(tmp_path, "check", "folder.yaml")
    assert "not a list" in refused(tmp_path, "show", "list.yaml")
    assert "not a list" in refused(tmp_path, "check", "list.yaml")
    assert "Did you mean sn37/B7_MULTICHOICE?" in refused(tmp_path, "show", "sn37/B7_MULTICHOIC")
    assert "is not live at block 5" in refused(tmp_path, "show", "SN9_MODEL", "--block", "5")
    assert "--block" in refused(tmp_path, "show", "DEMO", "--block", "x")
    assert "--block" in refused(tmp_path, "show", "DEMO", "--block", "-1")
    assert "ends in .yaml" in refused(tmp_path, "new", "mine.txt")
    assert "there is no folder" in refused(tmp_path, "new", "gone/mine.yaml")
    assert "no competition or file" in refused(tmp_path, "new", "m.yaml", "--from", "NONE")
    assert not (tmp_path / "m.yaml").exists()
