"""A participant's side: check the model, put a copy into the folder store, commit it.

Doing it again with the same model changes nothing. Being killed in between leaves at
most a copy in the store that no commitment points to.
"""

import tempfile
from pathlib import Path
from typing import NamedTuple

from palio.competition.history import CompetitionFile
from palio.ledger.identity import Keypair
from palio.ledger.protocol import CommitmentEntry, Ledger
from palio.submissions.commitment import Commitment, commit_of
from palio.submissions.digests import content_digest, directory_hash, secure_hash
from palio.submissions.inspection import inspect
from palio.submissions.staging import stage


class Repository(NamedTuple):
    """Where a submission lies in a store."""

    namespace: str
    name: str


def submit(
    model: Path,
    *,
    competition: CompetitionFile,
    keypair: Keypair,
    repository: tuple[str, str],
    ledger: Ledger,
    store_folder: Path,
    check: bool = True,
) -> CommitmentEntry:
    """Commit a model for its participant.

    Args:
        model: the model's folder; it is only read.
        competition: the competition, at the block that is open now.
        keypair: the participant's.
        repository: (namespace, name) in the store.
        ledger: where it is committed.
        store_folder: root of the folder store.
        check: inspect it first, and refuse what a validator would refuse.

    Raises:
        SubmissionRejected: the model is not admissible, or the names cannot stand in a line.
        LedgerError: the ledger refuses the commitment.
        OSError: the store cannot be written.
    """
    current = competition.at(ledger.head().number + 1)
    where = Repository(*repository)
    store_folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=store_folder, prefix=".incoming-") as scratch:
        staged = Path(scratch) / "files"
        manifest = stage(model, staged, current.constraints.max_bytes)
        if check:
            inspect(staged, current, staged=True)
        digest = content_digest(manifest)
        commitment = Commitment(
            namespace=where.namespace,
            name=where.name,
            commit=commit_of(digest),
            secure_hash=secure_hash(directory_hash(manifest), keypair.address),
            competition_id=current.id,
        )
        _publish(staged, store_folder / where.namespace / where.name / commitment.commit)
    return ledger.commit(keypair, commitment.line)


def _publish(staged: Path, target: Path) -> None:
    """Move the copy to its place, named by its content; what is there already is the same."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    staged.chmod(0o755)
    staged.rename(target)
