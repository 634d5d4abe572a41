import json
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from palio.competition.model import DType
from palio.errors import SubmissionRejected
from palio.submissions.folders import open_folder
from palio.submissions.weight_files import read_weight_files
from tests.submissions import build

NORM = "model.norm.weight"


def headed(edit: Any = None, tail: bytes = b"") -> bytes:  # noqa: ANN401 - a function on a header
    """The benign weights with an edited header."""
    data = build.safetensors(build.tensors())
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    if edit is not None:
        edit(header)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + length :] + tail


def set_norm(**values: object) -> bytes:
    return headed(lambda header: header[NORM].update(values))


def renamed(name: str) -> bytes:
    return headed(lambda header: header.__setitem__(name, header.pop(NORM)))


def overlapping(header: dict[str, Any]) -> None:
    a, b = "model.layers.0.mlp.gate_proj.weight", "model.layers.0.mlp.up_proj.weight"
    header[b]["data_offsets"] = list(header[a]["data_offsets"])


def shifted(header: dict[str, Any]) -> None:
    for name, value in header.items():
        if name != "__metadata__":
            value["data_offsets"] = [offset + 64 for offset in value["data_offsets"]]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "E_ST_HEADER"),
        (b"\x02\0\0\0\0\0\0", "E_ST_HEADER"),
        (struct.pack("<Q", 2**63 - 1) + b"{}", "E_ST_HEADER"),
        (struct.pack("<Q", 3) + b"{}", "E_ST_HEADER"),
        (struct.pack("<Q", 3) + b" {}", "E_ST_HEADER"),
        (struct.pack("<Q", 3) + b"{}\n", "E_ST_HEADER"),
        (struct.pack("<Q", 4) + b"{}{}", "E_ST_HEADER"),
        (struct.pack("<Q", 2) + b"[]", "E_ST_HEADER"),
        (struct.pack("<Q", 2) + b"{}", "E_W_MISSING"),
        (headed()[:-1000], "E_ST_OFFSETS"),
        (headed(tail=b"PK\x03\x04"), "E_ST_OFFSETS"),
        (headed(shifted, tail=bytes(64)), "E_ST_OFFSETS"),
        (headed(overlapping), "E_ST_OFFSETS"),
        (set_norm(data_offsets=[64, 0]), "E_ST_OFFSETS"),
        (set_norm(data_offsets=[0.0, 64.0]), "E_ST_OFFSETS"),
        (set_norm(data_offsets=[-64, 0]), "E_ST_OFFSETS"),
        (set_norm(data_offsets=[0]), "E_ST_OFFSETS"),
        (set_norm(shape=[17]), "E_ST_SHAPE"),
        (set_norm(shape=[-16]), "E_ST_SHAPE"),
        (set_norm(shape=[16.0]), "E_ST_SHAPE"),
        (set_norm(shape=[True] * 9), "E_ST_SHAPE"),
        (set_norm(shape=16), "E_ST_SHAPE"),
        (set_norm(shape=[2**32, 2**32, 16]), "E_ST_SHAPE"),
        (set_norm(shape=[1, 16]), "E_W_SHAPE"),
        (set_norm(dtype="Q9_9"), "E_ST_DTYPE"),
        (set_norm(dtype="F8_E4M3"), "E_ST_DTYPE"),
        (set_norm(dtype="I64"), "E_ST_DTYPE"),
        (set_norm(dtype=None), "E_ST_DTYPE"),
        (set_norm(extra=1), "E_ST_HEADER"),
        (renamed("../../x\0\n"), "E_ST_NAME"),
        (renamed("n" * 257), "E_ST_NAME"),
        (renamed("norm.weight"), "E_W_UNEXPECTED"),
        (headed(lambda h: h.update({"__metadata__": {"a": 1}})), "E_ST_METADATA"),
        (headed(lambda h: h.update({"__metadata__": {"a": "x" * 70_000}})), "E_ST_METADATA"),
        (headed(lambda h: h.update({"__metadata__": None})), "E_ST_METADATA"),
    ],
)
def test_each_fault_of_a_file_has_its_code(tmp_path: Path, data: bytes, code: str) -> None:
    assert build.verdict(build.write(tmp_path, model=data)) == code


