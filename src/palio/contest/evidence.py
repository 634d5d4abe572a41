"""The items of many duels side by side: what advantage and what evidence a margin leaves of them.

Each stake bets a constant share of its wealth on every item; the evidence is the
mean of the wealths. While the challenger's true lead is not above a margin, the
evidence for "above" starts at 1 and is a nonnegative supermartingale, so it ever
reaches ``1/alpha`` with probability at most alpha (Ville's inequality; Waudby-Smith
and Ramdas, "Estimating means of bounded random variables by betting", 2024).

Equal bits on every machine and beside any other duels: a task's items are put in one
order and cut into blocks of equal length, and all work on them is additions,
multiplications and comparisons of single numbers in a fixed order, never a library's
vectorised logarithm or sum. What fills a block up changes no bit, and one logarithm of
the whole product is taken at the end. Where evidence meets a level is found by
``palio.contest.limits``.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from palio.contest.item_blocks import (
    BLOCK,
    Array,
    Blocks,
    Integers,
    PairedLosses,
    Rows,
    blocks_of,
    product_of_blocks,
)

__all__ = [
    "HALVINGS",
    "STAKES",
    "Array",
    "ItemTable",
    "Moments",
    "TaskItems",
    "margin_at",
    "transformed",
]

#: Shares of the wealth that are bet; the evidence is the mean over them.
STAKES = tuple(0.0125 * 2**power for power in range(7))
#: The largest of them, with which advantages are multiplied once for all ...
LARGEST = STAKES[-1]
#: ... and how often each has to be doubled to reach it.
HALVINGS = tuple(reversed(range(len(STAKES))))

#: Blocks worked on at a time: few enough for the cache, enough to hide the cost of a call.
_WIDTH = 512


class Moments(NamedTuple):
    """Sums of squares and cubes of bounded advantages; good enough to guess limits by."""

    second: Array
    third: Array


@dataclass(frozen=True, eq=False, slots=True)
class TaskItems:
    """One task's items of all duels of a table, in blocks.

    Attributes:
        losses: times the scale that takes capped advantages to [-1, 1], and the largest stake.
        bound: the largest advantage on that scale.
        counts: items of each duel.
    """

    losses: Blocks
    bound: float
    counts: Integers


class ItemTable:
    """The items of many duels under one rule; every answer holds one number for each duel.

    Margins are transformed (:func:`transformed`) throughout, one for each duel.

    Args:
        tasks: by name; their order fixes the order of operations.
        duels: how many.
    """

    def __init__(self, tasks: Mapping[str, TaskItems], duels: int) -> None:
        self._tasks = tasks
        self._duels = duels

    @classmethod
    def of(
        cls, caps: Mapping[str, float], scales: Mapping[str, float], duels: Sequence[PairedLosses]
    ) -> Self:
        """The table of these duels' losses, whatever the order of tasks and items."""
        tasks = {}
        for name in sorted(caps):
            own = [each[name] for each in duels]
            counts = np.array([len(each) for each in own], dtype=np.int64)
            losses = _scaled(blocks_of(own), scales[name] * LARGEST)
            # A cap times its scale may round to a hair above 1.
            bound = min(caps[name] * scales[name], 1.0) * LARGEST
            tasks[name] = TaskItems(losses, bound, counts)
        return cls(tasks, len(duels))

    def __len__(self) -> int:
        return self._duels

    def take(self, duels: Rows) -> "ItemTable":
        """The table of some of the duels, in the order given."""
        tasks = {
            name: TaskItems(
                Blocks(*(self._columns_of(each, duels) for each in task.losses)),
                task.bound,
                task.counts[duels],
            )
            for name, task in self._tasks.items()
        }
        return ItemTable(tasks, len(duels))

    def only(self, name: str) -> "ItemTable":
        """The items of one task, weighed by themselves."""
        task = self._tasks[name]
        losses = _scaled(task.losses, LARGEST / task.bound)
        return ItemTable({name: TaskItems(losses, LARGEST, task.counts)}, self._duels)

    @property
    def counts(self) -> Integers:
        """Items of each duel."""
        counts = np.zeros(self._duels, dtype=np.int64)
        for task in self._tasks.values():
            counts += task.counts
        return counts

    def log_evidence_above(self, margins: Array) -> Array:
        """Natural logarithms of the evidence that each lead exceeds its margin."""
        return self._log_evidence(margins, 1.0)

    def log_evidence_below(self, margins: Array) -> Array:
        """Natural logarithms of the evidence that each lead is below its margin."""
        return self._log_evidence(margins, -1.0)

    def surplus(self, margins: Array) -> Array:
        """Sums of the advantages, capped and scaled; fall as the margins grow."""
        parts = [
            _folded(bounded)
            for task in self._tasks.values()
            for _, bounded in self._bounded(task, margins)
        ]
        return self._sums(parts)

    def open_losses(self) -> Array:
        """Sums of the champion's scaled losses on items whose advantage is not capped."""
        zeros = np.zeros(self._duels)
        parts = [
            _folded(np.where(np.abs(bounded) < task.bound, task.losses.champion[:, columns], 0.0))
            for task in self._tasks.values()
            for columns, bounded in self._bounded(task, zeros)
        ]
        return self._sums(parts)

    def scaled_losses(self) -> Blocks:
        """Sums of the champions' and the challengers' scaled losses, for guesses."""
        sums = [np.zeros(self._duels), np.zeros(self._duels)]
        for task in self._tasks.values():
            for total, losses in zip(sums, task.losses, strict=True):
                total += self._by_duel(losses.sum(axis=0)).sum(axis=1)
        return Blocks(*sums)

    def moments(self, margins: Array) -> Moments:
        """For guesses only: their last bits depend on how many duels stand side by side."""
        second, third = np.zeros(self._duels), np.zeros(self._duels)
        for task in self._tasks.values():
            sums = np.empty((2, task.losses.champion.shape[1]))
            for columns, bounded in self._bounded(task, margins):
                powers = bounded * bounded
                powers.sum(axis=0, out=sums[0, columns])
                powers *= bounded
                powers.sum(axis=0, out=sums[1, columns])
            second += self._by_duel(sums[0]).sum(axis=1)
            third += self._by_duel(sums[1]).sum(axis=1)
        return Moments(second, third)

    def _log_evidence(self, margins: Array, sign: float) -> Array:
        mantissas = np.full((len(STAKES), self._duels), 0.5)
        exponents = np.ones((len(STAKES), self._duels), dtype=np.int64)
        for task in self._tasks.values():
            products = np.empty((len(STAKES), task.losses.champion.shape[1]))
            room = np.empty((BLOCK, _WIDTH))
            for columns, bounded in self._bounded(task, margins):
                _multiply(bounded, sign, room[:, : bounded.shape[1]], products[:, columns])
            by_duel = products.reshape(len(STAKES), self._duels, -1)
            more, by = product_of_blocks(by_duel)
            mantissas, shift = np.frexp(mantissas * more)
            doubled = BLOCK * by_duel.shape[2] * np.array(HALVINGS)
            exponents += by + shift - doubled[:, None]
        # The largest wealth's exponent is taken out, so that the mean neither over- nor underflows.
        top = exponents.max(axis=0)
        wealth = np.zeros(self._duels)
        for mantissa, exponent in zip(mantissas, exponents, strict=True):
            wealth += np.ldexp(mantissa, np.maximum(exponent - top, -1100).astype(np.int32))
        return np.array(
            [
                math.log(mean) + power * math.log(2)
                for mean, power in zip((wealth / len(STAKES)).tolist(), top.tolist(), strict=True)
            ]
        )

    def _bounded(self, task: TaskItems, margins: Array) -> Iterator[tuple[slice, Array]]:
        """The task's advantages beyond the margins, scaled, some columns at a time.

        At margin e that is the capped ``(1 - e) * champion - challenger``, and for e below 0
        ``champion - challenger / (1 - e)``, times the scale. An array is overwritten by the next.
        """
        champion, challenger = task.losses
        size = champion.shape[1]
        repeats = size // max(1, self._duels)
        ours = np.repeat(1 - np.maximum(margins, 0.0), repeats)
        theirs = np.repeat(1 + np.minimum(margins, 0.0), repeats)
        room = np.empty((2, BLOCK, min(size, _WIDTH)))
        for start in range(0, size, _WIDTH):
            columns = slice(start, min(start + _WIDTH, size))
            advantage, lost = room[:, :, : columns.stop - start]
            np.multiply(champion[:, columns], ours[columns], out=advantage)
            np.multiply(challenger[:, columns], theirs[columns], out=lost)
            advantage -= lost
            yield columns, np.clip(advantage, -task.bound, task.bound, out=advantage)

    def _sums(self, parts: list[Array]) -> Array:
        """Each duel's exact sum over its columns, which are those of one task after another."""
        tasks, start = [], 0
        columns = np.concatenate([*parts, np.empty(0)])
        for task in self._tasks.values():
            stop = start + task.losses.champion.shape[1]
            tasks.append(self._by_duel(columns[start:stop]))
            start = stop
        whole = np.concatenate([np.empty((self._duels, 0)), *tasks], axis=1)
        return np.array([math.fsum(row) for row in whole.tolist()])

    def _by_duel(self, columns: Array) -> Array:
        return columns.reshape(self._duels, -1)

    def _columns_of(self, blocks: Array, duels: Rows) -> Array:
        return blocks.reshape(BLOCK, self._duels, -1)[:, duels].reshape(BLOCK, -1)


