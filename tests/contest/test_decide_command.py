"""``palio decide`` as a person and a script use it, each call a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from palio.contest.rule_file import items_of, parse_rule, rule_of
from palio.errors import ConfigError
from tests.contest.test_duel import VECTOR_ITEMS

PROGRAM = """
import sys
import typer
from palio.cli import decide, main
app = typer.Typer()
app.callback()(lambda: None)
decide.register(app)
main.app = app
sys.argv[0] = "palio"
main.main()
"""

RULE = """\
tasks:
  FOURTH: {weight: 4, quota: 10, cap: 0.25}
  REST: {weight: 3, quota: 30, cap: 1}
alpha: 0.1
beta: 0.1
zone: 0.02
max_items: 1000
epsilon: 0.01
"""


def palio(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, "decide", *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def write(folder: Path, rule: str = RULE, items: str | None = None) -> tuple[Path, Path]:
    lines = "".join(
        json.dumps({"task": task, "champion": champion, "challenger": challenger}) + "\n"
        for task, champion, challenger in VECTOR_ITEMS
    )
    (folder / "rule.yaml").write_text(rule)
    (folder / "items.jsonl").write_text(lines if items is None else items)
    return folder / "rule.yaml", folder / "items.jsonl"


def test_the_published_vector_is_decided(tmp_path: Path) -> None:
    rule, items = write(tmp_path)
    done = palio("--rule", rule, "--items", items, "--json")
    assert done.returncode == 0, done.stderr
    value = json.loads(done.stdout)
    assert list(value) == [
        "verdict",
        "lead",
        "limits",
        "needs",
        "log_evidence_up",
        "log_evidence_down",
        "items",
    ]
    assert value["verdict"] == "go on"
    assert value["log_evidence_up"] == pytest.approx(0.438791947, abs=1e-9)
    assert value["log_evidence_down"] == pytest.approx(-0.736467605, abs=1e-9)
    assert value["lead"] == pytest.approx(0.19374, abs=5e-6)
    assert value["limits"] == pytest.approx([-0.2151, 0.4848], abs=5e-5)
    assert (value["needs"], value["items"]) == (0.01, 40)


def test_people_get_a_sentence_and_the_tasks(tmp_path: Path) -> None:
    rule, items = write(tmp_path)
    done = palio("--rule", rule, "--items", items)
    assert done.returncode == 0, done.stderr
    assert "go on: leads by +19.4% [-21.5%, +48.5%]; needs 1.0%" in done.stdout
    assert "FOURTH: lead" in done.stdout


def test_a_competition_of_the_catalogue_is_a_rule(tmp_path: Path) -> None:
    line = '{"task": "WORD_SORTING", "champion": 1, "challenger": 0.5}\n'
    _, items = write(tmp_path, items=line)
    done = palio("--rule", "demo/DEMO", "--items", items, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["items"] == 1


@pytest.mark.parametrize(
    ("rule", "items", "said"),
    [
        (RULE.replace("alpha: 0.1", "alpha: 2"), None, "rule.yaml:4: alpha"),
        (RULE.replace("cap: 1}", "cap: 0}"), None, "rule.yaml:3: tasks.REST.cap"),
        (RULE + "zones: 1\n", None, "rule.yaml:9: zones"),
        ("tasks: [", None, "rule.yaml"),
        (RULE, '\n{"task": "ODD", "champion": 1, "challenger": 1}\n', "items.jsonl:2: task 'ODD'"),
        (RULE, '{"task": "REST", "champion": NaN, "challenger": 1}', "items.jsonl:1: NaN"),
        (RULE, '{"task": "REST", "champion": 1e999, "challenger": 1}', "items.jsonl:1: champion"),
        (RULE, "{", "items.jsonl:1: is not valid JSON"),
    ],
)
def test_wrong_input_is_one_sentence_with_its_line(
    tmp_path: Path, rule: str, items: str | None, said: str
) -> None:
    paths = write(tmp_path, rule, items)
    done = palio("--rule", paths[0], "--items", paths[1], "--json")
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_missing_files_folders_and_other_rules_are_named(tmp_path: Path) -> None:
    rule, items = write(tmp_path)
    for arguments, said in (
        (("--rule", tmp_path / "none.yaml", "--items", items), "none.yaml"),
        (("--rule", rule, "--items", tmp_path / "none"), "no items file at"),
        (("--rule", rule, "--items", tmp_path), "is a folder"),
        (("--rule", "sn37-reference/B7_MULTICHOICE", "--items", items), "win_rate, not by duel"),
    ):
        done = palio(*arguments)
        assert done.returncode == 2, done.stderr
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_a_quota_left_out_is_weight_times_cap_and_epsilon_may_decay() -> None:
    text = '{"tasks": {"A": {"weight": 2, "cap": 0.5}}, "epsilon": {"start": 0.05, "end": 0.01, \
"decay_blocks": 10}, "age_blocks": 5}'
    rule = rule_of(parse_rule(text, "rule.json"), "rule.json")
    assert rule.settings.tasks["A"].quota == 1.0
    assert rule.decay.at(rule.age_blocks) == pytest.approx(0.03)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[]", "is no JSON object"),
        ('{"task": "A", "champion": 1}', "has no 'challenger'"),
        ('{"task": "A", "champion": true, "challenger": 1}', "champion must be a number"),
        ('{"task": "A", "champion": 1, "challenger": -1}', "at least 0, not -1"),
        ('{"task": "A", "champion": ' + "9" * 400 + ', "challenger": 1}', "champion must be"),
        ("[" * 100_000, "is nested too deeply"),
        ('{"task": ["A"], "champion": 1, "challenger": 1}', "is unknown"),
    ],
)
def test_a_line_that_is_no_item_is_named(line: str, said: str) -> None:
    with pytest.raises(ConfigError, match=r"items:1: ") as caught:
        items_of([line], ["A"], "items")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tasks: [", "rule.yaml"),
        ("tasks: {}\nepsilon: 0", "rule.yaml:1: tasks"),
        ("epsilon: 0", "tasks"),
        ("- 1", "rule.yaml"),
    ],
)
def test_a_rule_that_is_none_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        rule_of(parse_rule(text, "rule.yaml"), "rule.yaml")
    assert said in str(caught.value)


def test_the_rule_file_of_the_documentation_is_valid() -> None:
    page = Path(__file__).parents[2] / "docs" / "verdicts.md"
    text = page.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    rule = rule_of(parse_rule(text, "verdicts.md"), "verdicts.md")
    assert rule.decay.at(rule.age_blocks) == pytest.approx(0.02)
    assert set(rule.settings.tasks) == {"CHOICE", "TEXT"}
