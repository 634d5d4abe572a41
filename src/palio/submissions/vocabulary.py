"""The tokens of tokenizer.json: one id each, inside the embedding, none of them a document."""

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from palio.submissions.refusals import rejected, shown
from palio.submissions.token_components import Family

MAX_TOKEN_BYTES = 512
MAX_ADDED_BYTES = 128
_BYTE_TOKEN = re.compile(r"<0x[0-9A-Fa-f]{2}>")
_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")
#: What a special token looks like; Falcon's >>WORDS<< are published ones.
_SPECIAL = re.compile(r"<[^\s]+>|\[[^\s]+\]|>>[A-Z]+<<")


class AddedToken(NamedTuple):
    """A token beside the model's vocabulary.

    ``id`` is the one that the tokenizers library gives it, ``stated`` the one in the file:
    the library takes the vocabulary's id, or else the next free number from the
    vocabulary's length on, whatever the file says.
    """

    id: int
    stated: int
    content: str
    special: bool


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All tokens: ``ids`` by text; ``special`` are the texts that mark structure."""

    ids: dict[str, int]
    added: tuple[AddedToken, ...]

    @property
    def special(self) -> frozenset[str]:
        return frozenset(token.content for token in self.added if token.special)

    @property
    def special_ids(self) -> frozenset[int]:
        return frozenset(token.id for token in self.added if token.special)


def byte_alphabet() -> tuple[str, ...]:
    """GPT-2's printable stand-in for each byte value.

    Bytes that print in Latin-1 stand for themselves; the others take the characters
    from U+0100 on, in order.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    alphabet, spare = [], 0x100
    for byte in range(256):
        if byte in printable:
            alphabet.append(chr(byte))
        else:
            alphabet.append(chr(spare))
            spare += 1
    return tuple(alphabet)


def read_vocabulary(
    model: dict[str, Any], added: object, family: Family, vocab_size: int
) -> Vocabulary:
    """Check vocabulary, merges and added tokens.

    Args:
        model: the ``model`` object of tokenizer.json.
        added: its ``added_tokens``.
        family: decides which byte tokens there must be.
        vocab_size: ids lie below it.

    Raises:
        SubmissionRejected: ``E_TOK_...``.
    """
    ids = _read_ids(model.get("vocab"), family, vocab_size)
    _check_coverage(ids, family)
    _check_merges(model.get("merges"), ids)
    tokens = _read_added(added, ids, vocab_size)
    return Vocabulary(ids | {token.content: token.id for token in tokens}, tokens)


def _read_ids(vocabulary: object, family: Family, vocab_size: int) -> dict[str, int]:
    if not isinstance(vocabulary, dict):
        raise rejected("E_TOK_TYPE", "model vocab is no object")
    owners: dict[int, str] = {}
    for token, number in vocabulary.items():
        # A byte-level character stands for one byte.
        size = len(token) if family is Family.BYTE_LEVEL else len(token.encode())
        if size > MAX_TOKEN_BYTES:
            raise rejected("E_TOK_TOKEN_LEN", f"{shown(token)} has {size} bytes", bytes=size)
        if type(number) is not int:
            raise rejected("E_TOK_TYPE", f"the id of {shown(token)} is {shown(number)}")
        if not 0 <= number < vocab_size:
            raise _outside(token, number, vocab_size)
        if owners.setdefault(number, token) != token:
            raise rejected(
                "E_TOK_VOCAB_DUP", f"{shown(owners[number])} and {shown(token)} are both {number}"
            )
    return vocabulary


def _check_coverage(ids: dict[str, int], family: Family) -> None:
    if family is Family.BYTE_LEVEL:
        needed = byte_alphabet()
    else:
        needed = tuple(f"<0x{byte:02X}>" for byte in range(256))
    missing = [byte for byte, token in enumerate(needed) if token not in ids]
    if missing:
        raise rejected(
            "E_TOK_COVERAGE",
            f"{len(missing)} of 256, the first is byte {missing[0]}",
            missing=len(missing),
            first=missing[0],
        )


def _check_merges(merges: object, ids: dict[str, int]) -> None:
    if not isinstance(merges, list):
        raise rejected("E_TOK_TYPE", "model merges is no list")
    for merge in merges:
        parts = merge.split(" ") if isinstance(merge, str) else merge
        if not isinstance(parts, list) or len(parts) != 2:
            raise rejected("E_TOK_TYPE", f"a merge is {shown(merge)}")
        left, right = parts
        if not isinstance(left, str) or not isinstance(right, str):
            raise rejected("E_TOK_TYPE", "a merge is not made of two strings")
        if not (left in ids and right in ids and left + right in ids):
            raise rejected(
                "E_TOK_COMPONENT",
                f"the merge of {shown(left)} and {shown(right)} names tokens that do not exist",
            )
        if _BYTE_TOKEN.fullmatch(left + right):
            # The text "<0x41>" would be decoded as "A".
            raise rejected("E_TOK_ROUNDTRIP", f"a merge makes the byte token {left + right}")


def _read_added(added: object, ids: dict[str, int], vocab_size: int) -> tuple[AddedToken, ...]:
    if not isinstance(added, list):
        raise rejected("E_TOK_TYPE", "added_tokens is no list")
    stated = {number: token for token, number in ids.items()}
    given = dict(stated)
    tokens: list[AddedToken] = []
    free = len(ids)
    for item in added:
        token = _added_token(item, ids, free)
        free += token.content not in ids
        for number, owners in ((token.stated, stated), (token.id, given)):
            if not 0 <= number < vocab_size:
                raise _outside(token.content, number, vocab_size)
            if owners.setdefault(number, token.content) != token.content:
                raise _twice(token)
        if ids.get(token.content, token.stated) != token.stated:
            raise _twice(token)
        tokens.append(token)
    if len({token.content for token in tokens}) != len(tokens):
        raise rejected("E_TOK_VOCAB_DUP", "an added token is listed twice")
    return tuple(tokens)


def _twice(token: AddedToken) -> Exception:
    return rejected("E_TOK_VOCAB_DUP", f"added token {shown(token.content)}, id {token.stated}")


def _added_token(item: object, ids: dict[str, int], free: int) -> AddedToken:
    if not isinstance(item, dict) or set(item) - {"id", "content", *_FLAGS}:
        raise rejected("E_TOK_TYPE", "an added token is no proper object")
    content, number = item.get("content"), item.get("id")
    if not isinstance(content, str) or not content or type(number) is not int:
        raise rejected("E_TOK_TYPE", f"an added token has content {shown(content)}")
    if any(type(item.get(flag, False)) is not bool for flag in _FLAGS):
        raise rejected("E_TOK_TYPE", f"a flag of the added token {shown(content)}")
    size = len(content.encode())
    if size > MAX_ADDED_BYTES:
        raise rejected("E_TOK_TOKEN_LEN", f"added token of {size} bytes: {shown(content)}")
    if item.get("lstrip") or item.get("rstrip") or item.get("single_word"):
        raise rejected("E_TOK_SPECIAL", f"{shown(content)} depends on the blanks or words around")
    special = bool(item.get("special", False))
    if special and not _SPECIAL.fullmatch(content):
        raise rejected("E_TOK_SPECIAL", f"{shown(content)} does not look like one")
    return AddedToken(ids.get(content, free), number, content, special)


def _outside(token: str, number: int, vocab_size: int) -> Exception:
    return rejected(
        "E_TOK_VOCAB_RANGE",
        f"{shown(token)} is {shown(number)}, the model has {vocab_size} rows",
        id=shown(number),
        rows=vocab_size,
    )
