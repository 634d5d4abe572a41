import copy
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from palio.errors import SubmissionRejected
from palio.submissions.token_components import BLANK
from palio.submissions.token_patterns import PATTERNS
from palio.submissions.tokenizer import read_tokenizer
from palio.submissions.tokenizer_settings import check_settings, check_special_map
from palio.submissions.vocabulary import byte_alphabet
from tests.submissions import build

BYTE_LEVEL = build.tokenizer()["pre_tokenizer"]
UNMARK = {"type": "Replace", "pattern": {"String": BLANK}, "content": " "}
MARK = {"type": "Replace", "pattern": {"String": " "}, "content": BLANK}
PREPEND = {"type": "Prepend", "prepend": BLANK}
STRIP = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
FALLBACK = [UNMARK, {"type": "ByteFallback"}, {"type": "Fuse"}]
METASPACE = {"type": "Metaspace", "replacement": BLANK, "prepend_scheme": "never", "split": False}
GEMMA_CUT = {
    "type": "Split",
    "pattern": {"String": " "},
    "behavior": "MergedWithPrevious",
    "invert": False,
}


def sequence(plural: str, *steps: object) -> dict[str, Any]:
    return {"type": "Sequence", plural: list(steps)}


def cut(regex: str, behavior: str = "Isolated", *, invert: object = False) -> dict[str, Any]:
    split = {
        "type": "Split",
        "pattern": {"Regex": regex},
        "behavior": behavior,
        "invert": invert,
    }
    return sequence("pretokenizers", split, {**BYTE_LEVEL, "use_regex": False})


def fallback(**changes: object) -> build.Json:
    """SentencePiece's layout."""
    names = ["<unk>", "<s>", "</s>", *(f"<0x{b:02X}>" for b in range(256)), BLANK, "a", BLANK + "a"]
    base = build.tokenizer()
    model = base["model"] | {
        "vocab": {name: number for number, name in enumerate(names)},
        "merges": [[BLANK, "a"]],
        "byte_fallback": True,
        "fuse_unk": True,
        "unk_token": "<unk>",
    }
    special = [
        {**base["added_tokens"][0], "id": number, "content": name}
        for number, name in enumerate(names[:3])
    ]
    return {
        **base,
        "added_tokens": special,
        "model": model,
        "normalizer": sequence("normalizers", PREPEND, MARK),
        "pre_tokenizer": None,
        "decoder": sequence("decoders", *FALLBACK, STRIP),
        **changes,
    }


#: Layouts of published tokenizers.
GOOD: dict[str, build.Json] = {
    "gpt2": build.tokenizer(),
    "post-processed": build.tokenizer(post_processor={**BYTE_LEVEL, "add_prefix_space": True}),
    "qwen": build.tokenizer(normalizer={"type": "NFC"}),
    "digits": build.tokenizer(
        pre_tokenizer=sequence(
            "pretokenizers", {"type": "Digits", "individual_digits": True}, BYTE_LEVEL
        )
    ),
    "llama2": fallback(),
    "gemma": fallback(
        normalizer=MARK, pre_tokenizer=GEMMA_CUT, decoder=sequence("decoders", *FALLBACK)
    ),
    "metaspace": fallback(
        normalizer=None, pre_tokenizer=METASPACE, decoder=sequence("decoders", *FALLBACK)
    ),
    **{f"pattern {n}": build.tokenizer(pre_tokenizer=cut(p)) for n, p in enumerate(PATTERNS)},
    **{
        f"inverse {n}": build.tokenizer(pre_tokenizer=cut(p, "Removed", invert=True))
        for n, p in enumerate(PATTERNS)
    },
}


def code_of(content: build.Json, rows: int = build.ROWS + 40) -> str:
    try:
        read_tokenizer(content, rows)
    except SubmissionRejected as refusal:
        found = refusal
    else:
        return "accept"
    assert found.stage == "tokenizer"
    return found.code


def with_model(**changes: object) -> build.Json:
    return build.tokenizer(model=build.tokenizer()["model"] | changes)


def with_vocab(drop: str = "", /, **more: int) -> build.Json:
    vocab = build.tokenizer()["model"]["vocab"]
    return with_model(vocab={k: v for k, v in vocab.items() if k not in drop} | more, merges=[])


def with_added(content: str, number: int = 260, **flags: object) -> build.Json:
    base = build.tokenizer()
    token = {**base["added_tokens"][0], "content": content, "id": number, **flags}
    return build.tokenizer(added_tokens=[*base["added_tokens"], token])


