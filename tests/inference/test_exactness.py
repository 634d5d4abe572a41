"""Answers are those of the model alone, to the last bit, whatever else is asked."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from palio.inference.engine import BatchLimits, TransformersEngine, penalise
from palio.inference.forward import PackedForward, rows_are_independent
from palio.inference.loading import LoadedModel, load_model
from palio.inference.protocol import (
    Answer,
    ChoiceAnswer,
    GenerateRequest,
    LossAnswer,
    LossRequest,
    TextAnswer,
    to_json,
)
from tests.inference.asked import WINDOW, asks, choices, everything, generations, losses, words
from tests.tiny_models import ARCHITECTURES, save_tiny

Loaded = Callable[[str], LoadedModel]
Saved = Callable[[str], Path]
ALL = sorted(ARCHITECTURES)
PACKED = sorted(set(ALL) - {"gpt_neox", "gptj"})


def engine(loaded: LoadedModel, tokens: int = 4096, rows: int = 32) -> TransformersEngine:
    return TransformersEngine(loaded, WINDOW, BatchLimits(tokens, rows))


def bits(answers: list[Answer]) -> list[str]:
    """Every bit of the answers: floats are written so that they read back the same."""
    return [repr(to_json(answer)) for answer in answers]


def reference(folder: Path, dtype: torch.dtype) -> Any:  # noqa: ANN401 - any architecture
    """The model as transformers itself runs it, with its plainest attention."""
    return AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, attn_implementation="eager", local_files_only=True
    ).eval()


@pytest.mark.parametrize("model_type", PACKED)
def test_an_architecture_that_can_be_packed_is_packed(loaded: Loaded, model_type: str) -> None:
    assert engine(loaded(model_type)).environment["forward"] == "packed"


@pytest.mark.parametrize("model_type", ALL)
def test_no_batch_order_or_company_changes_a_bit(loaded: Loaded, model_type: str) -> None:
    requests = everything()
    model = loaded(model_type)
    expected = bits(engine(model).answer(requests))
    for tokens, rows in [(4096, 1), (4096, 5), (64, 32)]:
        assert bits(engine(model, tokens, rows).answer(requests)) == expected, (tokens, rows)
    order = random.Random(1).sample(range(len(requests)), len(requests))
    shuffled = bits(engine(model, 200, 5).answer([requests[i] for i in order]))
    assert shuffled == [expected[i] for i in order]
    one = engine(model)
    alone = [bits(one.answer([request]))[0] for request in requests]
    assert alone == expected


@pytest.mark.parametrize(
    ("model_type", "shape"),
    [
        # Hidden, intermediate, heads, key-value heads, head width. First one that is packed though
        # its widths are no multiples of a vector, then some whose matrix products forbid it.
        ("llama", (64, 50, 2, 1, 32)),
        ("gemma2", (64, 24, 4, 2, 8)),
        ("llama", (42, 50, 3, 1, 14)),
        ("gemma", (18, 130, 2, 1, 14)),
        ("llama", (54, 69, 1, 1, 2)),
    ],
)
def test_shapes_off_the_powers_of_two_keep_every_bit(
    tmp_path: Path, model_type: str, shape: tuple[int, int, int, int, int]
) -> None:
    names = ["hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads"]
    changes = dict(zip([*names, "head_dim"], shape, strict=True))
    model = load_model(save_tiny(tmp_path / "odd", 8, model_type, **changes), "float32")
    requests = everything()
    expected = bits(engine(model).answer(requests))
    for tokens, rows in [(4096, 1), (64, 5), (700, 9)]:
        assert bits(engine(model, tokens, rows).answer(requests)) == expected, (tokens, rows)


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_may_change_bits_but_company_never_does(saved: Saved, threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        model = load_model(saved("qwen3"), "float32")
        requests = everything()
        fresh = engine(model)
        expected = bits(fresh.answer(requests))
        assert bits(engine(model, 64, 5).answer(requests)) == expected
        assert fresh.environment["threads"] == str(threads)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("model_type", ["llama", "gemma2"])
def test_bfloat16_keeps_every_bit_too(saved: Saved, model_type: str) -> None:
    model = load_model(saved(model_type), "bfloat16")
    requests = everything()
    expected = bits(engine(model).answer(requests))
    for tokens, rows in [(4096, 1), (64, 5)]:
        assert bits(engine(model, tokens, rows).answer(requests)) == expected, (tokens, rows)


def test_repeated_requests_get_the_same_answer(loaded: Loaded) -> None:
    request = losses()[3]
    answers = engine(loaded("llama")).answer([request, *generations(), request, request])
    assert answers[0] == answers[-1] == answers[-2]


def test_nothing_asked_is_nothing_answered(loaded: Loaded) -> None:
    assert engine(loaded("llama")).answer([]) == []


def test_progress_counts_every_request_once(loaded: Loaded) -> None:
    heard: list[tuple[int, int]] = []
    requests = everything()
    engine(loaded("llama"), rows=3).answer(
        requests, lambda done, total: heard.append((done, total))
    )
    assert heard == [(i + 1, len(requests)) for i in range(len(requests))]


@pytest.mark.parametrize("model_type", ALL)
def test_greedy_text_is_that_of_generate_on_each_request_alone(
    saved: Saved, loaded: Loaded, model_type: str
) -> None:
    theirs = reference(saved(model_type), torch.float32)
    model = loaded(model_type)
    requests = generations()
    for request, answer in zip(requests, engine(model, 300, 4).answer(requests), strict=True):
        assert isinstance(request, GenerateRequest)
        decoding = request.decoding
        prompt = model.codec.prompt(request.messages, WINDOW - decoding.max_new_tokens)
        with torch.inference_mode():
            whole = theirs.generate(
                torch.tensor([prompt]),
                attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
                do_sample=False,
                max_new_tokens=decoding.max_new_tokens,
                repetition_penalty=decoding.repetition_penalty,
                eos_token_id=sorted(model.codec.stop_ids),
                pad_token_id=3,
            )
        written = whole[0, len(prompt) :].tolist()
        stops = bool(written) and written[-1] in model.codec.stop_ids
        kept = written[: len(written) - stops]
        assert answer == TextAnswer(
            model.codec.text(kept), len(kept), "stop" if stops else "length"
        )


@pytest.mark.parametrize("model_type", ALL)
def test_losses_agree_with_one_by_one_float64(
    saved: Saved, loaded: Loaded, model_type: str
) -> None:
    theirs = reference(saved(model_type), torch.float64)
    model = loaded(model_type)
    requests = [*losses(), *choices()]
    for request, answer in zip(requests, engine(model).answer(requests), strict=True):
        for given, wanted in _nats(theirs, model, request, answer):
            assert given == pytest.approx(wanted, rel=1e-5)


def _nats(
    theirs: Any,  # noqa: ANN401 - any architecture
    model: LoadedModel,
    request: object,
    answer: Answer,
) -> list[tuple[float, float]]:
    """(ours, float64's) for each part of a request; long texts by the rules as documented."""
    if isinstance(request, LossRequest):
        assert isinstance(answer, LossAnswer)
        if not request.messages:
            tokens = model.codec.document(request.target)
        else:
            tokens = model.codec.reply(request.messages, request.target, WINDOW)
        return [(answer.nats, _strided(theirs, tokens.ids, tokens.first_target, request.long))]
    assert isinstance(answer, ChoiceAnswer)
    parts = [
        model.codec.reply(request.messages, choice, WINDOW, ends=False)  # type: ignore[attr-defined]
        for choice in request.choices  # type: ignore[attr-defined]
    ]
    return [
        (nats, _strided(theirs, part.ids, part.first_target, "stride"))
        for nats, part in zip(answer.nats, parts, strict=True)
    ]


def _strided(theirs: Any, ids: tuple[int, ...], first: int, long: str) -> float:  # noqa: ANN401
    total, scored, start = 0.0, first, 0
    while scored < len(ids):
        piece = ids[start : start + WINDOW]
        with torch.inference_mode():
            log_p = theirs(torch.tensor([piece])).logits[0].double().log_softmax(-1)
        total -= sum(float(log_p[i - start - 1, ids[i]]) for i in range(scored, start + len(piece)))
        scored, start = start + len(piece), start + WINDOW // 2
        if long == "truncate":
            break
    return total


def test_the_texts_of_these_tests_do_exceed_window_and_sliding_window(loaded: Loaded) -> None:
    codec = loaded("llama").codec
    lengths = [len(codec.document(r.target).ids) for r in losses() if isinstance(r, LossRequest)]
    assert max(lengths) > WINDOW + WINDOW // 4
    assert min(lengths) < 24 < WINDOW


# -- repetition penalty ----------------------------------------------------------------------


def test_penalty_divides_positive_and_multiplies_negative_logits_once() -> None:
    logits = torch.tensor([2.0, -2.0, 3.0, -3.0, 0.0])
    penalised = penalise(logits, [0, 1, 1, 1, 4], 2.0)
    assert penalised.tolist() == [1.0, -4.0, 3.0, -3.0, 0.0]
    assert logits.tolist() == [2.0, -2.0, 3.0, -3.0, 0.0]


def test_penalty_counts_prompt_tokens_and_reaches_the_end_token(loaded: Loaded) -> None:
    # The end of turn stands in every prompt, so a strong penalty must put it off.
    model = loaded("llama")
    prompt = model.codec.prompt(asks(words(4)), 100)
    assert model.codec.stop_ids & set(prompt)
    end = min(model.codec.stop_ids)
    logits = torch.zeros(400)
    logits[end], logits[7] = 2.0, 1.5
    assert int(penalise(logits, prompt, 1.0).argmax()) == end
    assert int(penalise(logits, prompt, 2.0).argmax()) == 7


# -- where packing does not hold -------------------------------------------------------------


def test_a_machine_whose_rows_depend_on_company_runs_one_by_one(
    saved: Saved, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("palio.inference.engine.rows_are_independent", lambda _model: False)
    fresh = load_model(saved("llama"), "float32")
    single = engine(fresh)
    assert single.environment["forward"] == "single"
    requests = everything()
    packed = engine(loaded("llama")).answer(requests)
    for ours, theirs in zip(single.answer(requests), packed, strict=True):
        if isinstance(ours, LossAnswer) and isinstance(theirs, LossAnswer):
            assert ours.nats == pytest.approx(theirs.nats, rel=1e-5)
        elif isinstance(ours, TextAnswer):
            assert ours == theirs


def test_packed_rows_equal_rows_alone_in_hidden_states_too(loaded: Loaded) -> None:
    model = loaded("mistral")
    forward = PackedForward(model, engine(model)._head)
    assert rows_are_independent(model.model)
    sequences = [list(range(5, 5 + n)) for n in (1, 2, 3, 30, 64, 7)]
    with torch.inference_mode():
        together = forward.hidden(sequences)
        for sequence, states in zip(sequences, together, strict=True):
            assert states.shape[0] == len(sequence)
            assert torch.equal(forward.hidden([sequence])[0], states)


def test_an_architecture_with_logits_of_its_own_is_refused_not_mis_scored(tmp_path: Path) -> None:
    from transformers import CohereConfig, CohereForCausalLM

    from palio.errors import EvaluationFailed, Fault
    from tests.tiny_models import SHAPE, random_weights, tiny_tokenizer

    tokenizer = tiny_tokenizer()
    shape = SHAPE | {"tie_word_embeddings": True, "logit_scale": 0.0625}
    model = CohereForCausalLM(CohereConfig(**shape, vocab_size=len(tokenizer)))
    model.load_state_dict(random_weights(model, 0))
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    cohere = load_model(tmp_path, "float32")
    with pytest.raises(EvaluationFailed, match="CohereForCausalLM") as refusal:
        engine(cohere)
    assert refusal.value.fault is Fault.PLATFORM
