"""What entrants train on is never what they are scored on."""

import numpy as np
import pytest

from palio.competition.loading import resolve
from palio.errors import ConfigError
from palio.tasks.drawing import draw_round
from palio.tasks.library.texts import passages
from palio.tasks.samples import ChoiceSample, ReferenceSample, TextSample
from palio.training.corpus import SOURCES, Example, answers, choices, mixture, texts, word_lists


def rng(seed: int = 5) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


@pytest.fixture(scope="module")
def asked() -> list[object]:
    """What a few rounds of the demo ask, everything in it."""
    competition = resolve("demo/DEMO")
    return [
        sample
        for seed in (1, 2, 3)
        for task in draw_round(competition, seed).tasks.values()
        for sample in task.samples
    ]


def test_no_training_text_is_a_text_that_is_scored(asked: list[object]) -> None:
    scored = {sample.text for sample in asked if isinstance(sample, TextSample)}
    trained = {example.reply for example in texts(rng(), 2000)}
    assert len(scored) > 20
    assert trained & {passage.text for passage in passages("training")}
    for paragraph in {part for text in scored for part in text.split("\n\n")}:
        assert not any(paragraph in text for text in trained)


def test_no_training_question_is_asked_for_the_same_answer(asked: list[object]) -> None:
    # "Which of these is a moon of Jupiter?" may come in both, but never for the same moon.
    scored = {
        (sample.question, sample.choices[sample.answer])
        for sample in asked
        if isinstance(sample, ChoiceSample)
    }
    trained = set()
    for example in choices(rng(), 1500):
        _, question, options, _ = example.messages[-1].content.rsplit("\n\n", 3)
        right = dict(line.split(". ", 1) for line in options.splitlines())[example.reply]
        trained.add((question, right))
    assert min(len(scored), len(trained)) > 100
    assert not scored & trained


def test_no_training_dialogue_is_a_dialogue_that_is_asked(asked: list[object]) -> None:
    pairs = {
        (sample.messages, sample.reference)
        for sample in asked
        if isinstance(sample, ReferenceSample)
    }
    trained = {(example.messages, example.reply) for example in answers(rng(), 1500)}
    assert len(pairs) > 50
    assert not pairs & trained


def test_longer_training_lists_are_lists_that_no_round_asks(asked: list[object]) -> None:
    # Both shuffle the same 850 words, so two words may meet by chance, but no long list does.
    pairs = {
        sample.reference
        for sample in asked
        if isinstance(sample, ReferenceSample) and sample.reference.count(" ") >= 3
    }
    trained = {example.reply for example in word_lists(rng(), 3000)}
    assert len(pairs) > 20
    assert not pairs & trained


@pytest.mark.parametrize("source", sorted(SOURCES))
def test_a_source_gives_what_it_is_asked_for_and_depends_on_the_generator_alone(
    source: str,
) -> None:
    first = SOURCES[source](rng(), 40)
    assert len(first) == 40
    assert SOURCES[source](rng(), 40) == first
    assert SOURCES[source](rng(6), 40) != first
    assert all(isinstance(example, Example) and example.reply for example in first)


def test_a_choice_is_learnt_as_it_is_asked() -> None:
    example = choices(rng(), 1)[0]
    assert example.messages[-1].content.endswith("Answer: ")
    assert example.reply in "ABCD"


def test_a_word_list_is_answered_sorted() -> None:
    for example in word_lists(rng(), 50):
        assert example.reply.split() == sorted(example.reply.split())


def test_a_mixture_keeps_its_shares() -> None:
    mixed = mixture({"texts": 0.25, "word_lists": 0.75}, rng(), 200)
    assert sum(not example.messages for example in mixed) == 50
    assert len(mixed) == 200
    assert mixed == mixture({"word_lists": 0.75, "texts": 0.25}, rng(), 200)


@pytest.mark.parametrize(
    ("shares", "says"),
    [
        ({"poems": 1.0}, "poems"),
        ({"texts": 0.5}, "add up to 1"),
        ({"texts": 1.5, "choices": -0.5}, "negative"),
        ({"texts": float("nan")}, "add up to 1"),
        ({}, "add up to 1"),
    ],
)
def test_a_wrong_mixture_is_refused(shares: dict[str, float], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        mixture(shares, rng(), 10)


def test_a_share_of_nothing_gives_nothing() -> None:
    mixed = mixture({"texts": 1.0, "choices": 0.0}, rng(), 20)
    assert all(not example.messages for example in mixed)
