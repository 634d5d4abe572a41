"""Real questions, real texts and models saved by transformers, by a file that a user could write."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from palio.evaluation.executor import LocalExecutor
from tests.cli.terminal import palio
from tests.tiny_models import save_tiny
from tests.validator.scene import make_scene

DATA = Path(os.environ.get("PALIO_SHARED_DATA") or Path(__file__).parents[3] / "shared" / "data")

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(),
    reason="no real data; set PALIO_SHARED_DATA to a folder that holds mmlu_dev.jsonl, speeches/ "
    "and words_en_basic.txt",
)

FILE = """\
# Questions of MMLU, speeches and Basic English, from files of one's own.
name: MINE
id: m
constraints:
  architectures: [LlamaForCausalLM, Qwen2ForCausalLM]
  max_parameters: 200_000
  max_bytes: 2_000_000
  sequence_length: 256
  dtype: float32
tasks:
  QUESTIONS:
    dataset: local
    dataset_options:
      path: {data}/mmlu_dev.jsonl
      kind: choice
      columns: {{ topic: subject }}
    method: choice_likelihood
    samples: 12
    weight: 0.4
    normalisation: {{ kind: baseline, loss: 0.75, cap: 1.3 }}
  SPEECHES:
    dataset: local
    dataset_options: {{ path: {data}/speeches/inaugural.parquet, kind: text, columns: {{ born: dump }} }}
    method: text_loss
    method_options: {{ unit: bits_per_byte, long: stride }}
    samples: 2
    weight: 0.3
    normalisation: {{ kind: baseline, loss: 8.0, cap: 0.5 }}
  SORTING:
    dataset: words
    dataset_options: {{ list: {data}/words_en_basic.txt, maximum: 6 }}
    method: reference_loss
    method_options: {{ unit: bits_per_byte }}
    samples: 8
    weight: 0.3
    normalisation: {{ kind: baseline, loss: 8.0, cap: 0.5 }}
epsilon: {{ start: 0.01, end: 0.01 }}
schedule: {{ cadence_blocks: 10, evaluation_delay_blocks: 5 }}
"""


@pytest.fixture(scope="module")
def entrants(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("entrants")
    return {
        "llama": save_tiny(root / "llama", 4),
        "qwen": save_tiny(root / "qwen", 5, "qwen2"),
    }


def definition() -> dict[str, Any]:
    value = yaml.safe_load(FILE.format(data=DATA))
    assert isinstance(value, dict)
    return value


def test_a_round_on_real_data(tmp_path: Path, entrants: dict[str, Path]) -> None:
    scene = make_scene(tmp_path / "home", **definition())
    for block, (name, model) in enumerate(entrants.items(), start=2):
        scene.enter(name, model, block)
    verdict = scene.play(10)
    assert verdict is not None
    assert {row.score is not None for row in verdict.entrants} == {True}
    assert verdict.champion_after == scene.digest("llama-1")
    with scene.records() as records:
        (drawn,) = records.samples(scene.round(10).id)
    lines = (DATA / "mmlu_dev.jsonl").read_text(encoding="utf-8").split("\n")
    questions = {json.loads(line)["question"] for line in lines if line}
    for sample in drawn["tasks"]["QUESTIONS"]:
        assert sample["question"] in questions
        assert sample["provenance"]["source"].startswith("file@")
    words = set((DATA / "words_en_basic.txt").read_text().split())
    for sample in drawn["tasks"]["SORTING"]:
        assert set(sample["reference"].split()) <= words


@pytest.mark.slow
def test_a_round_on_real_data_with_workers(tmp_path: Path, entrants: dict[str, Path]) -> None:
    here = make_scene(tmp_path / "here", **definition())
    apart = make_scene(tmp_path / "apart", **definition())
    apart.executor = LocalExecutor()
    digests = []
    for scene in (here, apart):
        for block, (name, model) in enumerate(entrants.items(), start=2):
            scene.enter(name, model, block)
        verdict = scene.play(10)
        assert verdict is not None
        digests.append(verdict.digest)
    assert digests[0] == digests[1]


def test_evaluate_on_real_data(tmp_path: Path, entrants: dict[str, Path]) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(FILE.format(data=DATA))
    assert palio("competition", "check", file).returncode == 0
    ended = palio("evaluate", entrants["qwen"], "-c", file, "--seed", 3, "--json")
    assert ended.returncode == 0, ended.stderr
    (card,) = json.loads(ended.stdout)["scorecards"]
    tasks = card["tasks"]
    assert {name: len(task["samples"]) for name, task in tasks.items()} == {
        "QUESTIONS": 12,
        "SPEECHES": 2,
        "SORTING": 8,
    }
    # A model of random weights guesses, and knows no letter of what comes next.
    assert 0.5 < tasks["QUESTIONS"]["raw"] < 1
    assert 5 < tasks["SPEECHES"]["raw"] < 30
