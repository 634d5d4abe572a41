"""What a hostile worker may say: nothing that is out of form passes, and nothing breaks."""

import json
from collections.abc import Iterable
from itertools import repeat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palio.errors import EvaluationFailed, Fault
from palio.evaluation import executor
from palio.evaluation.executor import _Conversation
from palio.evaluation.job import MAX_LINE_BYTES
from palio.inference.protocol import (
    ChoiceRequest,
    Decoding,
    GenerateRequest,
    LossAnswer,
    LossRequest,
    Message,
)

ASKED = (
    LossRequest((), "a text"),
    ChoiceRequest((Message("user", "?"),), ("A", "B")),
    GenerateRequest((Message("user", "?"),), Decoding(4)),
)
LOSS = {"kind": "loss", "nats": 1.5, "tokens": 2, "bytes": 6}
CHOICE = {"kind": "choice", "nats": [1.0, 2.0]}
TEXT = {"kind": "generate", "text": "B", "tokens": 1, "finish_reason": "stop"}
ANSWERS = [{"answer": [i, answer]} for i, answer in enumerate([LOSS, CHOICE, TEXT])]
DONE = {"done": {"torch": "2"}}


def talk() -> _Conversation:
    return _Conversation(ASKED, lambda *_: None)


def lines(*messages: Any) -> bytes:  # noqa: ANN401 - JSON
    return b"".join(json.dumps(message).encode() + b"\n" for message in messages)