@pytest.mark.parametrize("layout", GOOD)
def test_published_layouts_are_accepted(layout: str) -> None:
    assert code_of(GOOD[layout]) == "accept"


def test_the_byte_alphabet_is_gpt2s() -> None:
    alphabet = byte_alphabet()
    assert len(set(alphabet)) == 256
    raw = Tokenizer.from_str(json.dumps(build.tokenizer()))
    for text in ("\n", " ", "A", "\xad", "é"):
        assert raw.encode(text).tokens == [alphabet[byte] for byte in text.encode()]


@given(st.sampled_from(sorted(GOOD)), st.text(max_size=60))
def test_every_accepted_layout_gives_texts_back(layout: str, text: str) -> None:
    # The marker itself and NFC are the two things the run-time check is for.
    if BLANK in text or (layout == "qwen" and not text.isascii()):
        return
    raw = Tokenizer.from_str(json.dumps(GOOD[layout]))
    ids = raw.encode(text, add_special_tokens=False).ids
    assert raw.decode(ids, skip_special_tokens=False) == text


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (build.tokenizer(truncation={"max_length": 1}), "E_TOK_TRUNCATION"),
        (build.tokenizer(padding={"strategy": {"Fixed": 256}}), "E_TOK_PADDING"),
        (build.tokenizer(surprise=1), "E_TOK_KEY"),
        (build.tokenizer(model=None), "E_TOK_TYPE"),
        (with_model(type="Unigram"), "E_TOK_COMPONENT"),
        (with_model(surprise=1), "E_TOK_KEY"),
        (with_model(dropout=0.5), "E_TOK_NONDET"),
        (with_model(dropout=True), "E_TOK_NONDET"),
        (with_model(dropout=0.0), "accept"),
        (with_model(continuing_subword_prefix="##"), "E_TOK_COMPONENT"),
        (with_model(fuse_unk="yes"), "E_TOK_TYPE"),
        (with_model(unk_token="<nope>"), "E_TOK_SPECIAL"),
        (with_model(unk_token=3), "E_TOK_TYPE"),
        (with_model(vocab=[]), "E_TOK_TYPE"),
        (with_model(merges={}), "E_TOK_TYPE"),
        (with_model(merges=["t h"]), "accept"),
        (with_model(merges=["t h x"]), "E_TOK_TYPE"),
        (with_model(merges=[["t"]]), "E_TOK_TYPE"),
        (with_model(merges=[["t", 1]]), "E_TOK_TYPE"),
        (with_model(merges=[["z", "z"]]), "E_TOK_COMPONENT"),
        (build.tokenizer(normalizer={"type": "Lowercase"}), "E_TOK_COMPONENT"),
        (build.tokenizer(normalizer={"type": "NFKC"}), "E_TOK_COMPONENT"),
        (build.tokenizer(normalizer={"type": "Strip", "strip_left": True}), "E_TOK_COMPONENT"),
        (
            build.tokenizer(normalizer={"type": "Precompiled", "precompiled_charsmap": "AAAA"}),
            "E_TOK_COMPONENT",
        ),
        (
            build.tokenizer(normalizer=sequence("normalizers", {"type": "NFC"}, MARK)),
            "E_TOK_COMPONENT",
        ),
        (build.tokenizer(normalizer=["NFC"]), "E_TOK_TYPE"),
        (build.tokenizer(pre_tokenizer=None), "E_TOK_COMPONENT"),
        (build.tokenizer(pre_tokenizer={"type": "Whitespace"}), "E_TOK_COMPONENT"),
        (build.tokenizer(pre_tokenizer={"type": "ByteLevel"}), "E_TOK_ROUNDTRIP"),
        (
            build.tokenizer(pre_tokenizer={**BYTE_LEVEL, "add_prefix_space": True}),
            "E_TOK_ROUNDTRIP",
        ),
        (build.tokenizer(pre_tokenizer=cut("(x+x+)+y")), "E_TOK_REGEX"),
        (build.tokenizer(pre_tokenizer=cut(r"(?:[\s\S]|[\s\S]){21}\A")), "E_TOK_REGEX"),
        (build.tokenizer(pre_tokenizer=cut(r"[a-z]", "Removed")), "E_TOK_COMPONENT"),
        (build.tokenizer(pre_tokenizer=cut(r"[a-z]", "Removed", invert=True)), "E_TOK_REGEX"),
        (build.tokenizer(pre_tokenizer=cut(min(PATTERNS), "Removed")), "E_TOK_COMPONENT"),
        (build.tokenizer(pre_tokenizer=cut(min(PATTERNS), invert=True)), "E_TOK_COMPONENT"),
        (build.tokenizer(pre_tokenizer=cut(min(PATTERNS), invert=0)), "E_TOK_COMPONENT"),
        (build.tokenizer(decoder=None), "E_TOK_ROUNDTRIP"),
        (build.tokenizer(decoder={"type": "WordPiece"}), "E_TOK_COMPONENT"),
        (
            build.tokenizer(decoder=sequence("decoders", BYTE_LEVEL, {"type": "Fuse"})),
            "E_TOK_COMPONENT",
        ),
        (
            build.tokenizer(post_processor={"type": "TemplateProcessing", "single": [],
                                            "pair": [], "special_tokens": {}}),
            "E_TOK_COMPONENT",
        ),
        (with_vocab("e"), "E_TOK_COVERAGE"),
        (with_vocab(the=5), "E_TOK_VOCAB_DUP"),
        (with_vocab(the=99_999), "E_TOK_VOCAB_RANGE"),
        (with_vocab(the=-1), "E_TOK_VOCAB_RANGE"),
        (with_vocab(the=True), "E_TOK_TYPE"),
        (with_vocab("", **{"A" * 513: 260}), "E_TOK_TOKEN_LEN"),
        (with_vocab("", **{"A" * 512: 260}), "accept"),
        (with_added("<|x|>"), "accept"),
        (with_added("    ", special=False), "accept"),
        (with_added("<|x|>", 5000), "E_TOK_VOCAB_RANGE"),
        (with_added("<|x|>", 5), "E_TOK_VOCAB_DUP"),
        (with_added("<s>", 256), "E_TOK_VOCAB_DUP"),
        (with_added("<s>", 260), "E_TOK_VOCAB_DUP"),
        (with_added("B", 66), "E_TOK_SPECIAL"),
        (with_added("A", 66), "E_TOK_SPECIAL"),
        (with_added("<two words>"), "E_TOK_SPECIAL"),
        (with_added("<|x|>", lstrip=True), "E_TOK_SPECIAL"),
        (with_added(".", special=False, rstrip=True), "E_TOK_SPECIAL"),
        (with_added("<|x|>", single_word=True), "E_TOK_SPECIAL"),
        (with_added("<" + "x" * 127 + ">"), "E_TOK_TOKEN_LEN"),
        (with_added("The quick brown fox. " * 20, special=False), "E_TOK_TOKEN_LEN"),
        (with_added("<|x|>", special="yes"), "E_TOK_TYPE"),
        (with_added(""), "E_TOK_TYPE"),
        (build.tokenizer(added_tokens={}), "E_TOK_TYPE"),
        (build.tokenizer(added_tokens=["<s>"]), "E_TOK_TYPE"),
        (fallback(decoder=sequence("decoders", *FALLBACK)), "E_TOK_ROUNDTRIP"),
        (fallback(normalizer=MARK), "E_TOK_ROUNDTRIP"),
        (fallback(normalizer=None), "E_TOK_ROUNDTRIP"),
        (fallback(decoder=None), "E_TOK_ROUNDTRIP"),
        (fallback(decoder=sequence("decoders", *FALLBACK, {**STRIP, "start": 9})),
         "E_TOK_COMPONENT"),
        (fallback(pre_tokenizer=METASPACE), "E_TOK_COMPONENT"),
        (fallback(normalizer=sequence("normalizers", PREPEND, {**MARK, "content": "x"})),
         "E_TOK_COMPONENT"),
    ],
)  # fmt: skip
def test_each_fault_has_its_code(content: build.Json, code: str) -> None:
    assert code_of(content) == code


