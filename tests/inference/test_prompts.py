"""Which tokens a model is given and which are scored, under honest and other tokenizers."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors

from palio.errors import EvaluationFailed, Fault
from palio.inference.engine import TransformersEngine
from palio.inference.loading import LoadedModel
from palio.inference.prompts import PromptCodec
from palio.inference.protocol import LossAnswer, LossRequest, Message
from tests.inference.asked import asks, words
from tests.tiny_models import CHAT, tiny_tokenizer

BOS, EOS = 1, 2
DIALOGUE = (
    Message("system", "Be short."),
    Message("user", "Which dog?"),
    Message("assistant", "The red one."),
    Message("user", "And the tree?"),
)
_BASE = tiny_tokenizer().backend_tokenizer.to_str()


def raw(change: Callable[[Tokenizer], None] | None = None) -> Tokenizer:
    """The tiny tokenizer as tokenizer.json has it, perhaps changed."""
    tokenizer = Tokenizer.from_str(_BASE)
    if change:
        change(tokenizer)
    return tokenizer


def codec(
    change: Callable[[Tokenizer], None] | None = None,
    template: str | None = CHAT,
    bos: int | None = BOS,
    eos: tuple[int, ...] = (EOS,),
) -> PromptCodec:
    return PromptCodec(raw(change), template, bos, eos)


def text_of(made: PromptCodec, ids: tuple[int, ...]) -> str:
    return str(made._tokenizer.decode(list(ids), skip_special_tokens=False))


# -- documents -------------------------------------------------------------------------------


def test_a_document_begins_with_bos_and_all_of_it_is_scored() -> None:
    tokens = codec().document("the red dog")
    assert tokens.ids[0] == BOS
    assert tokens.first_target == 1
    assert text_of(codec(), tokens.ids[1:]) == "the red dog"
    assert tokens.bytes == 11


def test_a_document_begins_with_eos_where_there_is_no_bos() -> None:
    assert codec(bos=None).document("the").ids[0] == EOS


def test_a_model_without_bos_and_eos_has_no_start() -> None:
    with pytest.raises(EvaluationFailed) as failure:
        codec(bos=None, eos=()).document("the")
    assert (failure.value.code, failure.value.fault) == ("E_CFG_TOKENIDS", Fault.PARTICIPANT)


def test_bytes_are_counted_on_the_normalised_text_not_on_characters() -> None:
    assert codec().document("日本 é").bytes == len("日本 é".encode())
    assert codec().document("e\u0301").bytes == len("é".encode())


def _adds_specials(tokenizer: Tokenizer) -> None:
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", BOS), ("</s>", EOS)]
    )


def test_no_bos_comes_inside_whatever_the_post_processor_adds() -> None:
    made = codec(_adds_specials)
    assert made.document("the red dog").ids.count(BOS) == 1
    assert made.document("the red dog").ids.count(EOS) == 0
    assert BOS not in made.prompt(asks("the red dog"), 100)
    assert BOS not in made.reply(asks("the red dog"), "a tree", 100).ids


def _truncates_and_pads(tokenizer: Tokenizer) -> None:
    tokenizer.enable_truncation(1)
    tokenizer.enable_padding(length=64)


def test_truncation_and_padding_of_the_tokenizer_are_switched_off() -> None:
    assert codec(_truncates_and_pads).document(words(20)) == codec().document(words(20))


@given(st.text(min_size=1, max_size=40))
def test_any_text_comes_back_from_a_byte_level_tokenizer(text: str) -> None:
    made = codec()
    if any(special in text for special in ("<s>", "</s>", "<pad>", "<unk>", "<|")):
        return
    tokens = made.document(text)
    assert len(text_of(made, tokens.ids[1:]).encode()) == tokens.bytes
    reply = made.reply(asks("Say it."), text, 1000)
    assert text_of(made, reply.ids[reply.first_target :]).endswith(
        text_of(made, tokens.ids[1:]) + "</s>"
    )


# -- replies ---------------------------------------------------------------------------------


def test_a_reply_scores_the_answer_and_its_end_of_turn() -> None:
    made = codec()
    tokens = made.reply(DIALOGUE, "It is small.", 1000)
    assert text_of(made, tokens.ids[: tokens.first_target]) == made.context(DIALOGUE)
    assert text_of(made, tokens.ids[tokens.first_target :]) == "It is small.</s>"
    assert tokens.bytes == len("It is small.")


def test_a_choice_scores_no_end_of_turn() -> None:
    tokens = codec().reply(DIALOGUE, "B", 1000, ends=False)
    assert text_of(codec(), tokens.ids[tokens.first_target :]) == "B"


def test_an_end_of_turn_of_several_tokens_is_taken_from_the_template() -> None:
    made = codec(template=CHAT.replace("</s>\n", "\n\n<|system|>\n"))
    assert made.end_of_turn == "\n\n<|system|>"
    assert made.stop_ids == {EOS, made._tokenizer.token_to_id("<|system|>")}


def test_a_template_without_end_of_turn_is_closed_by_eos() -> None:
    tokens = codec(template=None).reply(DIALOGUE, "It is.", 1000)
    assert tokens.ids[-1] == EOS


def test_a_model_that_nothing_ends_cannot_be_scored_on_replies() -> None:
    made = codec(template=None, eos=())
    with pytest.raises(EvaluationFailed) as failure:
        made.reply(DIALOGUE, "It is.", 1000)
    assert (failure.value.code, failure.value.fault) == ("E_CFG_TOKENIDS", Fault.PARTICIPANT)


def test_a_word_behind_a_blank_is_one_token_as_in_any_text() -> None:
    made = codec(template="{% for m in messages %}{{ m.content }}: {% endfor %}")
    tokens = made.reply(asks("red"), "dog", 1000)
    assert text_of(made, tokens.ids[: tokens.first_target]) == "red:"
    assert text_of(made, tokens.ids[tokens.first_target :]) == " dog</s>"


def test_a_long_context_is_cut_from_the_left() -> None:
    made = codec()
    whole = made.reply(asks(words(60)), "a tree", 1000)
    cut = made.reply(asks(words(60)), "a tree", 40)
    scored = len(whole.ids) - whole.first_target
    assert len(cut.ids) == 40
    assert cut.ids == whole.ids[-40:]
    assert len(cut.ids) - cut.first_target == scored


def test_a_target_that_fills_the_window_keeps_one_token_of_context() -> None:
    made = codec()
    tokens = made.reply(asks(words(60)), words(60), 16)
    assert tokens.first_target == 1
    assert text_of(made, tokens.ids[1:]) == words(60) + "</s>"


def test_a_long_prompt_is_cut_from_the_left() -> None:
    made = codec()
    whole = made.prompt(asks(words(60)), 1000)
    assert made.prompt(asks(words(60)), 25) == whole[-25:]


@pytest.mark.parametrize("target", ["", " "])
def test_only_an_empty_target_is_a_mistake_of_ours(target: str) -> None:
    if target:
        assert codec().reply(DIALOGUE, target, 100).bytes == 1
        return
    with pytest.raises(ValueError, match="empty"):
        codec().reply(DIALOGUE, target, 100)
    with pytest.raises(ValueError, match="empty"):
        codec().document(target)


# -- the context never knows the target ------------------------------------------------------

COPYING = CHAT.replace(
    "{% if add",
    "{% if messages[-1].role == 'assistant' %}"
    "<|system|>{{ messages[-1].content }}{% endif %}{% if add",
)


@pytest.mark.parametrize("template", [CHAT, COPYING])
def test_the_context_is_the_same_whatever_the_target(template: str) -> None:
    made = codec(template=template)
    seen = {
        tokens.ids[: tokens.first_target]
        for target in ("pear", "apple pear", "A", "\n\nB", "日本")
        for tokens in [made.reply(DIALOGUE, target, 1000)]
    }
    assert len(seen) == 1


def test_a_template_that_copies_the_last_turn_lowers_no_loss(
    loaded: Callable[[str], LoadedModel],
) -> None:
    model = loaded("llama")

    def loss(template: str) -> LossAnswer:
        made = LoadedModel(model.model, codec(template=template), model.packable, model.window)
        (answer,) = TransformersEngine(made, 128).answer([LossRequest(DIALOGUE, "It is small.")])
        assert isinstance(answer, LossAnswer)
        return answer

    assert loss(COPYING) == loss(CHAT)


def _peeks(tokenizer: Tokenizer) -> None:
    """Writes what the answer will be into the context's last token, and still decodes."""
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"tr(?=[\s\S]*pear)"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def test_a_tokenizer_cannot_write_the_answer_into_the_context() -> None:
    made = codec(_peeks, template="{% for m in messages %}{{ m.content }} tree\n{% endfor %}")
    asked = asks("Which?")
    alone = made._encode(made.context(asked))
    assert made._encode(made.context(asked) + "pear")[: len(alone)] != alone
    pear, dog = made.reply(asked, "pear", 1000), made.reply(asked, "dogs", 1000)
    assert pear.ids[: pear.first_target] == dog.ids[: dog.first_target]


