"""IF_EVAL's rules: wording, checks, compatibility, and that every drawn list can be kept."""

import time
from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palio.errors import DataUnavailable
from palio.randomness import stream
from palio.tasks.datasets.rules import RuleQuestions, rule_samples
from palio.tasks.rules.book import (
    ENDINGS,
    KEYWORD_KINDS,
    KINDS,
    RULE_COUNTS,
    RuleKind,
    Version,
    compatible,
    wording,
)
from palio.tasks.rules.checks import keeps, near_duplicates, sentence_count, words
from palio.tasks.rules.witness import witness
from palio.tasks.samples import Rule, RuleSample

K = RuleKind
VERSIONS: tuple[Version, ...] = ("V1", "V1-2.5.0", "V2")


def _drawn(version: Version, rounds: int) -> list[RuleSample]:
    return [
        sample
        for seed in range(rounds)
        for sample in rule_samples(stream(seed, "RULES"), 100, "evaluation", version)
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_drawn_rule_list_can_be_kept(version: Version) -> None:
    for sample in _drawn(version, 12):
        for question in sample.questions:
            text = witness(question)
            broken = [wording(rule) for rule in question.rules if not keeps(rule, text)]
            assert not broken, (broken, text)
        one, other = sample.questions
        assert not near_duplicates(witness(one), witness(other))


@pytest.mark.parametrize("version", VERSIONS)
def test_drawn_lists_are_compatible_and_of_the_versions_kinds(version: Version) -> None:
    for sample in _drawn(version, 3):
        for question in sample.questions:
            kinds = [K(rule.kind) for rule in question.rules]
            assert set(kinds) <= set(KINDS[version])
            assert all(compatible(one, other) for one, other in combinations(kinds, 2))


def test_keywords_differ_and_never_stand_in_the_ending() -> None:
    for sample in _drawn("V2", 6):
        for question in sample.questions:
            keywords = [
                str(rule.parameter) for rule in question.rules if K(rule.kind) in KEYWORD_KINDS
            ]
            assert len(set(keywords)) == len(keywords)
            for rule in question.rules:
                if rule.kind == K.ENDS_WITH:
                    assert set(keywords).isdisjoint(words(str(rule.parameter)))


@pytest.mark.parametrize("version", VERSIONS)
def test_rule_counts_are_uniform(version: Version) -> None:
    low, high = RULE_COUNTS[version]
    counts = Counter(len(sample.questions[0].rules) for sample in _drawn(version, 12))
    # Compatible rules may run out before the wanted number, which moves a few samples down.
    expected = 1200 / (high - low + 1)
    assert set(counts) == set(range(low, high + 1))
    if version == "V2":
        statistic = sum((counts[n] - expected) ** 2 / expected for n in range(low, high + 1))
        assert statistic < 16.3  # 0.1% point of chi-square with 3 degrees of freedom
    assert counts[low] == pytest.approx(expected, rel=0.25)


def test_each_question_is_used_once_a_round() -> None:
    samples = rule_samples(stream(1, "RULES"), 150, "evaluation", "V2")
    asked = [question.question for sample in samples for question in sample.questions]
    assert len(set(asked)) == len(asked) == 300


def test_more_samples_than_questions_is_refused_not_repeated() -> None:
    with pytest.raises(DataUnavailable, match="ask for fewer"):
        RuleQuestions().draw(stream(1, "RULES"), 20_000)


@pytest.mark.parametrize(("one", "other"), list(combinations(K, 2)))
def test_compatibility_is_symmetric(one: RuleKind, other: RuleKind) -> None:
    assert compatible(one, other) == compatible(other, one)


def test_incompatible_pairs_are_sn37s() -> None:
    most, sentences = K.WORD_COUNT_AT_MOST, K.SENTENCE_COUNT_AT_MOST
    least, more = K.WORD_COUNT_AT_LEAST, K.SENTENCE_COUNT_AT_LEAST
    expected = {
        *(frozenset({most, k}) for k in (least, sentences, more, K.BULLET_COUNT, K.ENDS_WITH)),
        *(frozenset({sentences, k}) for k in (least, more, K.BULLET_COUNT, K.ENDS_WITH)),
        frozenset({K.ALL_UPPER_CASE, K.ALL_LOWER_CASE}),
        frozenset({K.ENDS_WITH, K.QUOTATION}),
    }
    found = {frozenset(pair) for pair in combinations(K, 2) if not compatible(*pair)}
    assert found == expected


@pytest.mark.parametrize(
    ("rule", "response", "kept"),
    [
        (Rule("word_count_at_most", 3), "one two three", True),
        (Rule("word_count_at_most", 3), "one two three four", False),
        (Rule("word_count_at_least", 3), "* * * one two", False),
        (Rule("word_count_at_least", 2), "  one\ntwo ", True),
        (
            Rule("sentence_count_at_most", 1),
            "Dr. Smith met Mr. Jones at 5 p.m. in the U.S. capital.",
            True,
        ),
        (Rule("sentence_count_at_least", 3), "* one\n* two\n* three", True),
        (Rule("sentence_count_at_least", 2), "it is so. it was so.", True),
        (Rule("sentence_count_at_least", 2), "Only one.", False),
        (Rule("all_upper_case"), "ALL GOOD, 1.", True),
        (Rule("all_upper_case"), "12", False),
        (Rule("all_lower_case"), "Not so", False),
        (Rule("no_commas"), "one, two", False),
        (Rule("no_commas"), "one two", True),
        (Rule("keyword_inclusion", "tower"), "The **Tower** fell.", True),
        (Rule("keyword_inclusion", "tower"), "The tower\u2019s fall", True),
        (Rule("keyword_inclusion", "known"), "A well-known tower", False),
        (Rule("keyword_inclusion", "well-known"), "A Well\u2011known tower", True),
        (Rule("keyword_inclusion", "tower"), "towers", False),
        (Rule("keyword_frequency", "tower", 2), "tower and Tower.", True),
        (Rule("keyword_frequency", "tower", 2), "tower tower tower", False),
        (Rule("keyword_forbidden", "tower"), "The _tower_ fell", False),
        (Rule("keyword_forbidden", "tower"), "The towers fell", True),
        (Rule("bullet_count", 2), "* one\n  * two", True),
        (Rule("bullet_count", 1), "**bold** line\n* one", True),
        (Rule("bullet_count", 2), '"* one\n* two"', True),
        (Rule("bullet_count", 1), "none at all", False),
        (Rule("ends_with", ENDINGS[2]), "Paris. hope that helps. \n", True),
        (Rule("ends_with", ENDINGS[2]), "Hope that helps. Bye", False),
        (Rule("quotation"), ' "Paris it is."\n', True),
        (Rule("quotation"), "\u201cParis it is.\u201d", True),
        (Rule("quotation"), '"Paris" it is.', False),
    ],
)
def test_checks(rule: Rule, response: str, kept: bool) -> None:
    assert keeps(rule, response) is kept


@pytest.mark.parametrize("kind", [K.NO_COMMAS, K.WORD_COUNT_AT_MOST, K.KEYWORD_FORBIDDEN])
@pytest.mark.parametrize("response", ["", " \n", "...", "***"])
def test_a_response_without_words_keeps_no_rule(kind: RuleKind, response: str) -> None:
    parameter: int | str = "tower" if kind is K.KEYWORD_FORBIDDEN else 50
    assert not keeps(Rule(kind.value, parameter), response)


CANNED = (
    "There is much to be said about this and many people have thought about it for a long time "
    "without ever coming to one clear opinion that all of them could share and defend in public."
)


def test_near_duplicates_are_found_whatever_the_length() -> None:
    long = " ".join(f"{CANNED} Part {number}." for number in range(12))
    changed = long.replace("clear", "plain").replace("public", "court")
    assert near_duplicates(long, changed)
    assert near_duplicates("Yes.", "yes!")
    assert near_duplicates(CANNED, f"Paris! {CANNED}")


def test_honest_answers_are_no_duplicates() -> None:
    ending = ENDINGS[1]
    assert not near_duplicates("The capital of France is Paris.", "The sea covers the Earth.")
    assert not near_duplicates(f"Paris. {ending}", f"The Danube. {ending}")
    assert not near_duplicates("Paris", "Madrid")
    assert not near_duplicates("", "")


@pytest.mark.parametrize("piece", ["\n", ". ", "* ", "-'", "a-", '"', "Dr. "])
def test_long_responses_are_checked_in_linear_time(piece: str) -> None:
    response = f"word{piece * 50_000}"
    start = time.process_time()
    for kind in K:
        keeps(Rule(kind.value, "word" if kind in KEYWORD_KINDS | {K.ENDS_WITH} else 3, 2), response)
    near_duplicates(response, response)
    assert time.process_time() - start < 3.0


@given(st.text())
def test_checks_take_any_text(text: str) -> None:
    assert sentence_count(text) >= 0
    near_duplicates(text, text[::-1])
    for kind in K:
        parameter: int | str = "word" if kind in KEYWORD_KINDS | {K.ENDS_WITH} else 3
        assert keeps(Rule(kind.value, parameter, 2), text) in (True, False)
