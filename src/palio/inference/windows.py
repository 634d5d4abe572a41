"""How a sequence longer than the window is cut into pieces that are scored one by one.

Pure arithmetic on positions; neither tokens nor a model is needed to know the plan.
"""

from collections.abc import Iterator
from typing import NamedTuple

from palio.inference.protocol import LongText


class Window(NamedTuple):
    """Positions ``start`` to ``end`` of a sequence, of which those from ``first`` on are scored."""

    start: int
    end: int
    first: int


def windows(length: int, first: int, size: int, long: LongText) -> Iterator[Window]:
    """Pieces of at most ``size`` tokens in which every target token is scored at most once.

    ``truncate`` gives the first piece only. With ``stride`` each further piece begins
    half a window later and scores what no earlier one has: every token is scored exactly
    once, and all but those of the first piece see at least half a window before them.

    Args:
        length: tokens of the sequence.
        first: position of the first target token; the ones before are given. At least 1.
        size: tokens of the window; at least 2.
        long: what to do with a sequence longer than the window.
    """
    yield Window(0, min(size, length), first)
    if long == "truncate":
        return
    stride = size // 2
    start, scored = stride, size
    while scored < length:
        end = min(start + size, length)
        yield Window(start, end, scored)
        start, scored = start + stride, end
