"""The fine-tuning recipe: supervised training on completions, in one plain loop.

Loss on the reply and its end of turn only (on the whole text for plain texts), packed
the way the evaluation renders it. AdamW with warm-up and cosine decay. For one
thread and one seed the weights are the same to the last bit on the same machine.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import LlamaForCausalLM

from palio.inference.prompts import PromptCodec, ScoredTokens
from palio.training.base_model import PAD
from palio.training.corpus import Example

IGNORED = -100
#: Batches are cut from this many examples at a time, sorted by length, to waste little padding.
BUCKET = 256

TrainingProgress = Callable[[int, int, float], None]
"""Called with (tokens trained on, tokens to train on, latest loss in nats per token)."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How much and how fast.

    Attributes:
        tokens: training budget, padding included.
        batch_tokens: tokens per step, padding included.
        learning_rate: peak; reached after ``warmup`` of the budget, then a cosine to a tenth.
        weight_decay: on matrices only.
        clip: largest gradient norm.
    """

    tokens: int
    batch_tokens: int = 2048
    learning_rate: float = 2e-3
    warmup: float = 0.05
    weight_decay: float = 0.05
    clip: float = 1.0


def train(
    model: LlamaForCausalLM,
    codec: PromptCodec,
    examples: Sequence[Example],
    recipe: Recipe,
    rng: np.random.Generator,
    progress: TrainingProgress | None = None,
) -> float:
    """Train in place, going over the examples as often as the budget allows.

    Returns:
        The mean loss of the last tenth of the steps, in nats per scored token.

    Raises:
        ValueError: there are no examples.
    """
    if not examples:
        raise ValueError("no examples to train on")
    window = model.config.max_position_embeddings
    encoded = [_encode(codec, example, window) for example in examples]
    optimizer = _optimizer(model, recipe)
    model.train()
    done, losses = 0, []
    for ids, labels in _batches(encoded, recipe.batch_tokens, rng):
        rate = recipe.learning_rate * _schedule(done / recipe.tokens, recipe.warmup)
        for group in optimizer.param_groups:
            group["lr"] = rate
        losses.append(_step(model, optimizer, ids, labels, recipe.clip))
        done += ids.numel()
        if progress:
            progress(min(done, recipe.tokens), recipe.tokens, losses[-1])
        if done >= recipe.tokens:
            break
    model.eval()
    tail = losses[-max(1, len(losses) // 10) :]
    return math.fsum(tail) / len(tail)


def _encode(codec: PromptCodec, example: Example, window: int) -> ScoredTokens:
    if example.messages:
        tokens = codec.reply(example.messages, example.reply, window)
    else:
        tokens = codec.document(example.reply)
    return ScoredTokens(tokens.ids[:window], tokens.first_target, tokens.bytes)


def _batches(
    encoded: Sequence[ScoredTokens], batch_tokens: int, rng: np.random.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless batches of (ids, labels), each (B, T); every example once per pass."""
    while True:
        order = rng.permutation(len(encoded))
        for start in range(0, len(order), BUCKET):
            bucket = sorted(
                (encoded[i] for i in order[start : start + BUCKET]), key=lambda one: len(one.ids)
            )
            batches = list(_cut(bucket, batch_tokens))
            for i in rng.permutation(len(batches)):
                yield _padded(batches[i])


def _cut(bucket: Sequence[ScoredTokens], batch_tokens: int) -> Iterator[list[ScoredTokens]]:
    batch: list[ScoredTokens] = []
    for one in bucket:
        if batch and (len(batch) + 1) * len(one.ids) > batch_tokens:
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch


def _padded(batch: Sequence[ScoredTokens]) -> tuple[Tensor, Tensor]:
    length = max(len(one.ids) for one in batch)
    ids = torch.full((len(batch), length), PAD)
    labels = torch.full((len(batch), length), IGNORED)
    for row, one in enumerate(batch):
        tokens = torch.tensor(one.ids)
        ids[row, : len(tokens)] = tokens
        labels[row, one.first_target : len(tokens)] = tokens[one.first_target :]
    return ids, labels


def _step(
    model: LlamaForCausalLM,
    optimizer: torch.optim.Optimizer,
    ids: Tensor,
    labels: Tensor,
    clip: float,
) -> float:
    # Right padding needs no mask: causal attention never looks at it, and no label is on it.
    hidden = model.model(input_ids=ids).last_hidden_state[:, :-1]  # (B, T-1, D)
    wanted = labels[:, 1:]
    kept = wanted != IGNORED
    loss = cross_entropy(model.lm_head(hidden[kept]).float(), wanted[kept])
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return float(loss.detach())


def _optimizer(model: LlamaForCausalLM, recipe: Recipe) -> torch.optim.Optimizer:
    matrices = [weight for weight in model.parameters() if weight.ndim > 1]
    vectors = [weight for weight in model.parameters() if weight.ndim == 1]
    groups = [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.95))


def _schedule(done: float, warmup: float) -> float:
    """Share of the peak learning rate after ``done`` of the budget (in 0..1)."""
    if done < warmup:
        return (done + 1e-3) / warmup
    return 0.1 + 0.45 * (1 + math.cos(math.pi * (done - warmup) / (1 - warmup)))
