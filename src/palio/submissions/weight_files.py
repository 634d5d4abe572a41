"""Which files hold the weights, and which tensors they hold together."""

import os
from typing import Any, NamedTuple

from palio.submissions.folders import SHARD, Listing, open_file
from palio.submissions.refusals import rejected, shown
from palio.submissions.safetensors_header import TensorEntry, read_header
from palio.submissions.strict_json import read_object

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
MAX_INDEX_BYTES = 4 * 1024 * 1024


class WeightFiles(NamedTuple):
    """``tensors`` by name; ``files`` in the order in which they are read."""

    files: tuple[str, ...]
    tensors: dict[str, TensorEntry]

    @property
    def parameters(self) -> int:
        return sum(tensor.values for tensor in self.tensors.values())


def read_weight_files(listing: Listing) -> WeightFiles:
    """All headers of the submission, and the index checked against them.

    Raises:
        SubmissionRejected: ``E_ST_...``, ``E_INDEX_...`` or ``E_FS_MISSING``.
    """
    shards = sorted(path for path in listing.sizes if SHARD.fullmatch(path))
    if SINGLE in listing.sizes:
        if shards or INDEX in listing.sizes:
            raise rejected("E_INDEX_AMBIGUOUS", files=[SINGLE, *(shards[:3] or [INDEX])])
        return WeightFiles((SINGLE,), _headers(listing, [SINGLE]))
    index = read_object(
        read_small(listing, INDEX, MAX_INDEX_BYTES), name=INDEX, max_bytes=MAX_INDEX_BYTES
    )
    mapping = _weight_map(index)
    _check_shards(set(mapping.values()), set(shards))
    tensors = _headers(listing, shards)
    _check_mapping(mapping, tensors)
    _check_total(index.get("metadata"), tensors)
    return WeightFiles(tuple(shards), tensors)


def read_small(listing: Listing, path: str, max_bytes: int) -> bytes:
    """A listed file whole; one byte more than ``max_bytes`` if it is larger."""
    chunks: list[bytes] = []
    left = max_bytes + 1
    with open_file(listing, path) as descriptor:
        while left and (chunk := os.read(descriptor, min(left, 1 << 20))):
            chunks.append(chunk)
            left -= len(chunk)
    return b"".join(chunks)


def _headers(listing: Listing, files: list[str]) -> dict[str, TensorEntry]:
    tensors: dict[str, TensorEntry] = {}
    for file in files:
        with open_file(listing, file) as descriptor:
            for tensor in read_header(descriptor, file):
                if tensor.name in tensors:
                    raise rejected(
                        "E_INDEX_MISMATCH",
                        f"{tensor.name[:60]} lies in two shards",
                        tensor=tensor.name[:60],
                        files=[tensors[tensor.name].file, file],
                    )
                tensors[tensor.name] = tensor
    return tensors


def _weight_map(index: dict[str, Any]) -> dict[str, str]:
    mapping = index.get("weight_map")
    if set(index) - {"metadata", "weight_map"} or not isinstance(mapping, dict) or not mapping:
        raise rejected("E_INDEX_MISMATCH", "it needs metadata and weight_map only")
    for name, file in mapping.items():
        if not isinstance(file, str) or not SHARD.fullmatch(file):
            raise rejected("E_INDEX_PATH", shown(file), tensor=shown(name), file=shown(file))
    return mapping


def _check_shards(named: set[str], present: set[str]) -> None:
    if named - present:
        missing = sorted(named - present)
        raise rejected("E_FS_MISSING", f"{missing[0]}, which the index names", missing=missing[:9])
    if present - named:
        extra = sorted(present - named)
        raise rejected("E_INDEX_MISMATCH", f"it does not name {extra[0]}", files=extra[:9])


def _check_mapping(mapping: dict[str, str], tensors: dict[str, TensorEntry]) -> None:
    for name in sorted(set(mapping) | set(tensors)):
        stored = tensors[name].file if name in tensors else None
        if mapping.get(name) != stored:
            where = f"stored in {stored}" if stored else "stored nowhere"
            raise rejected(
                "E_INDEX_MISMATCH", f"{shown(name)} is {where}", tensor=shown(name), stored=stored
            )


def _check_total(metadata: object, tensors: dict[str, TensorEntry]) -> None:
    if metadata is None:
        return
    if not isinstance(metadata, dict):
        raise rejected("E_INDEX_MISMATCH", "metadata is no object")
    stated = metadata.get("total_size")
    total = sum(tensor.end - tensor.begin for tensor in tensors.values())
    # Some writers state the size as a float.
    if stated is not None and (isinstance(stated, bool | str | list | dict) or stated != total):
        raise rejected(
            "E_INDEX_MISMATCH",
            f"total_size is {shown(stated)}, stored are {total} bytes",
            stated=shown(stated),
            stored=total,
        )