def hear_all(conversation: _Conversation, pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        conversation.hear(piece)


def refused(data: bytes, after: bytes = b"") -> EvaluationFailed:
    conversation = talk()
    if after:
        conversation.hear(after)
    with pytest.raises(EvaluationFailed) as failure:
        conversation.hear(data)
    return failure.value


def test_an_honest_worker_is_understood_however_its_bytes_arrive() -> None:
    said = lines({"stage": "load"}, {"progress": [1, 3]}, *ANSWERS[::-1], DONE)
    for size in (1, 7, len(said)):
        conversation = talk()
        for start in range(0, len(said), size):
            conversation.hear(said[start : start + size])
        assert conversation.environment == {"torch": "2"}
        assert conversation.in_order()[0] == LossAnswer(1.5, 2, 6)


def test_progress_is_passed_on_within_its_bounds() -> None:
    heard: list[tuple[str, int, int]] = []
    conversation = _Conversation(ASKED, lambda *told: heard.append(told))
    conversation.hear(lines({"stage": "answer"}, {"progress": [-5, 3]}, {"progress": [10**30, 2]}))
    assert heard == [("answer", 0, 3), ("answer", 0, 3), ("answer", 3, 2)]


@pytest.mark.parametrize(
    "data",
    [
        b"\n",
        b"hello\n",
        b"\xff\xfe\x00\n",
        b"{\n",
        b"[" * 100_000 + b"\n",
        b"{" * 100_000 + b"\n",
        b"1" * 10_000 + b"\n",
        b"null\n",
        b"[1, 2]\n",
        lines({}),
        lines({"stage": "victory"}),
        lines({"stage": 1}),
        lines({"progress": [1]}),
        lines({"progress": ["1", 2]}),
        lines({"answer": [0]}),
        lines({"answer": [-1, LOSS]}),
        lines({"answer": [3, LOSS]}),
        lines({"answer": ["0", LOSS]}),
        lines({"answer": [0, [LOSS]]}),
        lines({"answer": [0, CHOICE]}),
        lines({"answer": [1, {"kind": "choice", "nats": [1.0]}]}),
        lines({"answer": [1, {"kind": "choice", "nats": [1.0, 2.0, 3.0]}]}),
        lines({"answer": [2, TEXT | {"tokens": 5}]}),
        lines({"answer": [2, TEXT | {"text": "\udc80"}]}),
        lines({"answer": [0, LOSS | {"tokens": 0}]}),
        lines({"answer": [0, LOSS | {"nats": -1}]}),
        lines({"answer": [0, LOSS | {"nats": 10**400}]}),
        b'{"answer": [0, {"kind": "loss", "nats": NaN, "tokens": 2, "bytes": 6}]}\n',
        b'{"answer": [0, {"kind": "loss", "nats": Infinity, "tokens": 2, "bytes": 6}]}\n',
        b'{"answer": [0, {"kind": "loss", "nats": 1e999, "tokens": 2, "bytes": 6}]}\n',
        b'{"answer": [1, {"kind": "choice", "nats": [1.0, NaN]}]}\n',
        lines(DONE),
        lines(*ANSWERS[:2], DONE),
        lines(*ANSWERS, {"done": "yes"}),
        lines(*ANSWERS, {"done": {str(i): "x" for i in range(1000)}}),
        lines({"failed": {"code": "E_RT_OOM"}}),
        lines({"failed": {"code": "E_RT_OOM", "message": "m", "fault": "nobody"}}),
        lines({"failed": {"code": "E_RT_OOM", "message": "m", "fault": []}}),
        lines({"failed": {"code": "\x1b[31mWON", "message": "m", "fault": "platform"}}),
        lines({"failed": {"code": "E_" + "A" * 500, "message": "m", "fault": "platform"}}),
        lines({"failed": {"code": 1, "message": "m", "fault": "platform"}}),
    ],
)
def test_what_is_out_of_form_is_refused_as_no_fault_of_the_participant(data: bytes) -> None:
    failure = refused(data)
    assert (failure.code, failure.fault) == ("E_RT_PROTOCOL", Fault.PLATFORM)
    assert len(str(failure)) < 200
    assert str(failure).isprintable()


def test_a_second_answer_to_a_request_is_refused() -> None:
    failure = refused(lines(ANSWERS[0] | {"answer": [0, LOSS | {"nats": 0.1}]}), lines(ANSWERS[0]))
    assert failure.code == "E_RT_PROTOCOL"


@pytest.mark.parametrize("late", [ANSWERS[0], DONE, {"stage": "answer"}])
def test_nothing_is_heard_after_the_end(late: dict[str, Any]) -> None:
    assert refused(lines(late), lines(*ANSWERS, DONE)).code == "E_RT_PROTOCOL"
    assert refused(lines(*ANSWERS, DONE, late)).fault is (Fault.PLATFORM)


# -- at a stop -------------------------------------------------------------------------------


def stopping(at: int) -> _Conversation:
    return _Conversation(ASKED, lambda *_: None, stops=[at])


@pytest.mark.parametrize(
    ("said", "after"),
    [
        ([ANSWERS[2]], []),
        (ANSWERS, []),
        ([*ANSWERS[:2], DONE], []),
        ([ANSWERS[2]], ANSWERS[:2]),
        ([DONE], ANSWERS[:2]),
    ],
)
def test_nothing_is_said_beyond_a_stop_before_the_word_to_go_on(
    said: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    conversation = stopping(2)
    conversation.hear(lines(*after))
    with pytest.raises(EvaluationFailed) as failure:
        conversation.hear(lines(*said))
    assert (failure.value.code, failure.value.fault) == ("E_RT_PROTOCOL", Fault.PLATFORM)


def test_a_worker_that_was_stopped_may_only_end() -> None:
    conversation = stopping(2)
    conversation.hear(lines(*ANSWERS[:2]))
    assert conversation.waits
    assert not conversation.decide(lambda answers: len(answers) != 2)
    conversation.hear(lines(DONE))
    assert len(conversation.in_order()) == 2
    spoken = stopping(2)
    spoken.hear(lines(*ANSWERS[:2]))
    spoken.decide(lambda _answers: False)
    with pytest.raises(EvaluationFailed, match="asked for"):
        spoken.hear(lines(ANSWERS[2]))


# -- without end -----------------------------------------------------------------------------


def test_a_line_without_end_is_refused_before_it_fills_memory() -> None:
    conversation = talk()
    with pytest.raises(EvaluationFailed, match="too much"):
        hear_all(conversation, repeat(b"x" * 2**16, MAX_LINE_BYTES // 2**16 + 2))
    assert len(conversation._rest) <= MAX_LINE_BYTES + 2**16


def test_talk_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "MAX_TOTAL_BYTES", 1000)
    with pytest.raises(EvaluationFailed, match="too much"):
        hear_all(talk(), repeat(lines({"progress": [1, 3]}), 1000))


def test_a_worker_says_whose_fault_it_is_in_printable_words() -> None:
    said = {"code": "E_TOK_ROUNDTRIP", "message": "a\x1b[2J\nb" * 200, "fault": "participant"}
    failure = refused(lines({"failed": said | {"hint": "look\x07 here"}}))
    assert (failure.code, failure.fault) == ("E_TOK_ROUNDTRIP", Fault.PARTICIPANT)
    assert str(failure).isprintable()
    assert len(str(failure)) <= 500
    assert failure.hint == "look? here"


def test_the_environment_is_cut_and_printable() -> None:
    conversation = talk()
    conversation.hear(lines(*ANSWERS, {"done": {"k" * 99: "v\n\ud800" * 999, "n": [1, None]}}))
    assert conversation.environment is not None
    for key, value in conversation.environment.items():
        assert len(key) <= 40
        assert len(value) <= 200
        assert (key + value).isprintable()
        (key + value).encode()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["stage", "progress", "answer", "failed", "done", "code", "kind", "nats"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(st.lists(st.binary(max_size=40) | _JSON.map(lambda value: lines(value)), max_size=4))
def test_whatever_comes_is_understood_or_refused(pieces: list[bytes]) -> None:
    conversation = talk()
    try:
        hear_all(conversation, pieces)
    except EvaluationFailed:
        pass
    assert conversation.environment is None
