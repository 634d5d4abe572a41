"""Multiple choice: the letter a model writes, or the probability it gives to each option."""

import math
from collections.abc import Sequence
from string import ascii_uppercase
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from palio.inference.protocol import (
    Answer,
    ChoiceAnswer,
    ChoiceRequest,
    Decoding,
    GenerateRequest,
    Message,
    Request,
    TextAnswer,
)
from palio.tasks.methods.parsing import first_word, staged
from palio.tasks.protocols import Method
from palio.tasks.samples import ChoiceSample, Sample, SampleScore, sample_id

INSTRUCTION = "Answer the question with the letter of the right option alone."

#: The worked example that stood before each question in SN37's W&B era.
ONE_SHOT = (
    "[Example 1]\nWhat is the capital of Texas?\n\nA. Paris\nB. London\nC. Austin\nD. Houston\n\n"
    "Answer: C\n\n[Input Question]\n"
)

#: Characters of a reply that are kept for people to read.
REPLY_KEPT = 400

#: Nats against each wrong option in a perfect model's answer.
CERTAIN_NATS = 50.0


class ChoiceMethod(Method):
    """What both ways of asking a multiple-choice question share: the prompt."""

    instruction: str = INSTRUCTION
    """Stands before the question; empty for none."""
    one_shot: bool = False
    """Put SN37's worked example before the question."""

    accepts: ClassVar[tuple[type, ...]] = (ChoiceSample,)

    def messages(self, sample: ChoiceSample) -> tuple[Message, ...]:
        """One user turn: instruction, question, lettered options, ``Answer: ``."""
        lines = [
            f"{letter}. {choice}"
            for letter, choice in zip(letters_of(sample), sample.choices, strict=True)
        ]
        asked = "\n".join([f"{sample.question}\n", *lines, "\nAnswer: "])
        example = ONE_SHOT if self.one_shot else ""
        lead = f"{self.instruction}\n\n" if self.instruction else ""
        return (Message("user", f"{lead}{example}{asked}"),)


class GeneratedChoice(ChoiceMethod):
    """Share of questions answered wrongly, by the letter that the model writes, greedily."""

    parser: Literal["staged", "first_word"] = "staged"
    """How a reply is read; ``first_word`` is SN37's and lets generation stop at the letter."""
    max_new_tokens: Annotated[int, Field(ge=1, le=8192)] = 20
    repetition_penalty: Annotated[float, Field(ge=1.0, le=2.0)] = 1.0

    @property
    def unit(self) -> str:
        return "share wrong"

    @property
    def natural(self) -> str:
        return "accuracy"

    def in_natural_unit(self, raw: float) -> float:
        return 1.0 - raw

    def requests(self, sample: Sample) -> list[Request]:
        assert isinstance(sample, ChoiceSample)
        # Only the reading that stops at the first letter may cut generation short.
        among = letters_of(sample) if self.parser == "first_word" else ()
        decoding = Decoding(self.max_new_tokens, self.repetition_penalty)
        return [GenerateRequest(self.messages(sample), decoding, among)]

    def judge(self, sample: Sample, answers: Sequence[Answer]) -> SampleScore:
        assert isinstance(sample, ChoiceSample)
        if len(answers) != 1 or not isinstance(answers[0], TextAnswer):
            raise ValueError(f"one text was asked for, not {list(answers)!r}")
        letters = letters_of(sample)
        reply = answers[0].text
        if self.parser == "first_word":
            picked = first_word(reply, letters)
        else:
            picked = staged(reply, letters, sample.choices)
        right = letters[sample.answer]
        detail = {
            "answer": picked,
            "right": right,
            "unparsed": picked is None,
            "reply": reply[:REPLY_KEPT],
        }
        return SampleScore(sample_id(sample), float(picked != right), detail)

    def gold_answers(self, sample: Sample) -> list[Answer]:
        assert isinstance(sample, ChoiceSample)
        return [TextAnswer(letters_of(sample)[sample.answer], 1, "stop")]


class ChoiceLikelihood(ChoiceMethod):
    """Mean probability withheld from the right option, in ``[0, 1]``.

    Nothing is generated: the model's probabilities of the options, made to add up to
    1, decide. Graded where letters are all or nothing, so fewer questions tell two
    models apart.
    """

    of: Literal["letters", "texts"] = "letters"
    """Compare the letters, or the options' own texts (summed over their tokens)."""

    @model_validator(mode="after")
    def _instruction_fits(self) -> Self:
        if self.of == "texts" and self.instruction == INSTRUCTION:
            raise ValueError("of 'texts' needs an instruction of its own, which may be empty")
        return self

    @property
    def unit(self) -> str:
        return "probability wrong"

    @property
    def natural(self) -> str:
        return "probability right"

    def in_natural_unit(self, raw: float) -> float:
        return 1.0 - raw

    def requests(self, sample: Sample) -> list[Request]:
        assert isinstance(sample, ChoiceSample)
        choices = letters_of(sample) if self.of == "letters" else sample.choices
        return [ChoiceRequest(self.messages(sample), choices)]

    def judge(self, sample: Sample, answers: Sequence[Answer]) -> SampleScore:
        assert isinstance(sample, ChoiceSample)
        if len(answers) != 1 or not isinstance(answers[0], ChoiceAnswer):
            raise ValueError(f"one choice was asked for, not {list(answers)!r}")
        nats = answers[0].nats
        if len(nats) != len(sample.choices):
            raise ValueError(f"{len(nats)} likelihoods for {len(sample.choices)} options")
        chances = probabilities(nats)
        letters = letters_of(sample)
        detail = {
            "answer": letters[chances.index(max(chances))],
            "right": letters[sample.answer],
            "p": [round(chance, 6) for chance in chances],
        }
        return SampleScore(sample_id(sample), 1.0 - chances[sample.answer], detail)

    def gold_answers(self, sample: Sample) -> list[Answer]:
        assert isinstance(sample, ChoiceSample)
        right = sample.answer
        nats = (0.0 if i == right else CERTAIN_NATS for i in range(len(sample.choices)))
        return [ChoiceAnswer(tuple(nats))]


def letters_of(sample: ChoiceSample) -> tuple[str, ...]:
    """The letters of the sample's options, from A.

    Raises:
        ValueError: it has fewer than 2 or more than 26 options.
    """
    if not 2 <= len(sample.choices) <= len(ascii_uppercase):
        raise ValueError(f"a question has 2 to 26 options, not {len(sample.choices)}")
    return tuple(ascii_uppercase[: len(sample.choices)])


def probabilities(nats: Sequence[float]) -> list[float]:
    """Softmax over negative log-likelihoods."""
    best = min(nats)
    weights = [math.exp(best - value) for value in nats]
    total = math.fsum(weights)
    return [weight / total for weight in weights]
