"""When a generated answer is decided: the first whole word that is one of the options."""

import re
from collections.abc import Sequence

_NON_WORD = re.compile(r"\W")
#: Stands at the end of a decoded text while a character's bytes are still incomplete.
_INCOMPLETE = "\ufffd"


def first_option(text: str, options: Sequence[str]) -> str | None:
    """The first blank-separated word that is exactly an option, other characters made blanks.

    This is how Bittensor's subnet 37 reads a multiple-choice answer.
    """
    for word in _NON_WORD.sub(" ", text).split():
        if word in options:
            return word
    return None


def settled_option(text: str, options: Sequence[str]) -> str | None:
    """The same, while more text may follow: only words that can no longer change count.

    Whatever follows, :func:`first_option` of the longer text gives this very word.
    """
    settled = text.rstrip(_INCOMPLETE)
    if settled == text and text and _NON_WORD.match(text[-1]):
        return first_option(text, options)
    # The last word is still open: it may grow, so it is left out.
    cut = max((match.end() for match in _NON_WORD.finditer(settled)), default=0)
    return first_option(settled[:cut], options)
