"""Train one of the demo's models; ``palio.demo.models`` starts a process for each.

Prints a line of JSON for each step that matters; writes the folder whole or not at all.
"""

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM
from transformers.utils import logging as transformers_logging

from palio.inference.prompts import PromptCodec
from palio.randomness import stream
from palio.training.base_model import (
    BOS,
    CHAT_TEMPLATE,
    EOS,
    ModelSize,
    new_model,
    save_submission,
    train_tokenizer,
)
from palio.training.corpus import mixture
from palio.training.recipe import Recipe, train

#: Examples drawn for each thousand tokens of the budget; the recipe repeats them as needed.
EXAMPLES_PER_THOUSAND = 12


def main(arguments: str) -> None:
    """Train as the JSON object says: name, seed, tokens, mixture, base (or null), folder."""
    job = json.loads(arguments)
    torch.set_num_threads(1)
    transformers_logging.disable_progress_bar()
    folder = Path(job["folder"])
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    loss = _train(job["name"], job["seed"], job["tokens"], job["mixture"], job["base"], partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    _say({"trained": job["name"], "loss": round(loss, 4)})


def _train(
    name: str, seed: int, tokens: int, shares: Mapping[str, float], base: str | None, folder: Path
) -> float:
    rng = stream(seed, "demo", name)
    count = max(400, tokens * EXAMPLES_PER_THOUSAND // 1000)
    examples = mixture(shares, rng, count)
    if base is None:
        tokenizer = train_tokenizer([example.reply for example in examples], ModelSize().vocabulary)
        start = torch.Generator().manual_seed(seed)
        model = new_model(ModelSize(), tokenizer.get_vocab_size(), start)
    else:
        tokenizer = Tokenizer.from_file(str(Path(base) / "tokenizer.json"))
        model = LlamaForCausalLM.from_pretrained(base, dtype=torch.float32)
    recipe = Recipe(tokens=tokens, batch_tokens=512, learning_rate=3e-3 if base is None else 2e-3)
    codec = PromptCodec(tokenizer, CHAT_TEMPLATE, BOS, [EOS])
    loss = train(
        model, codec, examples, recipe, rng, lambda done, total, _: _say({"tokens": [done, total]})
    )
    save_submission(model, tokenizer, folder)
    return loss


def _say(message: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()
