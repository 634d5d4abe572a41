"""What a reply to a multiple-choice question is read as."""

import time

import pytest

from palio.tasks.methods.parsing import first_word, staged

LONG = 50_000
LETTERS = ("A", "B", "C", "D")
CHOICES = ("Paris", "London", "Austin", "Houston")


@pytest.mark.parametrize(
    ("reply", "picked"),
    [
        ("C", "C"),
        (" C\n", "C"),
        ("(c)", "C"),
        ("c", "C"),
        ("**B**", "B"),
        ("B.", "B"),
        ("option_C", "C"),
        ("Option D", "D"),
        ("The answer is D", "D"),
        ("The answer is: **D**.", "D"),
        ("The correct option is (b).", "B"),
        ("Answer: c", "C"),
        ("The answer is A.", "A"),
        ("The answer is A because of the river", "A"),
        ("A careful reading shows C", "C"),
        ("A careful reading shows the answer is C", "C"),
        ("I think D is wrong; the answer is B", "B"),
        ("The answer is B. No, the answer is D.", "D"),
        ("B. London", "B"),
        ("c) Austin", "C"),
        ("Austin", "C"),
        ("austin.", "C"),
        ("I would pick C", "C"),
        ("The answer is a big city", None),
        ("A big city in Texas", None),
        ("C or D", None),
        ("", None),
        ("E", None),
        ("I don't know", None),
        ("D'Artagnan said so", None),
    ],
)
def test_staged_reading(reply: str, picked: str | None) -> None:
    assert staged(reply, LETTERS, CHOICES) == picked


@pytest.mark.parametrize(
    ("reply", "picked"),
    [
        ("C", "C"),
        ("**B**", "B"),
        ("The answer is D.", "D"),
        ("A careful reading shows C", "A"),
        ("(c)", None),
        ("option_C", None),
        ("I think D is wrong; the answer is B", "D"),
        ("", None),
    ],
)
def test_first_word_reading_is_sn37s(reply: str, picked: str | None) -> None:
    assert first_word(reply, LETTERS) == picked


@pytest.mark.parametrize(
    "reply",
    [
        "answer" + "_" * LONG + "?",
        "answer" + " " * LONG + "is",
        "answer is " * (LONG // 10),
        "A" * LONG,
        "(" * LONG,
        "\n" * LONG,
    ],
    ids=["underscores", "blanks", "statements", "letters", "brackets", "lines"],
)
def test_long_replies_are_read_in_linear_time(reply: str) -> None:
    start = time.process_time()
    assert staged(reply, LETTERS, CHOICES) is None
    assert time.process_time() - start < 1.0
