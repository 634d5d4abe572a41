"""``palio task`` as a person and a script use it, each call a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


def palio(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "palio", "task", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_samples_are_json_lines_that_repeat_themselves() -> None:
    arguments = ("sample", "rules", "--seed", "7", "--count", "3", "--json")
    done = palio(*arguments)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 3
    for line in lines:
        assert {"id", "digest", "born", "source", "kind"} <= set(line)
        assert line["digest"].startswith(line["id"])
    assert palio(*arguments).stdout == done.stdout


def test_samples_of_a_task_are_those_of_its_competition(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "name: MINE\nid: m\nconstraints:\n  architectures: [LlamaForCausalLM]\n"
        "  max_parameters: 5000\n  max_bytes: 1000000\n  sequence_length: 64\n"
        "tasks:\n  SORT:\n    dataset: words\n    dataset_options: { minimum: 3, maximum: 3 }\n"
        "    method: reference_loss\n    samples: 3\n    weight: 1.0\n"
        "    normalisation: { kind: baseline, loss: 1.0, cap: 0.5 }\n"
        "epsilon: { start: 0.03, end: 0.01, decay_blocks: 100 }\n"
    )
    done = palio("sample", "SORT", "--count", "4", "--json", "-c", str(file))
    assert done.returncode == 0, done.stderr
    references = [json.loads(line)["reference"] for line in done.stdout.splitlines()]
    assert [len(reference.split()) for reference in references] == [3, 3, 3, 3]
    assert "SORT: 3 from words by reference_loss" in palio("list", "-c", str(file)).stdout


def test_people_get_readable_samples() -> None:
    done = palio("sample", "words", "--count", "1")
    assert "from palio-words@1" in done.stdout
    assert "reference: " in done.stdout
    assert done.stderr == ""


def test_installed_parts_are_listed() -> None:
    found = json.loads(palio("list", "--json").stdout)
    assert "dyck" in found["datasets"]
    assert "text_loss" in found["methods"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("sample", "NOTHING"), "neither a task of"),
        (("sample", "words", "--seed", "-1"), "--seed: a whole number"),
        (("sample", "words", "--count", "0"), "--count"),
        (("sample", "words", "-c", "NO_SUCH"), "NO_SUCH"),
        (("sample", "local"), "option 'path'"),
    ],
)
def test_wrong_use_ends_in_one_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    done = palio(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert sentence in done.stderr
