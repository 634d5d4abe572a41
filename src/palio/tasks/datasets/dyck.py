"""Bracket completion: close the brackets that a sequence leaves open.

Procedural like the word lists: nothing is held back from training, and a round's
sequences come from the round's own stream.
"""

from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from palio.inference.protocol import Message
from palio.tasks.datasets.pools import distinct
from palio.tasks.protocols import Dataset
from palio.tasks.samples import Provenance, ReferenceSample, Sample

BRACKETS = (("(", ")"), ("[", "]"), ("{", "}"), ("<", ">"))

PROVENANCE = Provenance(source="palio-dyck@1", topic="brackets")

Positive = Annotated[int, Field(ge=1)]


class DyckWords(Dataset):
    """Balanced sequences of several kinds of bracket whose last closers are to be named."""

    minimum_pairs: Positive = 2
    maximum_pairs: Positive = 20
    minimum_answer: Positive = 1
    maximum_answer: Positive = 3
    """The sequence ends in at least as many closers as are asked for."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for low, high in (("minimum_pairs", "maximum_pairs"), ("minimum_answer", "maximum_answer")):
            if getattr(self, low) > getattr(self, high):
                raise ValueError(
                    f"{low} ({getattr(self, low)}) must not exceed {high} ({getattr(self, high)})"
                )
        if self.minimum_answer > self.minimum_pairs:
            raise ValueError(
                f"minimum_answer ({self.minimum_answer}) must not exceed minimum_pairs "
                f"({self.minimum_pairs}): a sequence has no more closers than pairs"
            )
        return self

    @property
    def produces(self) -> type:
        return ReferenceSample

    def draw(self, rng: np.random.Generator, count: int) -> list[Sample]:
        return list(distinct(lambda: self._sample(rng), count))

    def _sample(self, rng: np.random.Generator) -> ReferenceSample:
        pairs = int(rng.integers(self.minimum_pairs, self.maximum_pairs, endpoint=True))
        longest = min(self.maximum_answer, pairs)
        closers = int(rng.integers(self.minimum_answer, longest, endpoint=True))
        sequence = _balanced(rng, pairs, closers)
        shown, hidden = sequence[:-closers], sequence[-closers:]
        prompt = (
            "Complete the rest of the sequence, making sure that all brackets are closed "
            f"properly. Answer with the missing brackets alone. Input: {' '.join(shown)}"
        )
        return ReferenceSample((Message("user", prompt),), " ".join(hidden), PROVENANCE)


def _balanced(rng: np.random.Generator, pairs: int, closers: int) -> list[str]:
    """A balanced sequence of ``pairs`` pairs whose last ``closers`` brackets are closers."""
    sequence: list[str] = []
    waiting: list[str] = []
    opened = 0
    while opened < pairs:
        # One may close here only if enough can still be open at the end.
        may_close = bool(waiting) and len(waiting) + pairs - opened > closers
        if may_close and rng.random() < 0.5:
            sequence.append(waiting.pop())
            continue
        opener, closer = BRACKETS[int(rng.integers(len(BRACKETS)))]
        sequence.append(opener)
        waiting.append(closer)
        opened += 1
    return sequence + waiting[::-1]
