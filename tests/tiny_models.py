"""Real but tiny models, built and saved in a fraction of a second."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SPECIAL = ["<unk>", "<s>", "</s>", "<pad>", "<|user|>", "<|assistant|>", "<|system|>"]
CHAT = (
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
CORPUS = [
    "the red dog sees a small tree near the river and paints it quickly",
    "my quiet neighbour builds an old machine with 7 wheels and 12 bolts",
    "Answer: A B C D. Sort the following words alphabetically: pear apple",
]


def tiny_tokenizer(vocab_size: int = 400) -> PreTrainedTokenizerFast:
    """A byte-level BPE with a chat template."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.train_from_iterator(
        CORPUS * 20,
        trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=SPECIAL,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
    )
    tokenizer.chat_template = CHAT
    return tokenizer


def tiny_llama(vocab_size: int, seed: int = 0, **changes: int | bool) -> LlamaForCausalLM:
    """A two-layer Llama with random weights that depend on ``seed`` alone."""
    settings: dict[str, Any] = {
        "vocab_size": vocab_size,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 3,
        "tie_word_embeddings": False,
    }
    model = LlamaForCausalLM(LlamaConfig(**(settings | changes)))
    model.load_state_dict(random_weights(model, seed))
    return model


def random_weights(model: LlamaForCausalLM, seed: int) -> dict[str, torch.Tensor]:
    """Weights drawn from one generator in the order of their names."""
    generator = torch.Generator().manual_seed(seed)
    state = model.state_dict()
    for name in sorted(state):
        weight = state[name]
        noise = torch.randn(weight.shape, generator=generator)
        state[name] = 1 + 0.1 * noise if weight.ndim == 1 else 0.25 * noise
    return state


def save_tiny(folder: Path, seed: int = 0, **changes: int | bool) -> Path:
    """A submission folder as transformers saves it."""
    tokenizer = tiny_tokenizer()
    model = tiny_llama(len(tokenizer), seed, **changes)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
