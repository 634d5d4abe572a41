"""Forward passes over a loaded model: packed where it can be, one by one where not.

Both ways give final hidden states and next-token logits; the head and the softmax are
the platform's own (softmax in float32 over bounded chunks of rows), so the model's own
loss and generation code never run.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import gelu, linear, pad, silu
from transformers import DynamicCache

from palio.errors import EvaluationFailed, Fault
from palio.inference.loading import LoadedModel
from palio.inference.packed import (
    MIN_ROWS,
    KeyValueCache,
    PackedPlan,
    packed_inputs,
    row_unit,
    rows_with_padding,
)

#: Logits held at once, in bytes of float32; sized to stay in a processor's cache.
LOGIT_CHUNK_BYTES = 8 * 2**20
#: Share of the largest logit by which the head may differ from the model's own (rounding).
LOGIT_TOLERANCE = 0.02
#: Elements a thread in the tensor on which activation functions are tried, and into how many parts
#: it is cut; torch gives another thread work for every 32768 elements.
PROBED_ELEMENTS = 40_000
PROBED_SHARES = 16
#: Rows with which matrix products are tried, in the units in which passes have them.
PROBED_UNITS = (1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16)


class Row:
    """A sequence that is being generated: what it has seen, and its cache."""

    def __init__(self, ids: Sequence[int], cache: Any) -> None:  # noqa: ANN401 - either kind
        self.ids = list(ids)
        self.cache = cache


class Forward(Protocol):
    """The two things an engine asks of a model."""

    def hidden(self, sequences: Sequence[Sequence[int]]) -> list[Tensor]:
        """Final hidden states (L, D) of each sequence."""

    def start(self, prompts: Sequence[Sequence[int]]) -> tuple[list[Row], Tensor]:
        """Rows for the prompts and the logits (rows, V) of their next tokens."""

    def step(self, rows: Sequence[Row]) -> Tensor:
        """Logits (rows, V) after each row's newest token, which is the last of its ids."""


class Head:
    """Hidden states to float32 logits, and to the losses of given tokens."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401 - any transformers model
        self._projection = model.get_output_embeddings()
        self._softcap: float | None = getattr(model.config, "final_logit_softcapping", None)
        vocabulary = self._projection.weight.shape[0]
        self._rows = max(MIN_ROWS, LOGIT_CHUNK_BYTES // (4 * vocabulary))
        self._unit = MIN_ROWS if self._softcap is None else row_unit([vocabulary])

    def logits(self, hidden: Tensor) -> Tensor:
        """(N, D) -> (N, V), float32.

        Raises:
            EvaluationFailed: a logit is NaN or infinite (participant).
        """
        count = hidden.shape[0]
        padded = pad(hidden, (0, 0, 0, rows_with_padding(count, self._unit) - count))
        logits: Tensor = self._projection(padded).float()
        if self._softcap is not None:
            logits = torch.tanh(logits / self._softcap) * self._softcap
        logits = logits[:count]
        if not bool(torch.isfinite(logits).all()):
            raise EvaluationFailed(
                "E_RT_NONFINITE",
                "the model computes logits that are not finite numbers",
                fault=Fault.PARTICIPANT,
                hint="Check the weights for overflow in the competition's number format.",
            )
        return logits

    def losses(self, hidden: Tensor, targets: Sequence[int]) -> list[float]:
        """Negative log-likelihood in nats of ``targets[i]`` after hidden state i: (N, D) -> N."""
        out: list[float] = []
        for start in range(0, hidden.shape[0], self._rows):
            logits = self.logits(hidden[start : start + self._rows])
            wanted = torch.tensor(targets[start : start + self._rows], device=hidden.device)
            log_p = torch.log_softmax(logits, dim=-1)
            out.extend((-log_p.gather(1, wanted[:, None])[:, 0]).tolist())
        return out


class PackedForward:
    """Many sequences in one pass (see :mod:`palio.inference.packed`)."""

    def __init__(self, loaded: LoadedModel, head: Head) -> None:
        self._base = loaded.model.base_model
        self._device = loaded.model.device
        self._head = head
        self._unit = row_unit(_widths(self._base))

    def hidden(self, sequences: Sequence[Sequence[int]]) -> list[Tensor]:
        states = self._run([list(ids) for ids in sequences], [0] * len(sequences), [])
        return list(states.split([len(ids) for ids in sequences]))

    def start(self, prompts: Sequence[Sequence[int]]) -> tuple[list[Row], Tensor]:
        rows = [Row(ids, KeyValueCache()) for ids in prompts]
        caches = [row.cache for row in rows]
        states = self._run([row.ids for row in rows], [0] * len(rows), caches)
        ends = torch.tensor([len(row.ids) for row in rows]).cumsum(0) - 1
        return rows, self._head.logits(states[ends])

    def step(self, rows: Sequence[Row]) -> Tensor:
        newest = [[row.ids[-1]] for row in rows]
        starts = [len(row.ids) - 1 for row in rows]
        return self._head.logits(self._run(newest, starts, [row.cache for row in rows]))

    def _run(
        self, sequences: list[list[int]], starts: list[int], caches: list[KeyValueCache]
    ) -> Tensor:
        ids, positions = packed_inputs(sequences, starts, self._unit, self._device)
        lengths = [len(sequence) for sequence in sequences]
        output = self._base(
            input_ids=ids,
            position_ids=positions,
            use_cache=False,
            plan=PackedPlan(lengths, caches),
        )
        hidden: Tensor = output.last_hidden_state[0, : sum(lengths)]
        return hidden


class SingleForward:
    """One sequence at a time through the model's own attention; for what cannot be packed."""

    def __init__(self, loaded: LoadedModel, head: Head) -> None:
        self._model = loaded.model
        self._base = loaded.model.base_model
        self._device = loaded.model.device
        self._head = head

    def hidden(self, sequences: Sequence[Sequence[int]]) -> list[Tensor]:
        return [self._run(ids, None) for ids in sequences]

    def start(self, prompts: Sequence[Sequence[int]]) -> tuple[list[Row], Tensor]:
        rows = [Row(ids, DynamicCache(config=self._base.config)) for ids in prompts]
        logits = [self._head.logits(self._run(row.ids, row.cache)[-1:]) for row in rows]
        return rows, torch.cat(logits)

    def step(self, rows: Sequence[Row]) -> Tensor:
        logits = [self._head.logits(self._run(row.ids[-1:], row.cache)) for row in rows]
        return torch.cat(logits)

    def require_own_logits(self) -> None:
        """Check on a short input that the head gives the model's own logits.

        Some architectures scale or transform them on the way, which the head would miss.

        Raises:
            EvaluationFailed: it does not; the engine cannot score such a model (platform).
        """
        model = self._model
        ids = list(range(min(8, model.config.vocab_size)))
        with torch.inference_mode():
            own = model(input_ids=torch.tensor([ids], device=self._device), use_cache=False).logits
            ours = self._head.logits(self._run(ids, None))
        own = own[0].float()
        if not float((own - ours).abs().max()) <= LOGIT_TOLERANCE * float(own.abs().max()):
            raise EvaluationFailed(
                "E_RT_ENGINE",
                f"the transformers engine does not know how {type(model).__name__} computes "
                "its logits",
                fault=Fault.PLATFORM,
            )

    def _run(self, ids: Sequence[int], cache: DynamicCache | None) -> Tensor:
        output = self._base(
            input_ids=torch.tensor([list(ids)], device=self._device),
            past_key_values=cache,
            use_cache=cache is not None,
        )
        hidden: Tensor = output.last_hidden_state[0]
        return hidden