def test_a_name_given_twice_is_refused(tmp_path: Path) -> None:
    data = build.safetensors(build.tensors())
    (length,) = struct.unpack("<Q", data[:8])
    text = data[8 : 8 + length]
    again = b', "model.norm.weight": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}'
    text = text[:-1] + again
    changed = struct.pack("<Q", len(text)) + text + data[8 + length :]
    assert build.verdict(build.write(tmp_path, model=changed)) == "E_ST_DUPNAME"


def test_more_tensors_than_any_model_has_are_refused(tmp_path: Path) -> None:
    many: build.Tensors = {f"t{number}": ("F32", (0,), b"") for number in range(20_001)}
    assert build.verdict(build.write(tmp_path, model=build.safetensors(many))) == "E_ST_COUNT"


@pytest.mark.parametrize(
    ("value", "code"),
    [(np.nan, "E_ST_NONFINITE"), (np.inf, "E_ST_NONFINITE"), (-np.inf, "E_ST_NONFINITE"),
     (1.1e6, "E_W_MAGNITUDE"), (-3e38, "E_W_MAGNITUDE"), (1e6, "accept"), (-1e6, "accept")],
)  # fmt: skip
@pytest.mark.parametrize("name", ["lm_head.weight", NORM, "model.layers.1.mlp.gate_proj.weight"])
def test_a_single_wild_number_is_found(tmp_path: Path, name: str, value: float, code: str) -> None:
    content = build.tensors()
    dtype, shape, data = content[name]
    values = np.frombuffer(data, "<f4").copy()
    values[-1] = value
    content[name] = (dtype, shape, values.tobytes())
    assert build.verdict(build.write(tmp_path, model=build.safetensors(content))) == code


@pytest.mark.parametrize(
    ("dtype", "bits", "code"),
    [("BF16", 0x7FC0, "E_ST_NONFINITE"), ("BF16", 0xFF80, "E_ST_NONFINITE"),
     ("BF16", 0x4975, "E_W_MAGNITUDE"), ("BF16", 0x4974, "accept"),
     ("F16", 0x7C00, "E_ST_NONFINITE"), ("F16", 0xFE00, "E_ST_NONFINITE"),
     ("F16", 0x7BFF, "accept")],
)  # fmt: skip
def test_sixteen_bit_numbers_are_judged_by_their_bits(
    tmp_path: Path, dtype: str, bits: int, code: str
) -> None:
    content: build.Tensors = {}
    for name, (_, shape, data) in build.tensors().items():
        words = (
            np.frombuffer(data, "<u4") >> 16
            if dtype == "BF16"
            else np.frombuffer(data, "<f4").astype("<f2").view("<u2")
        )
        words = words.astype("<u2")
        if name == NORM:
            words[3] = bits
        content[name] = (dtype, shape, words.tobytes())
    assert build.verdict(build.write(tmp_path, model=build.safetensors(content))) == code


def test_weights_that_act_like_zero_are_worth_a_warning(tmp_path: Path) -> None:
    content = build.tensors()
    for name, (dtype, shape, data) in content.items():
        if "proj" in name:
            content[name] = (dtype, shape, np.full(shape, 1e-41, "<f4").tobytes())
    inspection = build.accepted(build.write(tmp_path, model=build.safetensors(content)))
    assert [warning.code for warning in inspection.warnings] == ["W_SUBNORMAL"]


def test_the_exact_tensor_set_is_required(tmp_path: Path) -> None:
    content = build.tensors()
    tied = build.config(tie_word_embeddings=True)
    without = {name: value for name, value in content.items() if name != "lm_head.weight"}
    for number, (config, stored, code) in enumerate(
        [
            (build.config(), without, "E_W_MISSING"),
            (tied, content, "E_W_TIED_CONFLICT"),
            (tied, without, "accept"),
            (build.config(num_hidden_layers=1), content, "E_W_UNEXPECTED"),
            (build.config(num_hidden_layers=3), content, "E_W_MISSING"),
            (build.config(vocab_size=300), content, "E_W_SHAPE"),
        ]
    ):
        folder = build.write(tmp_path / str(number), config=config, model=build.safetensors(stored))
        assert build.verdict(folder) == code


