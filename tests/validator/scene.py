"""A home folder with a competition of two cheap tasks, a ledger, entrants and a validator.

Everything is real but the time, the entropy of the blocks (both stand still, so that the
same scene gives the same bytes) and, where a test says so, the process boundary:
``EngineHere`` runs the same engine inside the test.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from palio.canonical import digest_of
from palio.clock import ManualClock
from palio.competition.history import CompetitionFile
from palio.competition.loading import load_file
from palio.contest.outcome import Verdict
from palio.evaluation.executor import Executor, GoesOn, WorkerProgress, WorkerResult
from palio.evaluation.job import WorkerJob
from palio.inference.engine import BatchLimits, TransformersEngine
from palio.ledger.chain import seeded_entropy
from palio.ledger.identity import Keypair
from palio.ledger.local import LocalLedger
from palio.ledger.protocol import CommitmentEntry, Ledger
from palio.records.rows import Evaluation, Round, Submission
from palio.records.store import Records
from palio.validator.admission import Admission
from palio.validator.deployment import Deployment, load_deployment
from palio.validator.loop import Validator
from palio.validator.round import Tools
from palio.validator.submitting import submit

START = datetime(2026, 7, 2, 17, 30, tzinfo=UTC)
VALIDATOR = "validator"

DEFINITION: dict[str, Any] = {
    "name": "TINY",
    "id": "t",
    "constraints": {
        "architectures": ["LlamaForCausalLM"],
        "max_parameters": 100_000,
        "max_bytes": 2_000_000,
        "sequence_length": 128,
        "dtype": "float32",
    },
    "tasks": {
        "WORDS": {
            "dataset": "words",
            "dataset_options": {"minimum": 2, "maximum": 4},
            "method": "reference_loss",
            "method_options": {"unit": "bits_per_byte"},
            "samples": 24,
            "weight": 0.8,
            "normalisation": {"kind": "baseline", "loss": 8.0, "cap": 0.5},
        },
        "FACTS": {
            "dataset": "facts",
            "method": "choice_likelihood",
            "samples": 8,
            "weight": 0.2,
            "normalisation": {"kind": "baseline", "loss": 0.75, "cap": 1.3},
        },
    },
    "rule": {"kind": "duel", "alpha": 0.2, "beta": 0.2, "zone": 0.02},
    "epsilon": {"start": 0.01, "end": 0.01},
    "schedule": {"cadence_blocks": 10, "evaluation_delay_blocks": 5},
}
WIN_RATE = {
    "rule": {"kind": "win_rate", "average_retains": 0.5, "share_threshold": 0.1},
    "epsilon": {"start": 0.01, "end": 0.001, "decay_blocks": 100},
}
RULES: dict[str, dict[str, Any]] = {"duel": {}, "win_rate": WIN_RATE}


def write_competition(folder: Path, **changes: Any) -> Path:  # noqa: ANN401 - any YAML value
    """The scene's competition as a file that a user could have written."""
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(DEFINITION | changes, sort_keys=False), encoding="utf-8")
    return path


def keypair(name: str) -> Keypair:
    """The key pair of that name, the same in every run."""
    return Keypair.from_seed(hashlib.sha256(f"scene {name}".encode()).digest())


class EngineHere:
    """The engine in this process: the same answers as a worker's, without its start."""

    def __init__(self) -> None:
        self.jobs: list[WorkerJob] = []

    def run(
        self,
        job: WorkerJob,
        progress: WorkerProgress | None = None,
        goes_on: GoesOn | None = None,
    ) -> WorkerResult:
        self.jobs.append(job)
        engine = TransformersEngine.load(
            Path(job.folder),
            dtype=job.dtype,
            device=job.device,
            sequence_length=job.sequence_length,
            limits=BatchLimits(tokens=job.batch_tokens, rows=job.batch_rows),
        )
        answers = engine.answer(job.requests)
        ends = [stop for stop in job.stops if goes_on and not goes_on(answers[:stop])]
        return WorkerResult(tuple(answers[: ends[0] if ends else None]), engine.environment, 1.0)

    def stop(self) -> None:
        """Nothing goes on in the background."""


