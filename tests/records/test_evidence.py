"""Evidence files: named by content, whole or absent, and damage is never read as evidence."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from palio.canonical import digest_of
from palio.errors import RecordsError
from palio.records.evidence import EvidenceStore

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> EvidenceStore:
    return EvidenceStore(tmp_path / "evidence")


@settings(max_examples=30, deadline=None)
@given(lines=st.lists(st.dictionaries(st.text("abc\n\x00é", max_size=3), values), max_size=4))
def test_values_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, lines: list[Any]
) -> None:
    store = EvidenceStore(tmp_path_factory.mktemp("evidence"))
    assert store.get(store.put(lines)) == lines


def test_name_is_the_digest_of_the_lines(store: EvidenceStore) -> None:
    digest = store.put([{"b": 1, "a": "é"}, 2])
    assert digest == hashlib.sha256('{"a":"é","b":1}\n2'.encode()).hexdigest()
    assert store.digests() == [digest]


def test_single_value_lies_under_its_own_digest(store: EvidenceStore) -> None:
    value = {"score": 0.1}
    assert store.put([value]) == digest_of(value)


def test_the_same_values_are_written_once(store: EvidenceStore) -> None:
    digest = store.put([1])
    before = store.path(digest).stat()
    assert store.put([1]) == digest
    assert store.path(digest).stat().st_mtime_ns == before.st_mtime_ns
    assert [path.name for path in store.path(digest).parent.iterdir()] == [f"{digest}.jsonl.zst"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-3],
        lambda data: data[:20] + bytes([data[20] ^ 1]) + data[21:],
        lambda data: zstandard.compress(b'{"score":0.0}'),
        lambda data: b"not zstd at all",
    ],
)
def test_damage_is_found_and_mended_by_writing_again(
    store: EvidenceStore, damage: Callable[[bytes], bytes]
) -> None:
    lines = [{"score": 0.5, "text": "some text that is long enough"}]
    digest, other = store.put(lines), store.put([1])
    path = store.path(digest)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(RecordsError, match="is damaged"):
        store.get(digest)
    assert store.damaged() == [digest]
    assert store.put(lines) == digest
    assert store.damaged() == []
    assert store.get(other) == [1]


def test_missing_evidence_is_one_sentence(store: EvidenceStore) -> None:
    with pytest.raises(RecordsError, match="is missing from"):
        store.get("0" * 64)


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "A" * 64, "0" * 63])
def test_texts_that_are_no_digest_are_refused(store: EvidenceStore, digest: str) -> None:
    with pytest.raises(RecordsError, match="is not a digest"):
        store.get(digest)


def test_nan_is_never_evidence(store: EvidenceStore) -> None:
    with pytest.raises(ValueError, match="JSON"):
        store.put([{"score": float("nan")}])
    assert store.digests() == []


def test_unwritable_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_text("a file where the folder should be")
    with pytest.raises(RecordsError, match="cannot be written"):
        EvidenceStore(tmp_path / "evidence").put([1])