def test_a_missing_fallback_byte_is_found() -> None:
    content = fallback()
    del content["model"]["vocab"]["<0xC3>"]
    assert code_of(content) == "E_TOK_COVERAGE"


def test_a_merge_that_spells_a_byte_token_is_found() -> None:
    content = fallback()
    content["model"]["vocab"] |= {"<0x": 270, "41>": 271}
    content["model"]["merges"] = [["<0x", "41>"]]
    assert code_of(content) == "E_TOK_ROUNDTRIP"


def test_ids_are_those_that_the_library_gives() -> None:
    content = with_added("<|x|>", 270)
    tokenizer = read_tokenizer(content, build.ROWS + 40)
    raw = Tokenizer.from_str(json.dumps(content))
    for text, number in tokenizer.vocabulary.ids.items():
        assert raw.token_to_id(text) == number
    assert [warning.code for warning in tokenizer.warnings] == ["W_TOK_IDS"]


def test_an_id_that_the_library_would_give_twice_is_found() -> None:
    # 261 entries with a gap: the library would number the added token 261, which is taken.
    content = with_added("<|x|>", 262)
    content["model"]["vocab"]["zz"] = 261
    assert code_of(content) == "E_TOK_VOCAB_DUP"


def test_a_prefix_that_loses_leading_blanks_is_refused_with_the_way_out(tmp_path: Path) -> None:
    # This is how transformers 5 saves Llama 2's tokenizer; " a" comes back as "a".
    own = transformers.LlamaTokenizer(vocab=PIECES, merges=[])
    own.save_pretrained(tmp_path)
    content = json.loads((tmp_path / "tokenizer.json").read_text())
    raw = Tokenizer.from_str(json.dumps(content))
    assert raw.decode(raw.encode(" a", add_special_tokens=False).ids) == "a"
    with pytest.raises(SubmissionRejected, match=r"original tokenizer\.json") as refusal:
        read_tokenizer(content, 400)
    assert refusal.value.code == "E_TOK_ROUNDTRIP"


