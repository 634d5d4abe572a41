"""Loss of a known answer after its conversation: per byte of the answer, or per token.

Per byte is the fair unit: how a tokenizer cuts the answer up neither helps nor
hurts, since the span of bytes is fixed before it sees them.
"""

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from palio.inference.protocol import Answer, LossAnswer, LossRequest, Request
from palio.tasks.protocols import Method
from palio.tasks.samples import ReferenceSample, Sample, SampleScore, sample_id

LossUnit = Literal["bits_per_byte", "nats_per_token"]

UNIT_NAMES = {"bits_per_byte": "bits/byte", "nats_per_token": "nats/token"}


class ReferenceLoss(Method):
    """Loss of the reference as the assistant's turn, its end included; mean over samples."""

    measure: LossUnit = Field(default="bits_per_byte", alias="unit")
    """Option ``unit``. ``nats_per_token`` compares models only if all share one tokenizer."""

    accepts: ClassVar[tuple[type, ...]] = (ReferenceSample,)

    @property
    def unit(self) -> str:
        return UNIT_NAMES[self.measure]

    @property
    def natural(self) -> str:
        return self.unit

    def requests(self, sample: Sample) -> list[Request]:
        assert isinstance(sample, ReferenceSample)
        return [LossRequest(sample.messages, sample.reference)]

    def judge(self, sample: Sample, answers: Sequence[Answer]) -> SampleScore:
        answer = only_loss(answers)
        return SampleScore(
            sample_id(sample), loss_in_unit(answer, self.measure), loss_detail(answer)
        )

    def gold_answers(self, sample: Sample) -> list[Answer]:
        assert isinstance(sample, ReferenceSample)
        return [certain(sample.reference)]


def only_loss(answers: Sequence[Answer]) -> LossAnswer:
    """The one loss answer there must be.

    Raises:
        ValueError: there is another number of answers, of another kind, or over no text.
    """
    if len(answers) != 1 or not isinstance(answers[0], LossAnswer):
        raise ValueError(f"one loss was asked for, not {list(answers)!r}")
    answer = answers[0]
    if answer.tokens < 1 or answer.bytes < 1:
        raise ValueError(f"a loss over no text: {answer!r}")
    return answer


def loss_in_unit(answer: LossAnswer, measure: LossUnit) -> float:
    """The summed loss per byte (in bits) or per token (in nats)."""
    if measure == "bits_per_byte":
        return answer.nats / math.log(2) / answer.bytes
    return answer.nats / answer.tokens


def loss_detail(answer: LossAnswer) -> dict[str, float | int]:
    """What was measured, for people."""
    return {"nats": answer.nats, "tokens": answer.tokens, "bytes": answer.bytes}


def certain(text: str) -> LossAnswer:
    """The answer of a model that gives the text probability 1."""
    size = len(text.encode())
    return LossAnswer(nats=0.0, tokens=size, bytes=size)
