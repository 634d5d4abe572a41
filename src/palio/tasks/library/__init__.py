"""The embedded library of texts, facts and words.

``passages("training")`` and ``questions("training")`` are what entrants may train on;
``evaluation`` is what they are scored on.
"""

from palio.tasks.library.texts import (
    LIBRARY,
    LIBRARY_BORN,
    Passage,
    Question,
    Split,
    passages,
    questions,
)
from palio.tasks.library.words import basic_english

__all__ = [
    "LIBRARY",
    "LIBRARY_BORN",
    "Passage",
    "Question",
    "Split",
    "basic_english",
    "passages",
    "questions",
]
