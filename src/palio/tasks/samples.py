"""The samples that a round asks about, and the score of one of them.

Each sample's ``id`` derives from its content alone, so the same question has the
same id in every round, process and machine.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from palio.canonical import digest_of
from palio.inference.protocol import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """A sample's birth certificate; no part of its id.

    Attributes:
        source: where it comes from, with revision, e.g. ``palio-library@1``.
        born: ISO 8601 time (UTC) at which it came into being; None if only the seed made it.
        topic: domain for reports, e.g. ``astronomy``.
        difficulty: 1 (easy) to 3 (hard); None if not rated.
    """

    source: str
    born: str | None = None
    topic: str = ""
    difficulty: int | None = None


@dataclass(frozen=True, slots=True)
class ChoiceSample:
    """A question with lettered options; ``answer`` is the index of the right one."""

    question: str
    choices: tuple[str, ...]
    answer: int
    provenance: Provenance = field(compare=False)
    kind: Literal["choice"] = "choice"


@dataclass(frozen=True, slots=True)
class ReferenceSample:
    """A conversation and the answer whose loss is measured."""

    messages: tuple[Message, ...]
    reference: str
    provenance: Provenance = field(compare=False)
    kind: Literal["reference"] = "reference"


@dataclass(frozen=True, slots=True)
class TextSample:
    """A document whose loss is measured."""

    text: str
    provenance: Provenance = field(compare=False)
    kind: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of IF_EVAL.

    ``parameter`` is its number, word or phrase, or None; ``times`` counts a word that
    must stand exactly so often.
    """

    kind: str
    parameter: int | str | None = None
    times: int | None = None


@dataclass(frozen=True, slots=True)
class RuledQuestion:
    """A question to be answered under rules.

    ``answer`` is a right answer in words; keywords come from it, and it is not judged.
    """

    question: str
    answer: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class RuleSample:
    """Questions that share a rule list (keyword rules differ by question)."""

    questions: tuple[RuledQuestion, ...]
    provenance: Provenance = field(compare=False)
    kind: Literal["rules"] = "rules"


Sample = ChoiceSample | ReferenceSample | TextSample | RuleSample


def content_of(sample: Sample) -> dict[str, Any]:
    """The sample's content as JSON, without its provenance."""
    value = asdict(sample)
    del value["provenance"]
    return value


def sample_id(sample: Sample) -> str:
    """Stable 16-character id derived from the content."""
    return sample_digest(sample)[:16]


def sample_digest(sample: Sample) -> str:
    """Hex SHA-256 of the sample's content."""
    return digest_of(content_of(sample))


def sample_to_json(sample: Sample) -> dict[str, Any]:
    """The whole sample, provenance included, as JSON; :func:`sample_from_json` reads it back."""
    return asdict(sample)


def sample_from_json(value: Mapping[str, Any]) -> Sample:
    """The sample written by :func:`sample_to_json`, with the same digest.

    Raises:
        ValueError: the object is no sample.
    """
    try:
        provenance = Provenance(**value["provenance"])
        match value["kind"]:
            case "choice":
                return ChoiceSample(
                    value["question"], tuple(value["choices"]), value["answer"], provenance
                )
            case "reference":
                messages = tuple(
                    Message(turn["role"], turn["content"]) for turn in value["messages"]
                )
                return ReferenceSample(messages, value["reference"], provenance)
            case "text":
                return TextSample(value["text"], provenance)
            case "rules":
                questions = tuple(_ruled_question(item) for item in value["questions"])
                return RuleSample(questions, provenance)
            case kind:
                raise ValueError(f"unknown kind of sample {kind!r}")
    except (KeyError, TypeError) as error:
        raise ValueError(f"malformed sample: {error!r}") from error


def _ruled_question(value: Mapping[str, Any]) -> RuledQuestion:
    rules = tuple(Rule(rule["kind"], rule["parameter"], rule["times"]) for rule in value["rules"])
    return RuledQuestion(value["question"], value["answer"], rules)


@dataclass(frozen=True, slots=True)
class SampleScore:
    """What one sample cost a model, in the method's raw unit; lower is better, always finite.

    ``detail`` holds JSON facts for people (the answer given, the rules broken); it never
    enters a score. ``weight`` says how often the sample counts in its task's mean; above 0.
    """

    sample: str
    loss: float
    detail: Mapping[str, Any] = field(default_factory=dict)
    weight: float = 1.0
