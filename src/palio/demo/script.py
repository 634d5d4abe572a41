"""The demo's script: who enters, what each trains on, when they commit, when rounds are.

The entrants are named after districts of Siena. Everything is decided by one seed, so
the same machine plays the same competition each time, however often it is
interrupted. The keys derive from the seed too: they are for show and protect nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

#: Name of the validator's key.
VALIDATOR = "validator"


class Trick(StrEnum):
    """What an entrant does instead of training."""

    NONE = "none"
    COPY = "copy"
    """Submits another entrant's model under a new name."""
    BROKEN = "broken"
    """Submits weights with a NaN among them."""


@dataclass(frozen=True, slots=True)
class DemoEntrant:
    """One entrant.

    Attributes:
        name: also the name of the key and of the submission.
        block: block in which the commitment stands.
        tokens: fine-tuning budget.
        mixture: shares of the training sources.
        about: what is special, in a few words.
        trick, of: what it does instead, and with whose model.
    """

    name: str
    block: int
    about: str
    tokens: int = 0
    mixture: Mapping[str, float] | None = None
    trick: Trick = Trick.NONE
    of: str = ""


@dataclass(frozen=True, slots=True)
class Script:
    """A whole demo.

    Attributes:
        competition: a competition file, or EDITION/NAME.
        seed: decides keys, block hashes and training; nothing else is random.
        start: time of the ledger's first block.
        base_tokens: training budget of the base model.
        base_mixture: shares of the base model's training sources.
        entrants: in the order in which they commit; the base model is all that precedes them.
        rounds: sync blocks of the rounds that are played, ascending.
    """

    competition: str
    seed: int
    start: datetime
    base_tokens: int
    base_mixture: Mapping[str, float]
    entrants: tuple[DemoEntrant, ...]
    rounds: tuple[int, ...]


SIENA = Script(
    competition="demo/DEMO",
    seed=1633,
    start=datetime(2026, 7, 2, 17, 30, tzinfo=UTC),
    base_tokens=240_000,
    base_mixture={"texts": 0.55, "word_lists": 0.15, "choices": 0.15, "answers": 0.15},
    rounds=(10, 20, 30),
    entrants=(
        DemoEntrant(
            "aquila",
            block=2,
            about="a little of everything",
            tokens=40_000,
            mixture={"texts": 0.4, "word_lists": 0.2, "choices": 0.2, "answers": 0.2},
        ),
        DemoEntrant(
            "bruco",
            block=4,
            about="only sorts words",
            tokens=60_000,
            mixture={"word_lists": 1.0},
        ),
        DemoEntrant(
            "civetta",
            block=12,
            about="everything, five times the budget",
            tokens=220_000,
            mixture={"texts": 0.2, "word_lists": 0.6, "choices": 0.1, "answers": 0.1},
        ),
        DemoEntrant(
            "drago",
            block=13,
            about="reads and answers, never sorts",
            tokens=90_000,
            mixture={"texts": 0.5, "choices": 0.2, "answers": 0.3},
        ),
        DemoEntrant(
            "giraffa",
            block=14,
            about="civetta's model under another name",
            trick=Trick.COPY,
            of="civetta",
        ),
        DemoEntrant(
            "istrice",
            block=14,
            about="weights with a NaN",
            trick=Trick.BROKEN,
            of="drago",
        ),
    ),
)
