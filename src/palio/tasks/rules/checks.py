"""Whether a response keeps a rule, and whether two responses are the same one again.

Checked is what a reader would see: blanks around a response are nothing, curly
quotes are quotes, a word in a hyphenated word is not that word, a bold line is no
bullet, and each line of a list is a sentence.
"""

import re

from sentencex import segment

from palio.tasks.rules.book import ENDINGS, RuleKind
from palio.tasks.samples import Rule

#: Length in words of the runs that two responses are compared by.
SHINGLE_WORDS = 3

#: Share of the shorter response's runs found in the other, above which both are one answer.
DUPLICATE_SHARE = 0.6

_CURLY = str.maketrans("\u2018\u2019\u201c\u201d\u2010\u2011", "''\"\"--")
_WORD = re.compile(r"[^\W_]+(?:[-'][^\W_]+)*")
_BULLET = re.compile(r"^[^\S\n]*\*(?=\s)", re.MULTILINE)
_LIST_MARK = re.compile(r"^\s*(?:[*+-]|\d+[.)])\s+")


def keeps(rule: Rule, response: str) -> bool:
    """Whether the response keeps the rule. A response without any word keeps none.

    Raises:
        ValueError: there is no such kind of rule.
    """
    text = response.strip().translate(_CURLY)
    if not _WORD.search(text):
        return False
    match RuleKind(rule.kind):
        case RuleKind.WORD_COUNT_AT_MOST:
            return word_count(text) <= _number(rule)
        case RuleKind.WORD_COUNT_AT_LEAST:
            return word_count(text) >= _number(rule)
        case RuleKind.SENTENCE_COUNT_AT_MOST:
            return sentence_count(text) <= _number(rule)
        case RuleKind.SENTENCE_COUNT_AT_LEAST:
            return sentence_count(text) >= _number(rule)
        case RuleKind.ALL_UPPER_CASE:
            return text.isupper()
        case RuleKind.ALL_LOWER_CASE:
            return text.islower()
        case RuleKind.NO_COMMAS:
            return "," not in text
        case RuleKind.KEYWORD_INCLUSION:
            return words(text).count(str(rule.parameter)) > 0
        case RuleKind.KEYWORD_FREQUENCY:
            return words(text).count(str(rule.parameter)) == rule.times
        case RuleKind.KEYWORD_FORBIDDEN:
            return str(rule.parameter) not in words(text)
        case RuleKind.BULLET_COUNT:
            return len(_BULLET.findall(_unquoted(text))) == _number(rule)
        case RuleKind.ENDS_WITH:
            return _plain(text).endswith(_plain(str(rule.parameter)))
        case RuleKind.QUOTATION:
            return len(text) > 1 and text[0] == text[-1] == '"'


def words(text: str) -> list[str]:
    """The words, case-folded, hyphenated ones whole, without a possessive ending."""
    found = _WORD.findall(text.translate(_CURLY).casefold())
    return [word.removesuffix("'s") for word in found]


def word_count(text: str) -> int:
    """Blank-separated pieces that hold a letter or digit; a lone bullet is no word."""
    return sum(1 for piece in text.split() if _WORD.search(piece))


def sentence_count(text: str) -> int:
    """Sentences, counted line by line, so that each point of a list is one at least."""
    lines = (_LIST_MARK.sub("", line) for line in _unquoted(text).splitlines())
    return sum(
        1
        for line in lines
        if line.strip()
        for sentence in segment("en", line)
        if _WORD.search(sentence)
    )


def near_duplicates(one: str, other: str) -> bool:
    """Whether two responses are the same text, but for a few words.

    Compared by the runs of three words that the shorter one (in such runs) shares with
    the other, whatever their lengths; the endings that a rule may demand are left out.
    """
    first, second = _shingles(one), _shingles(other)
    if not first or not second:
        return False
    shared = len(first & second) / min(len(first), len(second))
    return shared > DUPLICATE_SHARE


def _shingles(text: str) -> set[tuple[str, ...]]:
    plain = _plain(text)
    for ending in ENDINGS:
        plain = plain.removesuffix(_plain(ending))
    found = words(plain)
    size = min(SHINGLE_WORDS, len(found))
    if size == 0:
        return set()
    return {tuple(found[i : i + size]) for i in range(len(found) - size + 1)}


def _plain(text: str) -> str:
    return " ".join(text.translate(_CURLY).casefold().split())


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _number(rule: Rule) -> int:
    assert isinstance(rule.parameter, int), rule
    return rule.parameter
