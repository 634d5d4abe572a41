"""What an architecture is to static inspection: keys, exact tensors, projections."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from palio.submissions.config_keys import Config, Key

Shape = tuple[int, ...]
ProjectionKind = Literal["q", "k", "v", "o", "up", "down", "gate"]
#: The six kinds over which SN37 averages the share of large layers.
SN37_KINDS: tuple[ProjectionKind, ...] = ("q", "k", "v", "o", "up", "down")


class Projection(NamedTuple):
    """A linear map of one layer: rows of a stored tensor; ``rows`` None for all of them."""

    kind: ProjectionKind | str
    tensor: str
    rows: tuple[tuple[int, int], ...] | None = None


@dataclass(frozen=True, slots=True)
class Architecture:
    """One supported architecture.

    Attributes:
        model_type: as in config.json.
        class_name: the transformers class that evaluates it.
        keys: every key that config.json may have beyond those common to all, with its check.
        complete: fills in derived values and refuses values that do not fit together.
        tensors: the exact names and shapes of a checkpoint for a completed config.
        projections: the projections of one layer.
        partial_rotary: default share of rotated dimensions; None if all always are.
        rotary: whether it has rotary positions at all.
        not_written: derived values that its config class does not know.
        output_layer: name of the output layer's weight, absent when embeddings are tied.
        layers_key: the key that counts its layers.
    """

    model_type: str
    class_name: str
    keys: Mapping[str, Key]
    complete: Callable[[Config], None]
    tensors: Callable[[Config], dict[str, Shape]]
    projections: Callable[[Config, int], list[Projection]]
    partial_rotary: float | None = None
    rotary: bool = True
    not_written: frozenset[str] = frozenset()
    output_layer: str = "lm_head.weight"
    layers_key: str = "num_hidden_layers"
