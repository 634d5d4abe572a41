"""SN37's norm check, for every architecture: no projection may be blown up.

A submission whose projections have huge norms hides or destabilises what it computes.
The share of large layers is averaged over SN37's six kinds of projection;
the hard limit also covers the gate of a gated MLP, which SN37 left unbounded.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from palio.competition.model import NormCheck
from palio.submissions.config import ModelConfig
from palio.submissions.refusals import rejected
from palio.submissions.tensor_sets import SN37_KINDS, Projection

RowSquares = Mapping[str, "np.ndarray[Any, np.dtype[np.float64]]"]


def normed_tensors(config: ModelConfig) -> frozenset[str]:
    """The tensors whose rows the check needs."""
    return frozenset(
        projection.tensor for layer in range(config.layers) for projection in _layer(config, layer)
    )


def check_norms(config: ModelConfig, squares: RowSquares, limits: NormCheck) -> None:
    """Check all Frobenius norms.

    Args:
        config: names the projections.
        squares: sum of squares of each row, for every tensor of :func:`normed_tensors`.
        limits: the competition's.

    Raises:
        SubmissionRejected: ``E_W_NORM``.
    """
    large = dict.fromkeys(SN37_KINDS, 0)
    for layer in range(config.layers):
        for projection in _layer(config, layer):
            norm = _norm(projection, squares)
            if norm > limits.hard:
                raise rejected(
                    "E_W_NORM",
                    f"layer {layer}, {projection.kind}: {norm:.4g}, allowed are {limits.hard:g}",
                    layer=layer,
                    projection=projection.kind,
                    norm=norm,
                )
            if norm > limits.soft and projection.kind in large:
                large[projection.kind] += 1
    share = sum(large.values()) / config.layers / len(SN37_KINDS)
    if share > limits.soft_share:
        raise rejected(
            "E_W_NORM",
            f"{share:.1%} of the layers exceed {limits.soft:g}, allowed are {limits.soft_share:.1%}",
            share=share,
            soft=limits.soft,
        )


def _layer(config: ModelConfig, layer: int) -> list[Projection]:
    return config.architecture.projections(config.values, layer)


def _norm(projection: Projection, squares: RowSquares) -> float:
    rows = squares[projection.tensor]
    if projection.rows is None:
        return math.sqrt(math.fsum(rows))
    return math.sqrt(math.fsum(math.fsum(rows[begin:end]) for begin, end in projection.rows))
