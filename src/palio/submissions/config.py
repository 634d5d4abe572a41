"""config.json: from a stranger's keys to a new config that says nothing unexpected.

Every key of the submission is known to its architecture, checked and written anew, or
known to be harmless and dropped with a warning, or a reason for refusal. Keys that run
code, change attention or load kernels have codes of their own (docs/reason-codes.md).
"""

from dataclasses import dataclass
from typing import Any

from palio.submissions.classic_decoders import CLASSIC
from palio.submissions.config_keys import (
    REQUIRED,
    Config,
    Key,
    flag,
    integer,
    nullable,
    number,
    small_object,
    text,
    wrong_type,
)
from palio.submissions.gated_decoders import GATED
from palio.submissions.refusals import Warning, rejected, shown, warned
from palio.submissions.rope import SPELLINGS, TABLES, read_rope
from palio.submissions.tensor_sets import Architecture, Shape

MAX_CONFIG_BYTES = 64 * 1024
DTYPES = ("float32", "bfloat16", "float16")

ARCHITECTURES = {a.model_type: a for a in (*GATED, *CLASSIC)}

_REFUSED = {
    "E_CFG_CODE": frozenset(
        {"auto_map", "custom_pipelines", "trust_remote_code", "custom_object_save"}
    ),
    "E_CFG_QUANT": frozenset({"quantization_config", "compression_config", "quantization"}),
    "E_CFG_KERNEL": frozenset(
        {
            "attn_implementation",
            "_attn_implementation",
            "_attn_implementation_internal",
            "_experts_implementation",
            "_experts_implementation_internal",
            "experts_implementation",
            "kernel_config",
            "use_kernels",
        }
    ),
}
#: Harmless keys that real repositories carry; none of them enters the canonical config.
_DROPPED: dict[str, Key] = {
    name: Key(check, None, kept=False)
    for names, check in (
        ("_name_or_path name_or_path tokenizer_class unsloth_version", nullable(text)),
        ("_attn_implementation_autoset unsloth_fixed do_sample", nullable(flag)),
        ("id2label label2id", nullable(small_object)),
        ("num_labels", integer(0, 1000)),
        ("temperature top_p repetition_penalty", nullable(number(-1e6, 1e6))),
        ("top_k num_beams max_length", nullable(integer(0, 1 << 31))),
    )
    for name in names.split()
}


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """A checked config.json.

    Attributes:
        architecture: what it describes.
        values: every value the architecture needs, derived ones included.
        warnings: keys that were dropped.
    """

    architecture: Architecture
    values: Config
    warnings: tuple[Warning, ...]

    def tensors(self) -> dict[str, Shape]:
        """Exact names and shapes of the checkpoint."""
        return self.architecture.tensors(self.values)

    @property
    def layers(self) -> int:
        return int(self.values[self.architecture.layers_key])

    def canonical(self, dtype: str) -> Config:
        """The config.json that the worker reads; ``dtype`` is the evaluation's number format."""
        hidden = self.architecture.not_written
        written = {key: value for key, value in self.values.items() if key not in hidden}
        return {
            **written,
            "architectures": [self.architecture.class_name],
            "dtype": dtype,
            "use_cache": True,
        }


def read_config(config: Config) -> ModelConfig:
    """Check the parsed config.json.

    Raises:
        SubmissionRejected: ``E_CFG_...``.
    """
    for code, names in _REFUSED.items():
        for name in sorted(names & config.keys()):
            if config[name] is not None:
                raise rejected(code, f"{name} is {shown(config[name])}", key=name)
    architecture = _architecture(config)
    _check_dtype(config)
    values: Config = {"model_type": architecture.model_type}
    for name, key in architecture.keys.items():
        value = _value(name, key, config)
        if key.kept:
            values[name] = value
    dropped = _refuse_unknown(config, architecture)
    architecture.complete(values)
    if architecture.rotary:
        values["rope_parameters"] = read_rope(
            config, partial=architecture.partial_rotary, rotary_width=values["head_dim"]
        )
    _check_token_ids(values)
    warnings = (warned("W_CFG_DROPPED", ", ".join(dropped)),) if dropped else ()
    return ModelConfig(architecture, values, warnings)


def _architecture(config: Config) -> Architecture:
    kind = config.get("model_type")
    if not isinstance(kind, str) or kind not in ARCHITECTURES:
        detail = "model_type is missing" if kind is None else shown(kind)
        raise rejected("E_CFG_MODEL_TYPE", detail, known=sorted(ARCHITECTURES))
    architecture = ARCHITECTURES[kind]
    stated = config.get("architectures")
    if stated != [architecture.class_name]:
        if isinstance(stated, list) and stated and isinstance(stated[0], str):
            stated = stated[0]
        raise rejected(
            "E_CFG_ARCH",
            f"architectures is {shown(stated)}, but {kind} means {architecture.class_name}",
            stated=shown(stated),
        )
    return architecture


def _check_dtype(config: Config) -> None:
    for name in ("dtype", "torch_dtype"):
        value = config.get(name)
        if value is not None and value not in DTYPES:
            raise rejected("E_CFG_DTYPE", f"{name} is {shown(value)}", key=name)


def _value(name: str, key: Key, config: Config) -> Any:  # noqa: ANN401 - any JSON value
    if name not in config:
        if key.default is REQUIRED:
            raise rejected("E_CFG_MISSING", name, key=name)
        return key.default
    if config[name] is None and key.default is REQUIRED:
        raise wrong_type(name, None, "a value")
    return key.check(name, config[name])


def _refuse_unknown(config: Config, architecture: Architecture) -> list[str]:
    """Names of harmless keys; anything else that is not known is refused."""
    known = {*architecture.keys, "model_type", "architectures", "dtype", "torch_dtype"}
    if architecture.rotary:
        known |= {*SPELLINGS, *TABLES}
    dropped = []
    for name in sorted(config.keys() - known):
        if name in _DROPPED:
            _DROPPED[name].check(name, config[name])
            dropped.append(name)
        elif not any(name in names for names in _REFUSED.values()):
            raise rejected("E_CFG_UNKNOWN_KEY", shown(name), key=shown(name))
    return dropped


def _check_token_ids(values: Config) -> None:
    for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
        ids = values[name] if isinstance(values[name], list) else [values[name]]
        for one in ids:
            if one is not None and one >= values["vocab_size"]:
                raise rejected(
                    "E_CFG_TOKENIDS",
                    f"{name} is {one}, the vocabulary has {values['vocab_size']} rows",
                    key=name,
                )