def _swallows_answers(tokenizer: Tokenizer) -> None:
    tokenizer.normalizer = normalizers.Replace(Regex(r"(?<=assistant\n)[\s\S]+?(?=</s>|$)"), "")


def test_a_tokenizer_that_loses_the_answer_only_in_its_place_is_found() -> None:
    made = codec(
        _swallows_answers,
        template="{% for m in messages %}{{ m.content }}\nassistant\n{% endfor %}",
    )
    assert text_of(made, made.document("a pear").ids[1:]) == "a pear"
    with pytest.raises(EvaluationFailed) as failure:
        made.reply(asks("Which?"), "a pear", 1000)
    assert (failure.value.code, failure.value.fault) == ("E_TOK_ROUNDTRIP", Fault.PARTICIPANT)


# -- tokenizers that lose text ---------------------------------------------------------------


def _set(part: str, value: Any) -> Callable[[Tokenizer], None]:  # noqa: ANN401 - any component
    return lambda tokenizer: setattr(tokenizer, part, value)


LOSSY = {
    "lower-cases": _set("normalizer", normalizers.Lowercase()),
    "strips": _set("normalizer", normalizers.Strip()),
    "strips accents": _set(
        "normalizer", normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()])
    ),
    "swallows all": _set("normalizer", normalizers.Replace(Regex("[\\s\\S]+"), "a")),
    "rewrites a word": _set("normalizer", normalizers.Replace("Colour", "Color")),
    "adds a blank": _set("pre_tokenizer", pre_tokenizers.ByteLevel(add_prefix_space=True)),
    "drops letters": _set(
        "pre_tokenizer",
        pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex("[a-z]"), "removed"),
                pre_tokenizers.ByteLevel(add_prefix_space=False),
            ]
        ),
    ),
    "decodes something else": _set("decoder", decoders.Replace("Ġ", "_")),
}
TEXT = "The Colour of the café is red. "


