"""Where a lead comes from: mean differences of groups of samples, with 95% intervals.

Each interval holds on its own; of twenty groups, one is expected to miss the truth.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from palio.contest.sample_pairs import SamplePair
from palio.evaluation.scorecard import Z_95, Interval

#: Samples below which a group's mean says too little for an interval.
ENOUGH = 10

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Group:
    """Samples that share a task, a topic or a difficulty.

    Attributes:
        samples: how many both answered, over all rounds of the comparison.
        difference: mean of the champion's loss minus the challenger's as the rule counts them,
            each sample by its weight; above 0 the challenger is better.
        interval: 95% interval of that mean; None for fewer than :data:`ENOUGH` samples.
        contribution: the group's part of the lead; those of all groups add up to it.
        contribution_interval: its 95% interval, where there is one of the mean.
        merged: how many small groups this one stands for, if it is such a rest.
    """

    name: str
    samples: int
    difference: float
    interval: Interval | None
    contribution: float
    contribution_interval: Interval | None
    merged: int = 0


def by_task(pairs: Sequence[SamplePair]) -> list[Group]:
    """A group for each task, in the order in which the pairs name them."""
    return [_group(name, found) for name, found in _grouped(pairs, lambda each: each.task)]


def by_topic(pairs: Sequence[SamplePair]) -> list[Group]:
    """Groups by topic over all tasks, what hurts the challenger most first.

    Topics with fewer than :data:`ENOUGH` samples are taken together, last.
    """
    groups, small = [], []
    for topic, found in _grouped(pairs, lambda each: each.topic or "no topic"):
        if len(found) >= ENOUGH:
            groups.append(_group(topic, found))
        else:
            small.append((topic, found))
    groups.sort(key=lambda each: (each.contribution, each.name))
    if len(small) == 1:
        groups.append(_group(*small[0]))
    elif small:
        rest = [each for _, found in small for each in found]
        groups.append(_group("other topics", rest, merged=len(small)))
    return groups


def by_difficulty(pairs: Sequence[SamplePair]) -> list[Group]:
    """Groups by difficulty over all tasks, the easy ones first, those not rated last."""
    names = {1: "easy", 2: "medium", 3: "hard"}
    found = _grouped(pairs, lambda each: each.difficulty)
    found.sort(key=lambda each: (each[0] is None, each[0] or 0))
    return [
        _group("not rated" if level is None else names.get(level, f"level {level}"), group)
        for level, group in found
    ]


def mean_with_interval(values: Sequence[float], weights: Sequence[float]) -> tuple[float, Interval]:
    """The weighted mean and its 95% interval, by Student's t on a ratio estimator's error.

    Cochran, Sampling Techniques, 1977, ch. 6; at least two values.
    """
    count = len(values)
    heaviness = math.fsum(weights)
    mean = math.fsum(w * v for w, v in zip(weights, values, strict=True)) / heaviness
    squares = math.fsum((w * (v - mean)) ** 2 for w, v in zip(weights, values, strict=True))
    error = math.sqrt(count / (count - 1) * squares) / heaviness
    half = student_95(count - 1) * error
    return mean, Interval(mean - half, mean + half)


def student_95(freedom: int) -> float:
    """Two-sided 95% quantile of Student's t, good to .001 from 8 degrees of freedom on.

    Abramowitz and Stegun, Handbook of Mathematical Functions, 1964, 26.7.5.
    """
    z = Z_95
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3


def _grouped(
    pairs: Sequence[SamplePair], key: Callable[[SamplePair], Key]
) -> list[tuple[Key, list[SamplePair]]]:
    groups: dict[Key, list[SamplePair]] = {}
    for each in pairs:
        groups.setdefault(key(each), []).append(each)
    return list(groups.items())


def _group(name: str, pairs: Sequence[SamplePair], merged: int = 0) -> Group:
    weights = [each.weight for each in pairs]
    values = [each.difference for each in pairs]
    contribution = math.fsum(each.part for each in pairs)
    if len(pairs) < ENOUGH:
        mean = math.fsum(w * v for w, v in zip(weights, values, strict=True)) / math.fsum(weights)
        return Group(name, len(pairs), mean, None, contribution, None, merged)
    mean, interval = mean_with_interval(values, weights)
    worth = math.fsum(each.worth for each in pairs)
    on_lead = Interval(worth * interval.low, worth * interval.high)
    return Group(name, len(pairs), mean, interval, contribution, on_lead, merged)
