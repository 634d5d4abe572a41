"""IF_EVAL: how many of the rules set for a response it keeps.

The share ``r`` of its rules that a response keeps becomes a loss of ``1 - r**2`` or
``1 - r``. A sample whose responses are the same text again costs 1, since one canned
text that suits most rules is no answer to two questions. Whether a response answers
its question is not looked at.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from palio.inference.protocol import (
    Answer,
    Decoding,
    GenerateRequest,
    Message,
    Request,
    TextAnswer,
)
from palio.tasks.protocols import Method
from palio.tasks.rules.book import wording
from palio.tasks.rules.checks import keeps, near_duplicates
from palio.tasks.rules.witness import witness
from palio.tasks.samples import RuledQuestion, RuleSample, Sample, SampleScore, sample_id

#: Characters of a response that are kept for people to read.
RESPONSE_KEPT = 1000


class RuleFollowing(Method):
    """Mean over samples of the mean loss of their responses."""

    score: Literal["squared", "share"] = "squared"
    """Loss of a response: ``1 - r**2`` (SN37 from 2.7.0) or ``1 - r`` (before)."""
    weigh_by_rules: bool = False
    """Let a sample count once for each of its rules, as SN37 does."""
    max_new_tokens: Annotated[int, Field(ge=1, le=8192)] = 400
    """The longest response demanded, 245 words, needs about 350 tokens."""
    repetition_penalty: Annotated[float, Field(ge=1.0, le=2.0)] = 1.0

    accepts: ClassVar[tuple[type, ...]] = (RuleSample,)

    @property
    def unit(self) -> str:
        return "1 - kept^2" if self.score == "squared" else "share broken"

    @property
    def natural(self) -> str:
        return "rules kept"

    def in_natural_unit(self, raw: float) -> float:
        """The share of rules kept; under ``squared`` the root of its mean square."""
        return math.sqrt(max(1.0 - raw, 0.0)) if self.score == "squared" else 1.0 - raw

    def requests(self, sample: Sample) -> list[Request]:
        assert isinstance(sample, RuleSample)
        decoding = Decoding(self.max_new_tokens, self.repetition_penalty)
        return [
            GenerateRequest((Message("user", prompt_of(question)),), decoding)
            for question in sample.questions
        ]

    def judge(self, sample: Sample, answers: Sequence[Answer]) -> SampleScore:
        assert isinstance(sample, RuleSample)
        responses = [answer.text for answer in answers if isinstance(answer, TextAnswer)]
        if not len(responses) == len(answers) == len(sample.questions):
            raise ValueError(f"{len(sample.questions)} texts were asked for, not {list(answers)!r}")
        judged = [
            self._judge_response(question, response)
            for question, response in zip(sample.questions, responses, strict=True)
        ]
        duplicate = any(
            near_duplicates(one, other)
            for i, one in enumerate(responses)
            for other in responses[i + 1 :]
        )
        loss = 1.0 if duplicate else math.fsum(item["loss"] for item in judged) / len(judged)
        rules = len(sample.questions[0].rules)
        return SampleScore(
            sample_id(sample),
            loss,
            {"responses": judged, "duplicate": duplicate},
            weight=float(rules) if self.weigh_by_rules else 1.0,
        )

    def gold_answers(self, sample: Sample) -> list[Answer]:
        assert isinstance(sample, RuleSample)
        texts = [witness(question) for question in sample.questions]
        return [TextAnswer(text, len(text.split()), "stop") for text in texts]

    def _judge_response(self, question: RuledQuestion, response: str) -> dict[str, Any]:
        broken = [wording(rule) for rule in question.rules if not keeps(rule, response)]
        kept = 1.0 - len(broken) / len(question.rules)
        loss = 1.0 - kept**2 if self.score == "squared" else 1.0 - kept
        return {
            "loss": loss,
            "rules": len(question.rules),
            "broken": broken,
            "reply": response[:RESPONSE_KEPT],
        }


def prompt_of(question: RuledQuestion) -> str:
    """The question under its numbered rules, as SN37 words it."""
    rules = "\n".join(
        f"{number}. {wording(rule)}" for number, rule in enumerate(question.rules, start=1)
    )
    return (
        "Please answer the question below, denoted between quotes. "
        f'Your response must follow these rules:\n{rules}\n\n"{question.question}"'
    )
