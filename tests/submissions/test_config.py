from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palio.errors import SubmissionRejected
from palio.submissions.config import ARCHITECTURES, read_config
from tests.submissions import build

YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}


def code_of(**changes: object) -> str:
    try:
        read_config(build.config(**changes))
    except SubmissionRejected as refusal:
        found = refusal
    else:
        return "accept"
    assert found.stage == "config"
    return found.code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"model_type": None}, "E_CFG_MODEL_TYPE"),
        ({"model_type": "mamba"}, "E_CFG_MODEL_TYPE"),
        ({"model_type": ["llama"]}, "E_CFG_MODEL_TYPE"),
        ({"architectures": None}, "E_CFG_ARCH"),
        ({"architectures": []}, "E_CFG_ARCH"),
        ({"architectures": ["MistralForCausalLM"]}, "E_CFG_ARCH"),
        ({"architectures": ["LlamaForCausalLM", "X"]}, "E_CFG_ARCH"),
        ({"architectures": "LlamaForCausalLM"}, "E_CFG_ARCH"),
        ({"auto_map": {"AutoModelForCausalLM": "a.B"}}, "E_CFG_CODE"),
        ({"quantization_config": {"quant_method": "gptq"}}, "E_CFG_QUANT"),
        ({"attn_implementation": "flash_attention_2"}, "E_CFG_KERNEL"),
        ({"_attn_implementation_internal": "a/b"}, "E_CFG_KERNEL"),
        ({"is_causal": False}, "E_CFG_UNKNOWN_KEY"),
        ({"is_decoder": False}, "E_CFG_UNKNOWN_KEY"),
        ({"use_bidirectional_attention": True}, "E_CFG_UNKNOWN_KEY"),
        ({"transformers_weights": "x.bin"}, "E_CFG_UNKNOWN_KEY"),
        ({"return_dict": False}, "E_CFG_UNKNOWN_KEY"),
        ({"__class__": 1}, "E_CFG_UNKNOWN_KEY"),
        ({"layer_types": ["full_attention"] * 2}, "E_CFG_UNKNOWN_KEY"),
        ({"hidden_size": "16"}, "E_CFG_TYPE"),
        ({"hidden_size": 16.0}, "E_CFG_TYPE"),
        ({"hidden_size": True}, "E_CFG_TYPE"),
        ({"hidden_size": None}, "E_CFG_TYPE"),
        ({"tie_word_embeddings": "false"}, "E_CFG_TYPE"),
        ({"tie_word_embeddings": 0}, "E_CFG_TYPE"),
        ({"rms_norm_eps": "1e-5"}, "E_CFG_TYPE"),
        ({"hidden_act": ["silu"]}, "E_CFG_TYPE"),
        ({"hidden_act": "zzz"}, "E_CFG_RANGE"),
        ({"num_hidden_layers": 100_000}, "E_CFG_RANGE"),
        ({"num_hidden_layers": 0}, "E_CFG_RANGE"),
        ({"num_attention_heads": 0}, "E_CFG_RANGE"),
        ({"num_attention_heads": 3}, "E_CFG_RANGE"),
        ({"num_key_value_heads": 0}, "E_CFG_RANGE"),
        ({"num_attention_heads": 4, "num_key_value_heads": 3}, "E_CFG_RANGE"),
        ({"head_dim": 7}, "E_CFG_RANGE"),
        ({"rms_norm_eps": 0}, "E_CFG_RANGE"),
        ({"rms_norm_eps": -1.0}, "E_CFG_RANGE"),
        ({"num_labels": 10**9}, "E_CFG_RANGE"),
        ({"max_position_embeddings": 0}, "E_CFG_RANGE"),
        ({"torch_dtype": "int8"}, "E_CFG_DTYPE"),
        ({"dtype": ["float32"]}, "E_CFG_DTYPE"),
        ({"eos_token_id": -5}, "E_CFG_TOKENIDS"),
        ({"eos_token_id": build.ROWS}, "E_CFG_TOKENIDS"),
        ({"eos_token_id": []}, "E_CFG_TOKENIDS"),
        ({"eos_token_id": [256, None]}, "E_CFG_TOKENIDS"),
        ({"bos_token_id": "256"}, "E_CFG_TYPE"),
        ({"rope_theta": 0.0}, "E_CFG_RANGE"),
        ({"rope_theta": "1e4"}, "E_CFG_TYPE"),
        ({"rope_scaling": "yarn"}, "E_CFG_TYPE"),
        ({"rope_scaling": {"rope_type": "zzz", "factor": 2.0}}, "E_CFG_RANGE"),
        ({"rope_scaling": {**YARN, "factor": 1e308}}, "E_CFG_RANGE"),
        ({"rope_scaling": {**YARN, "beta_slow": 40}}, "E_CFG_RANGE"),
        ({"rope_scaling": {**YARN, "kernel": "x"}}, "E_CFG_UNKNOWN_KEY"),
        ({"rope_scaling": {"rope_type": "linear"}}, "E_CFG_MISSING"),
        ({"rope_scaling": {"rope_type": "linear", "type": "yarn"}}, "E_CFG_RANGE"),
        ({"rope_scaling": YARN, "rope_parameters": YARN}, "E_CFG_RANGE"),
        ({"rope_theta": 1e5, "rope_parameters": {"rope_theta": 1e4}}, "E_CFG_RANGE"),
        ({"rope_parameters": {"full_attention": YARN}}, "E_CFG_UNKNOWN_KEY"),
        ({"partial_rotary_factor": 0.5}, "E_CFG_UNKNOWN_KEY"),
        (
            {"rope_scaling": {"type": "su", "short_factor": [1.0], "long_factor": [1.0]}},
            "E_CFG_RANGE",
        ),
    ],
)
def test_each_fault_has_its_code(changes: dict[str, Any], code: str) -> None:
    assert code_of(**changes) == code


