"""The tables of architectures against what transformers itself saves and loads."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from transformers import PreTrainedTokenizerFast

from palio.competition.model import NormCheck
from palio.submissions.canonical_folder import build_canonical_folder
from palio.submissions.config import ARCHITECTURES, read_config
from palio.submissions.norms import normed_tensors
from tests.submissions import build

SHAPE: dict[str, Any] = {
    "vocab_size": build.ROWS,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "bos_token_id": 256,
    "eos_token_id": 257,
    "pad_token_id": 258,
}
ROPE = {"rope_type": "linear", "factor": 2.0, "rope_theta": 50_000.0}
_FALCON = {
    key: SHAPE[key]
    for key in ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads")
}
_BART = {
    "vocab_size": build.ROWS,
    "d_model": 32,
    "decoder_layers": 2,
    "decoder_attention_heads": 4,
    "decoder_ffn_dim": 48,
    "encoder_layers": 2,
    "encoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "max_position_embeddings": 128,
    "is_decoder": True,
    "is_encoder_decoder": False,
    "bos_token_id": 256,
    "eos_token_id": 257,
    "pad_token_id": 258,
}
#: Every architecture plain, and every variant that changes names or shapes.
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", SHAPE),
    "llama biased": ("llama", {**SHAPE, "attention_bias": True, "mlp_bias": True}),
    "llama tied, wide heads": ("llama", {**SHAPE, "tie_word_embeddings": True, "head_dim": 16}),
    "llama linear rope": ("llama", {**SHAPE, "rope_parameters": ROPE}),
    "mistral": ("mistral", {**SHAPE, "sliding_window": 32}),
    "qwen2": ("qwen2", SHAPE),
    "qwen2 windows": (
        "qwen2",
        {**SHAPE, "use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1},
    ),
    "qwen3": ("qwen3", {**SHAPE, "head_dim": 16}),
    "gemma": ("gemma", {**SHAPE, "head_dim": 8}),
    "gemma2": ("gemma2", {**SHAPE, "head_dim": 8, "sliding_window": 8}),
    "phi3": ("phi3", SHAPE),
    "phi": ("phi", SHAPE),
    "gpt_neox": ("gpt_neox", {k: v for k, v in SHAPE.items() if k != "num_key_value_heads"}),
    "gpt_neox without bias": (
        "gpt_neox",
        {
            **{k: v for k, v in SHAPE.items() if k != "num_key_value_heads"},
            "attention_bias": False,
        },
    ),
    "falcon": ("falcon", {**_FALCON, "bos_token_id": 256, "eos_token_id": 257}),
    "falcon biased": (
        "falcon",
        {
            **_FALCON,
            "bos_token_id": 256,
            "eos_token_id": 257,
            "bias": True,
            "tie_word_embeddings": False,
        },
    ),
    "bart": ("bart", _BART),
}


def save(folder: Path, variant: str, **options: Any) -> Any:  # noqa: ANN401 - untyped upstream
    """Build and save as any participant would; the model."""
    kind, settings = VARIANTS[variant]
    model_class = getattr(transformers, ARCHITECTURES[kind].class_name)
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(1)
        model = model_class(model_class.config_class(**settings)).eval()
    model.save_pretrained(folder, **options)
    (folder / "t.json").write_text(json.dumps(build.tokenizer()))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "t.json"), bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    (folder / "t.json").unlink()
    tokenizer.chat_template = build.TEMPLATE
    tokenizer.save_pretrained(folder)
    return model


def test_every_architecture_has_a_variant_here() -> None:
    assert {kind for kind, _ in VARIANTS.values()} == set(ARCHITECTURES)


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_transformers_saves_is_accepted_and_rebuilt_exactly(
    tmp_path: Path, variant: str
) -> None:
    model = save(tmp_path / "model", variant)
    inspection = build.accepted(tmp_path / "model", build.competition(norm_check=NormCheck()))
    assert inspection.architecture == type(model).__name__
    assert inspection.parameters == model.num_parameters()
    codes = {warning.code for warning in inspection.warnings}
    assert codes <= ({"W_GENCONFIG_IGNORED"} if variant == "bart" else set())

    folder = build_canonical_folder(inspection, tmp_path / "model", tmp_path / "canonical")
    rebuilt, report = type(model).from_pretrained(
        folder, dtype=torch.float32, output_loading_info=True
    )
    assert not any(report.values())
    ids = torch.arange(40)[None] % build.ROWS
    with torch.no_grad():
        assert torch.equal(rebuilt.eval()(ids).logits, model(ids).logits)


@pytest.mark.parametrize("variant", ["llama", "gemma2", "phi3", "gpt_neox", "falcon"])
def test_missing_keys_mean_what_transformers_takes_them_for(variant: str) -> None:
    kind, settings = VARIANTS[variant]
    architecture = ARCHITECTURES[kind]
    config_class = getattr(transformers, architecture.class_name).config_class
    sparse = {k: v for k, v in settings.items() if not k.endswith("token_id")}
    theirs = config_class(**sparse).to_dict()
    checked = read_config(
        {**sparse, "model_type": kind, "architectures": [architecture.class_name]}
    )
    ours = checked.canonical("float32")
    for key in set(ours) - {"architectures", "dtype", "bos_token_id", "eos_token_id"}:
        if key != "pad_token_id":
            assert ours[key] == theirs[key], key


@pytest.mark.parametrize("variant", VARIANTS)
def test_projections_are_the_modules_sn37_measures(tmp_path: Path, variant: str) -> None:
    model = save(tmp_path, variant)
    checked = read_config(json.loads((tmp_path / "config.json").read_text()))
    state = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    for layer in range(2):
        found = checked.architecture.projections(checked.values, layer)
        assert {"q", "k", "v", "o", "up", "down"} <= {p.kind for p in found}
        covered: dict[str, list[int]] = {}
        for projection in found:
            rows = state[projection.tensor].shape[0]
            for begin, end in projection.rows or ((0, rows),):
                covered.setdefault(projection.tensor, []).extend(range(begin, end))
        # Together they cover every row of each matrix exactly once.
        for name, rows_found in covered.items():
            assert sorted(rows_found) == list(range(state[name].shape[0])), name
    assert normed_tensors(checked) <= set(state)


def test_shards_written_by_transformers_are_accepted_and_have_the_same_weights_digest(
    tmp_path: Path,
) -> None:
    save(tmp_path / "whole", "llama")
    save(tmp_path / "shards", "llama", max_shard_size="20KB")
    assert (tmp_path / "shards" / "model.safetensors.index.json").exists()
    whole, shards = (build.accepted(tmp_path / name) for name in ("whole", "shards"))
    assert whole.weights_digest == shards.weights_digest
    assert whole.content_digest != shards.content_digest


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sixteen_bit_weights_are_accepted(tmp_path: Path, dtype: torch.dtype) -> None:
    model = save(tmp_path, "qwen2")
    model.to(dtype).save_pretrained(tmp_path)
    assert not build.accepted(tmp_path).warnings


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_the_hard_limit_cuts_at_the_largest_projection(tmp_path: Path, dtype: torch.dtype) -> None:
    model = save(tmp_path, "qwen3").to(dtype)
    model.save_pretrained(tmp_path)
    largest = max(
        float(np.linalg.norm(tensor.double().numpy()))
        for name, tensor in model.state_dict().items()
        if name.endswith("_proj.weight")
    )
    for factor, verdict in ((1.0001, "accept"), (0.9999, "E_W_NORM")):
        limits = NormCheck(soft=largest * factor, hard=largest * factor)
        assert build.verdict(tmp_path, build.competition(norm_check=limits)) == verdict