def sharded(folder: Path, mapping: dict[str, Any] | None = None, **index: object) -> Path:
    content = build.tensors()
    names = sorted(content)
    files = {"model-00001-of-00002.safetensors": names[::2],
             "model-00002-of-00002.safetensors": names[1::2]}  # fmt: skip
    weight_map = {name: file for file, group in files.items() for name in group}
    total = sum(len(data) for _, _, data in content.values())
    build.write(
        folder,
        model=None,
        index={"metadata": {"total_size": total}, "weight_map": weight_map | (mapping or {})}
        | index,
    )
    for file, group in files.items():
        (folder / file).write_bytes(build.safetensors({name: content[name] for name in group}))
    return folder


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, "accept"),
        ({"mapping": {NORM: "../outside.safetensors"}}, "E_INDEX_PATH"),
        ({"mapping": {NORM: "/etc/passwd"}}, "E_INDEX_PATH"),
        ({"mapping": {NORM: "adapter_model.bin"}}, "E_INDEX_PATH"),
        ({"mapping": {NORM: ["model-00001-of-00002.safetensors"]}}, "E_INDEX_PATH"),
        ({"mapping": {NORM: "model-00003-of-00003.safetensors"}}, "E_FS_MISSING"),
        ({"mapping": {"ghost": "model-00001-of-00002.safetensors"}}, "E_INDEX_MISMATCH"),
        ({"weight_map": {}}, "E_INDEX_MISMATCH"),
        ({"weight_map": []}, "E_INDEX_MISMATCH"),
        ({"weight_map": {NORM: "model-00001-of-00002.safetensors"}}, "E_INDEX_MISMATCH"),
        ({"metadata": {"total_size": 10**18}}, "E_INDEX_MISMATCH"),
        ({"metadata": {"total_size": "big"}}, "E_INDEX_MISMATCH"),
        ({"metadata": {}}, "accept"),
        ({"other": 1}, "E_INDEX_MISMATCH"),
    ],
)
def test_the_index_must_describe_the_shards(
    tmp_path: Path, change: dict[str, Any], code: str
) -> None:
    assert build.verdict(sharded(tmp_path, **change)) == code


def test_a_tensor_moved_to_the_other_shard_is_a_mismatch(tmp_path: Path) -> None:
    folder = sharded(tmp_path)
    path = folder / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    index["weight_map"][NORM] = next(
        file for file in set(index["weight_map"].values()) if file != index["weight_map"][NORM]
    )
    path.write_text(json.dumps(index))
    assert build.verdict(folder) == "E_INDEX_MISMATCH"


def test_two_sets_of_weights_are_ambiguous(tmp_path: Path) -> None:
    folder = sharded(tmp_path)
    (folder / "model.safetensors").write_bytes(build.safetensors(build.tensors()))
    assert build.verdict(folder) == "E_INDEX_AMBIGUOUS"


def test_shards_without_an_index_are_incomplete(tmp_path: Path) -> None:
    folder = sharded(tmp_path)
    (folder / "model.safetensors.index.json").unlink()
    assert build.verdict(folder) == "E_FS_MISSING"


def test_formats_and_counts_are_the_competitions(tmp_path: Path) -> None:
    folder = build.write(tmp_path)
    parameters = build.accepted(folder).parameters
    assert parameters == sum(len(data) // 4 for _, _, data in build.tensors().values())
    for limits, code in (
        ({"stored_dtypes": (DType.BFLOAT16,)}, "E_ST_DTYPE"),
        ({"max_parameters": parameters - 1}, "E_W_PARAMETERS"),
        ({"min_parameters": parameters + 1}, "E_W_PARAMETERS"),
        ({"min_parameters": parameters, "max_parameters": parameters}, "accept"),
        ({"architectures": ("MistralForCausalLM",)}, "E_CFG_ARCH"),
        ({"max_bytes": 1000}, "E_FS_SIZE"),
    ):
        assert build.verdict(folder, build.competition(**limits)) == code


BENIGN = build.safetensors(build.tensors())


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    changed = bytearray(BENIGN)
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, 2500))
        piece = data.draw(st.binary(max_size=6))
        changed[position : position + data.draw(st.integers(0, 6))] = piece
    folder = build.write(tmp_path / "m", model=bytes(changed))
    with suppress(SubmissionRejected), open_folder(folder, max_bytes=1 << 20) as listing:
        read_weight_files(listing)
