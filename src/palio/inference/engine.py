"""Answers to many requests for one loaded model: exact, batched, bounded in memory.

An answer never depends on what else is asked, on the order, or on the batch size; the
planner below only decides which sequences share a pass. What is not covered here: the
process boundary and its limits (``palio.evaluation``), and reading the submission
(``palio.inference.loading``).
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Self

import tokenizers
import torch
import transformers
from torch import Tensor

from palio.inference.forward import (
    Forward,
    Head,
    PackedForward,
    Row,
    SingleForward,
    rows_are_independent,
)
from palio.inference.loading import LoadedModel, load_model
from palio.inference.packed import ATTENTION
from palio.inference.prompts import ScoredTokens
from palio.inference.protocol import (
    Answer,
    ChoiceAnswer,
    ChoiceRequest,
    FinishReason,
    GenerateRequest,
    LossAnswer,
    LossRequest,
    Request,
    TextAnswer,
)
from palio.inference.stopping import settled_option
from palio.inference.windows import windows

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How much is computed at once; changes speed and memory, never an answer."""

    tokens: int = 4096
    """Tokens of one scoring or prefill pass (a single longer sequence still runs alone)."""
    rows: int = 32
    """Sequences of one pass, and texts generated side by side."""


@dataclass(slots=True)
class _Scored:
    """A request's running sum while its windows are scored."""

    losses: list[float] = field(default_factory=list)
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class _Target:
    """Tokens to score after the input they belong to, for one part of one request."""

    owner: tuple[int, int]
    first: int
    tokens: tuple[int, ...]


