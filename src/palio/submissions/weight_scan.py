"""One pass over the bytes of all weights: digests, finiteness, magnitude and norms.

Numbers are judged by their bits, without converting them: with the sign cleared, the
order of IEEE 754 bit patterns is the order of magnitudes, with infinities and NaN on
top. Reading is sequential in chunks, so that memory does not grow with the model.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from palio.submissions.digests import FileEntry, TensorDigest
from palio.submissions.folders import Listing, open_file
from palio.submissions.refusals import rejected
from palio.submissions.safetensors_header import TensorEntry

CHUNK_BYTES = 4 * 1024 * 1024
MAX_MAGNITUDE = 1e6


@dataclass(frozen=True, slots=True)
class _Format:
    """Bit patterns of one number format, sign cleared."""

    bits: Any
    infinity: int
    largest: int
    """Of the admissible magnitudes."""
    smallest_normal: int
    """0 where small values are ordinary (float16)."""


_FORMATS = {
    "F32": _Format(np.dtype("<u4"), 0x7F800000, 0x49742400, 0x00800000),
    "BF16": _Format(np.dtype("<u2"), 0x7F80, 0x4974, 0x0080),
    "F16": _Format(np.dtype("<u2"), 0x7C00, 0x7BFF, 0),
}


@dataclass(frozen=True, slots=True)
class Scan:
    """What the pass found.

    Attributes:
        files: the weight files with their digests.
        tensors: every tensor's digest.
        subnormal: how many values are not zero yet smaller than the smallest normal number.
        row_squares: sum of squares of each row, for the tensors asked for.
    """

    files: tuple[FileEntry, ...]
    tensors: tuple[TensorDigest, ...]
    subnormal: int
    row_squares: dict[str, "np.ndarray[Any, np.dtype[np.float64]]"]


def scan_weights(
    listing: Listing,
    files: Iterable[str],
    tensors: Mapping[str, TensorEntry],
    normed: frozenset[str] = frozenset(),
) -> Scan:
    """Read every weight once.

    Args:
        listing: the open folder.
        files: weight files to read.
        tensors: their tensors, with shapes that have been checked against the architecture.
        normed: two-dimensional tensors whose rows' sums of squares are wanted.

    Raises:
        SubmissionRejected: ``E_ST_NONFINITE`` or ``E_W_MAGNITUDE``, or a file changed while it
            was read.
    """
    state = _Pass(normed)
    entries = []
    for file in files:
        inside = sorted(
            (tensor for tensor in tensors.values() if tensor.file == file),
            key=lambda tensor: (tensor.begin, tensor.end),
        )
        with open_file(listing, file) as descriptor:
            entries.append(state.read_file(descriptor, file, inside))
    return Scan(tuple(entries), tuple(state.digests), state.subnormal, state.row_squares)


class _Pass:
    def __init__(self, normed: frozenset[str]) -> None:
        self._normed = normed
        self.digests: list[TensorDigest] = []
        self.subnormal = 0
        self.row_squares: dict[str, np.ndarray[Any, np.dtype[np.float64]]] = {}

    def read_file(self, descriptor: int, file: str, tensors: list[TensorEntry]) -> FileEntry:
        whole = hashlib.sha256()
        size = os.fstat(descriptor).st_size
        start = tensors[0].begin if tensors else size
        for step in _steps(start, CHUNK_BYTES):
            whole.update(_read(descriptor, step, file))
        for tensor in tensors:
            own = hashlib.sha256()
            squares: list[np.ndarray[Any, np.dtype[np.float64]]] = []
            for chunk in self._chunks(descriptor, tensor):
                whole.update(chunk)
                own.update(chunk)
                self._check(chunk, tensor)
                if tensor.name in self._normed:
                    squares.append(_row_squares(chunk, tensor))
            if squares:
                self.row_squares[tensor.name] = np.concatenate(squares)
            self.digests.append(
                TensorDigest(tensor.name, tensor.dtype, tensor.shape, own.hexdigest())
            )
        return FileEntry(file, size, whole.hexdigest())

    def _chunks(self, descriptor: int, tensor: TensorEntry) -> Iterator[bytes]:
        step = CHUNK_BYTES
        if tensor.name in self._normed and tensor.shape[0] > 0:
            row = (tensor.end - tensor.begin) // tensor.shape[0]
            step = max(1, CHUNK_BYTES // max(row, 1)) * max(row, 1)
        for size in _steps(tensor.end - tensor.begin, step):
            yield _read(descriptor, size, tensor.file)

    def _check(self, chunk: bytes, tensor: TensorEntry) -> None:
        kind = _FORMATS[tensor.dtype]
        clear_sign = kind.bits.type(kind.infinity | (kind.infinity - 1))
        magnitudes = np.frombuffer(chunk, dtype=kind.bits) & clear_sign
        top = int(magnitudes.max(initial=0))
        if top >= kind.infinity:
            raise rejected("E_ST_NONFINITE", tensor.name, tensor=tensor.name)
        if top > kind.largest:
            raise rejected("E_W_MAGNITUDE", tensor.name, tensor=tensor.name)
        if kind.smallest_normal:
            small = (magnitudes != 0) & (magnitudes < kind.smallest_normal)
            self.subnormal += int(np.count_nonzero(small))


def _steps(total: int, step: int) -> Iterator[int]:
    """Sizes of at most ``step`` that add up to ``total``."""
    for position in range(0, total, step):
        yield min(step, total - position)


def _read(descriptor: int, size: int, file: str) -> bytes:
    parts = []
    while size:
        part = os.read(descriptor, size)
        if not part:
            raise rejected("E_ST_OFFSETS", f"{file} became shorter while it was read", file=file)
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _row_squares(chunk: bytes, tensor: TensorEntry) -> "np.ndarray[Any, np.dtype[np.float64]]":
    match tensor.dtype:
        case "BF16":
            bits = np.frombuffer(chunk, dtype="<u2").astype(np.uint32) << np.uint32(16)
            values = bits.view(np.float32)
        case "F16":
            values = np.frombuffer(chunk, dtype="<f2").astype(np.float32)
        case _:
            values = np.frombuffer(chunk, dtype="<f4")
    rows = values.reshape(-1, tensor.shape[1]).astype(np.float64)
    squares: np.ndarray[Any, np.dtype[np.float64]] = np.einsum("ij,ij->i", rows, rows)
    return squares
