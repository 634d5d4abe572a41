"""Real but tiny models, built and saved in a fraction of a second."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

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

#: Shape and special tokens of every tiny model.
SHAPE: dict[str, Any] = {
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
#: A sliding window shorter than most test texts.
SLIDING_WINDOW = 24

#: model_type -> what sets it apart from ``SHAPE``.
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "llama": {},
    "mistral": {"sliding_window": SLIDING_WINDOW},
    "qwen2": {
        "use_sliding_window": True,
        "sliding_window": SLIDING_WINDOW,
        "max_window_layers": 1,
    },
    "qwen3": {"head_dim": 8},
    "gemma": {"head_dim": 8},
    "gemma2": {
        "head_dim": 8,
        "sliding_window": SLIDING_WINDOW,
        "query_pre_attn_scalar": 8,
        "attn_logit_softcapping": 5.0,
        "final_logit_softcapping": 3.0,
    },
    "gemma3_text": {
        "head_dim": 8,
        "sliding_window": SLIDING_WINDOW,
        "query_pre_attn_scalar": 8,
        "layer_types": ["sliding_attention", "full_attention"],
    },
    "phi": {},
    "phi3": {"sliding_window": SLIDING_WINDOW},
    # The rest has no place in a packed pass.
    "gpt_neox": {},
    "gptj": {"n_inner": 64, "rotary_dim": 4},
}


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


def tiny_llama(vocab_size: int, seed: int = 0, **changes: object) -> LlamaForCausalLM:
    """A two-layer Llama with random weights that depend on ``seed`` alone."""
    return tiny_model("llama", vocab_size, seed, **changes)


def tiny_model(model_type: str, vocab_size: int, seed: int = 0, **changes: object) -> Any:  # noqa: ANN401 - any architecture
    """A two-layer model of one of ``ARCHITECTURES``, its weights random."""
    settings = SHAPE | ARCHITECTURES[model_type] | {"vocab_size": vocab_size} | changes
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(model_type, **settings))
    model.load_state_dict(random_weights(model, seed))
    return model.eval()


def random_weights(model: PreTrainedModel, seed: int) -> dict[str, torch.Tensor]:
    """Weights drawn from one generator in the order of their names."""
    generator = torch.Generator().manual_seed(seed)
    state = model.state_dict()
    for name in sorted(state):
        weight = state[name]
        noise = torch.randn(weight.shape, generator=generator)
        state[name] = 1 + 0.1 * noise if weight.ndim == 1 else 0.25 * noise
    return state


def save_tiny(folder: Path, seed: int = 0, model_type: str = "llama", **changes: object) -> Path:
    """A submission folder as transformers saves it."""
    tokenizer = tiny_tokenizer()
    model = tiny_model(model_type, len(tokenizer), seed, **changes)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
