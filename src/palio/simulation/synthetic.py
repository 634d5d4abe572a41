"""Synthetic entrants: who they are, how good they truly are, and when they commit.

Everyone is defined against the best model committed before, never against the sitting
champion, so that one field meets every rule alike.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from palio.competition.model import Competition
from palio.errors import ConfigError
from palio.evaluation.scorecard import normalise
from palio.simulation.assumptions import TaskAssumption

#: The model that commits first.
FOUNDER = "founder"
#: Relative loss of a specialist on all tasks but its own.
_LOST = 0.15
#: Halvings of a bisection on [0, 1].
_HALVINGS = 50
#: Most entrants of a kind in a season.
MAX_COUNT = 1000


class Kind(StrEnum):
    """What somebody hands in, compared with the best model committed before."""

    SIBLINGS = "siblings"
    """A retraining that is exactly as good."""
    IMPROVERS = "improvers"
    """A better model."""
    WORSE = "worse"
    """A model that is not as good."""
    COPIES = "copies"
    """The same model with slightly perturbed weights: as good, with little noise between."""
    SYBILS = "sybils"
    """Equal retrainings of one person, committed at once under as many keys."""
    SPECIALISTS = "specialists"
    """Better on the heaviest task and worse on the others; as good over all."""


@dataclass(frozen=True, slots=True)
class Group:
    """How many entrants of a kind a season sees, and their relative lead where it matters."""

    count: int
    lead: float = 0.0


DEFAULT_GROUPS: Mapping[Kind, Group] = {
    Kind.SIBLINGS: Group(4),
    Kind.IMPROVERS: Group(3, 0.05),
    Kind.WORSE: Group(4, -0.05),
    Kind.COPIES: Group(2),
    Kind.SYBILS: Group(4),
    Kind.SPECIALISTS: Group(1),
}


@dataclass(frozen=True, slots=True)
class SyntheticEntrant:
    """One model of a season.

    Attributes:
        name: stands for its content digest.
        kind: None for the founder.
        arrival: number of the first round that may evaluate it.
        factors: by task, its mean loss in units of the founder's.
        parent: whose noise it shares, if it is a copy.
    """

    name: str
    kind: Kind | None
    arrival: int
    factors: Mapping[str, float]
    parent: str | None = None


def groups_of(text: str) -> dict[Kind, Group]:
    """Groups from ``kind=COUNT`` or ``kind=COUNT@LEAD``, separated by commas.

    Raises:
        ConfigError: a kind is unknown or named twice, or a number makes no sense.
    """
    groups: dict[Kind, Group] = {}
    for part in text.split(","):
        name, _, rest = part.strip().partition("=")
        count, _, lead = rest.partition("@")
        if name not in list(Kind):
            raise ConfigError(f"--entrants: {name!r} is unknown; known kinds: {', '.join(Kind)}")
        kind = Kind(name)
        if kind in groups:
            raise ConfigError(f"--entrants: {name} stands twice")
        usual = DEFAULT_GROUPS[kind].lead
        try:
            group = Group(int(count), float(lead) if lead else usual)
        except ValueError:
            raise ConfigError(
                f"--entrants: {part.strip()!r} should read {name}=COUNT or {name}=COUNT@LEAD"
            ) from None
        if not 0 <= group.count <= MAX_COUNT:
            raise ConfigError(f"--entrants: {name} takes a count from 0 to {MAX_COUNT}")
        if lead and not usual:
            raise ConfigError(f"--entrants: {name} are as good as the best and take no lead")
        if usual and not (0 < group.lead / usual and abs(group.lead) < 0.5):
            sign = "above 0, such as 0.05" if usual > 0 else "below 0, such as -0.05"
            raise ConfigError(f"--entrants: the lead of {name} must be {sign}, and within 0.5")
        groups[kind] = group
    return groups


def season_entrants(
    competition: Competition,
    tasks: Mapping[str, TaskAssumption],
    groups: Mapping[Kind, Group],
    rounds: int,
    generator: np.random.Generator,
) -> tuple[SyntheticEntrant, ...]:
    """The entrants of one season, in order of commitment; the founder comes first.

    Args:
        competition: the one played.
        tasks: what is assumed of each.
        groups: whom the season sees.
        rounds: of the season, at least 2; arrivals are uniform over all but the first.
        generator: decides arrivals.
    """
    arrivals: list[tuple[int, float, Kind]] = []
    for kind in Kind:
        group = groups.get(kind, Group(0))
        rounds_of_kind = generator.integers(1, rounds, size=max(group.count, 1))
        orders = generator.random(max(group.count, 1))
        for number in range(group.count):
            # One person hands all sybils in at once.
            arrival = rounds_of_kind[0 if kind is Kind.SYBILS else number]
            arrivals.append((int(arrival), float(orders[number]), kind))
    best = SyntheticEntrant(FOUNDER, None, 0, dict.fromkeys(tasks, 1.0))
    entrants = [best]
    counts = dict.fromkeys(Kind, 0)
    for arrival, _, kind in sorted(arrivals):
        counts[kind] += 1
        entrant = SyntheticEntrant(
            name=f"{kind.removesuffix('s')}-{counts[kind]}",
            kind=kind,
            arrival=arrival,
            factors=_factors(competition, tasks, kind, groups[kind].lead, best),
            parent=best.name if kind is Kind.COPIES else None,
        )
        entrants.append(entrant)
        if kind is Kind.IMPROVERS:
            best = entrant
    return tuple(entrants)


def true_score(
    competition: Competition, tasks: Mapping[str, TaskAssumption], entrant: SyntheticEntrant
) -> float:
    """The score that infinitely many samples would give; lower is better."""
    return math.fsum(
        spec.weight
        * normalise(
            tasks[name].loss * tasks[name].unit_loss * entrant.factors[name], spec.normalisation
        )
        for name, spec in competition.tasks.items()
    )


def _factors(
    competition: Competition,
    tasks: Mapping[str, TaskAssumption],
    kind: Kind,
    lead: float,
    best: SyntheticEntrant,
) -> dict[str, float]:
    if kind is not Kind.SPECIALISTS or len(tasks) == 1:
        return {name: factor * (1 - lead) for name, factor in best.factors.items()}
    parts = {
        name: spec.weight
        * normalise(
            tasks[name].loss * tasks[name].unit_loss * best.factors[name], spec.normalisation
        )
        for name, spec in competition.tasks.items()
    }
    heaviest = max(parts, key=lambda name: parts[name])

    def shifted(gain: float) -> SyntheticEntrant:
        factors = {
            name: factor * (1 - gain if name == heaviest else 1 + _LOST)
            for name, factor in best.factors.items()
        }
        return replace(best, factors=factors)

    # As good over all: the gain on one task that makes up for what is lost on the others.
    wanted = true_score(competition, tasks, best)
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if true_score(competition, tasks, shifted(middle)) > wanted:
            low = middle
        else:
            high = middle
    return dict(shifted(high).factors)
