"""Staging: a submission copied once into a folder that only the validator writes.

Everything later reads the copy, so that nobody can change a file between its
inspection and its evaluation. Bytes are hashed in the pass that copies them, and
limits are enforced on what was read, never on what was announced.
"""

import hashlib
import os
import shutil
from pathlib import Path

from palio.submissions.digests import FileEntry, Manifest, manifest_of
from palio.submissions.folders import Listing, open_file, open_folder
from palio.submissions.refusals import rejected

CHUNK_BYTES = 4 * 1024 * 1024


def stage(source: Path, target: Path, max_bytes: int) -> Manifest:
    """Copy ``source`` to the new folder ``target`` and say what was copied.

    Files get mode 0444. On any failure ``target`` is removed again.

    Args:
        source: a stranger's folder.
        target: must not exist; its parent must.
        max_bytes: largest sum of file sizes.

    Raises:
        SubmissionRejected: stage ``fs``.
        ConfigError: ``source`` is no folder or may not be read.
        OSError: ``target`` exists, or the disk is full or read-only: the platform's trouble.
    """
    target.mkdir(mode=0o700)
    try:
        with open_folder(source, max_bytes=max_bytes) as listing:
            return _copy_all(listing, target, max_bytes)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise


def _copy_all(listing: Listing, target: Path, max_bytes: int) -> Manifest:
    copied: list[FileEntry] = []
    left = max_bytes
    for entry in listing.entries:
        with open_file(listing, entry.path) as descriptor:
            copied.append(_copy(descriptor, target / entry.path, left, max_bytes))
        left -= copied[-1].size
    return manifest_of(copied)


def _copy(source: int, path: Path, limit: int, max_bytes: int) -> FileEntry:
    if os.fstat(source).st_nlink != 1:
        raise rejected("E_FS_HARDLINK", path.name, path=path.name)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    digest, size = hashlib.sha256(), 0
    with os.fdopen(os.open(path, flags, 0o600), "wb", buffering=0) as file:
        while chunk := os.read(source, CHUNK_BYTES):
            size += len(chunk)
            if size > limit:
                raise rejected("E_FS_SIZE", f"more than {max_bytes} bytes", max_bytes=max_bytes)
            digest.update(chunk)
            view = memoryview(chunk)
            while view:
                view = view[file.write(view) :]
        os.fchmod(file.fileno(), 0o444)
        os.fsync(file.fileno())
    return FileEntry(path.name, size, digest.hexdigest())
