"""Drawing without repetition, from a procedure or from a finite pool."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from palio.errors import DataUnavailable

Item = TypeVar("Item")

#: Redraws granted to one sample; a space so small that these fail may repeat a sample.
REDRAWS = 100


def distinct(draw_one: Callable[[], Item], count: int) -> list[Item]:
    """``count`` items of a procedure, each different as long as the procedure allows it.

    An item equal to an earlier one is drawn again, up to :data:`REDRAWS` times; a
    procedure that then has nothing new to give repeats itself.
    """
    items: list[Item] = []
    seen: set[Item] = set()
    for _ in range(count):
        for _ in range(REDRAWS):
            item = draw_one()
            if item not in seen:
                break
        seen.add(item)
        items.append(item)
    return items


def shuffled(
    rng: np.random.Generator, pool: Sequence[Item], count: int, *, repeat: bool, noun: str
) -> list[Item]:
    """``count`` items of the pool in random order.

    With ``repeat`` the pool is dealt out in whole shuffled passes, so that every item
    comes once before any comes twice.

    Raises:
        DataUnavailable: the pool is empty, or holds fewer items and may not be repeated.
    """
    if not pool:
        raise DataUnavailable(f"there are no {noun} to draw from")
    if count > len(pool) and not repeat:
        raise DataUnavailable(
            f"{count} {noun} are asked for, but there are only {len(pool)}; "
            "ask for fewer, or set the option 'repeat: true'"
        )
    items: list[Item] = []
    while len(items) < count:
        items.extend(pool[i] for i in rng.permutation(len(pool)))
    return items[:count]
