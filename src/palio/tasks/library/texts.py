"""The passages of the embedded library and the questions about them.

Read once per process from ``passages/*.yaml``, in the order of file names and then
of the file, which is part of what a seed means.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml

Split = Literal["training", "evaluation"]

#: Source of everything embedded, with the revision that a change of content must raise.
LIBRARY = "palio-library@1"

#: When that revision was written; everything in it has been public since.
LIBRARY_BORN = "2026-11-23T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Question:
    """A multiple-choice question about a passage; ``answer`` is the index of the right choice."""

    passage: str
    domain: str
    question: str
    choices: tuple[str, ...]
    answer: int
    difficulty: int


@dataclass(frozen=True, slots=True)
class Passage:
    """A short encyclopedic text; paragraphs are separated by a blank line."""

    id: str
    domain: str
    title: str
    split: Split
    text: str
    questions: tuple[Question, ...]


@cache
def passages(split: Split) -> tuple[Passage, ...]:
    """All passages of one split."""
    return tuple(passage for passage in _all_passages() if passage.split == split)


@cache
def questions(split: Split) -> tuple[Question, ...]:
    """All questions about the passages of one split."""
    return tuple(question for passage in passages(split) for question in passage.questions)


@cache
def _all_passages() -> tuple[Passage, ...]:
    # The C loader is about ten times faster; both read the same values.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    folder = files(__package__).joinpath("passages")
    sheets = sorted(
        (item for item in folder.iterdir() if item.name.endswith(".yaml")),
        key=lambda item: item.name,
    )
    return tuple(
        _passage(entry, document["domain"])
        for sheet in sheets
        for document in [yaml.load(sheet.read_text(encoding="utf-8"), Loader=loader)]  # noqa: S506
        for entry in document["passages"]
    )


def _passage(entry: dict[str, Any], domain: str) -> Passage:
    return Passage(
        id=entry["id"],
        domain=domain,
        title=entry["title"],
        split=entry["split"],
        text=_unwrapped(entry["text"]),
        questions=tuple(
            Question(
                passage=entry["id"],
                domain=domain,
                question=item["question"],
                choices=tuple(item["choices"]),
                answer=item["answer"],
                difficulty=item["difficulty"],
            )
            for item in entry["questions"]
        ),
    )


def _unwrapped(text: str) -> str:
    """Paragraphs on one line each, separated by a blank line."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n")).strip()
