"""The word list of WORD_SORTING: Basic English."""

from functools import cache
from importlib.resources import files

#: Shorter words are left out, as SN37 does.
SHORTEST_WORD = 3


@cache
def basic_english() -> tuple[str, ...]:
    """The usable Basic English words, in file order."""
    return words_of(files(__package__).joinpath("basic_english.txt").read_text(encoding="utf-8"))


def words_of(text: str) -> tuple[str, ...]:
    """The words of at least three letters of a list, lower-cased, each once, in order."""
    words = (word.lower() for word in text.split())
    return tuple(dict.fromkeys(word for word in words if len(word) >= SHORTEST_WORD))