def rows_are_independent(model: Any) -> bool:  # noqa: ANN401 - any transformers model
    """Whether this machine computes a row to the same bits in any company.

    Tried on each distinct weight shape of the model, with row counts as passes have them,
    and on activation functions over tensors large enough to be shared out among
    threads. Where it does not hold, sequences are run one by one.
    """
    generator = torch.Generator().manual_seed(0)
    unit = row_unit(_widths(model.base_model))
    weights = {tuple(module.weight.shape): module.weight for module in _linears(model)}
    for (_, width), weight in sorted(weights.items(), key=lambda item: item[0]):
        most = PROBED_UNITS[-1] * unit
        rows = torch.randn(most + unit, width, generator=generator)
        rows = rows.to(weight.device, weight.dtype)
        whole = linear(rows, weight)
        for count in (units * unit for units in PROBED_UNITS):
            # A copy lies elsewhere in memory: some kernels' sums depend on a row's alignment.
            some = rows[1 : 1 + count].clone()
            if not torch.equal(linear(some, weight), whole[1 : 1 + count]):
                return False
    return all(
        _elementwise_is_steady(width, unit, model.device, model.dtype, generator)
        for width in _widths(model.base_model)
    )


def _elementwise_is_steady(
    width: int, unit: int, device: torch.device, dtype: torch.dtype, generator: torch.Generator
) -> bool:
    elements = PROBED_ELEMENTS * torch.get_num_threads()
    most = rows_with_padding(-(-elements // width), unit)
    rows = torch.randn(most, width, generator=generator).to(device, dtype)
    for function in (silu, partial(gelu, approximate="tanh"), gelu, torch.tanh):
        whole = function(rows)
        for share in range(1, PROBED_SHARES):
            count = rows_with_padding(most * share // PROBED_SHARES, unit)
            if not torch.equal(function(rows[:count]), whole[:count]):
                return False
    return True


def _linears(model: Any) -> list[Any]:  # noqa: ANN401 - any transformers model
    return [module for module in model.modules() if isinstance(module, torch.nn.Linear)]


def _widths(model: Any) -> list[int]:  # noqa: ANN401 - any transformers model
    """Distinct widths of the tensors between a model's weights."""
    return sorted({width for module in _linears(model) for width in module.weight.shape})
