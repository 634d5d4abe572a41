"""Decoders with a plain MLP: GPT-NeoX, Phi, Falcon (the 7B layout) and Bart's decoder.

As in ``gated_decoders``: keys, exact tensors and projections, checked in tests against
what transformers saves.
"""

from palio.submissions.config_keys import (
    ACTIVATIONS,
    IGNORED_FLAG,
    IGNORED_NUMBER,
    IGNORED_RATE,
    MAX_HEADS,
    MAX_INNER_WIDTH,
    MAX_LAYERS,
    MAX_WIDTH,
    REQUIRED,
    Config,
    Key,
    choice,
    decoder_keys,
    flag,
    integer,
    nullable,
    number,
    only,
    out_of_range,
    small_object,
    token_ids,
)
from palio.submissions.tensor_sets import Architecture, Projection, Shape

_EPS = Key(number(1e-12, 1.0), 1e-5)
_ACT = choice(*ACTIVATIONS)
_NULL_IDS = Key(nullable(token_ids), None, kept=False)


def _layer_norm(name: str, width: int) -> dict[str, Shape]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _linear(name: str, rows: int, columns: int, *, bias: bool) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {f"{name}.weight": (rows, columns)}
    return shapes | {f"{name}.bias": (rows,)} if bias else shapes


def _heads_fit(width_key: str, config: Config, heads: int) -> int:
    """Dimensions of a head."""
    width: int = config[width_key]
    if width % heads:
        raise out_of_range(width_key, width, f"a multiple of {heads} heads")
    return width // heads


def _complete_neox(config: Config) -> None:
    config["head_dim"] = _heads_fit("hidden_size", config, config["num_attention_heads"])


def _neox_tensors(config: Config) -> dict[str, Shape]:
    width, inner, vocabulary = (
        config[key] for key in ("hidden_size", "intermediate_size", "vocab_size")
    )
    shapes: dict[str, Shape] = {"gpt_neox.embed_in.weight": (vocabulary, width)}
    shapes |= _layer_norm("gpt_neox.final_layer_norm", width)
    if not config["tie_word_embeddings"]:
        shapes["embed_out.weight"] = (vocabulary, width)
    bias = config["attention_bias"]
    for layer in range(config["num_hidden_layers"]):
        at = f"gpt_neox.layers.{layer}."
        shapes |= _layer_norm(f"{at}input_layernorm", width)
        shapes |= _layer_norm(f"{at}post_attention_layernorm", width)
        shapes |= _linear(f"{at}attention.query_key_value", 3 * width, width, bias=bias)
        shapes |= _linear(f"{at}attention.dense", width, width, bias=bias)
        shapes |= _linear(f"{at}mlp.dense_h_to_4h", inner, width, bias=True)
        shapes |= _linear(f"{at}mlp.dense_4h_to_h", width, inner, bias=True)
    return shapes


def _neox_projections(config: Config, layer: int) -> list[Projection]:
    at, head = f"gpt_neox.layers.{layer}.", config["head_dim"]
    # Query, key and value rows alternate head by head.
    rows = {
        kind: tuple(
            ((3 * h + part) * head, (3 * h + part + 1) * head)
            for h in range(config["num_attention_heads"])
        )
        for part, kind in enumerate("qkv")
    }
    fused = f"{at}attention.query_key_value.weight"
    return [
        *(Projection(kind, fused, spans) for kind, spans in rows.items()),
        Projection("o", f"{at}attention.dense.weight"),
        Projection("up", f"{at}mlp.dense_h_to_4h.weight"),
        Projection("down", f"{at}mlp.dense_4h_to_h.weight"),
    ]


def _complete_phi(config: Config) -> None:
    heads = config["num_attention_heads"]
    config["head_dim"] = _heads_fit("hidden_size", config, heads)
    if config["num_key_value_heads"] is None:
        config["num_key_value_heads"] = heads
    if heads % config["num_key_value_heads"]:
        raise out_of_range(
            "num_key_value_heads", config["num_key_value_heads"], f"a divisor of {heads} heads"
        )


def _phi_tensors(config: Config) -> dict[str, Shape]:
    width, inner, vocabulary = (
        config[key] for key in ("hidden_size", "intermediate_size", "vocab_size")
    )
    value = config["num_key_value_heads"] * config["head_dim"]
    shapes: dict[str, Shape] = {"model.embed_tokens.weight": (vocabulary, width)}
    shapes |= _layer_norm("model.final_layernorm", width)
    if config["tie_word_embeddings"]:
        shapes["lm_head.bias"] = (vocabulary,)
    else:
        shapes |= _linear("lm_head", vocabulary, width, bias=True)
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        shapes |= _layer_norm(f"{at}input_layernorm", width)
        for name, rows in (("q_proj", width), ("k_proj", value), ("v_proj", value)):
            shapes |= _linear(f"{at}self_attn.{name}", rows, width, bias=True)
        shapes |= _linear(f"{at}self_attn.dense", width, width, bias=True)
        shapes |= _linear(f"{at}mlp.fc1", inner, width, bias=True)
        shapes |= _linear(f"{at}mlp.fc2", width, inner, bias=True)
    return shapes


