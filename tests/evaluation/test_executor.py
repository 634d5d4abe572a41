"""Workers are real processes here: limited, watched, killed, and never left behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from palio.clock import Clock, ManualClock
from palio.errors import EvaluationFailed, Fault
from palio.evaluation import executor
from palio.evaluation.executor import LocalExecutor, WorkerResult
from palio.evaluation.job import WorkerJob, WorkerLimits
from palio.inference.engine import TransformersEngine
from palio.inference.loading import load_model
from palio.inference.protocol import (
    ChoiceRequest,
    Decoding,
    GenerateRequest,
    LossRequest,
    Message,
    Request,
)
from tests.evaluation.processes import children, ends_within
from tests.tiny_models import save_tiny

SECRET = "PALIO_TEST_SECRET"
MIB = 2**20
REQUESTS: tuple[Request, ...] = (
    LossRequest((), "the red dog sees a small tree"),
    LossRequest((Message("user", "Sort: pear apple"),), "apple pear"),
    ChoiceRequest((Message("user", "Which?"),), ("A", "B")),
    GenerateRequest((Message("user", "Go on."),), Decoding(6)),
)


def job(folder: Path, **changes: Any) -> WorkerJob:  # noqa: ANN401 - any field
    return WorkerJob(str(folder), REQUESTS, "float32", 128, **changes)


@pytest.fixture(autouse=True)
def _no_worker_is_left_behind() -> Iterator[None]:
    before = children()
    yield
    assert children() - before == set()


# -- whole runs, two at a time ---------------------------------------------------------------


@dataclass
class Outcome:
    """What came of a job: a result or a failure, and what was seen of the worker meanwhile."""

    result: WorkerResult | None = None
    failure: EvaluationFailed | None = None


@dataclass
class Runs:
    """Several jobs run by one executor from two threads, and the process while it answered."""

    folders: dict[str, Path]
    outcomes: dict[str, Outcome]
    environ: bytes
    command: bytes
    limits: str
    folder: str
    descriptors: set[str]
    stages: list[str]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    base = tmp_path_factory.mktemp("models")
    folders = {name: save_tiny(base / name, model_type=name) for name in ("llama", "gpt_neox")}
    folders["broken"] = save_tiny(base / "broken")
    config = folders["broken"] / "config.json"
    config.write_text(
        config.read_text().replace('"num_hidden_layers": 2', '"num_hidden_layers": 3')
    )
    seen: dict[str, Any] = {}
    stages: list[str] = []
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setenv(SECRET, "wallet")
        shared = LocalExecutor(WorkerLimits(open_files=64))
        before = children()

        def watch(stage: str, _done: int, _total: int) -> None:
            stages.append(stage)
            if stage == "load" and not seen:
                process = Path("/proc") / str(min(children() - before))
                seen["environ"] = (process / "environ").read_bytes()
                seen["command"] = (process / "cmdline").read_bytes()
                seen["limits"] = (process / "limits").read_text()
                seen["folder"] = str((process / "cwd").readlink())
                seen["descriptors"] = {
                    str(entry.readlink()) for entry in (process / "fd").iterdir()
                }

        def run(name: str) -> Outcome:
            try:
                return Outcome(result=shared.run(job(folders[name]), watch))
            except EvaluationFailed as failure:
                return Outcome(failure=failure)

        outcomes = dict(zip(folders, pool.map(run, folders), strict=True))
    return Runs(folders, outcomes, stages=stages, **seen)


@pytest.mark.parametrize("name", ["llama", "gpt_neox"])
def test_two_executors_in_threads_answer_as_the_engine_does_here(runs: Runs, name: str) -> None:
    result = runs.outcomes[name].result
    assert result is not None, runs.outcomes[name].failure
    engine = TransformersEngine(load_model(runs.folders[name], "float32"), 128)
    assert list(result.answers) == engine.answer(REQUESTS)
    assert result.environment == engine.environment
    assert result.seconds > 0


def test_a_participants_fault_crosses_the_boundary(runs: Runs) -> None:
    failure = runs.outcomes["broken"].failure
    assert failure is not None
    assert (failure.code, failure.fault) == ("E_W_MISSING", Fault.PARTICIPANT)


def test_the_worker_has_nothing_of_our_environment(runs: Runs) -> None:
    names = {entry.split(b"=")[0].decode() for entry in runs.environ.split(b"\0") if entry}
    assert SECRET not in names
    assert names <= set(executor._bare_environment(Path(), 1))
    assert b"wallet" not in runs.environ + runs.command


def test_the_worker_runs_isolated_in_an_empty_folder_with_no_input(runs: Runs) -> None:
    assert b"-I" in runs.command.split(b"\0")
    assert runs.folder.endswith("/home")
    assert not Path(runs.folder).exists()
    # Imports hold a few of the kernel's own descriptors; files and sockets of ours are not there.
    kept = {name for name in runs.descriptors if not name.startswith(("anon_inode", "pipe"))}
    assert all(name == "/dev/null" or "palio-worker-" in name for name in kept), kept
    # One to answer on, one to be told at its stops whether to go on.
    assert sum(name.startswith("pipe") for name in runs.descriptors) == 2


def test_the_worker_has_put_its_limits_on_itself(runs: Runs) -> None:
    limits = {line[:26].strip(): line[26:].split() for line in runs.limits.splitlines()}
    defaults = WorkerLimits()
    assert limits["Max open files"][:2] == ["64", "64"]
    assert limits["Max file size"][:2] == [str(defaults.file_bytes)] * 2
    assert limits["Max address space"][:2] == [str(defaults.address_space_bytes)] * 2
    assert limits["Max core file size"][:2] == ["0", "0"]
    soft, hard = limits["Max cpu time"][:2]
    assert int(soft) == int(hard) - 1 >= defaults.seconds


def test_the_stages_are_told_in_order(runs: Runs) -> None:
    assert set(runs.stages) == {"import", "load", "answer"}
    assert runs.stages[0] == "import"


# -- limits and deaths -----------------------------------------------------------------------


def failure_of(
    limits: WorkerLimits,
    folder: Path = Path("/nonexistent"),
    clock: Clock | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> EvaluationFailed:
    with pytest.raises(EvaluationFailed) as failure:
        LocalExecutor(limits, clock).run(job(folder), progress)
    return failure.value


def test_a_worker_over_its_time_is_killed() -> None:
    failure = failure_of(WorkerLimits(seconds=0.4))
    assert (failure.code, failure.fault) == ("E_RT_TIMEOUT", Fault.PLATFORM)
    assert "0.4 s" in str(failure)


def test_a_worker_over_its_processor_time_ends_even_if_our_clock_stands_still() -> None:
    standing = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    failure = failure_of(WorkerLimits(seconds=0.1), clock=standing)
    assert (failure.code, failure.fault) == ("E_RT_TIMEOUT", Fault.PLATFORM)
    assert "processor" in str(failure)


def test_a_worker_over_its_resident_memory_is_killed() -> None:
    failure = failure_of(WorkerLimits(memory_bytes=60 * MIB))
    assert (failure.code, failure.fault) == ("E_RT_OOM", Fault.PLATFORM)


@pytest.mark.parametrize("address_space", [200 * MIB, 600 * MIB])
def test_a_worker_without_address_space_ends_as_out_of_memory(address_space: int) -> None:
    failure = failure_of(WorkerLimits(address_space_bytes=address_space))
    assert (failure.code, failure.fault) == ("E_RT_OOM", Fault.PLATFORM)


def test_a_worker_killed_from_outside_is_a_fault_of_the_platform() -> None:
    before = children()

    def kill(_stage: str, _done: int, _total: int) -> None:
        os.kill(min(children() - before), signal.SIGKILL)

    failure = failure_of(WorkerLimits(), progress=kill)
    assert (failure.code, failure.fault) == ("E_RT_CRASH", Fault.PLATFORM)
    assert "signal 9" in str(failure)
    assert "'import'" in str(failure)


def test_a_callback_that_fails_leaves_no_worker() -> None:
    def fail(_stage: str, _done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        LocalExecutor().run(job(Path("/nonexistent")), fail)


def test_an_engine_that_is_not_installed_is_a_fault_of_the_platform() -> None:
    with pytest.raises(EvaluationFailed, match="'warp'") as failure:
        LocalExecutor().run(job(Path("/nonexistent"), engine="warp"))
    assert (failure.value.code, failure.value.fault) == ("E_RT_ENGINE", Fault.PLATFORM)


_PARENT = """
import os, signal, sys
from pathlib import Path
from palio.evaluation.executor import LocalExecutor
from palio.evaluation.job import WorkerJob
from tests.evaluation.processes import children

