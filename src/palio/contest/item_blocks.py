"""Paired losses laid out in blocks of equal length, so that one operation serves many duels.

A block holds so few items that a product over it stays an ordinary number. Blocks are
filled up with items that win nothing, and those change no bit of any result.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Rows = npt.NDArray[np.intp]
"""Positions of duels in a table."""

PairedLosses = Mapping[str, Array]
"""By task, an array (items, 2): the champion's and the challenger's loss in baseline units,
rounded to ``LOSS_DIGITS``."""

#: Digits of a loss in baseline units.
LOSS_DIGITS = 6
#: Items of a block: 0.2**64 and 65**64 are ordinary numbers.
BLOCK = 64

#: Mantissas (from 0.5 to 1) multiplied before their exponent is taken out again.
_GROUP = 512
_UNITS = 10.0**LOSS_DIGITS
#: Two losses of fewer units than this fit into one integer.
_KEY_LIMIT = 2**31
_KEY_OF_NOTHING = np.iinfo(np.int64).max


class Blocks(NamedTuple):
    """Losses in blocks, each of shape (items of a block, duels * blocks); duels stay together."""

    champion: Array
    challenger: Array


class Scaled(NamedTuple):
    """Numbers ``mantissa * 2**exponent``."""

    mantissa: Array
    exponent: Integers


def blocks_of(losses: Sequence[Array]) -> Blocks:
    """The losses of several duels on one task, each duel's items in one order.

    Duels with fewer items than others are filled up, at the end, with pairs of zeros.

    Args:
        losses: by duel, shape (items, 2).
    """
    lengths = np.array([len(each) for each in losses], dtype=np.int64)
    filled = -(-int(lengths.max(initial=0)) // BLOCK) * BLOCK
    present = np.arange(filled) < lengths[:, None]
    units = np.rint(np.concatenate([np.empty((0, 2)), *losses]) * _UNITS)
    order = _ordered_keys if units.max(initial=0.0) < _KEY_LIMIT else _ordered_pairs
    return Blocks(*(_in_columns(rows) for rows in order(units, present)))


def product_of_blocks(products: Array) -> Scaled:
    """The products over the blocks of each stake and duel, however small or large.

    Args:
        products: shape (stakes, duels, blocks).

    Returns:
        Arrays of shape (stakes, duels).
    """
    mantissas, shifts = np.frexp(products)
    exponents = shifts.sum(axis=2, dtype=np.int64)
    while mantissas.shape[2] != 1:
        stakes, duels, blocks = mantissas.shape
        groups = max(1, -(-blocks // _GROUP))
        size = _GROUP if groups > 1 else max(1, blocks)
        whole = np.ones((stakes, duels, groups * size))
        whole[:, :, :blocks] = mantissas
        # One block after another, so that those that only fill up change nothing.
        in_turn = np.ascontiguousarray(
            whole.reshape(stakes, duels, groups, size).transpose(3, 0, 1, 2)
        )
        mantissas, shifts = np.frexp(np.multiply.reduce(in_turn, axis=0))
        exponents += shifts.sum(axis=2, dtype=np.int64)
    return Scaled(mantissas[:, :, 0], exponents)


def _ordered_keys(units: Array, present: npt.NDArray[np.bool_]) -> tuple[Array, Array]:
    """Rows of a duel each, sorted by the champion's loss, then the challenger's.

    Losses are whole numbers of units, so a pair is one integer; sorting integers is several
    times as fast as sorting pairs.

    Args:
        units: losses of all duels, shape (items, 2).
        present: which places of the rows hold an item; the others follow with zeros.
    """
    keys = np.full(present.shape, _KEY_OF_NOTHING)
    whole = units.astype(np.int64)
    keys[present] = (whole[:, 0] << 32) | whole[:, 1]
    keys.sort(axis=1)
    keys[~present] = 0
    return (keys >> 32) / _UNITS, (keys & (2**32 - 1)) / _UNITS


def _ordered_pairs(units: Array, present: npt.NDArray[np.bool_]) -> tuple[Array, Array]:
    """:func:`_ordered_keys` for losses too large for a key."""
    pairs = np.full((2, *present.shape), np.inf)
    pairs[:, present] = units.T / _UNITS
    order = np.lexsort((pairs[1], pairs[0]), axis=-1)
    champion, challenger = (np.take_along_axis(part, order, axis=-1) for part in pairs)
    return np.where(present, champion, 0.0), np.where(present, challenger, 0.0)


def _in_columns(rows: Array) -> Array:
    blocks = rows.reshape(len(rows), -1, BLOCK) if rows.size else rows.reshape(len(rows), 0, BLOCK)
    return np.ascontiguousarray(blocks.transpose(2, 0, 1)).reshape(BLOCK, -1)
