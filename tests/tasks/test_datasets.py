"""What the procedural and embedded datasets draw."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palio.errors import ConfigError, DataUnavailable
from palio.randomness import stream
from palio.tasks.datasets.dyck import BRACKETS, DyckWords
from palio.tasks.datasets.embedded import (
    EmbeddedChoices,
    EmbeddedDialogues,
    EmbeddedPassages,
    dialogues,
    passage_choices,
)
from palio.tasks.datasets.facts import fact_choices
from palio.tasks.datasets.pools import distinct
from palio.tasks.datasets.words import WordLists
from palio.tasks.library import basic_english, passages, questions
from palio.tasks.library.facts import asked
from palio.tasks.registry import load_dataset
from palio.tasks.samples import ChoiceSample, ReferenceSample, Sample, TextSample


def _references(samples: list[Sample]) -> list[ReferenceSample]:
    return [sample for sample in samples if isinstance(sample, ReferenceSample)]


def _choices(samples: list[Sample]) -> list[ChoiceSample]:
    return [sample for sample in samples if isinstance(sample, ChoiceSample)]


def _chi_square(counts: Counter[int], values: range) -> float:
    expected = sum(counts.values()) / len(values)
    return sum((counts[value] - expected) ** 2 / expected for value in values)


def test_word_lists_are_sn37s() -> None:
    samples = _references(WordLists().draw(stream(1, "W"), 2000))
    assert len(samples) == 2000
    sizes: Counter[int] = Counter()
    for sample in samples:
        [turn] = sample.messages
        start, end = "Sort the following words alphabetically: ", ". "
        assert turn.content.startswith(start)
        assert turn.content.endswith(end)
        words = turn.content.removeprefix(start).removesuffix(end).split(" ")
        assert len(set(words)) == len(words)
        assert set(words) <= set(basic_english())
        assert sample.reference == " ".join(sorted(words))
        sizes[len(words)] += 1
    assert set(sizes) == set(range(2, 21))
    assert _chi_square(sizes, range(2, 21)) < 42.3  # 0.1% point, 18 degrees of freedom


def test_a_word_list_of_ones_own_is_named_by_its_digest(tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_text("Alpha beta\ngamma be\n")
    dataset = load_dataset("words", {"list": str(file), "maximum": 3})
    samples = _references(dataset.draw(stream(1, "W"), 3))
    assert {word for item in samples for word in item.reference.split()} <= {
        *("alpha", "beta", "gamma")
    }
    assert samples[0].provenance.source.startswith("words-file@")
    with pytest.raises(DataUnavailable, match="holds 3 usable words, fewer than maximum"):
        load_dataset("words", {"list": str(file)}).draw(stream(1, "W"), 3)
    with pytest.raises(DataUnavailable, match="cannot be read"):
        load_dataset("words", {"list": str(tmp_path)}).draw(stream(1, "W"), 3)


def _balanced(sequence: list[str]) -> bool:
    closers = dict(BRACKETS)
    waiting: list[str] = []
    for bracket in sequence:
        if bracket in closers:
            waiting.append(closers[bracket])
        elif not waiting or waiting.pop() != bracket:
            return False
    return not waiting


def test_dyck_words_close_what_is_open() -> None:
    answers: Counter[int] = Counter()
    for sample in _references(DyckWords().draw(stream(1, "D"), 2000)):
        prompt = sample.messages[0].content
        assert prompt.startswith("Complete the rest of the sequence")
        shown = prompt.rpartition("Input: ")[2].split()
        hidden = sample.reference.split()
        assert _balanced(shown + hidden)
        assert 2 <= len(shown + hidden) / 2 <= 20
        answers[len(hidden)] += 1
    assert set(answers) == {1, 2, 3}
    assert min(answers.values()) > 550


@given(st.integers(1, 6), st.integers(0, 6), st.integers(0, 3), st.integers(0, 2**32))
def test_dyck_options_are_kept(low: int, more: int, closers: int, seed: int) -> None:
    least = min(low, closers + 1)
    dataset = DyckWords(
        minimum_pairs=low, maximum_pairs=low + more, minimum_answer=least, maximum_answer=least
    )
    for sample in _references(dataset.draw(stream(seed, "D"), 3)):
        shown = sample.messages[0].content.rpartition("Input: ")[2].split()
        assert _balanced(shown + sample.reference.split())
        assert len(sample.reference.split()) == least


def test_a_dyck_answer_longer_than_the_sequence_is_refused() -> None:
    with pytest.raises(ConfigError, match="no more closers than pairs"):
        load_dataset("dyck", {"minimum_pairs": 1, "minimum_answer": 2})


def test_seven_hundred_choice_samples_can_be_drawn_without_a_repeat() -> None:
    samples = _choices(EmbeddedChoices().draw(stream(1, "C"), 700))
    assert len(set(samples)) == 700
    sources = Counter(sample.provenance.source for sample in samples)
    assert sources["palio-library@1"] == min(350, len(questions("evaluation")))
    places = Counter(sample.answer for sample in samples)
    assert _chi_square(places, range(4)) < 16.3  # 0.1% point, 3 degrees of freedom
    for sample in samples:
        assert len(set(sample.choices)) == 4


def test_facts_are_right_and_wrong_choices_wrong() -> None:
    known = {(item.question, item.answer): item for group in asked("evaluation") for item in group}
    for sample in fact_choices(stream(1, "F"), 3000, "evaluation"):
        right = sample.choices[sample.answer]
        item = known[sample.question, right]
        others = set(sample.choices) - {right}
        assert len(others) == 3
        assert others <= set(item.wrong)
        assert all((sample.question, other) not in known for other in others)


def test_evaluation_never_draws_from_training() -> None:
    trained = {question.question for question in questions("training")}
    trained_texts = {passage.text for passage in passages("training")}
    drawn = _choices(EmbeddedChoices(passage_share=1).draw(stream(2, "C"), 90))
    assert trained.isdisjoint(sample.question for sample in drawn)
    texts = EmbeddedPassages().draw(stream(2, "T"), len(passages("evaluation")))
    assert trained_texts.isdisjoint(item.text for item in texts if isinstance(item, TextSample))


def test_training_dialogues_are_not_the_rounds() -> None:
    def said(samples: list[ReferenceSample]) -> set[tuple[str, str]]:
        return {(sample.messages[0].content, sample.reference) for sample in samples}

    training = said(dialogues(stream(1, "Q"), 300, "training"))
    evaluation = said(dialogues(stream(1, "Q"), 300, "evaluation"))
    assert training.isdisjoint(evaluation)


def test_dialogues_answer_in_full_sentences() -> None:
    for sample in _references(EmbeddedDialogues().draw(stream(3, "Q"), 200)):
        assert sample.messages[0].content.endswith("?")
        assert sample.reference[-1] in ".!?\"'"
        assert len(sample.reference.split()) >= 4


def test_domains_narrow_the_draw() -> None:
    dataset = load_dataset("embedded_choices", {"domains": ["chemistry"]})
    topics = {sample.provenance.topic for sample in dataset.draw(stream(1, "C"), 50)}
    assert topics == {"chemistry"}
    with pytest.raises(ConfigError, match=r"there is no 'alchemy'; known: .*chemistry"):
        load_dataset("embedded_passages", {"domains": ["alchemy"]})
    with pytest.raises(DataUnavailable, match="no fact is about"):
        load_dataset("embedded_choices", {"domains": ["law"]}).draw(stream(1, "C"), 500)


def test_choices_of_a_passage_question_are_shuffled_with_their_answer() -> None:
    right = {
        question.question: question.choices[question.answer] for question in questions("training")
    }
    for sample in passage_choices(stream(4, "C"), 80, "training"):
        assert sample.choices[sample.answer] == right[sample.question]


def test_a_procedure_with_few_outcomes_repeats_only_when_it_must() -> None:
    rng = stream(1, "X")
    drawn = distinct(lambda: int(rng.integers(5)), 7)
    assert set(drawn[:5]) == {0, 1, 2, 3, 4}
    assert len(drawn) == 7
