"""``palio evaluate``, ``palio check`` and ``palio task sample`` as scripts read them."""

import json
import math
import subprocess
from pathlib import Path
from typing import Any

import pytest

from palio.clock import SystemClock
from palio.ledger.chain import seeded_entropy
from palio.ledger.local import LocalLedger
from palio.randomness import seed_of_block
from tests.cli.terminal import answer, done, everything_below, only_sentence, palio, refused

Models = dict[str, Path]
TASK_KEYS = {"raw", "unit", "normalised", "weighted", "interval", "samples"}
SEED = 2**200 + 7


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory, models: Models, tiny: Path
) -> list[subprocess.CompletedProcess[str]]:
    """The same two folders twice: other batches, other hash seeds, other places to stand."""
    ended = []
    for batch_size, hash_seed in ((1, "0"), (32, "12345")):
        folder = tmp_path_factory.mktemp(f"batch-{batch_size}")
        ended.append(
            palio(
                *("evaluate", models["calm"], models["broken"], "-c", tiny, "--json"),
                *("--seed", SEED, "--batch-size", batch_size, "--report", "report.html"),
                *("--home", folder / "home"),
                cwd=folder,
                environ={"PYTHONHASHSEED": hash_seed},
            )
        )
        assert sorted(everything_below(folder)) == ["report.html"]
    return ended


def test_evaluate_keeps_its_contract(
    runs: list[subprocess.CompletedProcess[str]], models: Models
) -> None:
    ended = runs[0]
    assert ended.returncode == 3, "one of the models is not admissible"
    assert ended.stdout.count("\n") == 1
    value = json.loads(ended.stdout)
    assert value["competition"] == "TINY"
    assert value["seed"] == SEED
    assert len(value["samples_digest"]) == 64
    scored, failed = value["scorecards"]
    assert scored["submission"] == "calm"
    assert len(scored["digest"]) == 64
    assert set(scored["tasks"]) == {"WORDS", "FACTS"}
    for task in scored["tasks"].values():
        assert TASK_KEYS <= set(task)
        low, high = task["interval"]
        assert low <= task["raw"] <= high
        for sample in task["samples"]:
            assert {"sample", "loss", "weight", "detail"} == set(sample)
            assert math.isfinite(sample["loss"])
    assert scored["score"] == pytest.approx(
        sum(task["weighted"] for task in scored["tasks"].values())
    )
    assert scored["environment"]["torch"]
    assert scored["cost"]["requests"] == 24 + 8
    assert failed["submission"] == "broken"
    assert failed["score"] is None
    assert failed["tasks"] == {}
    assert failed["failure"]["code"] == "E_ST_NONFINITE"
    assert failed["failure"]["fault"] == "participant"
    assert failed["failure"]["hint"]


def test_batch_size_and_hash_seed_change_no_byte(
    runs: list[subprocess.CompletedProcess[str]],
) -> None:
    cards = [ended.stdout.partition('"scorecards": ')[2] for ended in runs]
    cards = [text.rpartition(', "seconds": ')[0] for text in cards]
    assert cards[0]
    assert cards[0] == cards[1]


def test_evaluate_tells_how_far_it_is_on_stderr(
    runs: list[subprocess.CompletedProcess[str]],
) -> None:
    said = runs[0].stderr.splitlines()
    assert any(line.startswith("calm: answer 32 of 32") for line in said)
    assert said[-1] == "Wrote report.html."
    assert not any("\r" in line or "\x1b" in line for line in said)


def test_evaluate_by_block_takes_the_ledgers_seed_and_prints_a_table(
    tmp_path: Path, models: Models, tiny: Path
) -> None:
    ledger = LocalLedger.create(tmp_path / "ledger.db", SystemClock(), seeded_entropy(b"s"))
    ledger.advance(to=5)
    seed = seed_of_block(ledger.block(5).hash)
    ledger.close()
    before = everything_below(tmp_path)
    printed = done(
        *("evaluate", models["calm"], "-c", tiny, "--block", 5, "--home", tmp_path),
        *("--samples", 2),
    )
    assert everything_below(tmp_path) == before
    assert printed.startswith(f"TINY, seed {seed}\n")
    assert "calm" in printed
    assert "bits/byte" in printed
    assert "lower is better" in printed


def test_a_ledger_that_is_not_there_is_not_made(tmp_path: Path, models: Models, tiny: Path) -> None:
    said = refused(2, *("evaluate", models["calm"], "-c", tiny, "--block", 5, "--home", tmp_path))
    assert "--block needs a ledger, and there is none" in said
    assert everything_below(tmp_path) == {}


def test_a_model_that_is_refused_is_explained_to_people(models: Models, tiny: Path) -> None:
    ended = palio("evaluate", models["broken"], "-c", tiny, "--seed", 1)
    assert ended.returncode == 3
    assert "broken: a weight is NaN or infinite: lm_head.weight. Look for a" in ended.stdout


# -- the report --------------------------------------------------------------------------


def test_a_report_that_cannot_be_written_is_told_before_the_work(
    tmp_path: Path, models: Models, tiny: Path
) -> None:
    (tmp_path / "folder").mkdir()
    for target, said in (
        (tmp_path / "gone" / "report.html", "does not exist"),
        (tmp_path / "folder", "is not a file"),
        ("/dev/full", "is not a file"),
    ):
        arguments = ("evaluate", models["calm"], "-c", tiny, "--report", target)
        assert said in refused(2, *arguments)
    assert Path("/dev/full").is_char_device()


# -- check and task sample ---------------------------------------------------------------

CHECK_KEYS = {"verdict", "code", "stage", "message", "hint", "evidence", "warnings"}


def test_check_keeps_its_contract(models: Models, tiny: Path) -> None:
    accepted = answer("check", models["calm"], "-c", tiny)
    assert set(accepted) == CHECK_KEYS
    assert (accepted["verdict"], accepted["code"]) == ("accept", None)
    assert accepted["evidence"]["architecture"] == "LlamaForCausalLM"
    ended = palio("check", models["broken"], "-c", tiny, "--json")
    assert (ended.returncode, ended.stderr) == (3, "")
    rejected = json.loads(ended.stdout)
    assert set(rejected) == CHECK_KEYS
    assert (rejected["verdict"], rejected["code"]) == ("reject", "E_ST_NONFINITE")
    assert rejected["stage"] == "weights"
    assert rejected["message"]
    assert rejected["hint"]
    assert rejected["evidence"] == {"tensor": "lm_head.weight"}


def test_check_tells_people_on_one_line_what_is_wrong(models: Models, tiny: Path) -> None:
    ended = palio("check", models["broken"], "-c", tiny)
    assert ended.returncode == 3
    assert ended.stdout == "Not admissible to TINY (E_ST_NONFINITE).\n"
    assert only_sentence(ended.stderr).startswith("refused (E_ST_NONFINITE): a weight is NaN")


def test_task_sample_keeps_its_contract(tiny: Path) -> None:
    arguments = ("task", "sample", "WORDS", "--seed", 5, "--count", 3, "-c", tiny, "--json")
    lines: list[Any] = [json.loads(line) for line in done(*arguments).splitlines()]
    assert len(lines) == 3
    for line in lines:
        assert {"id", "digest", "born", "source", "messages", "reference"} <= set(line)
    assert done(*arguments) == done(*arguments, environ={"PYTHONHASHSEED": "7"})
    other = ("task", "sample", "WORDS", "--seed", 6, "--count", 3, "-c", tiny, "--json")
    assert done(*other) != done(*arguments)
