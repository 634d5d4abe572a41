"""Many sequences in one forward pass, without padding and without influence on each other.

Segments lie behind one another in a single row of tokens; positions restart at each,
and the attention function registered here attends inside each segment alone,
exactly as if it were the only one. Everything else in a decoder works row by row,
so an answer does not depend on what else is in the batch. Two things need care, and
padding rows at the end take care of both: matrix products with few rows take another
kernel, and elementwise functions leave the last few elements of a tensor to scalar code
(``docs/engine.md``).

The transformers modelling code stays untouched; it hands its queries, keys and values to
:func:`packed_attention` and passes the plan through its keyword arguments.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

#: Name under which the attention function is registered with transformers.
ATTENTION = "palio_packed"
#: Matrix products with fewer rows take kernels whose sums differ in the last bit; with several
#: threads so do those that leave a thread with too few, so rows come in multiples of this.
MIN_ROWS = 8
#: Elementwise functions take this many numbers at a stride. What is left over is computed one by
#: one, and the last bit of SiLU or GELU then differs; no sequence's row may lie there.
VECTOR_ELEMENTS = 64
#: Cache slots are added this many tokens at a time, so that a step rarely copies a cache.
CACHE_GROWTH = 64


class KeyValueCache:
    """Keys and values of one growing sequence, for every layer."""

    def __init__(self) -> None:
        self._layers: dict[int, tuple[Tensor, Tensor]] = {}
        self._lengths: dict[int, int] = {}

    def extend(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Append (H_kv, L, D) keys and values; return all so far as (H_kv, length, D) views."""
        used = self._lengths.get(layer, 0)
        length = used + key.shape[1]
        if layer not in self._layers or length > self._layers[layer][0].shape[1]:
            self._grow(layer, key, length)
        keys, values = self._layers[layer]
        keys[:, used:length] = key
        values[:, used:length] = value
        self._lengths[layer] = length
        return keys[:, :length], values[:, :length]

    def _grow(self, layer: int, like: Tensor, length: int) -> None:
        heads, _, width = like.shape
        capacity = -(-length // CACHE_GROWTH) * CACHE_GROWTH
        grown = (like.new_empty(heads, capacity, width), like.new_empty(heads, capacity, width))
        if layer in self._layers:
            used = self._lengths[layer]
            for new, old in zip(grown, self._layers[layer], strict=True):
                new[:, :used] = old[:, :used]
        self._layers[layer] = grown


@dataclass(slots=True)
class PackedPlan:
    """Which tokens of the packed row belong together.

    Attributes:
        lengths: new tokens of each segment, in order; tokens behind the last are padding.
        caches: one cache per segment when the segments go on later, else empty.
    """

    lengths: list[int]
    caches: list[KeyValueCache] = field(default_factory=list)


def packed_attention(
    module: Any,  # noqa: ANN401 - any attention module of transformers
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,  # noqa: ARG001 - the plan says who sees whom
    *,
    plan: PackedPlan,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **_: Any,  # noqa: ANN401 - dropout and such, which evaluation does not use
) -> tuple[Tensor, None]:
    """Causal attention inside each segment of ``plan``.

    Query is (1, H, T, D), key and value (1, H_kv, T, D); the result is (1, T, H, D) with zeros at
    padding tokens.
    """
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    out = query.new_zeros(query.shape[0], query.shape[2], query.shape[1], value.shape[-1])
    start = 0
    for index, length in enumerate(plan.lengths):
        span = slice(start, start + length)
        # Fresh copies: kernels take other paths by alignment, which the place in the row decides.
        if plan.caches:
            layer = module.layer_idx
            keys, values = plan.caches[index].extend(layer, key[0, :, span], value[0, :, span])
        else:
            keys, values = _copy(key[0, :, span]), _copy(value[0, :, span])
        queries = _copy(query[0, :, span])
        attended = _attend(queries, keys, values, scale, sliding_window, softcap)
        out[0, span] = attended.transpose(0, 1)
        start += length
    return out, None


def _copy(tensor: Tensor) -> Tensor:
    return tensor.clone(memory_format=torch.contiguous_format)


def _attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    scale: float,
    window: int | None,
    softcap: float | None,
) -> Tensor:
    """Attention of the last L positions over all S: (H, L, D), (H_kv, S, D) -> (H, L, D)."""
    fresh, total = query.shape[1], key.shape[1]
    narrow = window is not None and total > window
    if softcap is None and not narrow and (fresh in (1, total)):
        attended: Tensor = scaled_dot_product_attention(
            query[None],
            key[None],
            value[None],
            is_causal=fresh > 1,
            scale=scale,
            enable_gqa=query.shape[0] != key.shape[0],
        )[0]
        return attended
    groups = query.shape[0] // key.shape[0]
    scores = torch.matmul(query, key.repeat_interleave(groups, 0).transpose(1, 2)) * scale
    if softcap is not None:
        scores = torch.tanh(scores / softcap) * softcap
    position = torch.arange(total - fresh, total, device=query.device)[:, None]  # (L, 1)
    seen = torch.arange(total, device=query.device)[None, :]  # (1, S)
    hidden = seen > position
    if narrow and window is not None:
        hidden = hidden | (seen <= position - window)
    scores = scores.masked_fill(hidden, float("-inf"))
    weights = torch.softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype)
    return torch.matmul(weights, value.repeat_interleave(groups, 0))


def row_unit(widths: Iterable[int]) -> int:
    """Number of rows, of which any multiple fills whole strides in tensors of these widths."""
    return max(MIN_ROWS, VECTOR_ELEMENTS // math.gcd(VECTOR_ELEMENTS, *widths))


def rows_with_padding(count: int, unit: int) -> int:
    """``count`` rounded up to a multiple of ``unit``, and to at least one."""
    return max(1, -(-count // unit)) * unit


def packed_inputs(
    sequences: list[list[int]], starts: list[int], unit: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Token ids and positions of the packed row, each (1, T), with padding behind.

    Args:
        sequences: token ids.
        starts: the position of each sequence's first token.
        unit: T is made a multiple of it.
        device: where the model is.
    """
    ids = [token for sequence in sequences for token in sequence]
    positions = [
        start + offset
        for sequence, start in zip(sequences, starts, strict=True)
        for offset in range(len(sequence))
    ]
    padding = rows_with_padding(len(ids), unit) - len(ids)
    ids.extend([0] * padding)
    positions.extend([0] * padding)
    return (
        torch.tensor([ids], device=device),
        torch.tensor([positions], device=device),
    )


AttentionInterface.register(ATTENTION, packed_attention)
