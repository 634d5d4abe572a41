"""Records on SQLite and on a real PostgreSQL, and small real values to put into them."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from palio.clock import ManualClock
from palio.competition.model import Competition
from palio.evaluation.scorecard import Cost, Interval, Scorecard, TaskScore
from palio.records.rows import NewSubmission
from palio.records.store import Records
from palio.tasks.samples import SampleScore

SEED = 2**255 + 1
SAMPLES_DIGEST = "5" * 64
VERDICT = {"champion_before": None, "champion_after": "a" * 64, "shares": {"a" * 64: 1.0}}


def competition(**changes: object) -> Competition:
    definition = {
        "name": "DEMO",
        "id": "d",
        "constraints": {
            "architectures": ["LlamaForCausalLM"],
            "max_parameters": 1000,
            "max_bytes": 100_000,
            "sequence_length": 64,
        },
        "tasks": {
            "WORDS": {"dataset": "words", "method": "reference_loss", "samples": 2, "weight": 1.0}
        },
        "rule": {"kind": "win_rate", "average_retains": 0.5, "share_threshold": 0.1},
        "epsilon": {"start": 0.05, "end": 0.01},
    }
    return Competition.model_validate({**definition, **changes})


def scorecard(submission: str = "a" * 64, score: float = 0.5, **changes: object) -> Scorecard:
    samples = (SampleScore("s1", score), SampleScore("s2", score, {"answer": "ä"}))
    interval = Interval(score - 0.1, score + 0.1)
    task = TaskScore(score, "nats", score, 1.0, score, interval, score, "nats", samples)
    values = {
        "submission": submission,
        "competition": "DEMO",
        "competition_digest": competition().digest,
        "seed": SEED,
        "samples_digest": SAMPLES_DIGEST,
        "score": score,
        "interval": interval,
        "tasks": {"WORDS": task},
        "environment": {"torch": "2"},
        "cost": Cost(2, 10, 0),
    }
    return Scorecard(**{**values, **changes})  # type: ignore[arg-type]


def new_submission(number: int, participant: str = "") -> NewSubmission:
    return NewSubmission(
        commitment=f"{number:064x}",
        line=f"ns:model{number}:c:h:d",
        participant=participant or f"participant {number}",
        block=10 + number,
        sequence=number,
        competition_id="d",
        namespace="ns",
        name=f"model{number}",
    )


def admitted(records: Records, number: int, content: str = "") -> int:
    """Id of a submission that was admitted with contents ``content`` * 64."""
    found = records.add_submission(new_submission(number))
    digest = (content or "abcdef"[number]) * 64
    records.admit(found.id, content_digest=digest, weights_digest="9" * 64)
    return found.id


def open_round(records: Records) -> int:
    """Id of a round with samples, at block 360."""
    round_ = records.open_round(competition(), sync_block=360, seed=SEED)
    records.fix_samples(round_.id, SAMPLES_DIGEST, [{"id": "s1"}, {"id": "s2"}])
    return round_.id


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a fresh PostgreSQL cluster, without a database name."""
    pytest.importorskip("psycopg", reason="psycopg is not installed (palio[postgres])")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    if not folders:
        pytest.skip("PostgreSQL's server is not installed in /usr/lib/postgresql")
    # Not pytest's folder: the user `postgres` could not enter it.
    root = Path(tempfile.mkdtemp(prefix="palio-pg-"))
    prefix = _as_postgres(root)

    def run(program: str, *arguments: str) -> None:
        command = [*prefix, str(folders[-1] / program), "-D", str(root / "data"), *arguments]
        subprocess.run(command, check=True, cwd=root, stdout=subprocess.DEVNULL)

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = f"-c listen_addresses=127.0.0.1 -p {port} -k {root} -c fsync=off"
    try:
        run("initdb", "-U", "palio", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C")
        run("pg_ctl", "-w", "-l", str(root / "log"), "-o", options, "start")
        yield f"postgresql://palio@127.0.0.1:{port}"
        run("pg_ctl", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(root)


def _as_postgres(root: Path) -> list[str]:
    """Command prefix that drops root's rights, which the server refuses to have."""
    if os.geteuid() != 0:
        return []
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("running as root, and there is no user `postgres` to run the server as")
    os.chown(root, user.pw_uid, user.pw_gid)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


_databases = count()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database; every test using it runs on both kinds."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'records.db'}"
    server: str = request.getfixturevalue("postgres")
    import psycopg

    name = f"palio_{next(_databases)}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server}/{name}"


@pytest.fixture
def records(url: str, tmp_path: Path, clock: ManualClock) -> Iterator[Records]:
    with Records.open(url, tmp_path / "evidence", clock) as records:
        yield records


@pytest.fixture
def sqlite_records(tmp_path: Path, clock: ManualClock) -> Iterator[Records]:
    url = f"sqlite:///{tmp_path / 'records.db'}"
    with Records.open(url, tmp_path / "evidence", clock) as records:
        yield records
