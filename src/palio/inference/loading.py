"""A model and its tokenizer from a canonical folder: fixed classes, complete weights, no code.

What is read is config.json, safetensors files, tokenizer.json and chat_template.jinja,
as the canonical folder holds them; generation settings and tokenizer settings of a
submission are never looked at.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer

from palio.errors import EvaluationFailed, Fault
from palio.inference.packed import ATTENTION
from palio.inference.prompts import PromptCodec

#: Shortest window in which anything can be asked.
MIN_WINDOW = 16
#: What transformers reports about a state dict that is not the model's -> reason code.
_MISFITS = {
    "missing_keys": "E_W_MISSING",
    "unexpected_keys": "E_W_UNEXPECTED",
    "mismatched_keys": "E_W_SHAPE",
}
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

#: Rotary variants whose angles depend on a token's own position alone.
_STEADY_ROPE = frozenset({"default", "linear", "llama3", "yarn"})
#: Architectures whose attention hands queries, keys and values to the registered function.
_PACKABLE = frozenset(
    {
        "LlamaForCausalLM",
        "MistralForCausalLM",
        "Qwen2ForCausalLM",
        "Qwen3ForCausalLM",
        "GemmaForCausalLM",
        "Gemma2ForCausalLM",
        "Gemma3ForCausalLM",
        "PhiForCausalLM",
        "Phi3ForCausalLM",
    }
)


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready to answer.

    Attributes:
        model: the transformers model, in evaluation mode.
        codec: its tokenizer and template.
        packable: whether it can be asked many sequences in one pass.
        window: longest input it was made for, in tokens.
    """

    model: Any
    codec: PromptCodec
    packable: bool
    window: int


def load_model(folder: Path, dtype: str, device: str = "cpu") -> LoadedModel:
    """Load a canonical folder.

    Raises:
        EvaluationFailed: the folder does not hold a whole model of a known class (participant).
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    name = config["architectures"][0]
    model_class = getattr(transformers, name, None)
    if not name.endswith("ForCausalLM") or model_class is None:
        raise EvaluationFailed(
            "E_CFG_ARCH", f"no model class {name!r:.60} is known", fault=Fault.PARTICIPANT
        )
    packable = name in _PACKABLE and _rope_type(config) in _STEADY_ROPE
    model, report = model_class.from_pretrained(
        folder,
        dtype=DTYPES[dtype],
        attn_implementation=ATTENTION if packable else "eager",
        use_safetensors=True,
        ignore_mismatched_sizes=True,  # reported below instead of raised
        local_files_only=True,
        trust_remote_code=False,
        output_loading_info=True,
    )
    _require_whole(report)
    model.to(device)
    model.eval()
    return LoadedModel(
        model=model,
        codec=load_codec(folder, config),
        packable=packable,
        window=_window(model),
    )


def load_codec(folder: Path, config: dict[str, Any]) -> PromptCodec:
    """The folder's tokenizer and chat template, with special ids from config.json."""
    template = folder / "chat_template.jinja"
    eos = config.get("eos_token_id")
    return PromptCodec(
        tokenizer=Tokenizer.from_file(str(folder / "tokenizer.json")),
        template=template.read_text(encoding="utf-8") if template.exists() else None,
        bos_id=config.get("bos_token_id"),
        eos_ids=eos if isinstance(eos, list) else [] if eos is None else [eos],
    )


def _require_whole(report: Mapping[str, Collection[Any]]) -> None:
    """Refuse weights that are not exactly the model's; transformers would draw missing ones."""
    for kind, names in report.items():
        if names:
            name = min(map(str, names))
            raise EvaluationFailed(
                _MISFITS.get(kind, "E_W_MISSING"),
                f"the weights do not fit the model ({kind}: {name!r:.60})",
                fault=Fault.PARTICIPANT,
            )


def _window(model: Any) -> int:  # noqa: ANN401 - any transformers model
    # Asked of the config object, which knows the older names (n_positions) too.
    window = int(getattr(model.config, "max_position_embeddings", 2048))
    if window < MIN_WINDOW:
        raise EvaluationFailed(
            "E_CFG_RANGE",
            f"the model is made for {window} tokens; at least {MIN_WINDOW} are needed",
            fault=Fault.PARTICIPANT,
        )
    return window


def _rope_type(config: dict[str, Any]) -> str:
    settings = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if any(isinstance(value, dict) for value in settings.values()):
        kinds = {v.get("rope_type", "default") for v in settings.values() if isinstance(v, dict)}
        return kinds.pop() if len(kinds) == 1 else "mixed"
    return str(settings.get("rope_type", settings.get("type", "default")))
