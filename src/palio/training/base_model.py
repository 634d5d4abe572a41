"""A small model from nothing: byte-level tokenizer, Llama, and the chat template.

What it writes is a submission folder that every admission check accepts: the tokenizer
gives any text back byte for byte, and the template only frames what it is given.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SPECIAL_TOKENS = ("<s>", "</s>", "<pad>", "<|system|>", "<|user|>", "<|assistant|>")
BOS, EOS, PAD = range(3)
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>\n{{ message.content }}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


@dataclass(frozen=True, slots=True)
class ModelSize:
    """Shape of a small Llama."""

    hidden: int = 96
    layers: int = 3
    heads: int = 4
    key_value_heads: int = 2
    intermediate: int = 288
    context: int = 512
    vocabulary: int = 768


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """A byte-level BPE over the texts, with all 256 bytes and the chat's special tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocabulary,
            special_tokens=list(SPECIAL_TOKENS),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return tokenizer


def new_model(size: ModelSize, vocabulary: int, generator: torch.Generator) -> LlamaForCausalLM:
    """A Llama whose starting weights depend on the generator alone."""
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=size.hidden,
            intermediate_size=size.intermediate,
            num_hidden_layers=size.layers,
            num_attention_heads=size.heads,
            num_key_value_heads=size.key_value_heads,
            max_position_embeddings=size.context,
            bos_token_id=BOS,
            eos_token_id=EOS,
            pad_token_id=PAD,
            tie_word_embeddings=True,
        )
    )
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim == 1:
                weight.fill_(1.0)
            else:
                # Residual outputs start smaller, so that depth does not add up (GPT-2's scheme).
                deep = name.endswith(("o_proj.weight", "down_proj.weight"))
                std = 0.02 / (2 * size.layers) ** 0.5 if deep else 0.02
                weight.normal_(0.0, std, generator=generator)
    return model


def save_submission(model: LlamaForCausalLM, tokenizer: Tokenizer, folder: Path) -> None:
    """Write model, tokenizer and chat template as transformers users publish them."""
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    wrapped.chat_template = CHAT_TEMPLATE
    model.save_pretrained(folder)
    wrapped.save_pretrained(folder)