def transformed(margin: Array) -> Array:
    """Margins on a scale from -1 (minus infinity) to 1, alike for leading and trailing."""
    return np.where(margin >= 0, margin, margin / (1 - np.minimum(margin, 0.0)))


def margin_at(at: float) -> float:
    """The margin that stands at a place above -1 of the transformed scale."""
    return at if at >= 0 else at / (1 + at)


def _scaled(losses: Blocks, scale: float) -> Blocks:
    return Blocks(losses.champion * scale, losses.challenger * scale)


def _multiply(advantages: Array, sign: float, room: Array, products: Array) -> None:
    """For each stake, the products of ``2**halvings + advantage`` over each column.

    As ``1 + stake * y`` is ``(2**halvings + LARGEST * y) / 2**halvings``, a bet takes one
    addition, and what is doubled too much is taken off the exponent, without rounding.
    """
    for number, halvings in enumerate(HALVINGS):
        (np.add if sign > 0 else np.subtract)(2.0**halvings, advantages, out=room)
        np.multiply.reduce(room, axis=0, out=products[number])


def _folded(values: Array) -> Array:
    """The sum of each column, halves added to halves: a fixed order, which ``sum`` has not."""
    while len(values) > 1:
        half = len(values) // 2
        values = values[:half] + values[half:]
    total: Array = values[0]
    return total
