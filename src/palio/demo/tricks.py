"""The demo's dishonest entrants: a copy under another name, and weights with a NaN."""

import json
import shutil
from pathlib import Path

#: A quiet NaN as little-endian float32.
_NAN = b"\x00\x00\xc0\x7f"


def copy_model(model: Path, folder: Path) -> None:
    """The same files under another name; whole or not at all."""
    partial = _fresh_partial(folder)
    shutil.copytree(model, partial)
    partial.rename(folder)


def spoil_model(model: Path, folder: Path) -> None:
    """The same files with one weight made NaN, in the safetensors file itself."""
    partial = _fresh_partial(folder)
    shutil.copytree(model, partial)
    path = partial / "model.safetensors"
    data = bytearray(path.read_bytes())
    header_bytes = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + header_bytes])
    tensor = min(name for name in header if name != "__metadata__")
    start = 8 + header_bytes + int(header[tensor]["data_offsets"][0])
    data[start : start + len(_NAN)] = _NAN
    path.write_bytes(data)
    partial.rename(folder)


def _fresh_partial(folder: Path) -> Path:
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    return partial
