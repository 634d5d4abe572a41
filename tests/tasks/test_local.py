"""A user's own rows: what is read, what is refused and how it is named."""

import json
import os
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from palio.errors import ConfigError, DataUnavailable
from palio.inference.protocol import LossRequest
from palio.randomness import stream
from palio.tasks.registry import load_dataset, load_method
from palio.tasks.samples import ChoiceSample, ReferenceSample, Sample, TextSample

SHARED = Path(
    os.environ.get("PALIO_SHARED_DATA", Path(__file__).parents[2].parent / "shared" / "data")
)
needs_shared_data = pytest.mark.skipif(
    not SHARED.is_dir(), reason="no real data: set PALIO_SHARED_DATA to a folder that holds it"
)


def _draw(count: int, seed: int = 1, **options: Any) -> list[Sample]:  # noqa: ANN401
    return load_dataset("local", options).draw(stream(seed, "L"), count)


def _file(folder: Path, *rows: object) -> str:
    path = folder / "rows.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return str(path)


def test_json_lines_become_choices_by_letter_or_index(tmp_path: Path) -> None:
    path = _file(
        tmp_path,
        {"q": "One?", "o": ["a", "b"], "a": "B", "topic": "t", "born": "2026-01-01"},
        {"q": "Two?", "o": ["a", "b", "c"], "a": 2},
    )
    samples = _draw(
        2, path=path, kind="choice", columns={"question": "q", "choices": "o", "answer": "a"}
    )
    by_question = {item.question: item for item in samples if isinstance(item, ChoiceSample)}
    assert (by_question["One?"].answer, by_question["Two?"].answer) == (1, 2)
    assert by_question["One?"].provenance.topic == "t"
    assert by_question["One?"].provenance.born == "2026-01-01"
    assert by_question["Two?"].provenance.source.endswith("#2")


def test_json_lines_become_references(tmp_path: Path) -> None:
    [sample] = _draw(1, path=_file(tmp_path, {"prompt": "p", "reference": "r"}), kind="reference")
    assert isinstance(sample, ReferenceSample)
    assert (sample.messages[0].content, sample.reference) == ("p", "r")


def test_parquet_becomes_texts(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"text": ["one", "two", "three"]}), path)
    samples = _draw(3, path=str(path), kind="text")
    assert {item.text for item in samples if isinstance(item, TextSample)} == {
        *("one", "two", "three")
    }


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    [before] = _draw(1, path=_file(tmp_path, {"text": "one"}), kind="text")
    [after] = _draw(1, path=_file(tmp_path, {"text": "another"}), kind="text")
    assert isinstance(after, TextSample)
    assert after.text == "another"
    assert before.provenance.source != after.provenance.source


def test_another_content_gives_another_order(tmp_path: Path) -> None:
    def drawn(last: str) -> list[str]:
        path = _file(tmp_path, *({"text": f"row {i}"} for i in range(50)), {"text": last})
        sources = (item.provenance.source for item in _draw(51, path=path, kind="text"))
        return [source.rpartition("#")[2] for source in sources]

    assert drawn("one") == drawn("one")
    assert drawn("one") != drawn("two!")


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"question": "?", "choices": ["a", "b"], "answer": "C"}, "row 1, column 'answer'.*'C'"),
        ({"question": "?", "choices": ["a", "b"], "answer": True}, "column 'answer'.*True"),
        ({"question": "?", "choices": ["a", "a"], "answer": 0}, "column 'choices'.*different"),
        ({"question": "?", "choices": "ab", "answer": 0}, "column 'choices'.*'ab'"),
        ({"question": " ", "choices": ["a", "b"], "answer": 0}, "column 'question': text is"),
        ({"choices": ["a", "b"], "answer": 0}, "no column 'question'; it has choices, answer"),
        ([1], "line 1: a JSON object is needed"),
    ],
)
def test_a_broken_row_is_named(tmp_path: Path, row: object, sentence: str) -> None:
    with pytest.raises(DataUnavailable, match=sentence):
        _draw(1, path=_file(tmp_path, row), kind="choice")


def test_broken_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"text": "one"}\n{"text": \n')
    with pytest.raises(DataUnavailable, match="line 2 is no JSON"):
        _draw(1, path=str(path), kind="text")
    path.write_bytes(b"\xff\xfe\n")
    with pytest.raises(DataUnavailable, match="line 1 is no JSON"):
        _draw(1, path=str(path), kind="text")
    path.write_bytes(b"")
    with pytest.raises(DataUnavailable, match="no rows"):
        _draw(1, path=str(path), kind="text")
    with pytest.raises(DataUnavailable, match="no readable Parquet file"):
        _draw(1, path=_file(tmp_path, 1), kind="text", format="parquet")
    with pytest.raises(DataUnavailable, match="cannot be read: No such file"):
        _draw(1, path=str(tmp_path / "none.jsonl"), kind="text")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"path": "x.csv", "kind": "text"}, "say 'parquet' or 'jsonl'"),
        ({"path": "x.jsonl", "kind": "text", "columns": {"question": "q"}}, "'question' is no"),
        ({"path": "x.jsonl", "kind": "poem"}, "option 'kind'"),
        ({"kind": "text"}, "option 'path'"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        load_dataset("local", options)


def test_more_rows_than_there_are_need_permission(tmp_path: Path) -> None:
    path = _file(tmp_path, {"text": "one"}, {"text": "two"})
    with pytest.raises(DataUnavailable, match=r"3 rows .* only 2"):
        _draw(3, path=path, kind="text")
    assert len(_draw(3, path=path, kind="text", repeat=True)) == 3


@needs_shared_data
def test_real_questions_make_a_round() -> None:
    options: dict[str, Any] = {
        "path": str(SHARED / "mmlu_dev.jsonl"),
        "kind": "choice",
        "columns": {"topic": "subject"},
    }
    samples = _draw(247, **options)
    method = load_method("multiple_choice", {})
    assert len({sample.provenance.topic for sample in samples}) == 53
    scores = [method.judge(item, method.gold_answers(item)) for item in samples]
    assert method.aggregate(scores) == 0.0
    assert samples == _draw(247, **options)
    assert samples != _draw(247, 2, **options)


@needs_shared_data
@pytest.mark.parametrize("name", ["inaugural", "state-of-the-union"])
def test_real_speeches_make_a_round(name: str) -> None:
    path = SHARED / "speeches" / f"{name}.parquet"
    samples = _draw(60, path=str(path), kind="text", columns={"topic": "dump"})
    method = load_method("text_loss", {"max_bytes": 1000})
    for sample in samples:
        assert isinstance(sample, TextSample)
        [request] = method.requests(sample)
        assert isinstance(request, LossRequest)
        assert sample.text.startswith(request.target)
        size = len(request.target.encode())
        assert min(len(sample.text.encode()), 900) <= size <= 1000
