"""Who takes part in a round, in which order they committed, and what came of their evaluation."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from palio.evaluation.scorecard import Scorecard, Unscored

EntrantResult = Scorecard | Unscored
"""What an evaluation ends with; an entrant without either was not evaluated (absent)."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """A submission that takes part in a round.

    Attributes:
        submission: content digest; results, averages and shares are kept by it.
        participant: address of the participant's public key.
        block: block of the ledger that holds the commitment.
        sequence: position among all commitments of the ledger, which orders a block.
    """

    submission: str
    participant: str
    block: int
    sequence: int

    @property
    def order(self) -> tuple[int, int, str, str]:
        """Sort key of the order of commitment; the names only make it total."""
        return (self.block, self.sequence, self.submission, self.participant)


@dataclass(frozen=True, slots=True)
class Field:
    """A round's entrants, sorted out before any rule looks at them.

    Attributes:
        standing: one entrant for each submission, in order of commitment.
        copies: entrants whose content an earlier entrant committed; they take no part.
        late: entrants committed after the sync block, who could have known the seed.
    """

    standing: tuple[Entrant, ...]
    copies: tuple[Entrant, ...]
    late: tuple[Entrant, ...]


def sort_out(entrants: Iterable[Entrant], sync_block: int) -> Field:
    """The field of a round, whatever the order in which the entrants are given."""
    standing: dict[str, Entrant] = {}
    copies: list[Entrant] = []
    late: list[Entrant] = []
    for entrant in sorted(set(entrants), key=lambda each: each.order):
        if entrant.block > sync_block:
            late.append(entrant)
        elif entrant.submission in standing:
            copies.append(entrant)
        else:
            standing[entrant.submission] = entrant
    return Field(tuple(standing.values()), tuple(copies), tuple(late))


def valid_scorecards(
    standing: Iterable[Entrant], results: Mapping[str, EntrantResult]
) -> dict[str, Scorecard]:
    """The scorecards that may rank: of a standing entrant, and finite in every number used."""
    cards: dict[str, Scorecard] = {}
    for entrant in standing:
        result = results.get(entrant.submission)
        if isinstance(result, Scorecard) and _is_finite(result):
            cards[entrant.submission] = result
    return cards


def _is_finite(card: Scorecard) -> bool:
    return math.isfinite(card.score) and all(
        math.isfinite(sample.loss) for task in card.tasks.values() for sample in task.samples
    )