@dataclass
class Scene:
    """One home folder, with what a validator needs to work in it."""

    home: Path
    file: CompetitionFile
    clock: ManualClock = field(default_factory=lambda: ManualClock(START))
    wall: ManualClock = field(default_factory=lambda: ManualClock(START))
    executor: Executor = field(default_factory=EngineHere)
    said: list[str] = field(default_factory=list)
    ledger: LocalLedger = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = open_ledger(self.home, self.clock)

    @property
    def deployment(self) -> Deployment:
        return load_deployment(self.home)

    def enter(
        self, name: str, model: Path, block: int, *, under: str = "", check: bool = True
    ) -> CommitmentEntry:
        """Let the participant of that name commit a model in block ``block``."""
        self.ledger.advance(to=block - 1)
        return submit(
            model,
            competition=self.file,
            keypair=keypair(name),
            repository=(name, under or f"{name}-1"),
            ledger=self.ledger,
            store_folder=self.deployment.store_folder,
            check=check,
        )

    def play(self, block: int) -> Verdict | None:
        """Seal everything up to ``block``, and do what is due then."""
        self.ledger.advance(to=block)
        return self.once()

    def once(self) -> Verdict | None:
        with self.validator() as validator:
            return validator.once()

    @contextmanager
    def validator(
        self,
        ledger: Ledger | None = None,
        watch: Callable[[Records], Records] = lambda records: records,
    ) -> Iterator[Validator]:
        """A validator of this home folder; ``watch`` may wrap the records that it writes."""
        with self.records() as records:
            deployment = self.deployment
            tools = Tools(
                ledger=ledger or self.ledger,
                records=watch(records),
                admission=Admission(deployment.open_store(), deployment.admitted_folder),
                executor=self.executor,
                engine=deployment.engine_settings,
                keypair=keypair(VALIDATOR),
                clock=self.wall,
                workers=1,
                say=self.said.append,
                track=lambda _name: lambda _stage, _done, _total: None,
            )
            yield Validator(tools, self.file)

    @contextmanager
    def records(self) -> Iterator[Records]:
        deployment = self.deployment
        with Records.open(
            deployment.records_url, deployment.evidence_folder, self.clock
        ) as records:
            yield records

    def submissions(self) -> dict[str, Submission]:
        """What the records know of each submission, by its name in the store."""
        with self.records() as records:
            return {str(one.name): one for one in records.submissions()}

    def round(self, sync_block: int) -> Round:
        with self.records() as records:
            (found,) = [one for one in records.rounds() if one.sync_block == sync_block]
        return found

    def evaluations(self, sync_block: int) -> dict[str, Evaluation]:
        """The evaluations of a round, by name in the store."""
        opened = self.round(sync_block)
        with self.records() as records:
            names = {one.id: str(one.name) for one in records.submissions()}
            return {names[one.submission_id]: one for one in records.evaluations(opened.id)}

    def digest(self, name: str) -> str:
        """The content digest of the admitted submission of that name."""
        digest = self.submissions()[name].content_digest
        assert digest is not None
        return digest


def open_ledger(home: Path, clock: ManualClock) -> LocalLedger:
    """The scene's ledger: nobody could know a block's hash, but it is the same in every run."""
    path = home / "ledger.db"
    return LocalLedger.create(path, clock, seeded_entropy(b"scene"), exist_ok=True)


def make_scene(home: Path, **changes: Any) -> Scene:  # noqa: ANN401 - any YAML value
    """A fresh home folder for the competition, some of its keys changed."""
    home.mkdir(exist_ok=True)
    return Scene(home, load_file(write_competition(home, **changes)))


def results(home: Path) -> dict[str, Any]:
    """Everything a home folder has published or would publish, without times and attempts."""
    database = sqlite3.connect(home / "records.db")
    ledger = sqlite3.connect(home / "ledger.db")
    try:
        return {
            "submissions": database.execute(
                "SELECT name, sequence, state, content_digest, code FROM submissions ORDER BY id"
            ).fetchall(),
            "rounds": database.execute(
                "SELECT sync_block, seed, samples_digest, state FROM rounds ORDER BY id"
            ).fetchall(),
            "evaluations": database.execute(
                "SELECT round_id, name, evaluations.state, scorecard, score "
                "FROM evaluations JOIN submissions ON submissions.id = submission_id "
                "ORDER BY round_id, submission_id"
            ).fetchall(),
            "verdicts": database.execute(
                "SELECT round_id, digest, published_at IS NOT NULL FROM verdicts ORDER BY id"
            ).fetchall(),
            "entries": ledger.execute(
                "SELECT kind, author, body FROM entries ORDER BY sequence"
            ).fetchall(),
        }
    finally:
        database.close()
        ledger.close()


def state_of(home: Path) -> str:
    """A digest of every row in records and ledger and of every evidence file."""
    rows = {}
    for name in ("records.db", "ledger.db"):
        connection = sqlite3.connect(home / name)
        rows[name] = "\n".join(connection.iterdump())
        connection.close()
    files = sorted(str(path.relative_to(home)) for path in home.rglob("*.jsonl.zst"))
    return digest_of([rows, files])
