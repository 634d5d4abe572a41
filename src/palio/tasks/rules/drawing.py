"""Drawing a rule list that can be kept, and the keywords in it."""

from collections.abc import Iterable

import numpy as np

from palio.tasks.rules.book import (
    ENDINGS,
    KEYWORD_KINDS,
    KEYWORD_TIMES,
    KINDS,
    NUMBERS,
    RuleKind,
    Version,
    compatible,
)
from palio.tasks.rules.checks import words
from palio.tasks.samples import Rule, RuledQuestion

#: Words that say nothing about a question; never a keyword.
FUNCTION_WORDS = frozenset(
    [
        "about",
        "above",
        "after",
        "all",
        "also",
        "among",
        "and",
        "another",
        "any",
        "are",
        "because",
        "been",
        "before",
        "being",
        "between",
        "both",
        "but",
        "can",
        "could",
        "did",
        "does",
        "each",
        "either",
        "ever",
        "every",
        "few",
        "for",
        "from",
        "had",
        "has",
        "have",
        "her",
        "here",
        "him",
        "his",
        "how",
        "its",
        "into",
        "just",
        "many",
        "may",
        "might",
        "more",
        "most",
        "much",
        "must",
        "near",
        "neither",
        "nor",
        "not",
        "of",
        "off",
        "once",
        "one",
        "only",
        "onto",
        "other",
        "our",
        "out",
        "over",
        "own",
        "per",
        "same",
        "she",
        "should",
        "since",
        "some",
        "such",
        "than",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "those",
        "through",
        "too",
        "under",
        "until",
        "upon",
        "very",
        "was",
        "were",
        "what",
        "when",
        "where",
        "which",
        "while",
        "who",
        "whom",
        "whose",
        "why",
        "will",
        "with",
        "within",
        "without",
        "would",
        "yet",
        "you",
        "your",
    ]
)

SHORTEST_KEYWORD = 3

Pair = tuple[str, str]


def draw_rules(
    rng: np.random.Generator,
    version: Version,
    count: int,
    questions: tuple[Pair, Pair],
) -> tuple[RuledQuestion, RuledQuestion]:
    """Two questions (each with its answer) under one list of ``count`` rules.

    Kinds are taken in random order, skipping those that cannot go with an earlier
    one. Keywords differ by question, and no word serves two rules or stands in the
    ending that the list demands.
    """
    chosen: list[RuleKind] = []
    rules: tuple[list[Rule], list[Rule]] = ([], [])
    kinds = KINDS[version]
    for index in rng.permutation(len(kinds)):
        kind = kinds[index]
        if not all(compatible(kind, earlier) for earlier in chosen):
            continue
        drawn = _rules_of_kind(rng, version, kind, questions, rules)
        if drawn is None:
            continue
        chosen.append(kind)
        for listed, rule in zip(rules, drawn, strict=True):
            listed.append(rule)
        if len(chosen) == count:
            break
    one, other = (
        RuledQuestion(question, answer, tuple(listed))
        for (question, answer), listed in zip(questions, rules, strict=True)
    )
    return one, other


def _rules_of_kind(
    rng: np.random.Generator,
    version: Version,
    kind: RuleKind,
    questions: tuple[Pair, Pair],
    earlier: tuple[list[Rule], list[Rule]],
) -> tuple[Rule, Rule] | None:
    """The rule for each of the two questions; None if this kind cannot be asked of both."""
    if kind in KEYWORD_KINDS:
        return _keyword_rules(rng, kind, questions, earlier)
    rule = Rule(kind.value)
    if kind is RuleKind.ENDS_WITH:
        taken = _keywords(earlier[0] + earlier[1])
        endings = [ending for ending in ENDINGS if not taken & set(words(ending))]
        if not endings:
            return None
        rule = Rule(kind.value, endings[int(rng.integers(len(endings)))])
    elif kind in NUMBERS[version]:
        numbers = NUMBERS[version][kind]
        rule = Rule(kind.value, numbers[int(rng.integers(len(numbers)))])
    return rule, rule


def _keyword_rules(
    rng: np.random.Generator,
    kind: RuleKind,
    questions: tuple[Pair, Pair],
    earlier: tuple[list[Rule], list[Rule]],
) -> tuple[Rule, Rule] | None:
    times = None
    if kind is RuleKind.KEYWORD_FREQUENCY:
        times = KEYWORD_TIMES[int(rng.integers(len(KEYWORD_TIMES)))]
    rules = []
    for (question, answer), listed in zip(questions, earlier, strict=True):
        taken = _keywords(listed) | _ending_words(listed)
        candidates = _candidates(answer, taken) or _candidates(question, taken)
        if not candidates:
            return None
        word = candidates[int(rng.integers(len(candidates)))]
        rules.append(Rule(kind.value, word, times))
    return rules[0], rules[1]


def _candidates(text: str, taken: set[str]) -> list[str]:
    """Telling words of the text, each once, in order."""
    return [
        word
        for word in dict.fromkeys(words(text))
        if len(word) >= SHORTEST_KEYWORD
        and word.replace("-", "").isalpha()
        and word not in FUNCTION_WORDS
        and word not in taken
    ]


def _keywords(rules: Iterable[Rule]) -> set[str]:
    kinds = {kind.value for kind in KEYWORD_KINDS}
    return {str(rule.parameter) for rule in rules if rule.kind in kinds}


def _ending_words(rules: Iterable[Rule]) -> set[str]:
    return {
        word
        for rule in rules
        if rule.kind == RuleKind.ENDS_WITH.value
        for word in words(str(rule.parameter))
    }
