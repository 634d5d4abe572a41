"""What a dataset and a method are: the two halves of a task.

Both are frozen pydantic models whose fields are their options, so that a
competition file's ``dataset_options`` and ``method_options`` are checked, unknown
keys included, before anything runs.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from palio.inference.protocol import Answer, Request
from palio.tasks.samples import Sample, SampleScore


class Dataset(BaseModel, ABC):
    """A source of samples. Subclasses declare their options as fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @property
    @abstractmethod
    def produces(self) -> type:
        """The class of the samples drawn with these options."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, count: int) -> list[Sample]:
        """``count`` samples decided by ``rng`` alone, in a stable order.

        Raises:
            DataUnavailable: the source cannot be reached or holds fewer samples; the round waits.
        """


class Method(BaseModel, ABC):
    """What to ask about a sample and how to judge the answers. Lower is better everywhere."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    accepts: ClassVar[tuple[type, ...]]
    """Sample classes this method understands."""

    @property
    @abstractmethod
    def unit(self) -> str:
        """Unit of the raw loss, e.g. ``share wrong``, ``bits/byte``."""

    @property
    @abstractmethod
    def natural(self) -> str:
        """What the board shows people, e.g. ``accuracy``, ``bits/byte``, ``rules kept``."""

    @abstractmethod
    def requests(self, sample: Sample) -> list[Request]:
        """What the model is asked; never holds the right answer of a judged question."""

    @abstractmethod
    def judge(self, sample: Sample, answers: Sequence[Answer]) -> SampleScore:
        """The sample's raw loss from the answers to :meth:`requests`, in the same order.

        Raises:
            ValueError: the answers do not fit the requests (Palio's own fault).
        """

    def aggregate(self, scores: Sequence[SampleScore]) -> float:
        """The task's raw score: the mean of the samples' losses, each by its weight.

        Raises:
            ValueError: there are no scores; a task without answers has no score.
        """
        if not scores:
            raise ValueError("no sample was scored")
        weight = math.fsum(score.weight for score in scores)
        return math.fsum(score.weight * score.loss for score in scores) / weight

    def in_natural_unit(self, raw: float) -> float:
        """The raw score in the unit that :attr:`natural` names; the identity by default."""
        return raw

    @abstractmethod
    def gold_answers(self, sample: Sample) -> list[Answer]:
        """Answers of a perfect model, for the self-check that every method ships."""