@pytest.mark.parametrize("how", sorted(LOSSY))
@pytest.mark.parametrize("kind", ["document", "reply"])
def test_a_tokenizer_that_does_not_give_the_text_back_is_the_participants_fault(
    how: str, kind: str
) -> None:
    made = codec(LOSSY[how])
    with pytest.raises(EvaluationFailed) as failure:
        made.document(TEXT) if kind == "document" else made.reply(asks("Which?"), TEXT, 1000)
    assert (failure.value.code, failure.value.fault) == ("E_TOK_ROUNDTRIP", Fault.PARTICIPANT)


def _trims_offsets(tokenizer: Tokenizer) -> None:
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)


@pytest.mark.parametrize("target", ["\n\npear", " pear", "\t", "pear \n"])
def test_white_space_of_a_target_is_scored_though_offsets_are_trimmed(target: str) -> None:
    honest, trimming = codec().reply(DIALOGUE, target, 99), codec(_trims_offsets)
    assert trimming.reply(DIALOGUE, target, 99) == honest
    assert text_of(trimming, honest.ids[honest.first_target :]).endswith(target + "</s>")


def test_a_sentencepiece_style_tokenizer_is_as_good() -> None:
    """Metaspace with a prefixed blank and byte fallback, as Llama 2 published it."""
    spec = json.loads(_BASE)
    pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *"abcdeghnopstuy.:", "▁a"]
    specials = ["<s>", "</s>"]
    spec["model"] = {
        "type": "BPE",
        "vocab": {piece: i for i, piece in enumerate(pieces)},
        "merges": [["▁", "a"]],
        "unk_token": "<unk>",
        "byte_fallback": True,
        "fuse_unk": True,
    }
    spec["added_tokens"] = [
        spec["added_tokens"][0]
        | {"id": len(pieces) + i, "content": name, "special": True, "normalized": False}
        for i, name in enumerate(specials)
    ]
    spec["normalizer"] = {
        "type": "Sequence",
        "normalizers": [
            {"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        ],
    }
    spec["pre_tokenizer"] = None
    spec["decoder"] = {
        "type": "Sequence",
        "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"},
            {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0},
        ],
    }
    start = len(pieces)
    made = PromptCodec(Tokenizer.from_str(json.dumps(spec)), None, start, [start + 1])
    for target in ("a pear", "Été 日本", "pear\n a"):
        assert text_of(made, made.document(target).ids[1:]) == target
        tokens = made.reply(asks("ape to type"), target, 1000)
        assert text_of(made, tokens.ids[tokens.first_target :]) == target + "</s>"
        assert text_of(made, tokens.ids[: tokens.first_target]).startswith("user: ape to type")


