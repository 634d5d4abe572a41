"""Where committed files are kept, and how a validator gets its own copy of them."""

import errno
from pathlib import Path
from typing import Protocol

from palio.errors import EvaluationFailed, Fault
from palio.submissions.commitment import Commitment, commit_of
from palio.submissions.digests import Manifest, content_digest, directory_hash, secure_hash
from palio.submissions.refusals import rejected, shown
from palio.submissions.staging import stage


class Store(Protocol):
    """A place from which a commitment's files can be fetched."""

    def fetch(self, commitment: Commitment, target: Path, max_bytes: int) -> Path:
        """Copy the committed files into the new folder ``target`` and return it.

        Raises:
            SubmissionRejected: the files are missing, not admissible, too large, or not the
                ones that were committed.
            EvaluationFailed: the store or this machine has a problem; fault ``platform``.
        """


class FolderStore:
    """Submissions kept as ``root/namespace/name`` or ``root/namespace/name/<commit>``."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def fetch(self, commitment: Commitment, target: Path, max_bytes: int) -> Path:
        """See :class:`Store`; the commit must begin the content digest of what was copied."""
        source = self._find(commitment)
        try:
            manifest = stage(source, target, max_bytes)
        except OSError as error:
            raise _platform(f"copying {commitment.repository} failed: {_why(error)}") from error
        found = commit_of(content_digest(manifest))
        if found != commitment.commit:
            for entry in manifest:
                (target / entry.path).unlink()
            target.rmdir()
            raise rejected(
                "E_FETCH_CHANGED",
                f"{commitment.repository} now has commit {found}",
                committed=commitment.commit,
                found=found,
            )
        return target

    def _find(self, commitment: Commitment) -> Path:
        if not self._root.is_dir():
            raise _platform(f"the folder store {self._root} is not there")
        owner = self._root / commitment.namespace
        folder = owner / commitment.name
        for place in (owner, folder):
            if place.is_symlink():
                raise rejected("E_FS_SYMLINK", shown(commitment.repository))
        if not folder.is_dir():
            raise rejected(
                "E_FETCH_MISSING",
                shown(commitment.repository),
                repository=commitment.repository,
                commit=commitment.commit,
            )
        versioned = folder / commitment.commit
        return versioned if versioned.is_dir() and not versioned.is_symlink() else folder


def check_secure_hash(commitment: Commitment, manifest: Manifest, participant: str) -> None:
    """Check that the commitment was made by ``participant`` for exactly these files.

    Raises:
        SubmissionRejected: ``E_COMMIT_HASH``.
    """
    expected = secure_hash(directory_hash(manifest), participant)
    if commitment.secure_hash != expected:
        raise rejected("E_COMMIT_HASH", committed=commitment.secure_hash, computed=expected)


def _platform(sentence: str) -> EvaluationFailed:
    return EvaluationFailed(
        "E_FETCH_PLATFORM", sentence, fault=Fault.PLATFORM, hint="It is tried again later."
    )


def _why(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "no disk space left"
    return error.strerror or type(error).__name__
