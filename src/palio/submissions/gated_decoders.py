"""Decoders with a gated MLP: Llama, Mistral, Qwen 2 and 3, Gemma 1 and 2, Phi-3.

For each the keys of config.json, the exact tensors a checkpoint holds, and where the
projections of the norm check lie. Checked in tests against what transformers saves.
"""

from palio.submissions.config_keys import (
    ACTIVATIONS,
    MAX_HEADS,
    MAX_POSITIONS,
    MAX_WIDTH,
    Config,
    Key,
    causal,
    choice,
    decoder_keys,
    flag,
    integer,
    layer_types,
    nullable,
    number,
    only,
    out_of_range,
)
from palio.submissions.tensor_sets import Architecture, Projection, Shape

_EPS = number(1e-12, 1.0)
_WINDOW = nullable(integer(1, MAX_POSITIONS))
_CAP = nullable(number(1e-3, 1e6))
_WIDTH = nullable(integer(2, MAX_WIDTH))
_HEADS = nullable(integer(1, MAX_HEADS))


def _gated_keys(
    *,
    positions: int,
    eps: float = 1e-6,
    act: str = "silu",
    kv: int | None = None,
    tied: bool = False,
) -> dict[str, Key]:
    return {
        **decoder_keys(positions=positions, tied=tied),
        "num_key_value_heads": Key(_HEADS, kv),
        "rms_norm_eps": Key(_EPS, eps),
        "hidden_act": Key(choice(*ACTIVATIONS), act),
    }


def _complete(config: Config) -> None:
    """Fill in what follows from other keys, and check what must fit together."""
    heads, width = config["num_attention_heads"], config["hidden_size"]
    if width % heads:
        raise out_of_range("hidden_size", width, f"a multiple of {heads} heads")
    if config["num_key_value_heads"] is None:
        config["num_key_value_heads"] = heads
    if heads % config["num_key_value_heads"]:
        raise out_of_range(
            "num_key_value_heads", config["num_key_value_heads"], f"a divisor of {heads} heads"
        )
    if config.get("head_dim") is None:
        config["head_dim"] = width // heads
    if config["head_dim"] % 2:
        raise out_of_range("head_dim", config["head_dim"], "even")


def _complete_windows(config: Config) -> None:
    """Qwen's windows: which layers see only the last tokens."""
    _complete(config)
    layers = config["num_hidden_layers"]
    if not config["use_sliding_window"]:
        config["sliding_window"] = None
    window, first = config["sliding_window"], config["max_window_layers"]
    if config["layer_types"] is None:
        config["layer_types"] = [
            "sliding_attention" if window is not None and layer >= first else "full_attention"
            for layer in range(layers)
        ]
    _check_layer_types(config)


def _complete_gemma2(config: Config) -> None:
    _complete(config)
    if config["layer_types"] is None:
        config["layer_types"] = [
            "full_attention" if layer % 2 else "sliding_attention"
            for layer in range(config["num_hidden_layers"])
        ]
    _check_layer_types(config)


def _check_layer_types(config: Config) -> None:
    kinds, layers = config["layer_types"], config["num_hidden_layers"]
    if len(kinds) != layers:
        raise out_of_range("layer_types", kinds, f"{layers} entries, one a layer")
    if "sliding_attention" in kinds and config["sliding_window"] is None:
        raise out_of_range("sliding_window", None, "a number, as layer_types needs")


def _gated_tensors(config: Config) -> dict[str, Shape]:
    width, inner, vocabulary = (
        config[key] for key in ("hidden_size", "intermediate_size", "vocab_size")
    )
    head = config["head_dim"]
    rows = {
        "q": config["num_attention_heads"] * head,
        "k": config["num_key_value_heads"] * head,
        "v": config["num_key_value_heads"] * head,
    }
    kind = config["model_type"]
    shapes: dict[str, Shape] = {
        "model.embed_tokens.weight": (vocabulary, width),
        "model.norm.weight": (width,),
    }
    if not config["tie_word_embeddings"]:
        shapes["lm_head.weight"] = (vocabulary, width)
    biased = "qkv" if kind == "qwen2" else "qkvo" if config.get("attention_bias") else ""
    norms = ["input_layernorm", "post_attention_layernorm"]
    if kind == "gemma2":
        norms += ["pre_feedforward_layernorm", "post_feedforward_layernorm"]
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        shapes |= {f"{at}{norm}.weight": (width,) for norm in norms}
        shapes[f"{at}mlp.down_proj.weight"] = (width, inner)
        shapes[f"{at}self_attn.o_proj.weight"] = (width, rows["q"])
        if kind == "phi3":
            shapes[f"{at}self_attn.qkv_proj.weight"] = (sum(rows.values()), width)
            shapes[f"{at}mlp.gate_up_proj.weight"] = (2 * inner, width)
            continue
        for name, count in rows.items():
            shapes[f"{at}self_attn.{name}_proj.weight"] = (count, width)
        for name in ("gate", "up"):
            shapes[f"{at}mlp.{name}_proj.weight"] = (inner, width)
        for name in biased:
            shapes[f"{at}self_attn.{name}_proj.bias"] = (rows.get(name, width),)
        if config.get("mlp_bias"):
            shapes[f"{at}mlp.gate_proj.bias"] = shapes[f"{at}mlp.up_proj.bias"] = (inner,)
            shapes[f"{at}mlp.down_proj.bias"] = (width,)
        if kind == "qwen3":
            shapes[f"{at}self_attn.q_norm.weight"] = (head,)
            shapes[f"{at}self_attn.k_norm.weight"] = (head,)
    return shapes


