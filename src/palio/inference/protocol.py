"""What is asked of a model and what comes back: the whole language of the worker.

Plain data, no torch: tasks write requests, the worker's engine answers them, and
only text, numbers and finish reasons cross the process boundary. A request holds
what the model may see and nothing of the right answer (a loss request's target is
scored, not judged).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "decided"]
LongText = Literal["stride", "truncate"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Decoding:
    """The platform's own decoding; a submission's generation settings are never read.

    Greedy. ``repetition_penalty`` is 1.0 for none; it applies to prompt and output
    tokens as transformers defines it for an unpadded row.
    """

    max_new_tokens: int
    repetition_penalty: float = 1.0


@dataclass(frozen=True, slots=True)
class LossRequest:
    """Score ``target`` after ``messages``, or a plain text when there are no messages.

    With messages the conversation is rendered and tokenised once, and the
    assistant span with its end-of-turn is scored. Without, the whole of ``target``
    is scored as a document after BOS. ``long`` says what happens to a document
    that exceeds the window: ``stride`` scores all of it in overlapping windows,
    ``truncate`` scores its first window only (SN37).
    """

    messages: tuple[Message, ...]
    target: str
    long: LongText = "stride"
    kind: Literal["loss"] = "loss"


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """Continue the conversation as the assistant.

    ``decide_among``: when not empty, generation may stop as soon as the first
    whole word of the output that is one of these is settled; the text up to there
    gives the same decision as the full text would.
    """

    messages: tuple[Message, ...]
    decoding: Decoding
    decide_among: tuple[str, ...] = ()
    kind: Literal["generate"] = "generate"


@dataclass(frozen=True, slots=True)
class ChoiceRequest:
    """Log-likelihood of each of several continuations of the same conversation."""

    messages: tuple[Message, ...]
    choices: tuple[str, ...]
    kind: Literal["choice"] = "choice"


@dataclass(frozen=True, slots=True)
class LossAnswer:
    """Summed negative log-likelihood of the scored span.

    ``nats`` over ``tokens`` tokens covering ``bytes`` UTF-8 bytes of the original text.
    """

    nats: float
    tokens: int
    bytes: int
    kind: Literal["loss"] = "loss"


@dataclass(frozen=True, slots=True)
class TextAnswer:
    """Generated text without special tokens; ``tokens`` counts the generated ones."""

    text: str
    tokens: int
    finish_reason: FinishReason
    kind: Literal["generate"] = "generate"


@dataclass(frozen=True, slots=True)
class ChoiceAnswer:
    """Negative log-likelihood in nats of each choice, in the order of the request."""

    nats: tuple[float, ...]
    kind: Literal["choice"] = "choice"


Request = LossRequest | GenerateRequest | ChoiceRequest
Answer = LossAnswer | TextAnswer | ChoiceAnswer


def to_json(value: Request | Answer) -> dict[str, Any]:
    """A JSON object that :func:`request_from_json` or :func:`answer_from_json` reads back."""
    return asdict(value)


def request_from_json(value: Mapping[str, Any]) -> Request:
    """The request that was written by :func:`to_json`.

    Raises:
        ValueError: the object is no request; the worker treats that as Palio's own fault.
    """
    try:
        messages = tuple(Message(m["role"], m["content"]) for m in value["messages"])
        match value["kind"]:
            case "loss":
                return LossRequest(messages, value["target"], value["long"])
            case "generate":
                return GenerateRequest(
                    messages, Decoding(**value["decoding"]), tuple(value["decide_among"])
                )
            case "choice":
                return ChoiceRequest(messages, tuple(value["choices"]))
            case kind:
                raise ValueError(f"unknown kind of request {kind!r}")
    except (KeyError, TypeError) as error:
        raise ValueError(f"malformed request: {error!r}") from error


def answer_from_json(value: Mapping[str, Any]) -> Answer:
    """The answer written by :func:`to_json`; every field is checked, since a worker sent it.

    Raises:
        ValueError: a field is missing, of the wrong type, or out of range.
    """
    try:
        match value["kind"]:
            case "loss":
                return LossAnswer(
                    _nats(value["nats"]), _count(value["tokens"]), _count(value["bytes"])
                )
            case "generate":
                reason = value["finish_reason"]
                if reason not in ("stop", "length", "decided") or not isinstance(
                    value["text"], str
                ):
                    raise ValueError("malformed text answer")
                value["text"].encode()  # a lone surrogate could never be written down
                return TextAnswer(value["text"], _count(value["tokens"]), reason)
            case "choice":
                return ChoiceAnswer(tuple(_nats(item) for item in value["nats"]))
            case kind:
                raise ValueError(f"unknown kind of answer {kind!r}")
    except (KeyError, TypeError) as error:
        raise ValueError(f"malformed answer: {error!r}") from error


def answers(request: Request, answer: Answer) -> bool:
    """Whether the answer has the form that the request asks for."""
    match request, answer:
        case LossRequest(), LossAnswer(tokens=tokens, bytes=size):
            return tokens > 0 and size > 0
        case ChoiceRequest(choices=choices), ChoiceAnswer(nats=nats):
            return len(nats) == len(choices)
        case GenerateRequest(decoding=decoding), TextAnswer(tokens=tokens):
            return tokens <= decoding.max_new_tokens
        case _:
            return False


def _nats(value: object) -> float:
    # NaN fails the comparison, so only a finite loss passes.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        raise ValueError(f"a loss is a finite number of nats, not {value!r}")
    return float(value)


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"a count is a whole number from 0, not {value!r}")
    return value