BYTES = {character: number for number, character in enumerate(byte_alphabet())}
PIECES = {name: number for name, number in fallback()["model"]["vocab"].items()}


@pytest.mark.parametrize(
    ("name", "vocab"),
    [("Gemma", PIECES), ("Qwen2", BYTES), ("GPTNeoX", BYTES), ("GPT2", BYTES),
     ("CodeGen", BYTES), ("Roberta", BYTES), ("Cohere", BYTES)],
)  # fmt: skip
def test_what_transformers_saves_for_its_classes_is_accepted(
    tmp_path: Path, name: str, vocab: dict[str, int]
) -> None:
    own = getattr(transformers, f"{name}Tokenizer")(vocab=vocab, merges=[])
    own.save_pretrained(tmp_path)
    content = json.loads((tmp_path / "tokenizer.json").read_text())
    checked = read_tokenizer(content, 400)
    stated = json.loads((tmp_path / "tokenizer_config.json").read_text())
    warnings = check_settings(stated, checked.vocabulary)
    assert [warning.code for warning in warnings] == ["W_TOK_CLASS_IGNORED"]


@pytest.mark.parametrize(
    ("stated", "code"),
    [
        ({"auto_map": {"AutoTokenizer": ["a.B", None]}}, "E_TOK_CODE"),
        ({"tokenizer_class": "AutoModelForCausalLM"}, "E_TOK_CLASS"),
        ({"tokenizer_class": 3}, "E_TOK_CLASS"),
        ({"tokenizer_class": "LlamaTokenizerFast"}, "accept"),
        ({"tokenizer_file": "/etc/hostname"}, "E_TOK_KEY"),
        ({"fast_tokenizer_files": ["../x.json"]}, "E_TOK_KEY"),
        ({"tokenizer_truncation": {"max_length": 1}}, "E_TOK_KEY"),
        ({"init_inputs": [1]}, "E_TOK_KEY"),
        ({"clean_up_tokenization_spaces": True}, "E_TOK_KEY"),
        ({"clean_up_tokenization_spaces": False}, "accept"),
        ({"additional_special_tokens": ["<x1>"]}, "E_TOK_KEY"),
        ({"additional_special_tokens": ["<pad>"]}, "accept"),
        ({"extra_special_tokens": {"image_token": "<img>"}}, "E_TOK_KEY"),
        ({"extra_special_tokens": "<img>"}, "E_TOK_TYPE"),
        ({"model_max_length": 1}, "E_TOK_RANGE"),
        ({"model_max_length": "long"}, "E_TOK_TYPE"),
        ({"model_max_length": int(1e30)}, "accept"),
        ({"eos_token": " the"}, "E_TOK_SPECIAL"),
        ({"eos_token": "<nope>"}, "E_TOK_SPECIAL"),
        ({"eos_token": ["</s>"]}, "E_TOK_TYPE"),
        ({"eos_token": {"content": "</s>", "__type": "AddedToken"}}, "accept"),
        ({"eos_token": None}, "accept"),
        ({"added_tokens_decoder": {"256": {"content": "<s>", "special": True}}}, "accept"),
        ({"added_tokens_decoder": {"256": {"content": "</s>", "special": True}}}, "E_TOK_SPECIAL"),
        ({"added_tokens_decoder": {"256": {"content": "<s>"}}}, "E_TOK_SPECIAL"),
        ({"added_tokens_decoder": {"999": {"content": "<y>"}}}, "E_TOK_SPECIAL"),
        ({"padding_side": 3}, "E_TOK_TYPE"),
        ({"add_bos_token": True, "legacy": False, "sp_model_kwargs": {}}, "accept"),
    ],
)
def test_settings_must_not_mislead(stated: dict[str, Any], code: str) -> None:
    vocabulary = read_tokenizer(build.tokenizer(), build.ROWS).vocabulary
    found = "accept"
    try:
        check_settings(stated, vocabulary)
    except SubmissionRejected as refusal:
        found = refusal.code
    assert found == code


