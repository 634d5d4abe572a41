"""tokenizer.json: admitted only where every text provably survives encoding and decoding.

Two families are known to be lossless: byte-level BPE, and BPE with byte fallback over a
blank marker (SentencePiece's layout). Within them every component, option and pattern
stands on an allow-list; the vocabulary must express all 256 bytes (docs/submission-format.md).
"""

from dataclasses import dataclass
from typing import Any

from palio.submissions.refusals import Warning, rejected, shown, warned
from palio.submissions.token_components import Family, check_components
from palio.submissions.vocabulary import Vocabulary, read_vocabulary

MAX_TOKENIZER_BYTES = 64 * 1024 * 1024

_KEYS = frozenset(
    {
        "version",
        "truncation",
        "padding",
        "added_tokens",
        "normalizer",
        "pre_tokenizer",
        "post_processor",
        "decoder",
        "model",
    }
)
_MODEL_KEYS = frozenset(
    {
        "type",
        "dropout",
        "unk_token",
        "continuing_subword_prefix",
        "end_of_word_suffix",
        "fuse_unk",
        "byte_fallback",
        "ignore_merges",
        "vocab",
        "merges",
    }
)


@dataclass(frozen=True, slots=True)
class CheckedTokenizer:
    """An admissible tokenizer.json: its tokens, and what should be known about it."""

    vocabulary: Vocabulary
    family: Family
    warnings: tuple[Warning, ...]


def read_tokenizer(tokenizer: dict[str, Any], vocab_size: int) -> CheckedTokenizer:
    """Check the parsed tokenizer.json.

    Args:
        tokenizer: the parsed file.
        vocab_size: rows of the model's embedding; every id lies below.

    Raises:
        SubmissionRejected: ``E_TOK_...``.
    """
    unknown = sorted(tokenizer.keys() - _KEYS)
    if unknown:
        raise rejected("E_TOK_KEY", f"tokenizer.json has {shown(unknown[0])}")
    if tokenizer.get("version", "1.0") != "1.0":
        raise rejected("E_TOK_TYPE", f"version is {shown(tokenizer['version'])}, not '1.0'")
    if tokenizer.get("truncation") is not None:
        raise rejected("E_TOK_TRUNCATION")
    if tokenizer.get("padding") is not None:
        raise rejected("E_TOK_PADDING")
    model = _check_model(tokenizer.get("model"))
    family, warnings = check_components(tokenizer, byte_fallback=model.get("byte_fallback") is True)
    vocabulary = read_vocabulary(model, tokenizer.get("added_tokens", []), family, vocab_size)
    unknown_token = model.get("unk_token")
    if unknown_token is not None and unknown_token not in vocabulary.ids:
        raise rejected(
            "E_TOK_SPECIAL", f"unk_token {shown(unknown_token)} is not in the vocabulary"
        )
    if any(token.id != token.stated for token in vocabulary.added):
        warnings = (*warnings, warned("W_TOK_IDS"))
    return CheckedTokenizer(vocabulary, family, warnings)


def _check_model(model: object) -> dict[str, Any]:
    if not isinstance(model, dict):
        raise rejected("E_TOK_TYPE", "model is no object")
    # Old files leave the type out; they hold vocab and merges.
    if model.get("type", "BPE") != "BPE":
        raise rejected("E_TOK_COMPONENT", f"model type {shown(model['type'])}")
    unknown = sorted(model.keys() - _MODEL_KEYS)
    if unknown:
        raise rejected("E_TOK_KEY", f"model has {shown(unknown[0])}")
    if model.get("dropout") not in (None, 0, 0.0) or isinstance(model.get("dropout"), bool):
        raise rejected("E_TOK_NONDET", f"dropout is {shown(model['dropout'])}")
    for name in ("continuing_subword_prefix", "end_of_word_suffix"):
        if model.get(name) not in (None, ""):
            raise rejected("E_TOK_COMPONENT", f"model {name} is {shown(model[name])}")
    for name in ("fuse_unk", "byte_fallback", "ignore_merges"):
        if not isinstance(model.get(name, False), bool):
            raise rejected("E_TOK_TYPE", f"model {name} is {shown(model[name])}")
    if not isinstance(model.get("unk_token"), str | None):
        raise rejected("E_TOK_TYPE", f"unk_token is {shown(model['unk_token'])}")
    return model