# -- templates -------------------------------------------------------------------------------


def failing(template: str) -> EvaluationFailed:
    with pytest.raises(EvaluationFailed) as failure:
        codec(template=template).context(DIALOGUE)
    return failure.value


@pytest.mark.parametrize(
    ("template", "code"),
    [
        ("{% for %}", "E_TPL_PARSE"),
        ("{% if messages %}", "E_TPL_PARSE"),
        ("{{ messages[99].content }}", "E_TPL_RESOURCE"),
        ("{{ 1 // 0 }}", "E_TPL_RESOURCE"),
        ("{{ 'A' * 10 ** 18 }}", "E_TPL_RESOURCE"),
        ("{% for i in range(10 ** 9) %}x{% endfor %}", "E_TPL_RESOURCE"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "E_TPL_RESOURCE"),
        ("{{ messages.append(1) }}", "E_TPL_RESOURCE"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "E_TPL_RESOURCE"),
        ("{{ [1, 2, 3] | random }}", "E_TPL_PARSE"),
        ("{{ lipsum() }}", "E_TPL_RESOURCE"),
        ("{{ raise_exception('only users') }}", "E_TPL_CONTENT"),
    ],
)
def test_a_template_that_fails_is_the_participants_fault(template: str, code: str) -> None:
    failure = failing(template)
    assert (failure.code, failure.fault) == (code, Fault.PARTICIPANT)
    assert len(str(failure)) < 200


def test_a_template_that_renders_nothing_has_no_prompt() -> None:
    with pytest.raises(EvaluationFailed, match="leaves a message out") as failure:
        codec(template="{# silence #}").prompt(DIALOGUE, 100)
    assert (failure.value.code, failure.value.fault) == ("E_TPL_CONTENT", Fault.PARTICIPANT)


def test_a_template_sees_roles_contents_and_its_special_tokens() -> None:
    template = "{{ bos_token }}{% for m in messages %}{{ m.role }}={{ m.content }};{% endfor %}"
    first, *_ = DIALOGUE
    rendered = codec(template=template).context(DIALOGUE)
    assert rendered.startswith(f"<s>{first.role}={first.content};")
    assert rendered.endswith("user=And the tree?;")


@pytest.mark.parametrize(
    "template",
    [
        "{% for m in messages %}{% if 'dog' in m.content %}A hint.{% endif %}{{ m.content }}{% endfor %}",
        "{% for m in messages %}{{ m.content | replace('dog', 'cat') }}{% endfor %}",
        "{% for m in messages %}{{ m.content }}{{ m.content | length }}{% endfor %}",
        "{{ messages[0].content }}",
        "{% for m in messages %}{{ m.content }}{{ m.content }}{% endfor %}",
    ],
)
def test_a_template_that_takes_part_in_the_conversation_is_the_participants_fault(
    template: str,
) -> None:
    with pytest.raises(EvaluationFailed, match="the chat template") as failure:
        codec(template=template).context(DIALOGUE)
    assert (failure.value.code, failure.value.fault) == ("E_TPL_CONTENT", Fault.PARTICIPANT)


def test_a_template_may_trim_what_it_frames() -> None:
    template = "{% for m in messages %}<|{{ m.role }}|>{{ m.content | trim }}{% endfor %}"
    assert codec(template=template).context(asks("  Which dog? ")) == "<|user|>Which dog?"


def test_messages_are_normalised_before_the_template_sees_them() -> None:
    assert "é" in codec().context(asks("cafe\u0301"))
