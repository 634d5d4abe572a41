"""What the engine answers: bytes of cut texts, early decisions, lengths, memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from palio.inference import forward
from palio.inference.engine import BatchLimits, TransformersEngine
from palio.inference.loading import LoadedModel
from palio.inference.protocol import (
    ChoiceAnswer,
    ChoiceRequest,
    Decoding,
    GenerateRequest,
    LossAnswer,
    LossRequest,
    TextAnswer,
)
from palio.inference.stopping import first_option
from tests.inference.asked import WINDOW, asks, words

Loaded = Callable[[str], LoadedModel]


def loss(engine: TransformersEngine, request: LossRequest) -> LossAnswer:
    (answer,) = engine.answer([request])
    assert isinstance(answer, LossAnswer)
    return answer


# -- long texts ------------------------------------------------------------------------------


def test_truncate_counts_the_bytes_of_the_first_window_alone(loaded: Loaded) -> None:
    model = loaded("llama")
    text = "red dog " * 200
    answer = loss(TransformersEngine(model, WINDOW), LossRequest((), text, "truncate"))
    ids = model.codec.document(text).ids[1:WINDOW]
    assert answer.tokens == WINDOW - 1
    assert answer.bytes == len(model.codec.text(ids).encode())
    assert 0 < answer.bytes < len(text)


def test_truncate_in_the_middle_of_a_character_counts_whole_characters(loaded: Loaded) -> None:
    # Each character is three tokens of one byte, and 127 is no multiple of three.
    answer = loss(
        TransformersEngine(loaded("llama"), WINDOW), LossRequest((), "日" * 100, "truncate")
    )
    assert (answer.tokens, answer.bytes) == (127, 42 * 3)


def test_truncate_of_a_short_text_is_the_whole_text(loaded: Loaded) -> None:
    engine = TransformersEngine(loaded("llama"), WINDOW)
    cut, whole = (loss(engine, LossRequest((), words(20), how)) for how in ("truncate", "stride"))
    assert cut == whole


def test_stride_scores_all_tokens_and_bytes_of_a_long_text(loaded: Loaded) -> None:
    model = loaded("llama")
    answer = loss(TransformersEngine(model, 32), LossRequest((), words(90)))
    assert answer.tokens == len(model.codec.document(words(90)).ids) - 1
    assert answer.bytes == len(words(90).encode())


def test_the_first_window_of_a_strided_text_is_the_truncated_one(loaded: Loaded) -> None:
    engine = TransformersEngine(loaded("llama"), WINDOW)
    cut, whole = (loss(engine, LossRequest((), words(90), how)) for how in ("truncate", "stride"))
    assert cut.nats < whole.nats
    assert cut.bytes < whole.bytes


def test_a_longer_answer_of_the_same_beginning_costs_more(loaded: Loaded) -> None:
    engine = TransformersEngine(loaded("llama"), WINDOW)
    choices = ("A", "A dog", "A dog sees")
    (answer,) = engine.answer([ChoiceRequest(asks("Which?"), choices)])
    assert isinstance(answer, ChoiceAnswer)
    assert list(answer.nats) == sorted(answer.nats)


def test_the_end_of_turn_costs_something(loaded: Loaded) -> None:
    engine = TransformersEngine(loaded("llama"), WINDOW)
    scored = loss(engine, LossRequest(asks("Which?"), "A dog"))
    (choice,) = engine.answer([ChoiceRequest(asks("Which?"), ("A dog",))])
    assert isinstance(choice, ChoiceAnswer)
    assert scored.nats > choice.nats[0]
    assert scored.bytes == 5


# -- texts -----------------------------------------------------------------------------------


def generated(engine: TransformersEngine, request: GenerateRequest) -> TextAnswer:
    (answer,) = engine.answer([request])
    assert isinstance(answer, TextAnswer)
    return answer


def test_stopping_early_decides_as_the_whole_text(loaded: Loaded) -> None:
    engine = TransformersEngine(loaded("phi3"), WINDOW, BatchLimits(4096, 7))
    prompts = [asks(words(3 + n, n)) for n in range(30)]
    full = [GenerateRequest(prompt, Decoding(24)) for prompt in prompts]
    options = ("a", "i", "dog", "red", "Sort", "A", "n", "pea", "in")
    early = [GenerateRequest(prompt, Decoding(24), options) for prompt in prompts]
    decided = 0
    for whole, short in zip(engine.answer(full), engine.answer(early), strict=True):
        assert isinstance(whole, TextAnswer)
        assert isinstance(short, TextAnswer)
        assert first_option(short.text, options) == first_option(whole.text, options)
        decided += short.finish_reason == "decided"
        if short.finish_reason == "decided":
            assert short.tokens <= whole.tokens
            assert first_option(short.text, options) is not None
        else:
            assert short == whole
    assert decided > 0, "no text was decided early, so this test shows nothing"


def test_a_prompt_leaves_room_for_what_is_generated(loaded: Loaded) -> None:
    engine = TransformersEngine(loaded("llama"), 64)
    asked = GenerateRequest(asks(words(90)), Decoding(60))
    assert len(engine._prompt(asked)) == 4
    assert generated(engine, asked).tokens <= 60


@pytest.mark.parametrize("new", [1, 2, 7])
def test_a_text_has_no_more_tokens_than_allowed(loaded: Loaded, new: int) -> None:
    answer = generated(
        TransformersEngine(loaded("llama"), WINDOW), GenerateRequest(asks("Hi"), Decoding(new))
    )
    assert answer.tokens <= new
    assert answer.finish_reason == "length" or answer.tokens < new


# -- memory ----------------------------------------------------------------------------------


class _LargestTensor(TorchDispatchMode):
    """Watches every operation for the most numbers in one float tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor) and result.is_floating_point():
            self.numbers = max(self.numbers, result.numel())
        return result


@contextmanager
def _chunks_of(size_bytes: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(forward, "LOGIT_CHUNK_BYTES", size_bytes)
        yield


def test_logits_are_held_in_bounded_chunks_and_the_chunk_changes_no_bit(
    loaded: Loaded, saved: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = loaded("llama")
    request = LossRequest((), words(250))
    vocabulary = model.model.config.vocab_size
    expected = loss(TransformersEngine(model, 512), request)
    assert expected.tokens * vocabulary > 150_000
    with _chunks_of(4 * vocabulary * 16, monkeypatch):
        engine = TransformersEngine(model, 512)
    with _LargestTensor() as watch:
        assert loss(engine, request) == expected
    states = expected.tokens * model.model.config.intermediate_size
    attention = expected.tokens**2 * 4
    assert watch.numbers <= max(16 * vocabulary, states + 4096, attention)
    assert watch.numbers < expected.tokens * vocabulary / 4
