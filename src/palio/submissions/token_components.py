"""Normalizer, pre-tokenizer, post-processor and decoder of tokenizer.json, by allow-list."""

import json
from enum import StrEnum
from typing import Any

from palio.submissions.refusals import Warning, rejected, shown, warned
from palio.submissions.token_patterns import PATTERNS

#: SentencePiece's visible blank.
BLANK = "\u2581"
#: Ids are 32-bit numbers to the library.
MAX_ID = 1 << 31
Component = dict[str, Any]
_CUT_AT_BLANKS = {
    "type": "Split",
    "pattern": {"String": " "},
    "behavior": "MergedWithPrevious",
    "invert": False,
}


class Family(StrEnum):
    """The two lossless layouts."""

    BYTE_LEVEL = "byte_level"
    BYTE_FALLBACK = "byte_fallback"


def check_components(
    tokenizer: dict[str, Any], *, byte_fallback: bool
) -> tuple[Family, tuple[Warning, ...]]:
    """Which family the components make up, with warnings.

    Raises:
        SubmissionRejected: ``E_TOK_COMPONENT``, ``E_TOK_REGEX``, ``E_TOK_ROUNDTRIP`` or
            ``E_TOK_TYPE``.
    """
    normalizers = _steps(tokenizer, "normalizer", "normalizers")
    pre_tokenizers = _steps(tokenizer, "pre_tokenizer", "pretokenizers")
    decoders = _steps(tokenizer, "decoder", "decoders")
    _check_post_processors(_steps(tokenizer, "post_processor", "processors"))
    if byte_fallback:
        _check_byte_fallback(normalizers, pre_tokenizers, decoders)
        return Family.BYTE_FALLBACK, ()
    _check_byte_level(pre_tokenizers, decoders)
    if not normalizers:
        return Family.BYTE_LEVEL, ()
    if normalizers == [{"type": "NFC"}]:
        return Family.BYTE_LEVEL, (warned("W_TOK_NFC"),)
    raise _unlisted("normalizer", normalizers[-1])


def _steps(tokenizer: dict[str, Any], name: str, plural: str) -> list[Component]:
    """The components of one stage in order; a single one and a Sequence read the same."""
    value = tokenizer.get(name)
    if value is None:
        return []
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise rejected("E_TOK_TYPE", f"{name} is no component")
    if value["type"] != "Sequence":
        return [value]
    steps = value.get(plural)
    if not isinstance(steps, list) or set(value) != {"type", plural}:
        raise rejected("E_TOK_TYPE", f"{name} is no proper sequence")
    for step in steps:
        if not isinstance(step, dict) or not isinstance(step.get("type"), str):
            raise rejected("E_TOK_TYPE", f"{name} holds something that is no component")
    return steps


def _check_byte_level(pre_tokenizers: list[Component], decoders: list[Component]) -> None:
    for step in pre_tokenizers[:-1]:
        _check_cut(step)
    last = pre_tokenizers[-1] if pre_tokenizers else {"type": "none"}
    if last["type"] != "ByteLevel":
        if last["type"] == "Split":
            _check_cut(last)
        raise _unlisted("pre_tokenizer", last)
    _check_keys(last, "add_prefix_space", "trim_offsets", "use_regex")
    # The library's default is true, so the option must be spelt out.
    if last.get("add_prefix_space") is not False:
        raise rejected("E_TOK_ROUNDTRIP", "the pre-tokenizer adds a space before each text")
    if not decoders:
        raise rejected("E_TOK_ROUNDTRIP", "there is no decoder for the byte tokens")
    if len(decoders) != 1 or decoders[0]["type"] != "ByteLevel":
        raise _unlisted("decoder", decoders[-1])
    _check_keys(decoders[0], "add_prefix_space", "trim_offsets", "use_regex")


def _check_cut(step: Component) -> None:
    """A step that only cuts the text into pieces."""
    if step["type"] == "Digits":
        _check_keys(step, "individual_digits")
        return
    if step["type"] != "Split":
        raise _unlisted("pre_tokenizer", step)
    pattern = step.get("pattern")
    regex = pattern.get("Regex") if isinstance(pattern, dict) and len(pattern) == 1 else None
    invert = step.get("invert")
    keeps_all = (invert is False and step.get("behavior") == "Isolated") or (
        invert is True and step.get("behavior") == "Removed"
    )
    if not keeps_all or set(step) != {"type", "pattern", "behavior", "invert"}:
        raise _unlisted("pre_tokenizer", step)
    if not isinstance(regex, str) or regex not in PATTERNS:
        raise rejected("E_TOK_REGEX", shown(regex), pattern=shown(regex))


def _check_byte_fallback(
    normalizers: list[Component], pre_tokenizers: list[Component], decoders: list[Component]
) -> None:
    prepend = {"type": "Prepend", "prepend": BLANK}
    mark = {"type": "Replace", "pattern": {"String": " "}, "content": BLANK}
    unmark = {"type": "Replace", "pattern": {"String": BLANK}, "content": " "}
    strip = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
    base = [unmark, {"type": "ByteFallback"}, {"type": "Fuse"}]
    if not any(_same(normalizers, known) for known in ([], [mark], [prepend, mark])):
        raise _unlisted("normalizer", normalizers[0])
    prefix = len(normalizers) == 2
    if pre_tokenizers:
        _check_blank_cut(pre_tokenizers, marked=bool(normalizers))
    elif not normalizers:
        raise rejected("E_TOK_ROUNDTRIP", "nothing marks the blanks that the decoder restores")
    if _same(decoders, [*base, strip]) or _same(decoders, base):
        if prefix != (len(decoders) > len(base)):
            raise rejected("E_TOK_ROUNDTRIP", "a leading blank is added and removed unequally")
        return
    if not decoders:
        raise rejected("E_TOK_ROUNDTRIP", "there is no decoder for the byte tokens")
    expected = [*base, strip]
    odd = [step for step in decoders if not any(_same(step, known) for known in expected)]
    raise _unlisted("decoder", odd[0] if odd else decoders[0])


