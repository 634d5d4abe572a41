"""Samples from the embedded library: multiple choice, plain text, and question and answer.

Each comes as a function of the split, which training data are made with, and as a
dataset, which always draws from the evaluation split.
"""

from functools import cache
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator
from sentencex import segment

from palio.inference.protocol import Message
from palio.tasks.datasets.facts import fact_choices
from palio.tasks.datasets.pools import shuffled
from palio.tasks.library.facts import FACTS, Asked, asked
from palio.tasks.library.texts import (
    LIBRARY,
    LIBRARY_BORN,
    Passage,
    Question,
    Split,
    passages,
    questions,
)
from palio.tasks.protocols import Dataset
from palio.tasks.samples import ChoiceSample, Provenance, ReferenceSample, Sample, TextSample

Domains = tuple[str, ...]
"""Names of domains and fact topics to draw from; empty for all."""


def passage_choices(
    rng: np.random.Generator, count: int, split: Split, domains: Domains = ()
) -> list[ChoiceSample]:
    """``count`` questions about the passages of a split, their choices in random order.

    Raises:
        DataUnavailable: there are fewer questions.
    """
    pool = _questions(split, domains)
    drawn = shuffled(rng, pool, count, repeat=False, noun="passage questions")
    return [_choice_sample(rng, question) for question in drawn]


def passage_texts(
    rng: np.random.Generator,
    count: int,
    split: Split,
    domains: Domains = (),
    *,
    repeat: bool = False,
) -> list[TextSample]:
    """``count`` passages of a split in random order.

    Raises:
        DataUnavailable: there are fewer passages, and ``repeat`` is not set.
    """
    pool = [item for item in passages(split) if _chosen(item.domain, domains)]
    drawn = shuffled(rng, pool, count, repeat=repeat, noun="passages")
    return [TextSample(passage.text, _provenance_of(passage)) for passage in drawn]


def dialogues(
    rng: np.random.Generator,
    count: int,
    split: Split,
    domains: Domains = (),
    *,
    repeat: bool = False,
) -> list[ReferenceSample]:
    """``count`` questions with a full sentence as answer.

    A question about a passage is answered with that sentence of the passage which
    holds the right choice; a question about a fact with the fact's statement.

    Raises:
        DataUnavailable: there are fewer dialogues, and ``repeat`` is not set.
    """
    pool = [item for item in _dialogues(split) if _chosen(item.provenance.topic, domains)]
    return shuffled(rng, pool, count, repeat=repeat, noun="dialogues")


def dialogue_count(split: Split) -> int:
    """How many different dialogues a split has."""
    return len(_dialogues(split))


class EmbeddedDataset(Dataset):
    """A dataset over the evaluation split of the library, or over some of its domains."""

    domains: Domains = ()
    """Only passages of these domains and facts of these topics; none named means all."""

    @model_validator(mode="after")
    def _known_domains(self) -> Self:
        known = _known_domains()
        for name in self.domains:
            if name not in known:
                raise ValueError(f"domains: there is no {name!r}; known: {', '.join(known)}")
        return self


class EmbeddedChoices(EmbeddedDataset):
    """Questions about passages, filled up with questions composed from the fact table.

    The library has some two hundred passage questions for evaluation and each comes at
    most once a round; composed questions are without end, so a round of any size can
    be drawn.
    """

    passage_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of the samples that are about passages, as far as there are enough of those."""

    @property
    def produces(self) -> type:
        return ChoiceSample

    def draw(self, rng: np.random.Generator, count: int) -> list[Sample]:
        available = len(_questions("evaluation", self.domains))
        about_passages = min(round(self.passage_share * count), available)
        samples: list[ChoiceSample] = []
        if about_passages:
            samples += passage_choices(rng, about_passages, "evaluation", self.domains)
        if count > about_passages:
            samples += fact_choices(rng, count - about_passages, "evaluation", self.domains)
        return [samples[i] for i in rng.permutation(count)]


class EmbeddedPassages(EmbeddedDataset):
    """Whole passages as documents."""

    repeat: bool = False
    """Deal the passages out again and again if more are asked for than there are."""

    @property
    def produces(self) -> type:
        return TextSample

    def draw(self, rng: np.random.Generator, count: int) -> list[Sample]:
        drawn = passage_texts(rng, count, "evaluation", self.domains, repeat=self.repeat)
        return list(drawn)


class EmbeddedDialogues(EmbeddedDataset):
    """Questions with a full sentence as reference answer."""

    repeat: bool = False
    """Deal the dialogues out again and again if more are asked for than there are."""

    @property
    def produces(self) -> type:
        return ReferenceSample

    def draw(self, rng: np.random.Generator, count: int) -> list[Sample]:
        return list(dialogues(rng, count, "evaluation", self.domains, repeat=self.repeat))


def _chosen(domain: str, domains: Domains) -> bool:
    return not domains or domain in domains


def _questions(split: Split, domains: Domains) -> list[Question]:
    return [item for item in questions(split) if _chosen(item.domain, domains)]


@cache
def _known_domains() -> list[str]:
    topics = {group[0].topic for group in asked("evaluation")}
    return sorted(topics | {passage.domain for passage in passages("evaluation")})


def _choice_sample(rng: np.random.Generator, question: Question) -> ChoiceSample:
    order = rng.permutation(len(question.choices)).tolist()
    return ChoiceSample(
        question=question.question,
        choices=tuple(question.choices[i] for i in order),
        answer=order.index(question.answer),
        provenance=Provenance(
            source=LIBRARY,
            born=LIBRARY_BORN,
            topic=question.domain,
            difficulty=question.difficulty,
        ),
    )


def _provenance_of(passage: Passage) -> Provenance:
    return Provenance(source=LIBRARY, born=LIBRARY_BORN, topic=passage.domain)


def _fact_provenance(item: Asked) -> Provenance:
    return Provenance(source=FACTS, born=LIBRARY_BORN, topic=item.topic)


@cache
def _dialogues(split: Split) -> tuple[ReferenceSample, ...]:
    about_passages = [
        _dialogue(question.question, sentence, _provenance_of(passage))
        for passage in passages(split)
        for question in passage.questions
        for sentence in [_sentence_holding(question.choices[question.answer], passage)]
        if sentence is not None
    ]
    about_facts = [
        _dialogue(item.question, item.statement, _fact_provenance(item))
        for group in asked(split)
        for item in group
    ]
    return tuple(dict.fromkeys(about_passages + about_facts))


def _sentence_holding(answer: str, passage: Passage) -> str | None:
    """The only sentence with the answer in it; None if there is none or more than one."""
    sentences = [
        sentence.strip()
        for paragraph in passage.text.split("\n\n")
        for sentence in segment("en", paragraph)
    ]
    wanted = answer.casefold().rstrip(".")
    holding = [sentence for sentence in sentences if wanted in sentence.casefold()]
    return holding[0] if len(holding) == 1 else None


def _dialogue(question: str, answer: str, provenance: Provenance) -> ReferenceSample:
    return ReferenceSample((Message("user", question),), answer, provenance)
