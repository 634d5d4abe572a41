"""Normalizer, pre-tokenizer, post-processor and decoder of tokenizer.json, by allow-list."""

from enum import StrEnum
from typing import Any

from palio.submissions.refusals import Warning, rejected, shown, warned
from palio.submissions.token_patterns import PATTERNS

#: SentencePiece's visible blank.
BLANK = "\u2581"
Component = dict[str, Any]


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
    keeps_all = (step.get("behavior"), step.get("invert")) in (
        ("Isolated", False),
        ("Removed", True),
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
    if normalizers not in ([], [mark], [prepend, mark]):
        raise _unlisted("normalizer", normalizers[0])
    prefix = normalizers == [prepend, mark]
    if pre_tokenizers:
        prefix = _check_blank_cut(pre_tokenizers, marked=bool(normalizers)) or prefix
    elif not normalizers:
        raise rejected("E_TOK_ROUNDTRIP", "nothing marks the blanks that the decoder restores")
    if decoders == [*base, strip] or decoders == base:
        if prefix != (decoders[-1] == strip):
            raise rejected("E_TOK_ROUNDTRIP", "a leading blank is added and removed unequally")
        return
    if not decoders:
        raise rejected("E_TOK_ROUNDTRIP", "there is no decoder for the byte tokens")
    expected = [*base, strip]
    odd = [step for step in decoders if step not in expected]
    raise _unlisted("decoder", odd[0] if odd else decoders[0])


def _check_blank_cut(pre_tokenizers: list[Component], *, marked: bool) -> bool:
    """Whether the one pre-tokenizer that SentencePiece's layout may have adds a blank."""
    step = pre_tokenizers[0]
    if len(pre_tokenizers) != 1:
        raise _unlisted("pre_tokenizer", pre_tokenizers[-1])
    # Gemma: blanks are gone by then, so this never cuts; it cannot lose text in any case.
    if marked and step == {
        "type": "Split",
        "pattern": {"String": " "},
        "behavior": "MergedWithPrevious",
        "invert": False,
    }:
        return False
    if marked or step["type"] != "Metaspace" or step.get("replacement") != BLANK:
        raise _unlisted("pre_tokenizer", step)
    _check_keys(step, "replacement", "prepend_scheme", "split")
    if step.get("prepend_scheme") not in ("first", "never", "always"):
        raise _unlisted("pre_tokenizer", step)
    return bool(step["prepend_scheme"] != "never")


def _check_post_processors(steps: list[Component]) -> None:
    """Templates are admitted only around the whole text; the platform adds its own tokens."""
    for step in steps:
        if step["type"] == "ByteLevel":
            _check_keys(step, "add_prefix_space", "trim_offsets", "use_regex")
        elif step["type"] == "RobertaProcessing":
            if set(step) != {"type", "sep", "cls", "trim_offsets", "add_prefix_space"}:
                raise _unlisted("post_processor", step)
        elif step["type"] != "TemplateProcessing" or not _keeps_text(step):
            raise _unlisted("post_processor", step)


def _keeps_text(template: Component) -> bool:
    single, specials = template.get("single"), template.get("special_tokens")
    if not isinstance(single, list) or not isinstance(specials, dict):
        return False
    if set(template) != {"type", "single", "pair", "special_tokens"}:
        return False
    texts = 0
    for piece in single:
        if not isinstance(piece, dict) or len(piece) != 1:
            return False
        ((kind, value),) = piece.items()
        if not isinstance(value, dict) or value.get("type_id") != 0:
            return False
        if kind == "Sequence" and value.get("id") == "A":
            texts += 1
        elif kind != "SpecialToken" or value.get("id") not in specials:
            return False
    return texts == 1


def _check_keys(step: Component, *names: str) -> None:
    """Only the options named, each a flag or a string as the library writes it."""
    for name in sorted(step.keys() - {"type"}):
        if name not in names:
            raise rejected("E_TOK_COMPONENT", f"{step['type']} has {shown(name)}")
        if not isinstance(step[name], bool | str):
            raise rejected("E_TOK_TYPE", f"{step['type']} {name} is {shown(step[name])}")


def _unlisted(stage: str, step: Component) -> Exception:
    kind = shown(step["type"])
    return rejected("E_TOK_COMPONENT", f"{stage} {kind} in this form", stage=stage, type=kind)