def _phi_projections(_config: Config, layer: int) -> list[Projection]:
    at = f"model.layers.{layer}."
    return [
        *(Projection(kind, f"{at}self_attn.{kind}_proj.weight") for kind in "qkv"),
        Projection("o", f"{at}self_attn.dense.weight"),
        Projection("up", f"{at}mlp.fc1.weight"),
        Projection("down", f"{at}mlp.fc2.weight"),
    ]


def _complete_falcon(config: Config) -> None:
    heads = config["num_attention_heads"]
    config["head_dim"] = _heads_fit("hidden_size", config, heads)
    if config["num_kv_heads"] is None:
        config["num_kv_heads"] = heads
    if config["ffn_hidden_size"] is None:
        config["ffn_hidden_size"] = 4 * config["hidden_size"]


def _falcon_tensors(config: Config) -> dict[str, Shape]:
    width, inner, vocabulary = (
        config[key] for key in ("hidden_size", "ffn_hidden_size", "vocab_size")
    )
    bias = config["bias"]
    shapes: dict[str, Shape] = {"transformer.word_embeddings.weight": (vocabulary, width)}
    shapes |= _layer_norm("transformer.ln_f", width)
    if not config["tie_word_embeddings"]:
        shapes["lm_head.weight"] = (vocabulary, width)
    for layer in range(config["num_hidden_layers"]):
        at = f"transformer.h.{layer}."
        rows = width + 2 * config["head_dim"]
        shapes |= _layer_norm(f"{at}input_layernorm", width)
        shapes |= _linear(f"{at}self_attention.query_key_value", rows, width, bias=bias)
        shapes |= _linear(f"{at}self_attention.dense", width, width, bias=bias)
        shapes |= _linear(f"{at}mlp.dense_h_to_4h", inner, width, bias=bias)
        shapes |= _linear(f"{at}mlp.dense_4h_to_h", width, inner, bias=bias)
    return shapes


def _falcon_projections(config: Config, layer: int) -> list[Projection]:
    at, width, head = f"transformer.h.{layer}.", config["hidden_size"], config["head_dim"]
    fused = f"{at}self_attention.query_key_value.weight"
    return [
        Projection("q", fused, ((0, width),)),
        Projection("k", fused, ((width, width + head),)),
        Projection("v", fused, ((width + head, width + 2 * head),)),
        Projection("o", f"{at}self_attention.dense.weight"),
        Projection("up", f"{at}mlp.dense_h_to_4h.weight"),
        Projection("down", f"{at}mlp.dense_4h_to_h.weight"),
    ]


#: Bart's learned positions start two rows late.
_BART_OFFSET = 2


def _complete_bart(config: Config) -> None:
    config["head_dim"] = _heads_fit("d_model", config, config["decoder_attention_heads"])


def _bart_tensors(config: Config) -> dict[str, Shape]:
    width, inner, vocabulary = (config[key] for key in ("d_model", "decoder_ffn_dim", "vocab_size"))
    positions = config["max_position_embeddings"] + _BART_OFFSET
    shapes: dict[str, Shape] = {
        "model.decoder.embed_tokens.weight": (vocabulary, width),
        "model.decoder.embed_positions.weight": (positions, width),
    }
    shapes |= _layer_norm("model.decoder.layernorm_embedding", width)
    if not config["tie_word_embeddings"]:
        shapes["lm_head.weight"] = (vocabulary, width)
    for layer in range(config["decoder_layers"]):
        at = f"model.decoder.layers.{layer}."
        for attention in ("self_attn", "encoder_attn"):
            for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
                shapes |= _linear(f"{at}{attention}.{name}", width, width, bias=True)
            shapes |= _layer_norm(f"{at}{attention}_layer_norm", width)
        shapes |= _linear(f"{at}fc1", inner, width, bias=True)
        shapes |= _linear(f"{at}fc2", width, inner, bias=True)
        shapes |= _layer_norm(f"{at}final_layer_norm", width)
    return shapes


def _bart_projections(_config: Config, layer: int) -> list[Projection]:
    at = f"model.decoder.layers.{layer}."
    return [
        *(Projection(kind, f"{at}self_attn.{kind}_proj.weight") for kind in "qkv"),
        Projection("o", f"{at}self_attn.out_proj.weight"),
        Projection("up", f"{at}fc1.weight"),
        Projection("down", f"{at}fc2.weight"),
    ]


