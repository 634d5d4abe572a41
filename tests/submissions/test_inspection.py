import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from palio.competition.model import NormCheck
from palio.errors import ConfigError
from palio.submissions.canonical_folder import build_canonical_folder
from palio.submissions.config import ARCHITECTURES
from palio.submissions.copies import KnownSubmission, copy_refusal, find_copy
from palio.submissions.folders import PLAIN_FILES
from palio.submissions.inspection import inspect
from palio.submissions.staging import stage
from tests.submissions import build


def test_an_inspection_describes_exactly_what_lies_there(tmp_path: Path) -> None:
    folder = build.write(tmp_path / "model")
    (folder / "README.md").write_text("hello")
    inspection = build.accepted(folder)
    assert [entry.path for entry in inspection.manifest] == sorted(p.name for p in folder.iterdir())
    for entry in inspection.manifest:
        data = (folder / entry.path).read_bytes()
        assert (entry.size, entry.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert inspection.total_bytes == sum(entry.size for entry in inspection.manifest)
    assert inspection.architecture == "LlamaForCausalLM"
    assert inspection.template == build.TEMPLATE
    assert not inspection.warnings


def test_the_canonical_folder_holds_nothing_else(tmp_path: Path) -> None:
    folder = build.write(
        tmp_path / "model",
        tokenizer_config={"bos_token": "<s>"},
        generation_config={"do_sample": True},
    )
    staged = tmp_path / "staged"
    stage(folder, staged, 10_000_000)
    inspection = build.accepted(staged)
    for link in (True, False):
        target = build_canonical_folder(inspection, staged, tmp_path / f"c{link}", link=link)
        assert sorted(p.name for p in target.iterdir()) == [
            "chat_template.jinja",
            "config.json",
            "model.safetensors",
            "tokenizer.json",
        ]
        assert json.loads((target / "config.json").read_text()) == inspection.config
        assert all(not path.is_symlink() for path in target.iterdir())
        assert (target / "model.safetensors").read_bytes() == (
            folder / "model.safetensors"
        ).read_bytes()
    # The platform's own hard links do not turn against the staged copy.
    assert inspect(staged, build.competition(), staged=True) == inspection


def test_a_canonical_folder_never_overwrites(tmp_path: Path) -> None:
    folder = build.write(tmp_path / "model")
    inspection = build.accepted(folder)
    with pytest.raises(FileExistsError):
        build_canonical_folder(inspection, folder, folder)
    assert (folder / "model.safetensors").exists()


def test_a_failed_rebuild_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = build.write(tmp_path / "model")
    inspection = build.accepted(folder)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(FileNotFoundError):
        build_canonical_folder(inspection, folder, tmp_path / "canonical")
    assert not (tmp_path / "canonical").exists()


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"tokenizer": None}, "E_TOK_MISSING"),
        ({"tokenizer": b"[]"}, "E_JSON_TYPE"),
        ({"generation_config": b"[1, 2]"}, "E_JSON_TYPE"),
        ({"special_tokens_map": b"{"}, "E_JSON_PARSE"),
        ({"tokenizer_config": {"chat_template": "Answer: A"}}, "E_TPL_CONTENT"),
        ({"tokenizer_config": {"chat_template": build.TEMPLATE}}, "accept"),
        ({"tokenizer_config": {"chat_template": build.TEMPLATE + " "}}, "E_TPL_AMBIGUOUS"),
        ({"tokenizer_config": {"chat_template": 3}}, "E_TOK_TYPE"),
        ({"tokenizer_config": {"chat_template": [{"name": "rag"}]}}, "E_TOK_TYPE"),
        ({"chat_template": None}, "accept"),
        ({"chat_template": b"{% for %}"}, "E_TPL_PARSE"),
        ({"config": build.config(eos_token_id=65)}, "E_CFG_TOKENIDS"),
        ({"config": build.config(eos_token_id=[257, 65])}, "E_CFG_TOKENIDS"),
        ({"config": build.config(pad_token_id=263)}, "E_CFG_TOKENIDS"),
    ],
)
def test_files_are_judged_together(tmp_path: Path, files: dict[str, Any], code: str) -> None:
    if files.get("tokenizer_config", {}).get("chat_template") == "Answer: A":
        files = {**files, "chat_template": None}
    assert build.verdict(build.write(tmp_path, **files)) == code


def test_a_template_in_the_settings_counts_if_it_is_the_only_one(tmp_path: Path) -> None:
    for number, setting in enumerate(
        [build.TEMPLATE, [{"name": "default", "template": build.TEMPLATE}]]
    ):
        folder = build.write(
            tmp_path / str(number), chat_template=None, tokenizer_config={"chat_template": setting}
        )
        assert build.accepted(folder).template == build.TEMPLATE


