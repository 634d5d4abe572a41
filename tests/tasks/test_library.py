"""The embedded library: sound items, and nothing shared between the two splits."""

import time

import pytest

from palio.tasks.library import basic_english, passages, questions
from palio.tasks.library.facts import Relation, asked, relations
from palio.tasks.library.texts import Split, _all_passages
from palio.tasks.rules.checks import words


def _holds(text: str, part: str) -> bool:
    found, wanted = words(text), words(part)
    return any(found[i : i + len(wanted)] == wanted for i in range(len(found)))


def test_library_is_read_in_a_third_of_a_second() -> None:
    _all_passages.cache_clear()
    start = time.process_time()
    assert len(passages("training") + passages("evaluation")) >= 60
    assert time.process_time() - start < 0.3


def test_library_spans_domains_and_every_passage_has_questions() -> None:
    everything = passages("training") + passages("evaluation")
    assert len({passage.domain for passage in everything}) >= 12
    assert len({passage.id for passage in everything}) == len(everything)
    assert min(len(passage.questions) for passage in everything) >= 3


def test_no_passage_or_question_stands_in_both_splits() -> None:
    def texts(split: Split) -> set[str]:
        return {passage.text for passage in passages(split)}

    def asked_in(split: Split) -> set[str]:
        return {question.question for question in questions(split)}

    assert texts("training").isdisjoint(texts("evaluation"))
    assert asked_in("training").isdisjoint(asked_in("evaluation"))


def test_every_question_has_four_distinct_choices_and_does_not_tell_its_answer() -> None:
    for question in questions("training") + questions("evaluation"):
        assert len({choice.casefold() for choice in question.choices}) == 4, question
        assert 0 <= question.answer < 4, question
        assert question.difficulty in (1, 2, 3), question
        assert not _holds(question.question, question.choices[question.answer]), question


def test_right_answers_stand_in_all_places() -> None:
    everything = questions("training") + questions("evaluation")
    for place in range(4):
        share = sum(question.answer == place for question in everything) / len(everything)
        assert 0.15 < share < 0.35


def test_length_does_not_betray_the_right_choice() -> None:
    everything = questions("training") + questions("evaluation")
    longest = [
        question
        for question in everything
        if max(question.choices, key=len) == question.choices[question.answer]
    ]
    assert 0.1 < len(longest) / len(everything) < 0.4


def test_word_list_is_basic_english() -> None:
    words_ = basic_english()
    assert words_[:3] == ("able", "about", "account")
    assert len(words_) == len(set(words_)) == 832
    assert all(word.islower() and len(word) >= 3 for word in words_)


def test_fact_table_is_wide_enough() -> None:
    assert len(relations()) >= 15
    assert all(20 <= len(item.training) + len(item.evaluation) <= 40 for item in relations())


@pytest.mark.parametrize("relation", relations(), ids=lambda relation: relation.name)
def test_fact_rows_are_disjoint_and_single(relation: Relation) -> None:
    everything = relation.training + relation.evaluation
    assert len(set(everything)) == len(everything)
    assert len({fact.subject for fact in everything}) == len(everything)


@pytest.mark.parametrize("split", ["training", "evaluation"])
def test_facts_can_be_asked_without_telling_and_with_three_wrong_choices(split: Split) -> None:
    for group in asked(split):
        for item in group:
            assert not _holds(item.question, item.answer), item
            assert len(set(item.wrong)) == len(item.wrong) >= 3, item
            assert item.answer not in item.wrong, item
            assert item.question.endswith("?"), item
            assert item.statement.endswith("."), item
            assert "{" not in item.question + item.statement, item


def test_no_fact_question_is_asked_in_both_splits() -> None:
    """A name may stand on either side; the same question with the same answer may not."""
    training = {(item.question, item.answer) for group in asked("training") for item in group}
    evaluation = {(item.question, item.answer) for group in asked("evaluation") for item in group}
    assert training.isdisjoint(evaluation)
