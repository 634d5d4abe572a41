"""Which option a free-text reply picks: two readings, one of them SN37's.

``first_word`` is what SN37 did and what generation may stop early for; it takes the
"A" of "A careful reading" for an answer. ``staged`` asks, in this order: is the reply
nothing but a letter or an option's text; does it say which option is the answer; does it
begin with a lettered option; does it name exactly one letter. Else it is unparsed.

Replies are untrusted and may be long: no pattern here may take more than linear time.
"""

import re
from collections.abc import Sequence

# A letter on its own, in any dress: "(c)", "**B**", "B.", "option_C".
_ALONE = re.compile(r"(?i)(?:(?:option|choice|answer)(?![a-z]))?[\W_]*([a-z])[\W_]*")
# "The answer is C", "Answer: (b)", "the correct option would be **D**".
_STATED = re.compile(
    r"(?i:\b(?:answer|option|choice)\b)"
    r"(?i:\s*(?:is|was|:|=|would\s+be|should\s+be|must\s+be))?"
    r"(?i:\s*(?:option|choice|letter))?"
    r"[\s*_:\"'`]*"
    r"(?:([A-Z])(?![\w'’])(?!\s+[a-z])|\(([A-Za-z])\)|([A-Z])(?=\s+(?:because|since|as|for|and)\b)"
    r"|([a-z])(?=[\s*_\"'`]*(?:[.)!]|$)))"
)
# "B. Austin", "c) Austin" at the beginning of the reply.
_LED = re.compile(r"[\s*_(\[\"'`]*(?:([A-Z])[*_]*[.):\]]|([a-z])[*_]*[):\]])")
# A capital on its own, unless it is the article before a word.
_NAMED = re.compile(r"(?<![\w'’])([A-Z])(?![\w'’])")
_ARTICLE = re.compile(r"\s+[a-z]")
_NOT_WORD = re.compile(r"\W")


def first_word(reply: str, letters: Sequence[str]) -> str | None:
    """The first blank-separated word that is exactly a letter once symbols became blanks."""
    return next((word for word in _NOT_WORD.sub(" ", reply).split() if word in letters), None)


def staged(reply: str, letters: Sequence[str], choices: Sequence[str]) -> str | None:
    """The letter that the reply picks, None if it picks none or more than one."""
    for stage in (_alone(reply), _by_text(reply, letters, choices), _stated(reply), _led(reply)):
        if stage in letters:
            return stage
    return _only_named(reply, letters)


def _alone(reply: str) -> str | None:
    match = _ALONE.fullmatch(reply.strip())
    return match[1].upper() if match else None


def _by_text(reply: str, letters: Sequence[str], choices: Sequence[str]) -> str | None:
    plain = _plain(reply)
    matching = [
        letter for letter, choice in zip(letters, choices, strict=True) if _plain(choice) == plain
    ]
    return matching[0] if len(matching) == 1 else None


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).strip(" .\"'*`")


def _stated(reply: str) -> str | None:
    """The last statement counts: people correct themselves forwards."""
    found = [next(filter(None, match.groups())) for match in _STATED.finditer(reply)]
    return found[-1].upper() if found else None


def _led(reply: str) -> str | None:
    match = _LED.match(reply)
    return (match[1] or match[2]).upper() if match else None


def _only_named(reply: str, letters: Sequence[str]) -> str | None:
    named = {
        match[1]
        for match in _NAMED.finditer(reply)
        if not (match[1] in "AI" and _ARTICLE.match(reply, match.end()))
    }
    named &= set(letters)
    return named.pop() if len(named) == 1 else None
