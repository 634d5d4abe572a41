"""The names of a submission's content: manifest, content digest, SN37's hashes, weights digest.

The content digest covers names, sizes and bytes of all files; the weights digest
covers the tensors alone, so that renaming files, sharding otherwise or editing a
README does not hide a copy.
"""

import base64
import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from palio.canonical import digest_of


class FileEntry(NamedTuple):
    """One file of a submission; ``sha256`` in hex, ``size`` in bytes."""

    path: str
    size: int
    sha256: str


#: All files of a submission, sorted by path.
Manifest = tuple[FileEntry, ...]


class TensorDigest(NamedTuple):
    """One tensor: its name, safetensors dtype, shape, and the hex SHA-256 of its bytes."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    sha256: str


def manifest_of(entries: Iterable[FileEntry]) -> Manifest:
    """The entries in the order in which every digest takes them."""
    return tuple(sorted(entries, key=lambda entry: entry.path))


def content_digest(manifest: Manifest) -> str:
    """Hex SHA-256 over the sorted lines ``sha256 size path`` (docs/submission-format.md)."""
    lines = sorted(f"{entry.sha256} {entry.size} {entry.path}\n" for entry in manifest)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def directory_hash(manifest: Manifest) -> str:
    """SN37's hash of a folder, base64 (44 characters).

    Files are taken in the order of their paths; the base64 texts of their SHA-256
    digests are fed one after another into one SHA-256. File names do not enter, which
    is why Palio identifies content by :func:`content_digest` and uses this hash only
    inside the commitment line.
    """
    digest = hashlib.sha256()
    for entry in manifest_of(manifest):
        digest.update(base64.b64encode(bytes.fromhex(entry.sha256)))
    return base64.b64encode(digest.digest()).decode()


def secure_hash(folder_hash: str, participant: str) -> str:
    """SN37's salted hash, base64: no other participant can reuse a copied commitment line.

    Args:
        folder_hash: :func:`directory_hash` of the submission.
        participant: the participant's address.
    """
    digest = hashlib.sha256((folder_hash + participant).encode()).digest()
    return base64.b64encode(digest).decode()


def weights_digest(tensors: Iterable[TensorDigest]) -> str:
    """Hex digest over sorted (name, dtype, shape, bytes); independent of files and order."""
    return digest_of(sorted([t.name, t.dtype, list(t.shape), t.sha256] for t in tensors))
