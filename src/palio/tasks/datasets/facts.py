"""Multiple-choice questions composed from the fact table, as many as are asked for."""

import numpy as np

from palio.errors import DataUnavailable
from palio.tasks.datasets.pools import distinct
from palio.tasks.library.facts import FACTS, ComposedQuestion, asked, compose
from palio.tasks.library.texts import Split
from palio.tasks.protocols import Dataset
from palio.tasks.samples import ChoiceSample, Provenance, Sample


def fact_choices(
    rng: np.random.Generator, count: int, split: Split, topics: tuple[str, ...] = ()
) -> list[ChoiceSample]:
    """``count`` different questions about the facts of one split; all topics if none is named.

    Raises:
        DataUnavailable: no fact is about these topics.
    """
    groups = [group for group in asked(split) if not topics or group[0].topic in topics]
    if not groups:
        raise DataUnavailable(
            f"no fact is about {', '.join(topics)}; ask for fewer samples, or name more domains"
        )
    composed = distinct(lambda: compose(rng, groups), count)
    return [_sample(question) for question in composed]


class FactQuestions(Dataset):
    """Questions about the evaluation rows of the fact table. No options."""

    @property
    def produces(self) -> type:
        return ChoiceSample

    def draw(self, rng: np.random.Generator, count: int) -> list[Sample]:
        return list(fact_choices(rng, count, "evaluation"))


def _sample(question: ComposedQuestion) -> ChoiceSample:
    return ChoiceSample(
        question=question.question,
        choices=question.choices,
        answer=question.answer,
        provenance=Provenance(source=FACTS, topic=question.topic),
    )