def _without(keys: dict[str, Key], *names: str) -> dict[str, Key]:
    return {name: key for name, key in keys.items() if name not in names}


_FALCON = {
    **_without(decoder_keys(positions=2048, tied=True), "intermediate_size"),
    "ffn_hidden_size": Key(nullable(integer(1, MAX_INNER_WIDTH)), None),
    "num_kv_heads": Key(nullable(integer(1, MAX_HEADS)), None),
    "num_ln_in_parallel_attn": Key(nullable(integer(1, 1)), None),
    "layer_norm_epsilon": _EPS,
    "activation": Key(_ACT, "gelu"),
    "bias": Key(flag, False),
    "alibi": Key(only(False), False),
    "new_decoder_architecture": Key(only(False), False),
    "multi_query": Key(only(True), True),
    "parallel_attn": Key(only(True), True),
    "apply_residual_connection_post_layernorm": Key(only(False), False, kept=False),
    "hidden_dropout": IGNORED_RATE,
}
_BART = {
    **_without(
        decoder_keys(positions=1024, tied=True),
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
    ),
    "d_model": Key(integer(1, MAX_WIDTH), REQUIRED),
    "decoder_layers": Key(integer(1, MAX_LAYERS), REQUIRED),
    "decoder_attention_heads": Key(integer(1, MAX_HEADS), REQUIRED),
    "decoder_ffn_dim": Key(integer(1, MAX_INNER_WIDTH), REQUIRED),
    "activation_function": Key(_ACT, "gelu"),
    "scale_embedding": Key(flag, False),
    "is_decoder": Key(only(True), True),
    "is_encoder_decoder": Key(only(False), False),
    # Bart's own keys for the encoder, and for training, which the decoder does not read.
    "encoder_layers": Key(integer(1, MAX_LAYERS), 12, kept=False),
    "encoder_attention_heads": Key(integer(1, MAX_HEADS), 16, kept=False),
    "encoder_ffn_dim": Key(integer(1, MAX_INNER_WIDTH), 4096, kept=False),
    "encoder_layerdrop": IGNORED_RATE,
    "decoder_layerdrop": IGNORED_RATE,
    "dropout": IGNORED_RATE,
    "activation_dropout": IGNORED_RATE,
    "classifier_dropout": IGNORED_RATE,
    "init_std": IGNORED_NUMBER,
    "decoder_start_token_id": _NULL_IDS,
    "forced_eos_token_id": _NULL_IDS,
    "num_hidden_layers": Key(integer(1, MAX_LAYERS), 1, kept=False),
    "id2label": Key(small_object, None, kept=False),
    "label2id": Key(small_object, None, kept=False),
}

CLASSIC = (
    Architecture(
        "gpt_neox",
        "GPTNeoXForCausalLM",
        {
            **decoder_keys(positions=2048),
            "hidden_act": Key(_ACT, "gelu"),
            "layer_norm_eps": _EPS,
            "attention_bias": Key(flag, True),
            "use_parallel_residual": Key(flag, True),
            "is_decoder": IGNORED_FLAG,
            "hidden_dropout": IGNORED_RATE,
            "classifier_dropout": IGNORED_RATE,
        },
        _complete_neox,
        _neox_tensors,
        _neox_projections,
        partial_rotary=0.25,
        not_written=frozenset({"head_dim"}),
        output_layer="embed_out.weight",
    ),
    Architecture(
        "phi",
        "PhiForCausalLM",
        {
            **decoder_keys(positions=2048),
            "num_key_value_heads": Key(nullable(integer(1, MAX_HEADS)), None),
            "hidden_act": Key(_ACT, "gelu_new"),
            "layer_norm_eps": _EPS,
            "qk_layernorm": Key(only(False), False),
            "resid_pdrop": IGNORED_RATE,
            "embd_pdrop": IGNORED_RATE,
        },
        _complete_phi,
        _phi_tensors,
        _phi_projections,
        partial_rotary=0.5,
        not_written=frozenset({"head_dim"}),
    ),
    Architecture(
        "falcon",
        "FalconForCausalLM",
        _FALCON,
        _complete_falcon,
        _falcon_tensors,
        _falcon_projections,
        not_written=frozenset({"head_dim"}),
    ),
    Architecture(
        "bart",
        "BartForCausalLM",
        _BART,
        _complete_bart,
        _bart_tensors,
        _bart_projections,
        rotary=False,
        not_written=frozenset({"head_dim"}),
        layers_key="decoder_layers",
    ),
)