def _check_blank_cut(pre_tokenizers: list[Component], *, marked: bool) -> None:
    """The one pre-tokenizer that SentencePiece's layout may have."""
    step = pre_tokenizers[0]
    if len(pre_tokenizers) != 1:
        raise _unlisted("pre_tokenizer", pre_tokenizers[-1])
    # Gemma: blanks are gone by then, so this never cuts; it cannot lose text in any case.
    if marked and _same(step, _CUT_AT_BLANKS):
        return
    known = set(step) == {"type", "replacement", "prepend_scheme", "split"}
    if marked or not known or step["type"] != "Metaspace" or step["replacement"] != BLANK:
        raise _unlisted("pre_tokenizer", step)
    if step["prepend_scheme"] in ("first", "always"):
        # It adds no blank where the text begins with one, and the decoder removes that one.
        raise rejected(
            "E_TOK_ROUNDTRIP",
            "Metaspace with a prefix loses a leading blank; use the base model's original "
            "tokenizer.json with Prepend and Replace",
        )
    if step["prepend_scheme"] != "never" or not isinstance(step["split"], bool):
        raise _unlisted("pre_tokenizer", step)


def _check_post_processors(steps: list[Component]) -> None:
    """Templates are admitted only around the whole text; the platform adds its own tokens."""
    for step in steps:
        match step["type"]:
            case "ByteLevel":
                _check_keys(step, "add_prefix_space", "trim_offsets", "use_regex")
            case "RobertaProcessing":
                if not _is_roberta(step):
                    raise _unlisted("post_processor", step)
            case _:
                if step["type"] != "TemplateProcessing" or not _is_template(step):
                    raise _unlisted("post_processor", step)


def _is_roberta(step: Component) -> bool:
    return set(step) == {"type", "sep", "cls", "trim_offsets", "add_prefix_space"} and all(
        (
            *(isinstance(step[name], bool) for name in ("trim_offsets", "add_prefix_space")),
            *(
                _types(step[name]) == [str, int] and 0 <= step[name][1] < MAX_ID
                for name in ("sep", "cls")
            ),
        )
    )


def _is_template(step: Component) -> bool:
    """Well-formed, with the text whole: one sequence for a single text, two for a pair."""
    specials = step.get("special_tokens")
    if set(step) != {"type", "single", "pair", "special_tokens"} or not isinstance(specials, dict):
        return False
    if not all(_is_special(name, value) for name, value in specials.items()):
        return False
    return _sequences(step["single"], specials) == ["A"] and _sequences(step["pair"], specials) == [
        "A",
        "B",
    ]


def _sequences(pieces: object, specials: Component) -> list[str] | None:
    """Names of the sequences in order; None if a piece is malformed."""
    if not isinstance(pieces, list):
        return None
    names = []
    for piece in pieces:
        kind, value = next(iter(piece.items())) if _is_single(piece) else ("", None)
        if not isinstance(value, dict) or set(value) != {"id", "type_id"}:
            return None
        name, group = value["id"], value["type_id"]
        if not isinstance(name, str) or type(group) is not int or group not in (0, 1):
            return None
        if kind == "Sequence":
            names.append(name)
        elif kind != "SpecialToken" or name not in specials:
            return None
    return names


def _is_single(piece: object) -> bool:
    return isinstance(piece, dict) and len(piece) == 1


def _is_special(name: str, value: object) -> bool:
    if not isinstance(value, dict) or set(value) != {"id", "ids", "tokens"} or value["id"] != name:
        return False
    ids, tokens = _types(value["ids"]), _types(value["tokens"])
    return (
        bool(ids)
        and set(ids) == {int}
        and set(tokens) == {str}
        and len(ids) == len(tokens)
        and all(0 <= number < MAX_ID for number in value["ids"])
    )


def _types(value: object) -> list[type]:
    return [type(item) for item in value] if isinstance(value, list) else []


def _same(value: object, known: object) -> bool:
    """Equal as JSON: to Python 0 equals false and 1 equals true, to the library they do not."""
    return json.dumps(value, sort_keys=True) == json.dumps(known, sort_keys=True)


def _check_keys(step: Component, *names: str) -> None:
    """Only the options named, each a flag."""
    for name in sorted(step.keys() - {"type"}):
        if name not in names:
            raise rejected("E_TOK_COMPONENT", f"{step['type']} has {shown(name)}")
        if not isinstance(step[name], bool):
            raise rejected("E_TOK_TYPE", f"{step['type']} {name} is {shown(step[name])}")


def _unlisted(stage: str, step: Component) -> Exception:
    kind = shown(step["type"])
    return rejected("E_TOK_COMPONENT", f"{stage} {kind} in this form", stage=stage, type=kind)