def test_a_missing_width_is_named() -> None:
    settings = build.config()
    del settings["hidden_size"]
    with pytest.raises(SubmissionRejected, match="hidden_size") as refusal:
        read_config(settings)
    assert refusal.value.code == "E_CFG_MISSING"


@pytest.mark.parametrize(
    "changes",
    [
        {"rope_theta": 500_000.0, "rope_scaling": None},
        {"rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                          "high_freq_factor": 4.0, "original_max_position_embeddings": 64}},
        {"rope_scaling": {"type": "su", "short_factor": [1.0] * 4, "long_factor": [2.0] * 4}},
        {"rope_scaling": YARN},
        {"eos_token_id": [256, 257], "pad_token_id": None},
        {"head_dim": None, "num_key_value_heads": None},
        {"dtype": "bfloat16", "torch_dtype": "bfloat16"},
        {"quantization_config": None, "auto_map": None},
        {"pretraining_tp": 1, "use_cache": False, "transformers_version": "4.40.0"},
    ],
)  # fmt: skip
def test_what_published_models_say_is_accepted(changes: dict[str, Any]) -> None:
    assert code_of(**changes) == "accept"


def test_harmless_keys_are_dropped_with_one_warning() -> None:
    checked = read_config(build.config(_name_or_path="a/b", unsloth_version="2024.9"))
    (warning,) = checked.warnings
    assert warning.code == "W_CFG_DROPPED"
    assert "_name_or_path, unsloth_version" in warning.message
    assert "_name_or_path" not in checked.canonical("float32")


def test_the_canonical_config_says_only_what_was_checked() -> None:
    checked = read_config(build.config(attention_dropout=0.9, use_cache=False, rope_theta=5e5))
    canonical = checked.canonical("bfloat16")
    assert canonical["use_cache"] is True
    assert canonical["dtype"] == "bfloat16"
    assert canonical["head_dim"] == 8
    assert canonical["rope_parameters"] == {"rope_type": "default", "rope_theta": 5e5}
    assert "attention_dropout" not in canonical
    assert "rope_theta" not in canonical


@pytest.mark.parametrize("kind", ["gemma", "gemma2"])
def test_a_declared_switch_to_bidirectional_attention_is_refused(kind: str) -> None:
    settings = {
        "model_type": kind,
        "architectures": [ARCHITECTURES[kind].class_name],
        "head_dim": 8,
        "num_key_value_heads": 1,
    }
    assert code_of(**settings, use_bidirectional_attention=True) == "E_CFG_CAUSAL"
    assert code_of(**settings, use_bidirectional_attention=None) == "accept"


def test_windows_must_fit_the_layers() -> None:
    qwen = {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]}
    assert code_of(**qwen, layer_types=["full_attention"]) == "E_CFG_RANGE"
    assert code_of(**qwen, layer_types=["sliding_attention"] * 2) == "E_CFG_RANGE"
    assert code_of(**qwen, layer_types=["sideways"] * 2) == "E_CFG_RANGE"
    assert code_of(**qwen, sliding_window=0) == "E_CFG_RANGE"


@pytest.mark.parametrize("key", ["alibi", "new_decoder_architecture"])
def test_a_variant_that_is_not_evaluated_is_named(key: str) -> None:
    falcon = {
        "model_type": "falcon",
        "architectures": ["FalconForCausalLM"],
        "vocab_size": build.ROWS,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        key: True,
    }
    with pytest.raises(SubmissionRejected, match=key) as refusal:
        read_config(falcon)
    assert refusal.value.code == "E_CFG_UNSUPPORTED"


Values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(ARCHITECTURES)), st.data())
def test_any_value_under_any_key_is_accepted_or_refused(kind: str, data: st.DataObject) -> None:
    architecture = ARCHITECTURES[kind]
    settings = build.config(model_type=kind, architectures=[architecture.class_name])
    known = st.sampled_from([*sorted(architecture.keys), "rope_scaling", "rope_parameters"])
    changes = data.draw(st.dictionaries(known | st.text(max_size=5), Values, max_size=4))
    with suppress(SubmissionRejected):
        checked = read_config(settings | changes)
        assert checked.tensors()
