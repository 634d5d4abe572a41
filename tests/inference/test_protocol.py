"""Requests and answers survive the pipe, and what is out of form does not pass it."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palio.inference.protocol import (
    Answer,
    ChoiceAnswer,
    ChoiceRequest,
    Decoding,
    GenerateRequest,
    LossAnswer,
    LossRequest,
    Request,
    TextAnswer,
    answer_from_json,
    answers,
    request_from_json,
    to_json,
)
from tests.inference.asked import asks, everything

_TEXT = st.text(max_size=30)
_NATS = st.floats(0, 1e11)
_COUNTS = st.integers(0, 10**9)
_ANSWERS = st.one_of(
    st.builds(LossAnswer, _NATS, _COUNTS, _COUNTS),
    st.builds(TextAnswer, _TEXT, _COUNTS, st.sampled_from(["stop", "length", "decided"])),
    st.builds(ChoiceAnswer, st.lists(_NATS, max_size=5).map(tuple)),
)


@pytest.mark.parametrize("request_", everything())
def test_a_request_survives_json(request_: Request) -> None:
    assert request_from_json(json.loads(json.dumps(to_json(request_)))) == request_


@given(_ANSWERS)
def test_an_answer_survives_json_to_the_last_bit(answer: Answer) -> None:
    assert answer_from_json(json.loads(json.dumps(to_json(answer)))) == answer


LOSS = {"kind": "loss", "nats": 1.0, "tokens": 2, "bytes": 3}
TEXT = {"kind": "generate", "text": "A", "tokens": 1, "finish_reason": "stop"}


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"kind": "praise"},
        {"kind": ["loss"]},
        *(
            LOSS | {"nats": bad}
            for bad in (math.nan, math.inf, -1.0, True, "1", None, 1e12, 10**400)
        ),
        *(LOSS | {"tokens": bad} for bad in (-1, 1.0, True, "1", None)),
        *(LOSS | {"bytes": bad} for bad in (-1, 1.5, False, [1])),
        {"kind": "loss", "nats": 1.0, "tokens": 2},
        *(TEXT | {"text": bad} for bad in (1, None, ["A"], "\ud800")),
        *(TEXT | {"finish_reason": bad} for bad in ("won", 1, None, ["stop"])),
        {"kind": "choice", "nats": 3},
        {"kind": "choice", "nats": [1.0, math.nan]},
        {"kind": "choice", "nats": [[1.0]]},
        {"kind": "choice", "nats": "12"},
    ],
)
def test_an_answer_out_of_form_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        answer_from_json(value)


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"kind": "loss"},
        {"kind": "sing", "messages": []},
        {"kind": "loss", "messages": [{"role": "user"}], "target": "a", "long": "stride"},
        {"kind": "generate", "messages": [], "decoding": {"beams": 4}, "decide_among": []},
    ],
)
def test_a_request_out_of_form_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="request"):
        request_from_json(value)


@pytest.mark.parametrize(
    ("request_", "fitting", "others"),
    [
        (
            LossRequest((), "a"),
            LossAnswer(0.0, 1, 1),
            [LossAnswer(0.0, 0, 1), LossAnswer(0.0, 1, 0), ChoiceAnswer((1.0,))],
        ),
        (
            ChoiceRequest(asks("?"), ("A", "B")),
            ChoiceAnswer((1.0, 2.0)),
            [ChoiceAnswer((1.0,)), ChoiceAnswer(()), LossAnswer(1.0, 1, 1)],
        ),
        (
            GenerateRequest(asks("?"), Decoding(3)),
            TextAnswer("", 0, "stop"),
            [TextAnswer("A", 4, "length"), LossAnswer(1.0, 1, 1)],
        ),
    ],
)
def test_an_answer_fits_its_own_kind_of_request_only(
    request_: Request, fitting: Answer, others: list[Answer]
) -> None:
    assert answers(request_, fitting)
    assert not any(answers(request_, other) for other in others)