class TransformersEngine:
    """Scores and generates with an unmodified transformers model.

    Args:
        loaded: the model and its codec.
        sequence_length: the competition's window in tokens; a model made for less is given less.
        limits: batch limits.
    """

    def __init__(
        self, loaded: LoadedModel, sequence_length: int, limits: BatchLimits | None = None
    ) -> None:
        self._codec = loaded.codec
        self._window = min(sequence_length, loaded.window)
        self._limits = limits or BatchLimits()
        self._head = Head(loaded.model)
        self._packs = loaded.packable and rows_are_independent(loaded.model)
        self._model = loaded.model
        self._forward: Forward = self._choose_forward(loaded)

    def _choose_forward(self, loaded: LoadedModel) -> Forward:
        # Neither attention can serve the other's passes.
        loaded.model.set_attn_implementation(ATTENTION if self._packs else "eager")
        if self._packs:
            return PackedForward(loaded, self._head)
        single = SingleForward(loaded, self._head)
        single.require_own_logits()
        return single

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        dtype: str,
        device: str,
        sequence_length: int,
        limits: BatchLimits,
    ) -> Self:
        """An engine for the model in a canonical folder; what the entry point's users call.

        Raises:
            EvaluationFailed: the folder does not hold a whole model (participant).
        """
        return cls(load_model(folder, dtype, device), sequence_length, limits)

    @property
    def environment(self) -> dict[str, str]:
        """Versions and device class that may matter to the last bit of an answer."""
        device = self._model.device
        return {
            "engine": "transformers",
            "forward": "packed" if self._packs else "single",
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "tokenizers": tokenizers.__version__,
            "dtype": str(self._model.dtype).removeprefix("torch."),
            "device": torch.cuda.get_device_name(device)
            if device.type == "cuda"
            else f"cpu {torch.backends.cpu.get_cpu_capability()}",
            "threads": str(torch.get_num_threads()),
        }

    def answer(self, requests: Sequence[Request], progress: Progress | None = None) -> list[Answer]:
        """One answer per request, in order; ``progress`` hears (done, total) after each pass.

        Raises:
            EvaluationFailed: the model or its tokenizer misbehaves (participant).
        """
        report = progress or (lambda _done, _total: None)
        answers: dict[int, Answer] = {}
        with torch.inference_mode():
            for index, answer in chain(self._score_all(requests), self._generate_all(requests)):
                answers[index] = answer
                report(len(answers), len(requests))
        return [answers[index] for index in range(len(requests))]

    # -- losses --------------------------------------------------------------------------

    def _score_all(self, requests: Sequence[Request]) -> Iterator[tuple[int, Answer]]:
        inputs: dict[tuple[int, ...], list[_Target]] = defaultdict(list)
        parts: dict[int, list[_Scored]] = {}
        open_windows: dict[int, int] = defaultdict(int)
        for index, request in enumerate(requests):
            if isinstance(request, GenerateRequest):
                continue
            scored = self._tokens_of(request)
            parts[index] = [_Scored(bytes=tokens.bytes) for tokens in scored]
            for part, tokens in enumerate(scored):
                long = request.long if isinstance(request, LossRequest) else "stride"
                ids, first = tokens.ids, tokens.first_target
                for piece in windows(len(ids), first, self._window, long):
                    # The last token is predicted, never fed; equal inputs are computed once.
                    inputs[ids[piece.start : piece.end - 1]].append(
                        _Target(
                            (index, part), piece.first - piece.start, ids[piece.first : piece.end]
                        )
                    )
                    open_windows[index] += 1
                if long == "truncate":
                    parts[index][part].bytes = self._kept_bytes(tokens)
        for batch in self._batches(inputs):
            for ids, states in zip(batch, self._forward.hidden(batch), strict=True):
                for target in inputs[ids]:
                    index, part = target.owner
                    hidden = states[target.first - 1 :]
                    parts[index][part].losses.extend(self._head.losses(hidden, target.tokens))
                    open_windows[index] -= 1
                    if open_windows[index] == 0:
                        yield index, _scored_answer(requests[index], parts[index])

    def _tokens_of(self, request: LossRequest | ChoiceRequest) -> list[ScoredTokens]:
        if isinstance(request, ChoiceRequest):
            return [
                self._codec.reply(request.messages, choice, self._window, ends=False)
                for choice in request.choices
            ]
        if request.messages:
            return [self._codec.reply(request.messages, request.target, self._window)]
        return [self._codec.document(request.target)]

    def _kept_bytes(self, tokens: ScoredTokens) -> int:
        if len(tokens.ids) <= self._window:
            return tokens.bytes
        return self._codec.bytes_of(tokens.ids[tokens.first_target : self._window])

    def _batches(
        self, inputs: dict[tuple[int, ...], list[_Target]]
    ) -> Iterator[list[tuple[int, ...]]]:
        # Longest first: the peak of memory comes at once, and equal lengths lie together.
        return self._filled(sorted(inputs, key=lambda ids: (-len(ids), ids)))

    def _filled(self, ordered: list[tuple[int, ...]]) -> Iterator[list[tuple[int, ...]]]:
        batch: list[tuple[int, ...]] = []
        tokens = 0
        for ids in ordered:
            full = len(batch) == self._limits.rows or tokens + len(ids) > self._limits.tokens
            if batch and full:
                yield batch
                batch, tokens = [], 0
            batch.append(ids)
            tokens += len(ids)
        if batch:
            yield batch

    # -- texts ---------------------------------------------------------------------------

    def _generate_all(self, requests: Sequence[Request]) -> Iterator[tuple[int, Answer]]:
        waiting = sorted(
            (
                _Generation(index, request, tuple(self._prompt(request)))
                for index, request in enumerate(requests)
                if isinstance(request, GenerateRequest)
            ),
            key=lambda generation: (-len(generation.prompt), generation.index),
        )
        active: list[_Generation] = []
        while waiting or active:
            admitted = waiting[: self._limits.rows - len(active)]
            if admitted:
                # Rows join as soon as others leave, so the passes stay full.
                waiting = waiting[len(admitted) :]
                self._start(admitted)
                active.extend(admitted)
            else:
                self._step(active)
            for generation in [one for one in active if one.reason is not None]:
                active.remove(generation)
                yield generation.index, generation.finish(self._codec.text(generation.output))

    def _prompt(self, request: GenerateRequest) -> list[int]:
        room = max(1, self._window - request.decoding.max_new_tokens)
        return self._codec.prompt(request.messages, room)

    def _start(self, generations: list["_Generation"]) -> None:
        by_prompt = iter(generations)
        for batch in self._filled([generation.prompt for generation in generations]):
            rows, logits = self._forward.start(batch)
            for row, line in zip(rows, logits, strict=True):
                generation = next(by_prompt)
                generation.row = row
                self._choose(generation, line)

    def _step(self, generations: list["_Generation"]) -> None:
        logits = self._forward.step([generation.live_row for generation in generations])
        for generation, line in zip(generations, logits, strict=True):
            self._choose(generation, line)

    def _choose(self, generation: "_Generation", logits: Tensor) -> None:
        """Append the greedy token, or end the text."""
        decoding = generation.request.decoding
        if decoding.repetition_penalty != 1.0:
            logits = penalise(logits, generation.live_row.ids, decoding.repetition_penalty)
        token = int(logits.argmax())
        if token in self._codec.stop_ids:
            generation.reason = "stop"
            return
        generation.live_row.ids.append(token)
        generation.output.append(token)
        options = generation.request.decide_among
        if len(generation.output) >= decoding.max_new_tokens:
            generation.reason = "length"
        elif options and settled_option(self._codec.steady_text(generation.output), options):
            generation.reason = "decided"


@dataclass(slots=True)
class _Generation:
    """A text being generated."""

    index: int
    request: GenerateRequest
    prompt: tuple[int, ...]
    output: list[int] = field(default_factory=list)
    row: Row | None = None
    reason: FinishReason | None = None

    @property
    def live_row(self) -> Row:
        assert self.row is not None, "a generation is stepped only after it was started"
        return self.row

    def finish(self, text: str) -> TextAnswer:
        assert self.reason is not None, "only an ended text is finished"
        return TextAnswer(text, len(self.output), self.reason)


def penalise(logits: Tensor, seen: Sequence[int], penalty: float) -> Tensor:
    """Repetition penalty over prompt and output (Keskar et al. 2019, arXiv:1909.05858).

    As transformers applies it to an unpadded row: each seen token's logit (V) is
    divided by the penalty if positive and multiplied by it if negative, once.
    """
    tokens = torch.tensor(sorted(set(seen)), device=logits.device)
    picked = logits[tokens]
    changed = torch.where(picked < 0, picked * penalty, picked / penalty)
    return logits.scatter(0, tokens, changed)


def _scored_answer(request: Request, parts: Sequence[_Scored]) -> Answer:
    # fsum is exact, so the order in which windows came back does not matter.
    sums = [math.fsum(part.losses) for part in parts]
    if isinstance(request, ChoiceRequest):
        return ChoiceAnswer(tuple(sums))
    return LossAnswer(sums[0], len(parts[0].losses), parts[0].bytes)