def _gated_projections(config: Config, layer: int) -> list[Projection]:
    attention, mlp = f"model.layers.{layer}.self_attn.", f"model.layers.{layer}.mlp."
    found = [
        Projection("o", f"{attention}o_proj.weight"),
        Projection("down", f"{mlp}down_proj.weight"),
    ]
    if config["model_type"] != "phi3":
        found += [Projection(name, f"{attention}{name}_proj.weight") for name in "qkv"]
        return found + [Projection(name, f"{mlp}{name}_proj.weight") for name in ("up", "gate")]
    query = config["num_attention_heads"] * config["head_dim"]
    value = config["num_key_value_heads"] * config["head_dim"]
    inner = config["intermediate_size"]
    fused, gated = f"{attention}qkv_proj.weight", f"{mlp}gate_up_proj.weight"
    return [
        *found,
        Projection("q", fused, ((0, query),)),
        Projection("k", fused, ((query, query + value),)),
        Projection("v", fused, ((query + value, query + 2 * value),)),
        Projection("gate", gated, ((0, inner),)),
        Projection("up", gated, ((inner, 2 * inner),)),
    ]


_NO_DROPOUT = Key(nullable(number(0.0, 1.0)), 0.0, kept=False)
_QWEN = {
    "use_sliding_window": Key(flag, False),
    "sliding_window": Key(_WINDOW, 4096),
    "max_window_layers": Key(integer(0, 1 << 16), 28),
    "layer_types": Key(nullable(layer_types), None),
}
_GEMMA2 = {
    **_gated_keys(positions=8192, kv=4, tied=True),
    "head_dim": Key(integer(2, MAX_WIDTH), 256),
    "attention_bias": Key(flag, False),
    "use_bidirectional_attention": Key(nullable(causal), None),
    "hidden_activation": Key(choice(*ACTIVATIONS), "gelu_pytorch_tanh"),
    # Read by nothing in Gemma 2, yet published with it.
    "hidden_act": Key(nullable(choice(*ACTIVATIONS)), None, kept=False),
    "cache_implementation": Key(nullable(choice("hybrid")), None, kept=False),
    "sliding_window_size": Key(_WINDOW, None, kept=False),
    "query_pre_attn_scalar": Key(integer(1, MAX_WIDTH), 256),
    "sliding_window": Key(_WINDOW, 4096),
    "layer_types": Key(nullable(layer_types), None),
    "final_logit_softcapping": Key(_CAP, 30.0),
    "attn_logit_softcapping": Key(_CAP, 50.0),
}

GATED = (
    Architecture(
        "llama",
        "LlamaForCausalLM",
        {
            **_gated_keys(positions=2048),
            "head_dim": Key(_WIDTH, None),
            "attention_bias": Key(flag, False),
            "mlp_bias": Key(flag, False),
            "pretraining_tp": Key(integer(1, 64), 1, kept=False),
        },
        _complete,
        _gated_tensors,
        _gated_projections,
    ),
    Architecture(
        "mistral",
        "MistralForCausalLM",
        {
            **_gated_keys(positions=131_072, kv=8),
            "head_dim": Key(_WIDTH, None),
            "sliding_window": Key(_WINDOW, 4096),
        },
        _complete,
        _gated_tensors,
        _gated_projections,
    ),
    Architecture(
        "qwen2",
        "Qwen2ForCausalLM",
        {**_gated_keys(positions=32_768, kv=32), **_QWEN},
        _complete_windows,
        _gated_tensors,
        _gated_projections,
        not_written=frozenset({"head_dim"}),
    ),
    Architecture(
        "qwen3",
        "Qwen3ForCausalLM",
        {
            **_gated_keys(positions=32_768, kv=32),
            **_QWEN,
            "head_dim": Key(integer(2, MAX_WIDTH), 128),
            "attention_bias": Key(flag, False),
        },
        _complete_windows,
        _gated_tensors,
        _gated_projections,
    ),
    Architecture(
        "gemma",
        "GemmaForCausalLM",
        {
            **_gated_keys(positions=8192, act="gelu_pytorch_tanh", kv=16, tied=True),
            "head_dim": Key(integer(2, MAX_WIDTH), 256),
            "attention_bias": Key(flag, False),
            "use_bidirectional_attention": Key(nullable(causal), None),
            "hidden_activation": Key(nullable(choice(*ACTIVATIONS)), None, kept=False),
        },
        _complete,
        _gated_tensors,
        _gated_projections,
    ),
    Architecture(
        "gemma2",
        "Gemma2ForCausalLM",
        _GEMMA2,
        _complete_gemma2,
        _gated_tensors,
        _gated_projections,
    ),
    Architecture(
        "phi3",
        "Phi3ForCausalLM",
        {
            **_gated_keys(positions=4096, eps=1e-5),
            "attention_bias": Key(only(False), False, kept=False),
            "original_max_position_embeddings": Key(integer(1, MAX_POSITIONS), 4096),
            "sliding_window": Key(_WINDOW, None),
            "resid_pdrop": _NO_DROPOUT,
            "embd_pdrop": _NO_DROPOUT,
        },
        _complete,
        _gated_tensors,
        _gated_projections,
        partial_rotary=1.0,
        not_written=frozenset({"head_dim"}),
    ),
)
