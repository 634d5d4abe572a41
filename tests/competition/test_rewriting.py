"""Numbers replaced in a file: exactly those, whole or not at all."""

import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palio.competition.loading import catalogue, load_entry, load_file, source_text
from palio.competition.rewriting import Key, rewrite_file, with_numbers
from palio.competition.yaml_source import parse
from palio.errors import ConfigError

LOSS: Key = ("tasks", "FINEWEB", "normalisation", "loss")
CAP: Key = ("tasks", "FINEWEB", "normalisation", "cap")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(source_text("demo/DEMO"), encoding="utf-8")
    return path


def digest(path: Path) -> str:
    return load_file(path).current_or_last().digest


def test_only_the_numbers_change_and_each_change_is_told(file: Path) -> None:
    before = file.read_text(encoding="utf-8")
    edits = rewrite_file(file, digest(file), {LOSS: 2.775, CAP: 0.2})
    assert [(edit.key, edit.before, edit.after) for edit in edits] == [
        ("tasks.FINEWEB.normalisation.loss", "2.8", "2.775")
    ]
    after = file.read_text(encoding="utf-8")
    line = before.splitlines()[edits[0].line - 1]
    assert after == before.replace(line, line.replace("2.8", "2.775"))
    normalisation = load_file(file).current_or_last().tasks["FINEWEB"].normalisation
    assert normalisation.model_dump() == {"kind": "baseline", "loss": 2.775, "cap": 0.2}


@settings(max_examples=40, deadline=None)
@given(st.floats(1e-9, 1e9), st.floats(1e-9, 1e9))
def test_any_number_is_read_back_as_it_was_given(loss: float, cap: float) -> None:
    edited, _ = with_numbers(source_text("demo/DEMO"), {CAP: cap, LOSS: loss})
    value = parse(edited).plain()
    for step in LOSS[:-1]:
        assert isinstance(value, dict)
        value = value[step]
    assert value == {"kind": "baseline", "loss": loss, "cap": cap}


def test_every_file_of_the_catalogue_can_be_rewritten() -> None:
    for edition, names in catalogue().items():
        for name in names:
            text = source_text(f"{edition}/{name}")
            task = next(iter(load_entry(edition, name).history[0].competition.tasks))
            edited, edits = with_numbers(text, {("tasks", task, "weight"): 0.123})
            assert len(edits) == 1
            assert len(edited.splitlines()) == len(text.splitlines())


def test_line_ends_byte_order_mark_link_and_permissions_stay(file: Path) -> None:
    data = b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n")
    file.write_bytes(data)
    file.chmod(0o640)
    link = file.with_name("link.yaml")
    link.symlink_to(file)
    rewrite_file(link, digest(file), {LOSS: 2.5})
    assert file.read_bytes() == data.replace(b"loss: 2.8", b"loss: 2.5")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert link.is_symlink()


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("loss: 2.8,", "loss: &l 2.8,", "write it as a plain number"),
        (
            "{ kind: baseline, loss: 2.2, cap: 0.3 }",
            "*unit",
            "stand in the file once for several keys",
        ),
    ],
)
def test_what_cannot_be_replaced_is_refused_and_the_file_left_alone(
    file: Path, before: str, after: str, sentence: str
) -> None:
    text = file.read_text(encoding="utf-8").replace(before, after)
    text = text.replace("{ kind: baseline, loss: 2.8", "&unit { kind: baseline, loss: 2.8")
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=sentence):
        rewrite_file(file, digest(file), {LOSS: 2.5})
    assert file.read_text(encoding="utf-8") == text


def test_a_missing_key_and_a_wrong_number_are_refused(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    with pytest.raises(ConfigError, match=r"the file has no key tasks\.OTHER\.weight"):
        rewrite_file(file, digest(file), {("tasks", "OTHER", "weight"): 1.0})
    with pytest.raises(ConfigError, match=r"tasks\.FINEWEB\.normalisation is no number"):
        rewrite_file(file, digest(file), {LOSS[:-1]: 1.0})
    with pytest.raises(ConfigError, match="must be greater than 0"):
        rewrite_file(file, digest(file), {LOSS: -1.0})
    with pytest.raises(ConfigError, match="was changed meanwhile"):
        rewrite_file(file, "0" * 64, {LOSS: 2.5})
    assert file.read_text(encoding="utf-8") == text
