"""A response that keeps every rule of a question: the proof that the rules can be kept.

It is put together from the words of the question and its answer and reads badly; it
serves the self-check of the rules and is never shown to a model.
"""

from itertools import cycle

from palio.tasks.rules.book import RuleKind
from palio.tasks.rules.checks import words
from palio.tasks.samples import Rule, RuledQuestion

#: Enough for a sentence of its own, and fewer than any word limit that goes with it.
WORDS_PER_SENTENCE = 3


def witness(question: RuledQuestion) -> str:
    """A response to the question that keeps all its rules."""
    rules = {RuleKind(rule.kind): rule for rule in question.rules}
    least_words = _number(rules.get(RuleKind.WORD_COUNT_AT_LEAST))
    sentences = max(_number(rules.get(RuleKind.SENTENCE_COUNT_AT_LEAST)), 1)
    bullets = _number(rules.get(RuleKind.BULLET_COUNT))
    needed = _needed_words(rules)
    lines = sentences + bullets
    fillers = cycle(_fillers(question, rules))
    size = max(least_words, lines * WORDS_PER_SENTENCE)
    body = needed + [next(fillers) for _ in range(size - len(needed))]
    share = -(-len(body) // lines)
    pieces = [body[i * share : (i + 1) * share] or [next(fillers)] for i in range(lines)]
    # A capital begins each sentence, except for words that only look so in capitals anyway.
    text = [" ".join(piece).capitalize() + "." for piece in pieces]
    text[sentences:] = [f"* {line}" for line in text[sentences:]]
    return _dressed("\n".join(text), rules)


def _needed_words(rules: dict[RuleKind, Rule]) -> list[str]:
    found = []
    if rule := rules.get(RuleKind.KEYWORD_INCLUSION):
        found.append(str(rule.parameter))
    if rule := rules.get(RuleKind.KEYWORD_FREQUENCY):
        found += [str(rule.parameter)] * (rule.times or 0)
    return found


def _fillers(question: RuledQuestion, rules: dict[RuleKind, Rule]) -> list[str]:
    counted = {
        str(rules[kind].parameter)
        for kind in (RuleKind.KEYWORD_FREQUENCY, RuleKind.KEYWORD_FORBIDDEN)
        if kind in rules
    }
    spoken = words(f"{question.answer} {question.question}")
    return [word for word in spoken if word not in counted and len(word) > 1] or ["indeed"]


def _dressed(text: str, rules: dict[RuleKind, Rule]) -> str:
    if rule := rules.get(RuleKind.ENDS_WITH):
        text = f"{text}\n{rule.parameter}"
    if RuleKind.ALL_UPPER_CASE in rules:
        text = text.upper()
    if RuleKind.ALL_LOWER_CASE in rules:
        text = text.lower()
    if RuleKind.QUOTATION in rules:
        text = f'"{text}"'
    return text


def _number(rule: Rule | None) -> int:
    return rule.parameter if rule and isinstance(rule.parameter, int) else 0