@pytest.mark.parametrize(
    ("special_map", "code"),
    [
        ({"eos_token": "</s>", "bos_token": {"content": "<s>"}}, "accept"),
        ({"eos_token": "<s>"}, "E_TOK_SPECIAL"),
        ({"eos_token": " the"}, "E_TOK_SPECIAL"),
        ({"additional_special_tokens": ["<q>"]}, "E_TOK_KEY"),
        ({"path": "/etc"}, "E_TOK_KEY"),
    ],
)
def test_the_special_map_must_agree(special_map: dict[str, Any], code: str) -> None:
    vocabulary = read_tokenizer(build.tokenizer(), build.ROWS).vocabulary
    found = "accept"
    try:
        check_special_map(special_map, {"eos_token": "</s>"}, vocabulary)
    except SubmissionRejected as refusal:
        found = refusal.code
    assert found == code


Values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "pattern", "decoders", "id", "x"]), inner)
    ),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401
    """Paths to everything but the many entries of the vocabulary."""
    found = [path] if path else []
    if isinstance(value, dict) and path != ("model", "vocab"):
        for key, inner in value.items():
            found += places(inner, (*path, key))
    if isinstance(value, list):
        for number, inner in enumerate(value):
            found += places(inner, (*path, number))
    return found


Options = (
    Values
    | st.sampled_from([True, False, None, 0, 1, 0.0, "", " ", BLANK, "NFC", "ByteLevel", "first"])
    | st.sampled_from([BYTE_LEVEL, MARK, UNMARK, PREPEND, STRIP, METASPACE, GEMMA_CUT, *FALLBACK])
)


@settings(max_examples=400)
@given(st.sampled_from([n for n in sorted(GOOD) if "inverse" not in n]), st.data())
def test_whatever_passes_after_a_mutation_still_gives_texts_back(
    layout: str, data: st.DataObject
) -> None:
    content = copy.deepcopy(GOOD[layout])
    for _ in range(data.draw(st.integers(1, 2))):
        *path, last = data.draw(st.sampled_from(places(content)))
        inner: Any = content
        for key in path:
            inner = inner[key]
        inner[last] = copy.deepcopy(data.draw(Options))
    if code_of(content) != "accept":
        return
    raw = Tokenizer.from_str(json.dumps(content))
    for probe in (
        "",
        " ",
        "A",
        " A\n",
        "  indented",
        "1234, it's",
        "Gr\u00fc\u00dfe \U0001f600\r\n\t",
    ):
        ids = raw.encode(probe, add_special_tokens=False).ids
        assert raw.decode(ids, skip_special_tokens=False) == probe
        assert max(ids, default=0) < build.ROWS + 40


@given(st.sampled_from(sorted(build.tokenizer())), Values)
def test_any_value_in_any_place_is_accepted_or_refused(key: str, value: object) -> None:
    with suppress(SubmissionRejected):
        read_tokenizer(build.tokenizer(**{key: value}), build.ROWS)


@given(st.sampled_from(sorted(build.tokenizer()["model"])), Values)
def test_any_model_is_accepted_or_refused(key: str, value: object) -> None:
    with suppress(SubmissionRejected):
        read_tokenizer(with_model(**{key: value}), build.ROWS)


@given(st.dictionaries(st.sampled_from(["eos_token", "added_tokens_decoder", "chat_template",
                                        "tokenizer_class", "legacy", "extra_special_tokens"]),
                       Values))  # fmt: skip
def test_any_settings_are_accepted_or_refused(stated: dict[str, Any]) -> None:
    vocabulary = read_tokenizer(build.tokenizer(), build.ROWS).vocabulary
    with suppress(SubmissionRejected):
        check_settings(stated, vocabulary)
        check_special_map(stated, stated, vocabulary)