def die(stage, done, total):
    print(min(children()), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

LocalExecutor().run(WorkerJob("/nonexistent", (), "float32", 128), die)
"""


def test_a_worker_dies_with_its_parent() -> None:
    parent = subprocess.run(
        [sys.executable, "-c", _PARENT],
        capture_output=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert parent.returncode == -signal.SIGKILL, parent.stderr.decode()
    assert ends_within(int(parent.stdout), 10)


# -- hostile workers -------------------------------------------------------------------------


def hostile(monkeypatch: pytest.MonkeyPatch, code: str) -> EvaluationFailed:
    """What comes of a worker that runs ``code`` with the pipe as ``out`` instead of ours."""
    monkeypatch.setattr(executor, "_START", f"import os, sys, time; out = int(sys.argv[3]); {code}")
    return failure_of(WorkerLimits(seconds=20))


def test_a_worker_that_talks_without_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    failure = hostile(monkeypatch, "b = b'x' * 65536\nwhile True: os.write(out, b)")
    assert (failure.code, failure.fault) == ("E_RT_PROTOCOL", Fault.PLATFORM)


def test_a_worker_that_hangs_up_and_stays_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    failure = hostile(monkeypatch, "os.close(out); time.sleep(60)")
    assert (failure.code, failure.fault) == ("E_RT_CRASH", Fault.PLATFORM)


def test_a_worker_that_says_nothing_and_ends_is_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    failure = hostile(monkeypatch, "os._exit(7)")
    assert (failure.code, failure.fault) == ("E_RT_CRASH", Fault.PLATFORM)
    assert "7" in str(failure)


def test_a_process_that_an_ended_worker_left_behind_is_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failure = hostile(
        monkeypatch,
        """
child = os.fork()
if not child: os.close(out); time.sleep(60)
os.write(out, b'{"failed":{"code":"E_X","message":"%d","fault":"platform"}}' % child)
os.write(out, bytes([10]))
os._exit(0)
""",
    )
    assert failure.code == "E_X"
    assert ends_within(int(str(failure)), 10)


def test_what_a_worker_prints_goes_nowhere(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    hostile(monkeypatch, "print('look here', flush=True); os.write(2, b'and here'); os._exit(0)")
    assert capfd.readouterr() == ("", "")
