"""A small benign submission and its parts, to be bent by the tests."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from palio.competition.model import (
    Competition,
    Constraints,
    Epsilon,
    TaskSpec,
    WinRateRule,
)
from palio.errors import SubmissionRejected
from palio.submissions.config import ARCHITECTURES, read_config
from palio.submissions.inspection import Inspection, inspect
from palio.submissions.vocabulary import byte_alphabet

Json = dict[str, Any]
Tensors = dict[str, tuple[str, tuple[int, ...], bytes]]
ROWS = 264
SPECIAL = {"<s>": 256, "</s>": 257, "<pad>": 258}
TEMPLATE = "{% for m in messages %}{{ m.role }}: {{ m.content }}</s>{% endfor %}"


def competition(**constraints: object) -> Competition:
    """Admits every architecture unless told otherwise."""
    limits: Json = {
        "architectures": tuple(a.class_name for a in ARCHITECTURES.values()),
        "max_parameters": 10_000_000,
        "max_bytes": 100_000_000,
        "sequence_length": 64,
    }
    return Competition(
        name="TEST",
        id="t",
        constraints=Constraints(**(limits | constraints)),
        tasks={"A": TaskSpec(dataset="words", method="text_loss", samples=1, weight=1.0)},
        rule=WinRateRule(kind="win_rate", average_retains=0.5, share_threshold=0.1),
        epsilon=Epsilon(start=0.1, end=0.1),
    )


def config(**changes: object) -> Json:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": ROWS,
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": 128,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": False,
        "bos_token_id": 256,
        "eos_token_id": 257,
        "pad_token_id": 258,
        **changes,
    }


def tokenizer(**changes: object) -> Json:
    step = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": True,
    }
    vocabulary = {character: number for number, character in enumerate(byte_alphabet())}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": number,
                "content": content,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for content, number in SPECIAL.items()
        ],
        "normalizer": None,
        "pre_tokenizer": step,
        "post_processor": None,
        "decoder": dict(step),
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": vocabulary | SPECIAL | {"th": 259},
            "merges": [["t", "h"]],
        },
        **changes,
    }


def tensors(settings: Json | None = None, seed: int = 0) -> Tensors:
    """Random float32 tensors of exactly the right names and shapes."""
    rng = np.random.default_rng(seed)
    shapes = read_config(settings or config()).tensors()
    return {
        name: ("F32", shape, rng.normal(0, 0.05, shape).astype("<f4").tobytes())
        for name, shape in shapes.items()
    }


def safetensors(content: Tensors, metadata: Json | None = None) -> bytes:
    header: Json = {"__metadata__": metadata or {"format": "pt"}}
    position = 0
    for name, (dtype, shape, data) in content.items():
        header[name] = {
            "dtype": dtype,
            "shape": list(shape),
            "data_offsets": [position, position + len(data)],
        }
        position += len(data)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(t[2] for t in content.values())


def write(folder: Path, **files: object) -> Path:
    """A submission; ``files`` replaces a file by its stem, None leaves it out."""
    content: Json = {
        "config.json": config(),
        "tokenizer.json": tokenizer(),
        "model.safetensors": None,
        "chat_template.jinja": TEMPLATE.encode(),
    }
    names = {name.split(".")[0]: name for name in content} | {
        "index": "model.safetensors.index.json",
        "tokenizer_config": "tokenizer_config.json",
        "generation_config": "generation_config.json",
        "special_tokens_map": "special_tokens_map.json",
    }
    content |= {names[stem]: value for stem, value in files.items()}
    if "model" not in files:
        content["model.safetensors"] = safetensors(tensors(content["config.json"]))
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in content.items():
        if value is not None:
            data = value if isinstance(value, bytes) else json.dumps(value).encode()
            (folder / name).write_bytes(data)
    return folder


def verdict(folder: Path, rules: Competition | None = None) -> str:
    """The refusal's code, or ``accept``."""
    try:
        inspect(folder, rules or competition())
    except SubmissionRejected as refusal:
        found = refusal
    else:
        return "accept"
    # Evidence travels as JSON, and nothing a stranger wrote travels raw.
    evidence = json.dumps(found.evidence, ensure_ascii=False)
    assert all(text.isascii() and text.isprintable() for text in (str(found), evidence))
    assert found.stage
    assert found.hint
    return found.code


def accepted(folder: Path, rules: Competition | None = None) -> Inspection:
    return inspect(folder, rules or competition())