@pytest.mark.parametrize(
    ("generation", "warned"),
    [
        ({"bos_token_id": 256, "eos_token_id": 257, "transformers_version": "5"}, False),
        ({"eos_token_id": list(range(200))}, True),
        ({"temperature": 50.0}, True),
        ({"max_new_tokens": 10**9}, True),
        ({"output_attentions": False, "use_cache": True}, False),
    ],
)
def test_wishes_about_decoding_are_ignored_with_a_warning(
    tmp_path: Path, generation: dict[str, Any], warned: bool
) -> None:
    codes = [
        w.code for w in build.accepted(build.write(tmp_path, generation_config=generation)).warnings
    ]
    assert codes == (["W_GENCONFIG_IGNORED"] if warned else [])


def test_a_short_context_is_worth_a_warning(tmp_path: Path) -> None:
    inspection = build.accepted(build.write(tmp_path), build.competition(sequence_length=4096))
    (warning,) = inspection.warnings
    assert warning.code == "W_SEQUENCE_LENGTH"
    assert "128 of 4096" in warning.message


def test_the_prescribed_tokenizer_is_compared_by_digest(tmp_path: Path) -> None:
    folder = build.write(tmp_path)
    digest = hashlib.sha256((folder / "tokenizer.json").read_bytes()).hexdigest()
    for value, code in ((digest, "accept"), ("0" * 64, "E_TOK_FIXED"), (None, "accept")):
        rules = build.competition(tokenizer={"kind": "fixed", "name": "x/y", "sha256": value})
        assert build.verdict(folder, rules) == code


def scaled(folder: Path, factors: dict[str, float]) -> Path:
    content = build.tensors()
    for name, (dtype, shape, data) in content.items():
        values = np.frombuffer(data, "<f4").reshape(shape)
        norm = float(np.linalg.norm(values))
        for part, wanted in factors.items():
            if part in name:
                content[name] = (dtype, shape, (values * (wanted / norm)).astype("<f4").tobytes())
    return build.write(folder, model=build.safetensors(content))


@pytest.mark.parametrize(
    ("factors", "code"),
    [
        ({}, "accept"),
        ({"layers.0.self_attn.q_proj": 201.0}, "accept"),
        ({"q_proj": 201.0}, "E_W_NORM"),
        ({"layers.0.self_attn.q_proj": 201.0, "layers.1.mlp.up_proj": 201.0}, "E_W_NORM"),
        ({"layers.1.mlp.down_proj": 1001.0}, "E_W_NORM"),
        ({"layers.1.mlp.gate_proj": 1001.0}, "E_W_NORM"),
        ({"gate_proj": 900.0}, "accept"),
    ],
)
def test_norms_follow_sn37(tmp_path: Path, factors: dict[str, float], code: str) -> None:
    # Two layers, six kinds: one large projection is 1/12, two are 1/6 > 0.15.
    rules = build.competition(norm_check=NormCheck())
    assert build.verdict(scaled(tmp_path, factors), rules) == code


def known(submission: str, weights: str, block: int) -> KnownSubmission:
    return KnownSubmission(submission, weights, f"5F{block}", block)


def test_a_copy_is_found_under_other_names_and_the_earliest_is_its_original(
    tmp_path: Path,
) -> None:
    original = build.accepted(build.write(tmp_path / "a"))
    copied = build.write(tmp_path / "b")
    (copied / "README.md").write_text("my very own model")
    copy = build.accepted(copied)
    assert copy.content_digest != original.content_digest
    first = known(original.content_digest, original.weights_digest, 10)
    later = known("f" * 64, original.weights_digest, 20)
    other = known("e" * 64, "d" * 64, 1)
    assert find_copy(copy, [later, other, first]) == first
    assert find_copy(copy, [other]) is None
    refusal = copy_refusal(first)
    assert (refusal.code, refusal.stage) == ("E_COPY_EXACT", "copy")


def test_one_changed_bit_makes_other_weights(tmp_path: Path) -> None:
    content = build.tensors()
    dtype, shape, data = content["lm_head.weight"]
    content["lm_head.weight"] = (dtype, shape, bytes([data[0] ^ 1]) + data[1:])
    one = build.accepted(build.write(tmp_path / "a"))
    two = build.accepted(build.write(tmp_path / "b", model=build.safetensors(content)))
    assert one.weights_digest != two.weights_digest


def test_a_folder_that_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        inspect(tmp_path / "none", build.competition())


def test_inspection_loads_neither_torch_nor_transformers() -> None:
    code = (
        "import sys, palio.submissions.inspection, palio.submissions.stores\n"
        "heavy = {'torch', 'transformers', 'tokenizers', 'safetensors'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert result.returncode == 0, result.stderr


def test_the_page_about_the_format_names_every_file_and_architecture() -> None:
    page = (Path(__file__).parents[2] / "docs" / "submission-format.md").read_text()
    for name in (*PLAIN_FILES, *(a.class_name for a in ARCHITECTURES.values())):
        assert f"`{name}`" in page
    for architecture in ARCHITECTURES.values():
        assert f"`{architecture.model_type}`" in page
