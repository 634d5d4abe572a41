"""What entrants may train on: the library's training split, as texts and as conversations.

Everything here draws from the training split, or from streams that no round uses, so a
model is never trained on what it is scored on. Conversations are put exactly as a
competition's methods put them, since the recipe asks the same method classes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from palio.errors import ConfigError
from palio.inference.protocol import Message
from palio.tasks.datasets.embedded import dialogues, passage_choices
from palio.tasks.datasets.facts import fact_choices
from palio.tasks.datasets.words import WordLists
from palio.tasks.library.facts import asked
from palio.tasks.library.texts import passages
from palio.tasks.methods.multiple_choice import ChoiceLikelihood, letters_of
from palio.tasks.samples import ChoiceSample, ReferenceSample


@dataclass(frozen=True, slots=True)
class Example:
    """A reply to learn after its conversation; without messages, a plain text to learn."""

    messages: tuple[Message, ...]
    reply: str


def texts(rng: np.random.Generator, count: int) -> list[Example]:
    """``count`` plain texts: passages, and facts stated a handful at a time."""
    pool = [passage.text for passage in passages("training")]
    statements = sorted({item.statement for group in asked("training") for item in group})
    out: list[Example] = []
    for _ in range(count):
        if rng.random() < 0.6:
            out.append(Example((), pool[int(rng.integers(len(pool)))]))
        else:
            picked = rng.choice(len(statements), size=min(5, len(statements)), replace=False)
            out.append(Example((), " ".join(statements[i] for i in picked)))
    return out


def word_lists(rng: np.random.Generator, count: int, maximum: int = 8) -> list[Example]:
    """``count`` word lists to sort."""
    samples = WordLists(minimum=2, maximum=maximum).draw(rng, count)
    return [_reference(sample) for sample in samples if isinstance(sample, ReferenceSample)]


def choices(rng: np.random.Generator, count: int) -> list[Example]:
    """``count`` multiple-choice questions answered with the letter."""
    method = ChoiceLikelihood()
    about_passages = min(count // 2, 60)
    samples: list[ChoiceSample] = passage_choices(rng, about_passages, "training")
    samples += fact_choices(rng, count - about_passages, "training")
    return [
        Example(method.messages(sample), letters_of(sample)[sample.answer]) for sample in samples
    ]


def answers(rng: np.random.Generator, count: int) -> list[Example]:
    """``count`` questions answered in a full sentence."""
    return [_reference(s) for s in dialogues(rng, count, "training", repeat=True)]


SOURCES: Mapping[str, Callable[[np.random.Generator, int], list[Example]]] = {
    "texts": texts,
    "word_lists": word_lists,
    "choices": choices,
    "answers": answers,
}


def mixture(shares: Mapping[str, float], rng: np.random.Generator, count: int) -> list[Example]:
    """About ``count`` examples, mixed in the given shares, in random order.

    Raises:
        ConfigError: a source is unknown, a share is negative, or they do not add up to 1.
    """
    for name in shares:
        if name not in SOURCES:
            raise ConfigError(
                f"there is no training source {name!r}; known: {', '.join(sorted(SOURCES))}"
            )
    for name, share in shares.items():
        if share < 0:
            raise ConfigError(f"the share of {name!r} must not be negative: {share}")
    if not abs(sum(shares.values()) - 1) <= 1e-9:
        raise ConfigError(f"the shares of a mixture must add up to 1, not {sum(shares.values())}")
    drawn = [
        example
        for name, share in sorted(shares.items())
        if share > 0
        for example in SOURCES[name](rng, max(1, round(share * count)))
    ]
    return [drawn[i] for i in rng.permutation(len(drawn))]


def _reference(sample: ReferenceSample) -> Example:
    return Example(sample.messages, sample.reference)
