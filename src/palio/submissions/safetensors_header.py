"""The header of a safetensors file, read without the library and more strictly than it.

The published format starts the header with ``{``, forbids duplicate names and lets the
tensors tile the data exactly; all of it is checked here in Python integers, before any
memory is reserved for a tensor.
"""

import os
import re
import struct
from dataclasses import dataclass
from math import prod
from typing import Any

from palio.submissions.refusals import rejected, shown
from palio.submissions.strict_json import JsonFault, parse_object

MAX_HEADER_BYTES = 16 * 1024 * 1024
MAX_TENSORS = 20_000
MAX_METADATA_BYTES = 64 * 1024
#: Commas and brackets; a tensor of four dimensions has a dozen.
MAX_HEADER_VALUES = 32 * MAX_TENSORS
MAX_DIMENSION = 1 << 40
MAX_DIMENSIONS = 8
#: Bytes per value of the formats in which weights may be stored.
ITEM_BYTES = {"F32": 4, "F16": 2, "BF16": 2}

_NAME = re.compile(r"[A-Za-z0-9_.]{1,256}")


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """Where a tensor lies: ``begin`` and ``end`` are byte positions in ``file``."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    file: str
    begin: int
    end: int

    @property
    def values(self) -> int:
        return prod(self.shape)


def read_header(descriptor: int, file: str) -> tuple[TensorEntry, ...]:
    """The file's tensors in the order of their bytes.

    Args:
        descriptor: the open file.
        file: its name, for messages and entries.

    Raises:
        SubmissionRejected: stage ``weights``, code ``E_ST_...``.
    """
    size = os.fstat(descriptor).st_size
    text = _header_text(descriptor, size, file)
    try:
        header = parse_object(text, max_bytes=MAX_HEADER_BYTES, max_values=MAX_HEADER_VALUES)
    except JsonFault as fault:
        code = {"DUPKEY": "E_ST_DUPNAME", "SIZE": "E_ST_COUNT"}.get(fault.kind, "E_ST_HEADER")
        raise rejected(code, f"{file}: {fault.detail}", file=file) from fault
    _check_metadata(header.pop("__metadata__", {}), file)
    if len(header) > MAX_TENSORS:
        raise rejected("E_ST_COUNT", f"{file}: {len(header)}, allowed are {MAX_TENSORS}")
    start = 8 + len(text)
    tensors = [_entry(name, value, file, start, size) for name, value in header.items()]
    tensors.sort(key=lambda tensor: (tensor.begin, tensor.end))
    _check_tiling(tensors, file, start, size)
    return tuple(tensors)


def _header_text(descriptor: int, size: int, file: str) -> bytes:
    prefix = os.pread(descriptor, 8, 0)
    if len(prefix) < 8:
        raise rejected("E_ST_HEADER", f"{file} has only {size} bytes", file=file)
    (length,) = struct.unpack("<Q", prefix)
    if length > min(MAX_HEADER_BYTES, size - 8):
        raise rejected("E_ST_HEADER", f"{file} announces a header of {length} bytes", file=file)
    text = os.pread(descriptor, length, 8)
    # Blanks may follow the object to align the data; nothing may precede it.
    if len(text) != length or not text.startswith(b"{") or not text.rstrip(b" ").endswith(b"}"):
        raise rejected("E_ST_HEADER", f"{file}: the header is no JSON object", file=file)
    return text


def _check_metadata(metadata: object, file: str) -> None:
    if not isinstance(metadata, dict):
        raise rejected("E_ST_METADATA", f"{file}: {shown(metadata)}", file=file)
    size = 0
    for key, value in metadata.items():
        if not isinstance(value, str):
            raise rejected("E_ST_METADATA", f"{file}: {shown(key)} is no string", file=file)
        size += len(key.encode()) + len(value.encode())
    if size > MAX_METADATA_BYTES:
        raise rejected("E_ST_METADATA", f"{file}: {size} bytes", file=file, bytes=size)


def _entry(name: str, value: Any, file: str, start: int, size: int) -> TensorEntry:  # noqa: ANN401
    if not _NAME.fullmatch(name):
        raise rejected("E_ST_NAME", f"{file}: {shown(name)}", file=file, tensor=shown(name))
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise rejected(
            "E_ST_HEADER", f"{file}: {shown(name)} needs dtype, shape and data_offsets", file=file
        )
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    facts = {"file": file, "tensor": shown(name)}
    if not isinstance(dtype, str) or dtype not in ITEM_BYTES:
        raise rejected("E_ST_DTYPE", f"{name[:60]} is {shown(dtype)}", **facts)
    if not _is_list_of_counts(shape, MAX_DIMENSION) or len(shape) > MAX_DIMENSIONS:
        raise rejected("E_ST_SHAPE", f"{name[:60]}", **facts)
    if not _is_list_of_counts(offsets, size) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise rejected("E_ST_OFFSETS", f"{name[:60]}", **facts)
    begin, end = offsets
    if end > size - start:
        raise rejected("E_ST_OFFSETS", f"{name[:60]} ends behind the end of {file}", **facts)
    if prod(shape) * ITEM_BYTES[dtype] != end - begin:
        raise rejected(
            "E_ST_SHAPE",
            f"{name[:60]} needs {prod(shape) * ITEM_BYTES[dtype]} bytes, {end - begin} are stored",
            **facts,
        )
    return TensorEntry(name, dtype, tuple(shape), file, start + begin, start + end)


def _is_list_of_counts(value: object, largest: int) -> bool:
    return isinstance(value, list) and all(
        type(item) is int and 0 <= item <= largest for item in value
    )


def _check_tiling(tensors: list[TensorEntry], file: str, start: int, size: int) -> None:
    position = start
    for tensor in tensors:
        if tensor.begin != position:
            raise rejected(
                "E_ST_OFFSETS",
                f"{tensor.name[:60]} does not begin where the tensor before it ends",
                file=file,
                tensor=shown(tensor.name),
            )
        position = tensor.end
    if position != size:
        raise rejected(
            "E_ST_OFFSETS", f"{file} has {size - position} bytes behind the last tensor", file=file
        )
