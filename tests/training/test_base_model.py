"""A model from nothing is a whole submission that the engine answers for."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from palio.inference.engine import TransformersEngine
from palio.inference.loading import load_model
from palio.inference.protocol import Decoding, GenerateRequest, LossAnswer, LossRequest, Message
from palio.training.base_model import (
    BOS,
    EOS,
    SPECIAL_TOKENS,
    ModelSize,
    new_model,
    save_submission,
    train_tokenizer,
)

TEXTS = ["The red dog sees a small tree.", "Sort the words: pear apple fig."] * 8
TINY = ModelSize(hidden=32, layers=2, intermediate=64, context=128, vocabulary=300)
TOKENIZER = train_tokenizer(TEXTS, TINY.vocabulary)


def generator(seed: int = 7) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_weights_depend_on_the_generator_alone() -> None:
    first, again = (new_model(TINY, 300, generator()).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    other = new_model(TINY, 300, generator(8)).state_dict()
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_special_tokens_have_the_ids_that_the_config_names() -> None:
    assert [TOKENIZER.token_to_id(name) for name in SPECIAL_TOKENS] == list(range(6))
    config = new_model(TINY, 300, generator()).config
    assert (config.bos_token_id, config.eos_token_id) == (BOS, EOS)


@given(st.text(max_size=60))
def test_any_text_comes_back(text: str) -> None:
    ids = TOKENIZER.encode(text, add_special_tokens=False).ids
    assert TOKENIZER.decode(ids, skip_special_tokens=False) == text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("base")
    vocabulary = TOKENIZER.get_vocab_size()
    save_submission(new_model(TINY, vocabulary, generator()), TOKENIZER, made)
    return made


def test_what_is_saved_is_a_submission_that_answers(folder: Path) -> None:
    loaded = load_model(folder, "float32")
    assert loaded.codec.end_of_turn == "</s>"
    assert loaded.window == TINY.context
    user = (Message("user", "Which dog?"),)
    scored, text = TransformersEngine(loaded, 512).answer(
        [LossRequest(user, "The red one."), GenerateRequest(user, Decoding(4))]
    )
    assert isinstance(scored, LossAnswer)
    # Untrained and small: close to a guess among all tokens, for each token.
    assert 5 < scored.nats / scored.tokens < 6.5
    assert text.tokens <= 4  # type: ignore[union-attr]


def test_what_is_saved_is_what_was_made(folder: Path) -> None:
    made = new_model(TINY, TOKENIZER.get_vocab_size(), generator()).state_dict()
    read = load_model(folder, "float32").model.state_dict()
    assert all(torch.equal(read[name], weight) for name, weight in made.items())
