"""What the parts of ``palio.records.store.Records`` work with."""

from palio.clock import Clock
from palio.records.database import Database
from palio.records.evidence import EvidenceStore


class RecordsPart:
    """Base of the parts; they differ in what they remember, not in how."""

    def __init__(self, database: Database, evidence: EvidenceStore, clock: Clock) -> None:
        self._database = database
        self._evidence = evidence
        self._clock = clock
