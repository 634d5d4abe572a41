"""From a commitment to an admitted model: fetch, check, inspect, compare, rebuild.

What comes out is a canonical folder named by the content digest. Doing it again for
the same content is free; being killed in between leaves nothing half done.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from palio.competition.model import Competition
from palio.submissions.canonical_folder import build_canonical_folder
from palio.submissions.commitment import Commitment
from palio.submissions.copies import KnownSubmission, copy_refusal, find_copy
from palio.submissions.inspection import Inspection, inspect
from palio.submissions.stores import Store, check_secure_hash


@dataclass(frozen=True, slots=True)
class Admitted:
    """An admissible submission.

    Attributes:
        inspection: what static inspection found.
        folder: the canonical folder, which is all that is ever loaded.
    """

    inspection: Inspection
    folder: Path


class Admission:
    """Admits submissions into a folder of this validator's own."""

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._folder = folder

    def admit(
        self,
        commitment: Commitment,
        participant: str,
        competition: Competition,
        earlier: Sequence[KnownSubmission],
    ) -> Admitted:
        """Fetch and check what was committed.

        Args:
            commitment: the parsed line.
            participant: address of who committed it.
            competition: whose constraints apply.
            earlier: admitted submissions that were committed before this one.

        Raises:
            SubmissionRejected: it is not admissible, or a copy of an earlier one.
            EvaluationFailed: the store or this machine has a problem; fault ``platform``.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix=".staging-") as scratch:
            limit = competition.constraints.max_bytes
            staged = self._store.fetch(commitment, Path(scratch) / "files", limit)
            inspection = inspect(staged, competition, staged=True)
            check_secure_hash(commitment, inspection.manifest, participant)
            original = find_copy(inspection, earlier)
            if original is not None:
                raise copy_refusal(original)
            return Admitted(inspection, self._keep(inspection, staged, Path(scratch)))

    def folder_of(self, content_digest: str) -> Path:
        """Where the canonical folder of an admitted submission lies."""
        return self._folder / content_digest

    def _keep(self, inspection: Inspection, staged: Path, scratch: Path) -> Path:
        final = self.folder_of(inspection.content_digest)
        if not final.exists():
            build_canonical_folder(inspection, staged, scratch / "canonical").rename(final)
        return final
