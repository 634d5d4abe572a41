"""WORD_SORTING: sort Basic English words alphabetically.

A procedure rather than a pool: there are more word sets than could ever be listed.
Nothing is therefore held back from training; a participant may draw as many lists as
wanted from streams of their own, and meets the round's lists only by chance.
"""

from pathlib import Path
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from palio.canonical import sha256_hex
from palio.errors import DataUnavailable
from palio.inference.protocol import Message
from palio.tasks.datasets.pools import distinct
from palio.tasks.library.words import basic_english, words_of
from palio.tasks.protocols import Dataset
from palio.tasks.samples import Provenance, ReferenceSample, Sample

EMBEDDED = "basic_english"
PROVENANCE = Provenance(source="palio-words@1", topic="words")


class WordLists(Dataset):
    """``n`` different words, ``n`` uniform from ``minimum`` to ``maximum``, and their order."""

    minimum: Annotated[int, Field(ge=1)] = 2
    maximum: Annotated[int, Field(ge=1)] = 20
    word_list: str = Field(default=EMBEDDED, alias="list")
    """Option ``list``: ``basic_english``, or the path of a text file of words."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum ({self.minimum}) must not exceed maximum ({self.maximum})")
        return self

    @property
    def produces(self) -> type:
        return ReferenceSample

    def draw(self, rng: np.random.Generator, count: int) -> list[Sample]:
        pool, provenance = self._pool()
        lists = distinct(lambda: self._words(rng, pool), count)
        return [_sample(words, provenance) for words in lists]

    def _pool(self) -> tuple[tuple[str, ...], Provenance]:
        pool, provenance = _word_list(self.word_list)
        if len(pool) < self.maximum:
            raise DataUnavailable(
                f"the word list {self.word_list!r} holds {len(pool)} usable words, fewer than "
                f"maximum ({self.maximum})"
            )
        return pool, provenance

    def _words(self, rng: np.random.Generator, pool: tuple[str, ...]) -> tuple[str, ...]:
        size = int(rng.integers(self.minimum, self.maximum, endpoint=True))
        return tuple(pool[i] for i in rng.choice(len(pool), size=size, replace=False))


def _word_list(name: str) -> tuple[tuple[str, ...], Provenance]:
    if name == EMBEDDED:
        return basic_english(), PROVENANCE
    try:
        data = Path(name).read_bytes()
        words = words_of(data.decode())
    except (OSError, UnicodeDecodeError) as error:
        raise DataUnavailable(
            f"the word list {name!r} cannot be read ({error}); give the path of a UTF-8 text "
            f"file, or {EMBEDDED!r}"
        ) from error
    # The digest, not the path: a sample is the same wherever the file lies.
    return words, Provenance(source=f"words-file@{sha256_hex(data)[:12]}", topic="words")


def _sample(words: tuple[str, ...], provenance: Provenance) -> ReferenceSample:
    prompt = f"Sort the following words alphabetically: {' '.join(words)}. "
    return ReferenceSample(
        messages=(Message("user", prompt),),
        reference=" ".join(sorted(words)),
        provenance=provenance,
    )
