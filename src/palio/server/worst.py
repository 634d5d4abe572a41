"""The samples that cost a model most, told so that a person sees what went wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from palio.evaluation.scorecard import TaskScore
from palio.tasks.samples import (
    ChoiceSample,
    ReferenceSample,
    RuleSample,
    Sample,
    SampleScore,
    TextSample,
    sample_id,
)

#: Characters of a text that are shown.
SHOWN = 600


@dataclass(frozen=True, slots=True)
class WorstItem:
    """A sample and what a model made of it; every text may hold anything.

    Attributes:
        loss: raw, in the task's own unit.
        asked: what the model was asked, or the text itself.
        expected: the right answer, where there is one.
        facts: what the method noted about the answer, by label.
    """

    sample: str
    loss: float
    topic: str
    asked: str
    expected: str
    facts: tuple[tuple[str, str], ...]


def worst_items(score: TaskScore, samples: Sequence[Sample], count: int) -> list[WorstItem]:
    """The ``count`` samples with the greatest loss, worst first; ties stay in the round's order.

    Args:
        score: a task of a scorecard.
        samples: of the same task and round, in the same order; a scorecard that ended early
            holds the first of them.
        count: how many at most.

    Raises:
        ValueError: the samples are not those of the scorecard.
    """
    asked = samples[: len(score.samples)]
    if [one.sample for one in score.samples] != [sample_id(one) for one in asked]:
        raise ValueError("the samples are not those of the scorecard")
    pairs = list(zip(score.samples, asked, strict=True))
    pairs.sort(key=lambda pair: -pair[0].loss)
    return [told_item(scored, sample) for scored, sample in pairs[:count]]


def told_item(scored: SampleScore, sample: Sample) -> WorstItem:
    """A sample and one model's answer to it, told for people."""
    asked, expected = _told(sample)
    return WorstItem(
        sample=scored.sample,
        loss=scored.loss,
        topic=sample.provenance.topic,
        asked=_cut(asked),
        expected=_cut(expected),
        facts=tuple(_facts(scored.detail)),
    )


def _told(sample: Sample) -> tuple[str, str]:
    """What was asked, and the right answer."""
    match sample:
        case ChoiceSample():
            letters = [chr(ord("A") + place) for place in range(len(sample.choices))]
            options = [
                f"{letter}. {choice}"
                for letter, choice in zip(letters, sample.choices, strict=True)
            ]
            asked = "\n".join([sample.question, *options])
            return asked, f"{letters[sample.answer]}. {sample.choices[sample.answer]}"
        case ReferenceSample():
            return "\n".join(turn.content for turn in sample.messages), sample.reference
        case TextSample():
            return sample.text, ""
        case RuleSample():
            return "\n".join(each.question for each in sample.questions), ""


def _facts(detail: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A method's notes as lines; a list of answers is told one by one."""
    facts = []
    for label, value in detail.items():
        if isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
            for number, one in enumerate(value, start=1):
                facts += [(f"{key} {number}", text) for key, text in _facts(one)]
        else:
            facts.append((label, _cut(_text(value))))
    return facts


def _text(value: Any) -> str:  # noqa: ANN401 - any JSON value
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}"
        case list() | tuple():
            return "; ".join(_text(one) for one in value) or "none"
        case _:
            return str(value)


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]} \N{HORIZONTAL ELLIPSIS}"
