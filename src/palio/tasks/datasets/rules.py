"""IF_EVAL: pairs of questions to be answered under one list of rules.

Questions and answers are the library's dialogues. Each question is used once in a
round, a fact is asked in a second phrasing only when all have been asked in a first,
and the two questions of a sample are about different topics, so that honest answers
to them are not alike.
"""

from typing import Annotated, Literal, NamedTuple, Self

import numpy as np
from pydantic import Field, model_validator

from palio.errors import DataUnavailable
from palio.tasks.datasets.embedded import dialogue_count, dialogues
from palio.tasks.library.texts import LIBRARY, Split
from palio.tasks.protocols import Dataset
from palio.tasks.rules.book import RULE_COUNTS, Version
from palio.tasks.rules.drawing import draw_rules
from palio.tasks.samples import Provenance, RuleSample, Sample


class Dialogue(NamedTuple):
    """A question that can be put under rules."""

    question: str
    answer: str
    topic: str


class RuleQuestions(Dataset):
    """Two questions a sample, under ``n`` common rules, ``n`` uniform in ``rule_counts``."""

    version: Version = "V2"
    """Which rules and numbers: ``V1``, ``V1-2.5.0`` (larger numbers), ``V2`` (more rules)."""
    source: Literal["embedded"] = "embedded"
    rule_counts: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] | None = None
    """Fewest and most rules; by default those of the version: 1 to 4, or 2 to 5 for V2."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        low, high = self.rule_counts or RULE_COUNTS[self.version]
        most = RULE_COUNTS[self.version][1]
        if not low <= high <= most:
            raise ValueError(
                f"rule_counts [{low}, {high}]: the first must not exceed the second, "
                f"nor the second {most} for version {self.version}"
            )
        return self

    @property
    def produces(self) -> type:
        return RuleSample

    def draw(self, rng: np.random.Generator, count: int) -> list[Sample]:
        return list(rule_samples(rng, count, "evaluation", self.version, self.rule_counts))


def rule_samples(
    rng: np.random.Generator,
    count: int,
    split: Split,
    version: Version,
    rule_counts: tuple[int, int] | None = None,
) -> list[RuleSample]:
    """``count`` samples from the dialogues of a split.

    Raises:
        DataUnavailable: there are too few questions for so many samples.
    """
    low, high = rule_counts or RULE_COUNTS[version]
    samples = []
    for one, other in _pairs(_queue(rng, split), count):
        size = int(rng.integers(low, high, endpoint=True))
        questions = ((one.question, one.answer), (other.question, other.answer))
        ruled = draw_rules(rng, version, size, questions)
        topic = f"{one.topic}, {other.topic}"
        samples.append(RuleSample(ruled, Provenance(source=LIBRARY, topic=topic)))
    return samples


def _queue(rng: np.random.Generator, split: Split) -> list[Dialogue]:
    """All dialogues in random order, those that repeat an earlier one's answer last."""
    passes: list[list[Dialogue]] = []
    asked: dict[str, int] = {}
    for sample in dialogues(rng, dialogue_count(split), split):
        turn = asked.get(sample.reference, 0)
        asked[sample.reference] = turn + 1
        if turn == len(passes):
            passes.append([])
        question = sample.messages[0].content
        passes[turn].append(Dialogue(question, sample.reference, sample.provenance.topic))
    return [dialogue for turn in passes for dialogue in turn]


def _pairs(queue: list[Dialogue], count: int) -> list[tuple[Dialogue, Dialogue]]:
    """The first ``count`` pairs of different topics; each dialogue in one pair at most."""
    pairs: list[tuple[Dialogue, Dialogue]] = []
    waiting: list[Dialogue] = []
    for dialogue in queue:
        if len(pairs) == count:
            break
        partner = next((item for item in waiting if item.topic != dialogue.topic), None)
        if partner is None:
            waiting.append(dialogue)
        else:
            waiting.remove(partner)
            pairs.append((partner, dialogue))
    if len(pairs) < count:
        raise DataUnavailable(
            f"{count} samples need {2 * count} questions, but the library has enough for only "
            f"{len(pairs)}; ask for fewer"
        )
    return pairs
