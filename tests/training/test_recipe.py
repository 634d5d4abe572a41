"""The recipe: the same weights for the same seed, falling losses, and only replies are learnt."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy
from transformers import LlamaForCausalLM

from palio.inference.prompts import PromptCodec, ScoredTokens
from palio.inference.protocol import Message
from palio.training import recipe
from palio.training.base_model import (
    BOS,
    CHAT_TEMPLATE,
    EOS,
    ModelSize,
    new_model,
    train_tokenizer,
)
from palio.training.corpus import Example
from palio.training.recipe import IGNORED, Recipe, train

EXAMPLES = [
    Example((Message("user", f"Sort: {b} {a}"),), f"{a} {b}")
    for a, b in itertools.pairwise(["apple", "fig", "kiwi", "lemon", "pear", "plum", "quince"])
] + [Example((), "The red dog sees a small tree near the river.")]
TINY = ModelSize(hidden=32, layers=2, intermediate=64, context=64, vocabulary=320)
TOKENIZER = train_tokenizer([example.reply for example in EXAMPLES] * 9, TINY.vocabulary)


SHORT = 1500


def codec() -> PromptCodec:
    return PromptCodec(TOKENIZER, CHAT_TEMPLATE, BOS, [EOS])


def trained(
    seed: int = 1, tokens: int = SHORT, examples: Sequence[Example] = EXAMPLES
) -> tuple[LlamaForCausalLM, list[tuple[int, int, float]], float]:
    model = new_model(TINY, TOKENIZER.get_vocab_size(), torch.Generator().manual_seed(3))
    heard: list[tuple[int, int, float]] = []
    last = train(
        model,
        codec(),
        examples,
        Recipe(tokens=tokens, batch_tokens=128),
        np.random.Generator(np.random.Philox(seed)),
        lambda *told: heard.append(told),
    )
    return model, heard, last


def weights(model: LlamaForCausalLM) -> bytes:
    return b"".join(weight.numpy().tobytes() for weight in model.state_dict().values())


def test_the_same_seed_gives_the_same_weights_bit_for_bit() -> None:
    assert weights(trained()[0]) == weights(trained()[0])


def test_another_seed_gives_other_weights() -> None:
    assert weights(trained(seed=1)[0]) != weights(trained(seed=2)[0])


def test_training_neither_reads_nor_moves_global_random_state() -> None:
    model = new_model(TINY, TOKENIZER.get_vocab_size(), torch.Generator().manual_seed(3))
    before = torch.random.get_rng_state()
    rng = np.random.Generator(np.random.Philox(1))
    train(model, codec(), EXAMPLES, Recipe(tokens=SHORT, batch_tokens=128), rng)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.rand(5)
    assert weights(trained()[0]) == weights(model)


def test_the_loss_falls_and_the_budget_is_kept() -> None:
    model, heard, last = trained(tokens=12_000)
    losses = [loss for _, _, loss in heard]
    assert losses[0] > 5
    assert last < losses[0] / 3
    done = [count for count, _, _ in heard]
    assert done == sorted(done)
    assert done[-1] == 12_000
    assert done[-2] < 12_000
    assert not model.training


def test_there_is_nothing_to_learn_from_nothing() -> None:
    with pytest.raises(ValueError, match="no examples"):
        trained(examples=[])


# -- batches ---------------------------------------------------------------------------------


@st.composite
def _encoded(draw: st.DrawFn) -> list[ScoredTokens]:
    lengths = draw(st.lists(st.integers(2, 30), min_size=1, max_size=40))
    return [
        ScoredTokens((100 + i, *range(7, 6 + length)), draw(st.integers(1, length - 1)), 1)
        for i, length in enumerate(lengths)
    ]


@settings(max_examples=60)
@given(_encoded(), st.integers(16, 200))
def test_a_pass_holds_every_example_once_with_its_reply_alone_as_target(
    encoded: list[ScoredTokens], batch_tokens: int
) -> None:
    batches = recipe._batches(encoded, batch_tokens, np.random.Generator(np.random.Philox(0)))
    seen: list[int] = []
    while len(seen) < len(encoded):
        ids, labels = next(batches)
        assert ids.shape == labels.shape
        assert ids.numel() <= batch_tokens or len(ids) == 1
        for row, targets in zip(ids.tolist(), labels.tolist(), strict=True):
            one = encoded[row[0] - 100]
            seen.append(row[0] - 100)
            assert tuple(row[: len(one.ids)]) == one.ids
            assert targets[: one.first_target] == [IGNORED] * one.first_target
            assert tuple(targets[one.first_target : len(one.ids)]) == one.ids[one.first_target :]
            assert set(targets[len(one.ids) :]) <= {IGNORED}
    assert sorted(seen) == list(range(len(encoded)))


def test_padding_and_company_change_no_gradient_but_by_the_mean() -> None:
    """A step over two padded examples is the token-weighted mean of steps over each alone."""
    model = new_model(TINY, TOKENIZER.get_vocab_size(), torch.Generator().manual_seed(3)).double()
    encoded = [recipe._encode(codec(), example, 64) for example in (EXAMPLES[0], EXAMPLES[-1])]

    def gradient(batch: list[ScoredTokens]) -> tuple[torch.Tensor, int]:
        ids, labels = recipe._padded(batch)
        logits = model(input_ids=ids).logits[:, :-1]
        kept = labels[:, 1:] != IGNORED
        model.zero_grad()
        cross_entropy(logits[kept], labels[:, 1:][kept]).backward()
        return model.lm_head.weight.grad.clone(), int(kept.sum())

    both, count = gradient(encoded)
    (one, n), (two, m) = gradient(encoded[:1]), gradient(encoded[1:])
    assert count == n + m
    assert torch.allclose(both, (n * one + m * two) / count, atol=1e-6)


def test_nothing_longer_than_the_window_is_fed() -> None:
    words = " ".join(["pear"] * 200)
    for example in (Example((), words), Example((Message("user", words),), "pear")):
        assert len(recipe._encode(codec(), example, 64).ids) <= 64


def test_a_reply_longer_than_the_window_is_cut_to_it() -> None:
    words = " ".join(["pear"] * 200)
    cut = recipe._encode(codec(), Example((Message("user", "Go"),), words), 64)
    assert len(cut.ids) == 64
    assert cut.first_target == 1


@pytest.mark.parametrize("warmup", [0.0, 0.05, 1.0])
def test_the_rate_rises_to_its_peak_and_falls_to_a_tenth(warmup: float) -> None:
    rates = [recipe._schedule(done / 1000, warmup) for done in range(1000)]
    assert all(0 < rate <= 1.03 for rate in rates)
    if warmup < 1:
        assert max(rates) == pytest.approx(1.0, abs=0.03)
        assert recipe._schedule(1.0, warmup) == pytest.approx(0.1)
