"""``Records``: what a validator remembers, in small transactions that may be repeated.

Every method either does its whole work or nothing, and doing it again changes nothing,
so a process killed at any moment goes on by calling it again. Evidence is written
before the row that names it; a file that no row names is harmless.
"""

from pathlib import Path
from typing import Self

from palio.clock import Clock
from palio.records.database import Database
from palio.records.evaluations import EvaluationRecords
from palio.records.evidence import EvidenceStore
from palio.records.rounds import RoundRecords
from palio.records.rows import BoardRow
from palio.records.submissions import SubmissionRecords


class Records(SubmissionRecords, RoundRecords, EvaluationRecords):
    """A validator's memory; its methods are documented in the parts it is made of."""

    @classmethod
    def open(cls, url: str, evidence_folder: Path, clock: Clock) -> Self:
        """Open the records, creating or bringing forward the database as needed.

        Args:
            url: ``sqlite:////path/to/records.db`` or ``postgresql://user@host/database``.
            evidence_folder: where evidence files lie; made when the first is written.
            clock: for the times in the records.

        Raises:
            RecordsError: the database cannot be reached or written, holds something else, or
                was written by a newer Palio.
        """
        return cls(Database(url), EvidenceStore(evidence_folder), clock)

    def close(self) -> None:
        """Close the database; the records cannot be used any more."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def evidence(self) -> EvidenceStore:
        """The evidence files."""
        return self._evidence

    def board_rows(self, competition_id: str, round_id: int | None = None) -> list[BoardRow]:
        """All submissions to a competition with their evaluations in a round, unranked.

        In the ledger's order; the verdict ranks them. Without a round, no evaluations.
        """
        evaluations = self.evaluations(round_id) if round_id is not None else []
        by_submission = {found.submission_id: found for found in evaluations}
        return [
            BoardRow(found, by_submission.get(found.id))
            for found in self.submissions(competition_id)
        ]
