"""Samples from a user's own file: Parquet or JSON lines.

The rows of a round are chosen over the file's digest, so that a changed file gives
another draw and the provenance of each sample names the file's exact content and
row. Every row drawn is checked; a broken one is named and the round waits. The file
must fit into memory.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from string import ascii_uppercase
from typing import Any, Literal, Self

import numpy as np
import pyarrow
import pyarrow.parquet
from pydantic import Field, model_validator

from palio.canonical import sha256_hex
from palio.errors import DataUnavailable
from palio.inference.protocol import Message
from palio.randomness import SEED_BITS, stream
from palio.tasks.datasets.pools import shuffled
from palio.tasks.protocols import Dataset
from palio.tasks.samples import ChoiceSample, Provenance, ReferenceSample, Sample, TextSample

Row = Mapping[str, Any]

#: The columns that each kind needs, and those that it may name.
NEEDED = {
    "choice": ("question", "choices", "answer"),
    "text": ("text",),
    "reference": ("prompt", "reference"),
}
OPTIONAL = ("topic", "born")

CLASSES: dict[str, type] = {
    "choice": ChoiceSample,
    "text": TextSample,
    "reference": ReferenceSample,
}

#: Files whose rows are kept in memory between the tasks of a round.
CACHED_FILES = 4


class LocalRows(Dataset):
    """Rows of one file. A column is found under its own name unless ``columns`` gives another."""

    path: str
    """The file; relative paths start where the command runs."""
    format: Literal["parquet", "jsonl"] | None = None
    """By default told by the name's ending."""
    kind: Literal["choice", "text", "reference"]
    columns: dict[str, str] = Field(default_factory=dict)
    """From Palio's word to the file's column, e.g. ``{question: prompt}``.

    Words: ``question``, ``choices`` (a list), ``answer`` (a letter, or an index from 0) for
    choice; ``text`` for text; ``prompt``, ``reference`` for reference; for all also ``topic``
    and ``born``.
    """
    repeat: bool = False
    """Deal the rows out again and again if more are asked for than there are."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        known = NEEDED[self.kind] + OPTIONAL
        for word in self.columns:
            if word not in known:
                raise ValueError(
                    f"columns: {word!r} is no word of kind {self.kind!r}; known: {', '.join(known)}"
                )
        if self.format is None and Path(self.path).suffix not in (".parquet", ".jsonl"):
            raise ValueError(
                f"format: say 'parquet' or 'jsonl', as the name {self.path!r} tells neither"
            )
        return self

    @property
    def produces(self) -> type:
        return CLASSES[self.kind]

    def draw(self, rng: np.random.Generator, count: int) -> list[Sample]:
        path = Path(self.path)
        digest, rows = self._rows(path)
        # The content takes part in the draw: nobody can add rows around those that will come.
        rng = stream(int.from_bytes(rng.bytes(SEED_BITS // 8), "big"), digest)
        chosen = shuffled(rng, range(len(rows)), count, repeat=self.repeat, noun=f"rows of {path}")
        return [self._sample(rows[i], f"{path}, row {i + 1}", f"{digest}#{i + 1}") for i in chosen]

    def _rows(self, path: Path) -> tuple[str, list[Row]]:
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            return _read(path, self.format or path.suffix.removeprefix("."), stamp)
        except OSError as error:
            raise DataUnavailable(
                f"{path} cannot be read: {error.strerror or error}; give the path of an existing "
                "file in the option 'path'"
            ) from error

    def _sample(self, row: Row, place: str, source: str) -> Sample:
        provenance = Provenance(
            source=f"file@{source}",
            born=self._optional(row, "born"),
            topic=self._optional(row, "topic") or "",
        )
        match self.kind:
            case "text":
                return TextSample(self._text(row, "text", place), provenance)
            case "reference":
                prompt = self._text(row, "prompt", place)
                reference = self._text(row, "reference", place)
                return ReferenceSample((Message("user", prompt),), reference, provenance)
            case "choice":
                choices = self._choices(row, place)
                answer = self._answer(row, len(choices), place)
                question = self._text(row, "question", place)
                return ChoiceSample(question, choices, answer, provenance)

    def _column(self, word: str) -> str:
        return self.columns.get(word, word)

    def _optional(self, row: Row, word: str) -> str | None:
        value = row.get(self._column(word))
        return None if value is None else str(value)

    def _value(self, row: Row, word: str, place: str) -> object:
        column = self._column(word)
        if column not in row:
            raise DataUnavailable(
                f"{place}: there is no column {column!r}; it has {', '.join(row)}. Name the right "
                f"one in the option 'columns', as {word}: COLUMN"
            )
        return row[column]

    def _text(self, row: Row, word: str, place: str) -> str:
        value = self._value(row, word, place)
        if not isinstance(value, str) or not value.strip():
            raise DataUnavailable(
                f"{place}, column {self._column(word)!r}: text is needed, not {_shown(value)}"
            )
        return value

    def _choices(self, row: Row, place: str) -> tuple[str, ...]:
        value = self._value(row, "choices", place)
        if (
            not isinstance(value, list)
            or not 2 <= len(value) <= len(ascii_uppercase)
            or not all(isinstance(choice, str) and choice.strip() for choice in value)
            or len(set(value)) != len(value)
        ):
            raise DataUnavailable(
                f"{place}, column {self._column('choices')!r}: a list of 2 to 26 different texts "
                f"is needed, not {_shown(value)}"
            )
        return tuple(value)

    def _answer(self, row: Row, options: int, place: str) -> int:
        value = self._value(row, "answer", place)
        letters = ascii_uppercase[:options]
        if isinstance(value, str) and len(value) == 1 and value in letters:
            return letters.index(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < options:
            return value
        raise DataUnavailable(
            f"{place}, column {self._column('answer')!r}: a letter from A to {letters[-1]} or a "
            f"number from 0 to {options - 1} is needed, not {_shown(value)}"
        )


@lru_cache(maxsize=CACHED_FILES)
def _read(path: Path, form: str, stamp: tuple[int, int]) -> tuple[str, list[Row]]:  # noqa: ARG001 - the stamp makes a changed file another key
    """Twelve characters of the file's digest, and its rows."""
    data = path.read_bytes()
    rows = _parquet_rows(path, data) if form == "parquet" else _json_rows(path, data)
    return sha256_hex(data)[:12], rows


def _parquet_rows(path: Path, data: bytes) -> list[Row]:
    try:
        table = pyarrow.parquet.read_table(pyarrow.BufferReader(data))
    except (pyarrow.ArrowException, OSError) as error:
        first_line = str(error).splitlines()[0]
        raise DataUnavailable(f"{path} is no readable Parquet file: {first_line}") from error
    rows: list[Row] = table.to_pylist()
    return rows


def _json_rows(path: Path, data: bytes) -> list[Row]:
    rows: list[Row] = []
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataUnavailable(f"{path}, line {number} is no JSON: {error}") from error
        if not isinstance(row, dict):
            raise DataUnavailable(f"{path}, line {number}: a JSON object is needed")
        rows.append(row)
    return rows


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
