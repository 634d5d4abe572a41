"""The rules a response may have to keep: kinds, wording, parameters, and which go together.

Kinds, parameters and incompatibilities are SN37's (docs/sn37.md), both eras of its
numbers included; they are data here, and a competition picks a version by name.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Literal

from palio.tasks.samples import Rule

Version = Literal["V1", "V1-2.5.0", "V2"]


class RuleKind(StrEnum):
    """What a rule is about."""

    WORD_COUNT_AT_MOST = "word_count_at_most"
    WORD_COUNT_AT_LEAST = "word_count_at_least"
    SENTENCE_COUNT_AT_MOST = "sentence_count_at_most"
    SENTENCE_COUNT_AT_LEAST = "sentence_count_at_least"
    ALL_UPPER_CASE = "all_upper_case"
    ALL_LOWER_CASE = "all_lower_case"
    NO_COMMAS = "no_commas"
    KEYWORD_INCLUSION = "keyword_inclusion"
    KEYWORD_FREQUENCY = "keyword_frequency"
    KEYWORD_FORBIDDEN = "keyword_forbidden"
    BULLET_COUNT = "bullet_count"
    ENDS_WITH = "ends_with"
    QUOTATION = "quotation"


K = RuleKind

KEYWORD_KINDS = frozenset({K.KEYWORD_INCLUSION, K.KEYWORD_FREQUENCY, K.KEYWORD_FORBIDDEN})

ENDINGS = (
    "Let me know if you have additional questions.",
    "Is there anything else I can help with?",
    "Hope that helps.",
)

#: How often a KEYWORD_FREQUENCY word may have to stand.
KEYWORD_TIMES = range(1, 5)

_V1_KINDS = (
    K.WORD_COUNT_AT_MOST,
    K.WORD_COUNT_AT_LEAST,
    K.SENTENCE_COUNT_AT_MOST,
    K.SENTENCE_COUNT_AT_LEAST,
    K.ALL_UPPER_CASE,
    K.ALL_LOWER_CASE,
    K.NO_COMMAS,
)
_V2_KINDS = (
    *_V1_KINDS,
    K.KEYWORD_INCLUSION,
    K.KEYWORD_FREQUENCY,
    K.KEYWORD_FORBIDDEN,
    K.BULLET_COUNT,
    K.ENDS_WITH,
    K.QUOTATION,
)

KINDS: dict[Version, tuple[RuleKind, ...]] = {
    "V1": _V1_KINDS,
    "V1-2.5.0": _V1_KINDS,
    "V2": _V2_KINDS,
}

#: Fewest and most rules of one sample, by version.
RULE_COUNTS: dict[Version, tuple[int, int]] = {"V1": (1, 4), "V1-2.5.0": (1, 4), "V2": (2, 5)}

_FIRST_NUMBERS: dict[RuleKind, Sequence[int]] = {
    K.WORD_COUNT_AT_MOST: range(25, 50, 5),
    K.WORD_COUNT_AT_LEAST: range(25, 50, 5),
    K.SENTENCE_COUNT_AT_MOST: range(1, 4),
    K.SENTENCE_COUNT_AT_LEAST: range(2, 4),
}
_LATER_NUMBERS: dict[RuleKind, Sequence[int]] = {
    K.WORD_COUNT_AT_MOST: range(50, 150, 5),
    K.WORD_COUNT_AT_LEAST: range(25, 250, 10),
    K.SENTENCE_COUNT_AT_MOST: range(1, 5),
    K.SENTENCE_COUNT_AT_LEAST: range(2, 5),
    K.BULLET_COUNT: range(1, 4),
}

#: The numbers that a rule's parameter is drawn from, uniformly.
NUMBERS: dict[Version, dict[RuleKind, Sequence[int]]] = {
    "V1": _FIRST_NUMBERS,
    "V1-2.5.0": _LATER_NUMBERS,
    "V2": _LATER_NUMBERS,
}

_INCOMPATIBLE: dict[RuleKind, frozenset[RuleKind]] = {
    K.WORD_COUNT_AT_MOST: frozenset(
        {
            K.WORD_COUNT_AT_LEAST,
            K.SENTENCE_COUNT_AT_MOST,
            K.SENTENCE_COUNT_AT_LEAST,
            K.BULLET_COUNT,
            K.ENDS_WITH,
        }
    ),
    K.SENTENCE_COUNT_AT_MOST: frozenset(
        {K.WORD_COUNT_AT_LEAST, K.SENTENCE_COUNT_AT_LEAST, K.BULLET_COUNT, K.ENDS_WITH}
    ),
    K.ALL_UPPER_CASE: frozenset({K.ALL_LOWER_CASE}),
    K.ENDS_WITH: frozenset({K.QUOTATION}),
}


def compatible(one: RuleKind, other: RuleKind) -> bool:
    """Whether both rules may be asked of one response; symmetric."""
    return (
        one is not other
        and other not in _INCOMPATIBLE.get(one, ())
        and one not in _INCOMPATIBLE.get(other, ())
    )


def wording(rule: Rule) -> str:
    """The rule as the prompt states it."""
    value = rule.parameter
    match RuleKind(rule.kind):
        case K.WORD_COUNT_AT_MOST:
            return f"The response must be no more than {value} words."
        case K.WORD_COUNT_AT_LEAST:
            return f"The response must be at least {value} words."
        case K.SENTENCE_COUNT_AT_MOST:
            return f"The response must be no more than {_counted(value, 'sentence')}."
        case K.SENTENCE_COUNT_AT_LEAST:
            return f"The response must be at least {_counted(value, 'sentence')}."
        case K.ALL_UPPER_CASE:
            return "All letters in the response must be uppercase."
        case K.ALL_LOWER_CASE:
            return "All letters in the response must be lowercase."
        case K.NO_COMMAS:
            return "Do not use any commas in your response."
        case K.KEYWORD_INCLUSION:
            return f'The word "{value}" must be included in the response.'
        case K.KEYWORD_FREQUENCY:
            return f'Include the word "{value}" {_counted(rule.times, "time")}.'
        case K.KEYWORD_FORBIDDEN:
            return f'The word "{value}" must not be included in the response.'
        case K.BULLET_COUNT:
            points = _counted(value, "'*' bullet point")
            return f"The response must contain exactly {points} in markdown format."
        case K.ENDS_WITH:
            return f'End your response with the exact phrase "{value}"'
        case K.QUOTATION:
            return "Wrap your entire response in double quotation marks."


def _counted(number: int | str | None, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
