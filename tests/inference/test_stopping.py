"""Stopping early decides as the whole text would, whatever comes after."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from palio.inference.prompts import PromptCodec
from palio.inference.stopping import first_option, settled_option

LETTERS = ("A", "B", "C", "D")
# Letters, what may join them to other words, what separates them, and every size of character.
_PIECES = st.sampled_from(
    [
        *"ABCD",
        "a",
        "é",
        "\u0301",
        "日",
        "🎉",
        "_",
        "'",
        "’",
        ".",
        " ",
        "\n",
        "\t",
        "1",
        "\ufffd",
        "ß",
    ]
)
_TEXTS = st.lists(_PIECES | st.characters(), max_size=14).map("".join)


@given(_TEXTS, _TEXTS)
def test_a_settled_option_outlives_every_continuation(begun: str, rest: str) -> None:
    settled = settled_option(begun, LETTERS)
    if settled is not None:
        assert settled == first_option(begun + rest, LETTERS)


@given(_TEXTS)
def test_a_following_blank_settles_what_is_there(text: str) -> None:
    assert settled_option(text + " ", LETTERS) == first_option(text, LETTERS)


@given(st.binary(max_size=24), st.binary(max_size=24))
@example(b"A\xc3", b"\xa9 B ")
@example(b"A\xf0\x9f", b"\x8e\x89 B ")
@example(b"B \xe6\x97", b"\xa5")
def test_incomplete_characters_settle_nothing_wrongly(begun: bytes, rest: bytes) -> None:
    settled = settled_option(begun.decode(errors="replace"), LETTERS)
    if settled is not None:
        assert settled == first_option((begun + rest).decode(errors="replace"), LETTERS)


@pytest.mark.parametrize(
    ("text", "settled"),
    [
        ("", None),
        ("A", None),
        ("A ", "A"),
        ("A.", "A"),
        ("Answer: B\n", "B"),
        ("A\ufffd", None),
        ("A \ufffd", "A"),
        ("AB C ", "C"),
        ("A_ D ", "D"),
        ("Aé D ", "D"),
        ("a b c", None),
    ],
)
def test_settled_by_hand(text: str, settled: str | None) -> None:
    assert settled_option(text, LETTERS) == settled


# -- token by token, as the engine asks ------------------------------------------------------


def _byte_level() -> Tokenizer:
    """One token a byte."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(models.BPE({letter: i for i, letter in enumerate(alphabet)}, []))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens(["</s>"])
    return raw


def _byte_fallback() -> Tokenizer:
    """Some words, and a token for each byte for what is none of them, as SentencePiece has it."""
    words = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *"ABCDab", "▁A", "▁B", "日"]
    vocabulary = {word: i for i, word in enumerate(words)}
    raw = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>", byte_fallback=True))
    raw.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    raw.add_special_tokens(["</s>"])
    return raw


_CODECS = [
    PromptCodec(raw, None, None, [raw.get_vocab()["</s>"]])
    for raw in (_byte_level(), _byte_fallback())
]


@settings(max_examples=300)
@given(st.sampled_from(_CODECS), st.lists(st.integers(0, 10**6), max_size=24))
@example(_CODECS[1], [0x41 + 1, 0x20 + 1, 0xFF + 1, 259])
def test_every_prefix_of_tokens_decides_as_the_whole(
    codec: PromptCodec, numbers: list[int]
) -> None:
    size = codec._tokenizer.get_vocab_size()
    ids = [number % size for number in numbers]
    decision = first_option(codec.text(ids), LETTERS)
    for end in range(len(ids)):
        settled = settled_option(codec.steady_text(ids[:end]), LETTERS)
        if settled is not None:
            assert settled == decision, (ids, end)


def test_a_run_of_byte_tokens_is_not_steady_before_it_ends() -> None:
    codec = _CODECS[1]
    letter, blank, invalid = 0x41 + 1, 0x20 + 1, 0xFF + 1
    assert codec.text([letter, blank]) == "A "
    assert first_option(codec.text([letter, blank, invalid]), LETTERS) is None
    assert codec.steady_text([letter, blank]) == ""
