"""Loss of a document: per byte of its text, or per token.

What is scored is fixed before any tokenizer sees it: the whole text, or its first
``max_bytes`` bytes cut back to a character and, where one is near, to a blank. A
model that loses more than the uniform byte model, 8 bits a byte, is held there.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from palio.inference.protocol import Answer, LongText, LossRequest, Request
from palio.tasks.methods.reference_loss import (
    UNIT_NAMES,
    LossUnit,
    certain,
    loss_detail,
    loss_in_unit,
    only_loss,
)
from palio.tasks.protocols import Method
from palio.tasks.samples import Sample, SampleScore, TextSample, sample_id

#: Loss of a model that takes every byte for equally likely; no honest model is worse.
UNIFORM_BITS_PER_BYTE = 8.0


class TextLoss(Method):
    """Mean over documents of each document's loss."""

    measure: LossUnit = Field(default="bits_per_byte", alias="unit")
    """Option ``unit``. ``nats_per_token`` compares models only if all share one tokenizer."""
    max_bytes: Annotated[int, Field(ge=64)] | None = None
    """Score no more than so many UTF-8 bytes of a document; None for all of it."""
    long: LongText = "stride"
    """Beyond the window: score all of it in strides, or the first window only."""

    accepts: ClassVar[tuple[type, ...]] = (TextSample,)

    @property
    def unit(self) -> str:
        return UNIT_NAMES[self.measure]

    @property
    def natural(self) -> str:
        return self.unit

    def requests(self, sample: Sample) -> list[Request]:
        assert isinstance(sample, TextSample)
        return [LossRequest((), self._span(sample), self.long)]

    def judge(self, sample: Sample, answers: Sequence[Answer]) -> SampleScore:
        answer = only_loss(answers)
        loss = loss_in_unit(answer, self.measure)
        if self.measure == "bits_per_byte":
            loss = min(loss, UNIFORM_BITS_PER_BYTE)
        return SampleScore(sample_id(sample), loss, loss_detail(answer))

    def gold_answers(self, sample: Sample) -> list[Answer]:
        assert isinstance(sample, TextSample)
        return [certain(self._span(sample))]

    def _span(self, sample: TextSample) -> str:
        return sample.text if self.max_bytes is None else cut_at_bytes(sample.text, self.max_bytes)


def cut_at_bytes(text: str, max_bytes: int) -> str:
    """The longest beginning of the text within ``max_bytes``, without a broken character or word.

    The cut falls before the last blank if that keeps at least half; else, as in a
    script without blanks, after the last whole character.
    """
    encoded = text.encode()
    if len(encoded) <= max_bytes:
        return text
    kept = encoded[:max_bytes].decode(errors="ignore")
    if text[len(kept)].isspace():
        return kept
    start_of_last_word = len(kept.rstrip()) if kept[-1].isspace() else _last_blank(kept)
    return kept[:start_of_last_word] if start_of_last_word * 2 >= len(kept) else kept


def _last_blank(text: str) -> int:
    """Index of the last white-space character, 0 if there is none."""
    return max((i for i, character in enumerate(text) if character.isspace()), default=0)
