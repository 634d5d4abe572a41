"""The fact table: relations between things, and questions composed from them without end.

A relation joins a subject to an object ("France", "Paris"), can be asked in both
directions and in several phrasings, and states itself in a full sentence. Wrong
choices are other values of the same side, relation and split, never one that
would be right too. ``facts.yaml`` holds the rows, its README their origin.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
import yaml

from palio.tasks.library.texts import Split

#: Source named in the provenance of composed questions; raised with every change of content.
FACTS = "palio-facts@1"

WRONG_CHOICES = 3


class Fact(NamedTuple):
    """One row of a relation."""

    subject: str
    object: str


class Asked(NamedTuple):
    """A fact put as a question: what is asked, the right answer, and the whole fact stated."""

    relation: str
    topic: str
    question: str
    answer: str
    statement: str
    wrong: tuple[str, ...]
    """Every value of the same kind that is not right."""


@dataclass(frozen=True, slots=True)
class ComposedQuestion:
    """A multiple-choice question; ``answer`` is the index of the right choice."""

    relation: str
    topic: str
    question: str
    choices: tuple[str, ...]
    answer: int


@dataclass(frozen=True, slots=True)
class Relation:
    """Rows of one kind, and how they are asked.

    Attributes:
        forward: phrasings that name the subject and ask for the object.
        inverse: phrasings that name the object and ask for the subject.
        statement: the fact as a sentence.
    """

    name: str
    topic: str
    forward: tuple[str, ...]
    inverse: tuple[str, ...]
    statement: str
    training: tuple[Fact, ...]
    evaluation: tuple[Fact, ...]

    def rows(self, split: Split) -> tuple[Fact, ...]:
        """The rows of one split."""
        return self.training if split == "training" else self.evaluation

    def asked(self, split: Split) -> Iterator[Asked]:
        """Every question that the rows of a split allow: row by row, phrasing by phrasing."""
        rows = self.rows(split)
        for fact in rows:
            statement = self.statement.format(subject=fact.subject, object=fact.object)
            statement = statement[0].upper() + statement[1:]
            wrong = _distinct(row.object for row in rows if row.subject != fact.subject)
            wrong = tuple(value for value in wrong if value not in self._objects(fact.subject))
            for phrasing in self.forward:
                question = phrasing.format(subject=fact.subject)
                yield Asked(self.name, self.topic, question, fact.object, statement, wrong)
            wrong = _distinct(row.subject for row in rows if row.object != fact.object)
            wrong = tuple(value for value in wrong if value not in self._subjects(fact.object))
            for phrasing in self.inverse:
                question = phrasing.format(object=fact.object)
                yield Asked(self.name, self.topic, question, fact.subject, statement, wrong)

    def _objects(self, subject: str) -> set[str]:
        return {row.object for row in self.training + self.evaluation if row.subject == subject}

    def _subjects(self, value: str) -> set[str]:
        return {row.subject for row in self.training + self.evaluation if row.object == value}


@cache
def relations() -> tuple[Relation, ...]:
    """All relations, in the order of ``facts.yaml``."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = files(__package__).joinpath("facts.yaml").read_text(encoding="utf-8")
    document = yaml.load(text, Loader=loader)  # noqa: S506
    return tuple(_relation(entry) for entry in document["relations"])


@cache
def asked(split: Split) -> tuple[tuple[Asked, ...], ...]:
    """Every way to ask a fact of the split, grouped by relation."""
    return tuple(tuple(relation.asked(split)) for relation in relations())


def compose(rng: np.random.Generator, groups: Sequence[tuple[Asked, ...]]) -> ComposedQuestion:
    """One multiple-choice question: relation, fact, phrasing, wrong choices and order drawn."""
    group = groups[int(rng.integers(len(groups)))]
    item = group[int(rng.integers(len(group)))]
    wrong = rng.choice(len(item.wrong), size=WRONG_CHOICES, replace=False)
    values = [item.answer, *(item.wrong[i] for i in wrong)]
    order = rng.permutation(len(values)).tolist()
    return ComposedQuestion(
        relation=item.relation,
        topic=item.topic,
        question=item.question,
        choices=tuple(values[i] for i in order),
        answer=order.index(0),
    )


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _relation(entry: dict[str, Any]) -> Relation:
    return Relation(
        name=entry["name"],
        topic=entry["topic"],
        forward=tuple(entry["forward"]),
        inverse=tuple(entry["inverse"]),
        statement=entry["statement"],
        training=_rows(entry["training"]),
        evaluation=_rows(entry["evaluation"]),
    )


def _rows(text: str) -> tuple[Fact, ...]:
    """Rows written ``subject = object``, one a line."""
    pairs = (line.split(" = ") for line in text.strip().splitlines())
    return tuple(Fact(subject.strip(), value.strip()) for subject, value in pairs)
