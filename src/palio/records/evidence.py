"""Evidence files: everything a verdict rests on, named by what it contains.

A file holds canonical JSON values, one a line, compressed with zstd, and is named by
the SHA-256 of the uncompressed bytes (lines joined by a line feed, none at the end).
So a single value lies under its own digest: a scorecard under the digest that was
signed. Whoever has a file and its name can tell that nothing was changed.
"""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zstandard

from palio.canonical import canonical_json, sha256_hex
from palio.errors import RecordsError
from palio.files import sync_folder, write_atomically

SUFFIX = ".jsonl.zst"
#: Larger than any honest file; a damaged or foreign one must not fill the memory.
MAX_BYTES = 2 * 2**30

_DIGEST = re.compile("[0-9a-f]{64}")
_LEVEL = 6


class EvidenceStore:
    """A folder of evidence files; several processes may write to it at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, lines: Iterable[Any]) -> str:
        """Write the values and return the file's digest; the same values are written once.

        Raises:
            RecordsError: the file cannot be written; nothing is left behind.
            ValueError: a value holds NaN or infinity.
        """
        data = b"\n".join(canonical_json(line) for line in lines)
        digest = sha256_hex(data)
        path = self.path(digest)
        with _file_errors(path, "written"):
            if not self._is_whole(path, digest):
                _make_folder(path.parent)
                write_atomically(path, zstandard.ZstdCompressor(level=_LEVEL).compress(data))
        return digest

    def get(self, digest: str) -> list[Any]:
        """The values of that digest, in order, after checking that they are the ones written.

        Raises:
            RecordsError: the file is missing, cannot be read, or is damaged.
        """
        path = self.path(digest)
        with _file_errors(path, "read"):
            data = _read(path)
        if data is None:
            raise RecordsError(f"evidence {digest} is missing from {self.folder}")
        if sha256_hex(data) != digest:
            raise RecordsError(f"evidence {path} is damaged: its contents do not match its name")
        return [json.loads(line) for line in data.split(b"\n")] if data else []

    def digests(self) -> list[str]:
        """Digests of all files in the folder, sorted."""
        names = (path.name.removesuffix(SUFFIX) for path in self.folder.glob(f"??/*{SUFFIX}"))
        return sorted(name for name in names if _DIGEST.fullmatch(name))

    def damaged(self) -> list[str]:
        """Digests of the files whose contents do not match their names."""
        return [
            digest for digest in self.digests() if not self._is_whole(self.path(digest), digest)
        ]

    def path(self, digest: str) -> Path:
        """Where the file of that digest lies, whether it exists or not.

        Raises:
            RecordsError: the text is no digest.
        """
        if not _DIGEST.fullmatch(digest):
            raise RecordsError(f"{digest!r} is not a digest of 64 hex characters")
        return self.folder / digest[:2] / f"{digest}{SUFFIX}"

    def _is_whole(self, path: Path, digest: str) -> bool:
        try:
            data = _read(path)
        except zstandard.ZstdError:
            return False
        return data is not None and sha256_hex(data) == digest


def _read(path: Path) -> bytes | None:
    """The uncompressed bytes; None if there is no such file."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    with file, zstandard.ZstdDecompressor().stream_reader(file) as reader:
        data = reader.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise zstandard.ZstdError(f"more than {MAX_BYTES} bytes")
    return data


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        sync_folder(folder.parent)


@contextmanager
def _file_errors(path: Path, done: str) -> Iterator[None]:
    try:
        yield
    except zstandard.ZstdError as error:
        raise RecordsError(f"evidence {path} is damaged: {error}") from error
    except OSError as error:
        raise RecordsError(
            f"evidence {path} cannot be {done}: {error.strerror or error}"
        ) from error
