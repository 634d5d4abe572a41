"""Reading competition files: what is found, what is live when, and what each mistake says."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palio.competition.history import history_from
from palio.competition.loading import (
    catalogue,
    find,
    load_entry,
    load_file,
    resolve,
    source_text,
)
from palio.competition.model import TaskSpec, WinRateRule
from palio.competition.problems import CompetitionFileError
from palio.competition.yaml_source import YamlError, parse
from palio.errors import ConfigError

BASE = """\
name: TINY
id: t1
constraints:
  architectures: [LlamaForCausalLM]
  max_parameters: 5_000
  max_bytes: 1_000_000
  sequence_length: 64
tasks:
  FINEWEB:
    dataset: embedded_passages
    method: text_loss
    samples: 3
    weight: 0.5
    normalisation: { kind: baseline, loss: 1.0, cap: 0.5 }
  NO:
    dataset: words
    dataset_options: { minimum: 2, maximum: 4 }
    method: reference_loss
    samples: 4
    weight: 0.5
    normalisation: { kind: baseline, loss: 2.0, cap: 0.5 }
epsilon: { start: 0.03, end: 0.01, decay_blocks: 100 }
"""
LINES = BASE.splitlines()


def line_of(text: str, nth: int = 1) -> int:
    """The line (from 1) of the nth place where ``text`` stands in BASE."""
    return [i for i, line in enumerate(LINES, 1) if text in line][nth - 1]


def write(folder: Path, text: str) -> Path:
    path = folder / "my.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(CompetitionFileError) as caught:
        load_file(write(folder, text))
    assert str(caught.value) == "\n".join(caught.value.problems)
    return [problem.removeprefix(f"{folder}/") for problem in caught.value.problems]


def test_a_file_is_a_frozen_competition(tmp_path: Path) -> None:
    file = load_file(write(tmp_path, BASE))
    competition = file.current_or_last()
    assert file.name == competition.name == "TINY"
    assert competition.constraints.max_parameters == 5_000
    assert sorted(competition.tasks) == ["FINEWEB", "NO"]
    assert competition.tasks["NO"].dataset_options == {"minimum": 2, "maximum": 4}
    with pytest.raises(ValueError, match="frozen"):
        competition.name = "OTHER"  # type: ignore[misc]


def test_key_order_comments_and_number_style_do_not_change_the_digest(tmp_path: Path) -> None:
    first = resolve(str(write(tmp_path, BASE)))
    head, tail = BASE.split("constraints:", 1)
    moved = f"# note\nconstraints:{tail}{head}".replace("5_000", "5000").replace("0.50", "5e-1")
    assert resolve(str(write(tmp_path, moved))).digest == first.digest
    other = resolve(str(write(tmp_path, BASE.replace("samples: 3", "samples: 5"))))
    assert other.digest != first.digest


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("samples: 3", "samples: -3", "tasks.FINEWEB.samples: must be greater than 0 (is -3)"),
        ("samples: 3", "samples: yes", "tasks.FINEWEB.samples: must be a whole number (is 'yes')"),
        ("samples: 3", "samples: true", "tasks.FINEWEB.samples: must be a whole number (is true)"),
        ("samples: 3", "samples: 3.0", "tasks.FINEWEB.samples: must be a whole number (is 3.0)"),
        ("samples: 3", "samples: '3'", "tasks.FINEWEB.samples: must be a whole number (is '3')"),
        ("samples: 3", "sample: 3", "tasks.FINEWEB.sample: unknown key; did you mean 'samples'?"),
        ("id: t1", "id: 1", "id: must be text (is 1); write it in quotes"),
        ("id: t1", "id: t-1", "id: must match the pattern ^[A-Za-z0-9]{1,2}$ (is 't-1')"),
        ("id: t1", "id: [1]", "id: must be text (is a list); write it in quotes"),
        (
            "sequence_length: 64", "sequence_length: 8",
            "constraints.sequence_length: must be at least 16 (is 8)",
        ),
        ("[LlamaForCausalLM]", "[]", "constraints.architectures: must not be empty"),
        (
            "[LlamaForCausalLM]", "LlamaForCausalLM",
            "constraints.architectures: must be a list (is 'LlamaForCausalLM')",
        ),
        (
            "[LlamaForCausalLM]", "[Llama]",
            ("constraints.architectures: 'Llama' is no causal language model class; "
            "names end in 'ForCausalLM'"),
        ),
        (
            "cap: 0.5 }", "ceiling: 1 }",
            "tasks.FINEWEB.normalisation.ceiling: unknown key; known are cap, kind, loss",
        ),
        (
            "kind: baseline, loss: 1.0", "kind: base, loss: 1.0",
            ("tasks.FINEWEB.normalisation: kind must be one of 'none', 'inverse_exponential', "
            "'baseline' (is 'base')"),
        ),
        (
            "start: 0.03", "start: 0.001",
            "epsilon: end (0.01) must not exceed start (0.001)",
        ),
        ("start: 0.03", "start: .nan", "epsilon.start: must be a number (is '.nan')"),
        ("  NO:", "  no:", "tasks: task name 'no': use capitals, digits and underscores"),
    ],
)  # fmt: skip
def test_each_mistake_names_its_line_its_key_and_what_is_wrong(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    where = line_of("tasks:") if expected.startswith("tasks: ") else line_of(old)
    found = problems(tmp_path, BASE.replace(old, new, 1))
    assert f"my.yaml:{where}: {expected}" in found


def test_a_missing_key_is_reported_at_its_parent(tmp_path: Path) -> None:
    found = problems(tmp_path, BASE.replace("  max_bytes: 1_000_000\n", ""))
    assert found == [f"my.yaml:{line_of('constraints:')}: constraints.max_bytes: is missing"]
    found = problems(tmp_path, BASE.replace("id: t1\n", ""))
    assert found == ["my.yaml:1: id: is missing"]


def test_a_wrong_weight_sum_is_reported_at_the_tasks(tmp_path: Path) -> None:
    found = problems(tmp_path, BASE.replace("weight: 0.5", "weight: 0.4", 1))
    assert found == [
        f"my.yaml:{line_of('tasks:')}: tasks: the weights add up to 0.9; they must add up to 1"
    ]


def test_a_mistake_of_a_change_is_reported_at_that_change_and_once(tmp_path: Path) -> None:
    text = BASE + (
        "changes:\n"
        "  - from_block: 10\n"
        "    tasks:\n"
        "      NO: { weight: 0.3 }\n"
        "  - from_block: 20\n"
        "    epsilon: { start: 0.02 }\n"
        "  - from_block: 30\n"
        "    tasks: { NO: { samples: 0, weight: 0.5 } }\n"
    )
    first = len(LINES) + 1
    assert problems(tmp_path, text) == [
        (
            f"my.yaml:{first + 2}: tasks: the weights add up to 0.8; they must add up to 1 "
            "(from block 10)"
        ),
        f"my.yaml:{first + 7}: tasks.NO.samples: must be greater than 0 (is 0) (from block 30)",
    ]


def test_a_rule_between_keys_names_the_key_it_is_about(tmp_path: Path) -> None:
    text = BASE + "changes:\n  - from_block: 5\n    tasks: {NO: {normalisation: {kind: none}}}\n"
    assert problems(tmp_path, text) == [
        (
            f"my.yaml:{len(LINES) + 3}: tasks.NO.normalisation: the duel rule needs kind 'baseline' "
            "with a published loss and a cap (from block 5)"
        )
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ("changes: 5", "changes: must be a list of at most 200"),
        ("changes: [7]", "changes[0]: must be a mapping with from_block and what changes"),
        ("changes: [{note: x}]", "changes[0].from_block: is missing"),
        ("changes: [{from_block: x}]", "changes[0].from_block: must be a whole number (is 'x')"),
        (
            "changes: [{from_block: 9}, {from_block: 9}]",
            "changes[1].from_block: must be greater than 9, where the stage before begins (is 9)",
        ),
        (
            "opens_at_block: 5\nchanges: [{from_block: 5}]",
            "changes[0].from_block: must be greater than 5, where the stage before begins (is 5)",
        ),
        (
            "closes_at_block: 7\nchanges: [{from_block: 7}]",
            "changes[0].from_block: must be less than closes_at_block (7) (is 7)",
        ),
        ("changes: [{from_block: 9, name: X}]", "changes[0].name: cannot change"),
        ("changes: [{from_block: 9, id: x}]", "changes[0].id: cannot change"),
        (
            "changes: [{from_block: 9, epsilom: {}}]",
            "epsilom: unknown key; did you mean 'epsilon'? (from block 9)",
        ),
        (
            "changes: [{from_block: 9, tasks: {GONE: null}}]",
            "tasks.GONE: must be a mapping of keys (is null) (from block 9)",
        ),
        (
            "opens_at_block: 9\ncloses_at_block: 9",
            "closes_at_block: must be greater than opens_at_block (9)",
        ),
        ("deprecated: yes", "deprecated: must be true or false (is 'yes')"),
    ],
)
def test_a_wrong_history_is_refused(tmp_path: Path, changes: str, said: str) -> None:
    found = problems(tmp_path, f"{BASE}{changes}\n")
    last = len(LINES) + len(changes.splitlines())
    assert found == [f"my.yaml:{last}: {said}"]


def test_at_most_ten_problems_are_listed(tmp_path: Path) -> None:
    found = problems(tmp_path, BASE + "".join(f"unknown{i}: 1\n" for i in range(25)))
    assert len(found) == 11
    assert found[-1] == "and 15 more"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "my.yaml is empty; palio competition new writes one to start from"),
        (b"- a\n", "my.yaml:1: must be a mapping of keys, not a list"),
        (b"hello\n", "my.yaml:1: must be a mapping of keys, not a single value"),
        (b"name: \xff\n", "my.yaml is not UTF-8 text (byte 6 is wrong)"),
        (b"a: 1\na: 2\n", "my.yaml:2: key 'a' stands twice; it is already at line 1"),
        (b"x" * (1 << 20) + b"x", "my.yaml is larger than 1048576 bytes, the most a file may have"),
    ],
)
def test_what_is_no_competition_file_is_refused_in_one_sentence(
    tmp_path: Path, data: bytes, said: str
) -> None:
    path = tmp_path / "my.yaml"
    path.write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        load_file(path)
    assert str(caught.value) == f"{tmp_path}/{said}"


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no competition file at .*/gone\.yaml$"):
        find(str(tmp_path / "gone.yaml"))
    with pytest.raises(ConfigError, match="is a folder, not a competition file"):
        find(str(tmp_path))
    file = write(tmp_path, BASE)
    with pytest.raises(ConfigError, match="a part of the path is a file"):
        find(str(file / "x.yaml"))


@given(
    start=st.integers(0, len(BASE)),
    length=st.integers(0, 40),
    inserted=st.text(alphabet=":-{}[]&*#!|>'\"~?%@, \n\tax09.", max_size=8),
)
def test_a_damaged_file_is_read_or_refused_in_words(start: int, length: int, inserted: str) -> None:
    text = BASE[:start] + inserted + BASE[start + length :]
    try:
        competition = history_from(parse(text), "my.yaml").current_or_last()
    except (YamlError, ConfigError):
        return
    assert sum(task.weight for task in competition.tasks.values()) == pytest.approx(1.0)


def test_a_file_is_live_from_its_first_block_to_the_block_before_it_closes(tmp_path: Path) -> None:
    file = load_file(
        write(
            tmp_path,
            BASE + "opens_at_block: 100\ncloses_at_block: 300\n"
            "changes:\n  - from_block: 200\n    note: wider\n    epsilon: { start: 0.05 }\n",
        )
    )
    assert [(stage.from_block, stage.note) for stage in file.stages()] == [
        (100, ""),
        (200, "wider"),
    ]
    assert file.at(100).epsilon.start == file.at(199).epsilon.start == 0.03
    assert file.at(200).epsilon.start == file.at(299).epsilon.start == 0.05
    assert file.at(200).epsilon.decay_blocks == 100
    assert file.current_or_last() == file.at(299)
    for block in (0, 99, 300):
        with pytest.raises(ConfigError, match=r"TINY is not live at .* from block 100 to 299"):
            file.at(block)


def test_a_change_may_replace_the_rule_and_remove_a_task(tmp_path: Path) -> None:
    text = BASE + (
        "changes:\n"
        "  - from_block: 10\n"
        "    rule: { kind: win_rate, average_retains: 0.9, share_threshold: 0.18 }\n"
        "    tasks: { NO: null, FINEWEB: { weight: 1.0, normalisation: { kind: none } } }\n"
    )
    last = load_file(write(tmp_path, text)).current_or_last()
    assert last.rule == WinRateRule(kind="win_rate", average_retains=0.9, share_threshold=0.18)
    assert list(last.tasks) == ["FINEWEB"]
    assert last.tasks["FINEWEB"].samples == 3


def test_tasks_are_checked_further_on_request_with_their_line(tmp_path: Path) -> None:
    def check(name: str, spec: TaskSpec) -> None:
        if spec.dataset == "words":
            raise ConfigError(f"no dataset {spec.dataset!r}")

    with pytest.raises(CompetitionFileError) as caught:
        load_file(write(tmp_path, BASE), check)
    assert str(caught.value).endswith(f"my.yaml:{line_of('  NO:')}: tasks.NO: no dataset 'words'")


def test_catalogue_names_are_found_bare_and_with_their_edition() -> None:
    assert find("demo/DEMO") == find("DEMO") == load_entry("demo", "DEMO")
    assert find("INSTRUCT_8B") == load_entry("sn37", "INSTRUCT_8B")
    assert find("sn37-reference/INSTRUCT_8B") == load_entry("sn37-reference", "INSTRUCT_8B")
    assert resolve("SN9_MODEL", 3_790_400).reward_share == 0.95


def test_a_file_without_suffix_is_found_if_no_catalogue_name_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").write_text(BASE)
    (tmp_path / "DEMO").write_text(BASE)
    assert find("mine").name == "TINY"
    assert find("DEMO").name == "DEMO"


@pytest.mark.parametrize("reference", ["INSTRUCT_8", "sn37/INSTRUCT8B", "instruct_8b"])
def test_an_unknown_name_lists_the_known_and_guesses(reference: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find(reference)
    said = str(caught.value)
    assert "INSTRUCT_8B" in said.partition("Did you mean ")[2].partition("?")[0]
    for edition, names in catalogue().items():
        assert all(f"{edition}/{name}" in said for name in names)


def test_the_text_to_start_from_keeps_its_comments(tmp_path: Path) -> None:
    assert re.search(r"^# ", source_text("DEMO"), re.MULTILINE)
    path = write(tmp_path, f"# mine\n{BASE}")
    assert source_text(str(path)) == f"# mine\n{BASE}"
