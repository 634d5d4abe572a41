"""Static inspection: everything that can be known of a submission without running it.

No torch, no transformers: files are walked, JSON is bounded, headers are parsed by hand
and weights are streamed once. What passes is described well enough to build a new folder
from it (``canonical_folder``); what fails leaves by one exception with a stable code.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from palio.competition.model import Competition, FixedTokenizer
from palio.submissions.config import MAX_CONFIG_BYTES, ModelConfig, read_config
from palio.submissions.digests import (
    FileEntry,
    Manifest,
    content_digest,
    manifest_of,
    weights_digest,
)
from palio.submissions.folders import Listing, open_folder
from palio.submissions.norms import check_norms, normed_tensors
from palio.submissions.refusals import Warning, rejected, shown, warned
from palio.submissions.strict_json import read_object
from palio.submissions.template import MAX_TEMPLATE_BYTES, check_template
from palio.submissions.tokenizer import MAX_TOKENIZER_BYTES, CheckedTokenizer, read_tokenizer
from palio.submissions.tokenizer_settings import (
    MAX_MAP_BYTES,
    MAX_SETTINGS_BYTES,
    check_settings,
    check_special_map,
)
from palio.submissions.weight_files import WeightFiles, read_small, read_weight_files
from palio.submissions.weight_scan import Scan, scan_weights
from palio.submissions.weights import check_tensor_set

TEMPLATE = "chat_template.jinja"
#: Safetensors' names of the formats that a competition lists.
_STORED = {"float32": "F32", "bfloat16": "BF16", "float16": "F16"}
#: What save_pretrained writes into generation_config.json for a model without wishes.
_NEUTRAL = {"_from_model_config", "transformers_version"}
_NEUTRAL_FALSE = {"output_attentions", "output_hidden_states", "return_dict_in_generate"}
_SUBNORMAL_SHARE = 1e-3


@dataclass(frozen=True, slots=True)
class Inspection:
    """An admissible submission.

    Attributes:
        manifest: all files with sizes and digests.
        content_digest: hex digest naming exactly these files.
        weights_digest: hex digest naming these tensors, however they are stored.
        parameters: numbers stored.
        total_bytes: sum of the files' sizes.
        architecture: the transformers class that evaluates it.
        warnings: what the participant should know.
        config: the canonical config.json.
        weight_files: the verified safetensors files (and index), to be linked.
        template: the accepted chat template; None if there is none.
    """

    manifest: Manifest
    content_digest: str
    weights_digest: str
    parameters: int
    total_bytes: int
    architecture: str
    warnings: tuple[Warning, ...]
    config: dict[str, Any]
    weight_files: tuple[str, ...]
    template: str | None = field(default=None, repr=False)


def inspect(folder: Path, competition: Competition, *, staged: bool = False) -> Inspection:
    """Check a submission's folder against everything that needs no running model.

    Args:
        folder: a local folder; for a verdict that counts, the staged copy.
        competition: gives architecture, size, tokenizer and norm limits.
        staged: the folder was written by ``staging.stage``, so that further hard links to
            its files (those of canonical folders) are the platform's own.

    Raises:
        SubmissionRejected: the code says why.
        ConfigError: there is no such folder.
    """
    max_bytes = competition.constraints.max_bytes
    with open_folder(folder, max_bytes=max_bytes, staged=staged) as listing:
        return _Inspector(listing, competition).run()


class _Inspector:
    """One inspection; each step reads what the steps before it have admitted."""

    def __init__(self, listing: Listing, competition: Competition) -> None:
        self._listing = listing
        self._competition = competition
        self._limits = competition.constraints
        self._files: dict[str, FileEntry] = {}
        self._warnings: list[Warning] = []

    def run(self) -> Inspection:
        config = self._config()
        weights = read_weight_files(self._listing)
        check_tensor_set(config, weights)
        generation = self._json("generation_config.json", MAX_CONFIG_BYTES)
        template = self._tokenizer(config)
        self._generation(generation, config)
        self._constraints(config, weights)
        scan = self._scan(config, weights)
        manifest = self._manifest(scan)
        index = [path for path in self._listing.sizes if path.endswith(".index.json")]
        return Inspection(
            manifest=manifest,
            content_digest=content_digest(manifest),
            weights_digest=weights_digest(scan.tensors),
            parameters=weights.parameters,
            total_bytes=sum(entry.size for entry in manifest),
            architecture=config.architecture.class_name,
            warnings=tuple(self._warnings),
            config=config.canonical(self._limits.dtype.value),
            weight_files=(*weights.files, *index),
            template=template,
        )

    def _read(self, path: str, max_bytes: int) -> bytes | None:
        if path not in self._listing.sizes:
            return None
        data = read_small(self._listing, path, max_bytes)
        if len(data) <= max_bytes:
            self._files[path] = FileEntry(path, len(data), hashlib.sha256(data).hexdigest())
        return data

    def _json(self, path: str, max_bytes: int) -> dict[str, Any] | None:
        data = self._read(path, max_bytes)
        return None if data is None else read_object(data, name=path, max_bytes=max_bytes)

    def _config(self) -> ModelConfig:
        config = read_config(self._json("config.json", MAX_CONFIG_BYTES) or {})
        self._warnings += config.warnings
        name = config.architecture.class_name
        if name not in self._limits.architectures:
            raise rejected(
                "E_CFG_ARCH",
                f"{name}; admitted are {', '.join(self._limits.architectures)}",
                stated=name,
                admitted=list(self._limits.architectures),
            )
        positions = config.values["max_position_embeddings"]
        if positions < self._limits.sequence_length:
            self._warnings.append(
                warned("W_SEQUENCE_LENGTH", f"{positions} of {self._limits.sequence_length}")
            )
        return config

    def _tokenizer(self, config: ModelConfig) -> str | None:
        """Check all tokenizer files; the chat template, or None."""
        content = self._json("tokenizer.json", MAX_TOKENIZER_BYTES)
        if content is None:
            raise rejected("E_TOK_MISSING")
        self._check_fixed()
        settings = self._json("tokenizer_config.json", MAX_SETTINGS_BYTES) or {}
        special_map = self._json("special_tokens_map.json", MAX_MAP_BYTES) or {}
        tokenizer = read_tokenizer(content, config.values["vocab_size"])
        self._warnings += tokenizer.warnings
        self._warnings += check_settings(settings, tokenizer.vocabulary)
        check_special_map(special_map, settings, tokenizer.vocabulary)
        _check_special_ids(config, tokenizer)
        return self._template(settings.get("chat_template"))

    def _check_fixed(self) -> None:
        prescribed = self._limits.tokenizer
        found = self._files["tokenizer.json"].sha256
        if (
            isinstance(prescribed, FixedTokenizer)
            and prescribed.sha256 is not None
            and found != prescribed.sha256
        ):
            raise rejected("E_TOK_FIXED", prescribed.name, expected=prescribed.sha256, found=found)

    def _template(self, setting: object) -> str | None:
        data = self._read(TEMPLATE, MAX_TEMPLATE_BYTES)
        other = _template_setting(setting)
        if data is None:
            source = None if other is None else other.encode()
            return None if source is None else check_template(source, "tokenizer_config.json")
        template = check_template(data, TEMPLATE)
        if other is not None and other != template:
            raise rejected("E_TPL_AMBIGUOUS", f"{TEMPLATE} and tokenizer_config.json")
        return template

    def _generation(self, generation: dict[str, Any] | None, config: ModelConfig) -> None:
        if generation is None:
            return
        wishes = sorted(
            key
            for key, value in generation.items()
            if not (
                key in _NEUTRAL
                or (key in _NEUTRAL_FALSE and value is False)
                or (key == "use_cache" and value is True)
                or (key.endswith("_token_id") and value == config.values.get(key))
            )
        )
        if wishes:
            names = ", ".join(shown(key) for key in wishes[:5])
            self._warnings.append(warned("W_GENCONFIG_IGNORED", names))

    def _constraints(self, config: ModelConfig, weights: WeightFiles) -> None:
        limits = self._limits
        admitted = {_STORED[dtype.value] for dtype in limits.stored_dtypes}
        for name, tensor in weights.tensors.items():
            if tensor.dtype not in admitted:
                raise rejected(
                    "E_ST_DTYPE",
                    f"{name} is {tensor.dtype}, admitted are {', '.join(sorted(admitted))}",
                    tensor=name,
                    dtype=tensor.dtype,
                )
        if not limits.min_parameters <= weights.parameters <= limits.max_parameters:
            raise rejected(
                "E_W_PARAMETERS",
                f"{weights.parameters}, allowed are {limits.min_parameters} to "
                f"{limits.max_parameters}",
                parameters=weights.parameters,
                architecture=config.architecture.class_name,
            )

    def _scan(self, config: ModelConfig, weights: WeightFiles) -> Scan:
        limits = self._limits.norm_check
        normed = normed_tensors(config) if limits else frozenset()
        scan = scan_weights(self._listing, weights.files, weights.tensors, normed)
        if limits:
            check_norms(config, scan.row_squares, limits)
        share = scan.subnormal / max(weights.parameters, 1)
        if share > _SUBNORMAL_SHARE:
            self._warnings.append(warned("W_SUBNORMAL", f"{share:.1%}"))
        return scan

    def _manifest(self, scan: Scan) -> Manifest:
        """All files; those that no step has read yet are hashed now."""
        known = {entry.path: entry for entry in scan.files} | self._files
        rest = [path for path in self._listing.sizes if path not in known]
        others = scan_weights(self._listing, rest, {}).files
        return manifest_of([*known.values(), *others])


def _template_setting(setting: object) -> str | None:
    """The default template of tokenizer_config.json."""
    if setting is None or isinstance(setting, str):
        return setting
    if isinstance(setting, list):
        named = {
            item.get("name"): item.get("template")
            for item in setting
            if isinstance(item, dict) and isinstance(item.get("name"), str)
        }
        if len(named) == len(setting) and isinstance(named.get("default"), str):
            return str(named["default"])
    raise rejected("E_TOK_TYPE", f"chat_template is {shown(setting)}")


def _check_special_ids(config: ModelConfig, tokenizer: CheckedTokenizer) -> None:
    special = tokenizer.vocabulary.special_ids
    for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
        value = config.values[name]
        for one in value if isinstance(value, list) else [value]:
            if one is not None and one not in special:
                raise rejected("E_CFG_TOKENIDS", f"{name} {one}", key=name, id=one)
