"""Where workers run: this machine's processes, watched from outside.

The parent trusts nothing a worker says: every line is bounded and checked, the clock and
the memory are watched from here, and the process group is killed and reaped whatever
happens. How a worker died decides whose fault it is.
"""

import json
import os
import re
import selectors
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, Protocol, Self

import palio
from palio.clock import Clock, SystemClock
from palio.errors import EvaluationFailed, Fault
from palio.evaluation.job import MAX_LINE_BYTES, MAX_TOTAL_BYTES, WorkerJob, WorkerLimits
from palio.inference.protocol import Answer, Request, answer_from_json, answers

#: How often the parent looks at clock and memory while no line comes, in seconds.
POLL_S = 0.05
#: Most entries of the environment that a worker may report.
MAX_ENVIRONMENT = 32
_CODE = re.compile("E_[A-Z_]{1,38}")
_STAGES = frozenset({"start", "import", "load", "answer"})
_START = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from palio.evaluation.worker import main; main(sys.argv[2], *map(int, sys.argv[3:]))"
)

WorkerProgress = Callable[[str, int, int], None]
"""Called with (stage, requests answered, requests in all)."""
GoesOn = Callable[[Sequence[Answer]], bool]
"""Asked at a job's stops, with the answers so far, whether the worker is to go on."""


@dataclass(frozen=True, slots=True)
class WorkerResult:
    """A worker's answers, in the order of the requests; the first of them if it was stopped.

    ``environment`` is what the engine says may matter to the last bit; ``seconds`` is wall clock.
    """

    answers: tuple[Answer, ...]
    environment: Mapping[str, str]
    seconds: float


class Executor(Protocol):
    """Runs a job somewhere and brings the answers back."""

    def run(
        self,
        job: WorkerJob,
        progress: WorkerProgress | None = None,
        goes_on: GoesOn | None = None,
    ) -> WorkerResult:
        """The answers; with ``goes_on``, those up to the first stop at which it says no.

        Raises:
            EvaluationFailed: there are none; says whose fault it is.
            KeyboardInterrupt: it was stopped; nothing is known about the submission.
        """

    def stop(self) -> None:
        """End what runs and let nothing begin; for a user who interrupts, from any thread."""


class LocalExecutor:
    """Workers as child processes of this one. Safe to call from several threads at once."""

    def __init__(self, limits: WorkerLimits | None = None, clock: Clock | None = None) -> None:
        self._limits = limits or WorkerLimits()
        self._clock = clock or SystemClock()
        self._stopped = Event()

    def stop(self) -> None:
        self._stopped.set()

    def run(
        self,
        job: WorkerJob,
        progress: WorkerProgress | None = None,
        goes_on: GoesOn | None = None,
    ) -> WorkerResult:
        with tempfile.TemporaryDirectory(prefix="palio-worker-") as scratch:
            folder = Path(scratch)
            job.write(folder / "job.json", self._limits)
            (folder / "home").mkdir()
            started = self._clock.monotonic()
            with _Worker(folder, self._limits.threads) as worker:
                talk = _Conversation(
                    job.requests, progress or (lambda *_: None), stops=list(job.stops)
                )
                deadline = started + self._limits.seconds
                self._listen(worker, talk, deadline, goes_on or (lambda _: True))
            seconds = self._clock.monotonic() - started
            if talk.environment is None:
                raise _death(worker, talk.stage)
            return WorkerResult(talk.in_order(), talk.environment, seconds)

    def _listen(
        self, worker: "_Worker", talk: "_Conversation", deadline: float, goes_on: GoesOn
    ) -> None:
        for data in worker.chunks():
            if self._stopped.is_set():
                raise KeyboardInterrupt
            talk.hear(data)
            if talk.waits:
                worker.tell(go_on=talk.decide(goes_on))
            if self._clock.monotonic() > deadline:
                raise EvaluationFailed(
                    "E_RT_TIMEOUT",
                    f"the worker did not finish within {self._limits.seconds:g} s "
                    f"(it was at stage {talk.stage!r})",
                    fault=Fault.PLATFORM,
                )
            if worker.resident_bytes() > self._limits.memory_bytes:
                raise _out_of_memory(f"above {self._limits.memory_bytes / 2**30:g} GiB")


class _Worker:
    """A worker's process group and its pipe; leaving the context kills and reaps it."""

    def __init__(self, folder: Path, threads: int) -> None:
        read_end, write_end = os.pipe()
        control_read, control_write = os.pipe()
        self._pipe, self._control = read_end, control_write
        try:
            self._process = _start(folder, threads, write_end, control_read)
        except BaseException:
            os.close(read_end)
            os.close(control_write)
            raise
        finally:
            os.close(write_end)
            os.close(control_read)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Not polled before: until it is reaped its number belongs to its group and no other.
        # The group may outlive it, so it is killed also when the worker has ended by itself.
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._pipe)
        self._close_control()

    def tell(self, *, go_on: bool) -> None:
        """Answer a worker that waits at a stop."""
        if not go_on:
            self._close_control()
            return
        try:
            os.write(self._control, b"+")
        except BrokenPipeError:
            # It has ended meanwhile; how is told apart once its pipe is read to the end.
            self._close_control()

    def _close_control(self) -> None:
        if self._control >= 0:
            os.close(self._control)
            self._control = -1

    @property
    def exit_status(self) -> int:
        """Exit code, or minus the number of the signal that ended it."""
        return self._process.wait()

    def chunks(self) -> Any:  # noqa: ANN401 - a generator of bytes
        """Bytes from the pipe until it closes; an empty piece whenever none came for a while."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._pipe, selectors.EVENT_READ)
            while True:
                if not selector.select(POLL_S):
                    yield b""
                    continue
                data = os.read(self._pipe, 1 << 16)
                if not data:
                    return
                yield data

    def resident_bytes(self) -> int:
        """Resident memory of the worker; 0 once it has ended."""
        try:
            pages = Path(f"/proc/{self._process.pid}/statm").read_text(encoding="ascii").split()[1]
        except (OSError, IndexError):
            return 0
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _start(
    folder: Path, threads: int, write_end: int, control_read: int
) -> "subprocess.Popen[bytes]":
    with (folder / "log.txt").open("wb") as log:
        return subprocess.Popen(
            [
                sys.executable,
                "-I",
                "-c",
                _START,
                str(Path(palio.__file__).parents[1]),
                str(folder / "job.json"),
                str(write_end),
                str(control_read),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder / "home",
            env=_bare_environment(folder / "home", threads),
            pass_fds=(write_end, control_read),
            start_new_session=True,
        )


@dataclass(slots=True)
class _Conversation:
    """What a worker has said so far; refuses anything out of form."""

    requests: Sequence[Request]
    progress: WorkerProgress
    stops: list[int] = field(default_factory=list)
    stage: str = "start"
    environment: dict[str, str] | None = None
    _answers: dict[int, Answer] = field(default_factory=dict)
    _rest: bytes = b""
    _total: int = 0

    @property
    def expected(self) -> int:
        """Requests in all, or up to where the worker was told to finish."""
        return len(self.requests)

    @property
    def waits(self) -> bool:
        """Whether the worker has answered all up to its next stop."""
        return bool(self.stops) and len(self._answers) == self.stops[0]

    def decide(self, goes_on: GoesOn) -> bool:
        """Ask whether the worker is to go on from the stop it waits at."""
        here = self.stops.pop(0)
        if goes_on([self._answers[index] for index in range(here)]):
            return True
        self.requests, self.stops = self.requests[:here], []
        return False

    def hear(self, data: bytes) -> None:
        self._total += len(data)
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        if self._total > MAX_TOTAL_BYTES or len(self._rest) > MAX_LINE_BYTES:
            raise _malformed("it sends too much")
        for line in lines:
            self._understand(line)

    def _understand(self, line: bytes) -> None:
        if self.environment is not None:
            raise _malformed("it speaks on after its end")
        try:
            match json.loads(line):
                case {"stage": str(stage)} if stage in _STAGES:
                    self.stage = stage
                    self.progress(stage, 0, self.expected)
                case {"progress": [int(done), int(total)]}:
                    self.progress(self.stage, self._bounded(done), self._bounded(total))
                case {"answer": [int(index), dict(answer)]}:
                    self._accept(index, answer_from_json(answer))
                case {"failed": {"code": str(code), "message": str(text), "fault": fault} as said}:
                    if not _CODE.fullmatch(code):
                        raise _malformed(f"{code[:60]!r} is no reason code")
                    hint = _printable(str(said.get("hint", "")))
                    raise EvaluationFailed(code, _printable(text), fault=Fault(fault), hint=hint)
                case {"done": dict(environment)}:
                    self._finish(environment)
                case other:
                    raise _malformed(f"{str(other)[:60]!r}")
        except (ValueError, RecursionError) as error:
            raise _malformed(f"{str(error)[:60]!r}") from error

    def _bounded(self, count: int) -> int:
        return max(0, min(count, self.expected))

    def _accept(self, index: int, answer: Answer) -> None:
        allowed = self.stops[0] if self.stops else self.expected
        if not 0 <= index < allowed or index in self._answers:
            raise _malformed(f"answer {index} was not asked for, or came twice")
        if not answers(self.requests[index], answer):
            raise _malformed(f"answer {index} does not fit its request")
        self._answers[index] = answer

    def _finish(self, environment: dict[str, Any]) -> None:
        if len(self._answers) != self.expected:
            raise _malformed(f"{len(self._answers)} answers to {self.expected} requests")
        if len(environment) > MAX_ENVIRONMENT:
            raise _malformed("its environment is too long")
        self.environment = {
            _printable(str(key))[:40]: _printable(str(value))[:200]
            for key, value in environment.items()
        }

    def in_order(self) -> tuple[Answer, ...]:
        return tuple(self._answers[index] for index in range(self.expected))


def _printable(text: str) -> str:
    """A worker's words for logs and terminals: cut, and without control characters."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:500])


def _bare_environment(home: Path, threads: int) -> dict[str, str]:
    """Nothing of the validator's own environment, which may hold keys and tokens."""
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": str(home),
        "TMPDIR": str(home),
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": "/nonexistent",
        "TRANSFORMERS_VERBOSITY": "error",
        "TOKENIZERS_PARALLELISM": "false",
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        # Temporaries are reused instead of being mapped afresh for each pass.
        "MALLOC_MMAP_MAX_": "0",
        "MALLOC_TRIM_THRESHOLD_": str(2**40),
    }


def _death(worker: _Worker, stage: str) -> EvaluationFailed:
    status = worker.exit_status
    if status == -signal.SIGXCPU:
        return EvaluationFailed(
            "E_RT_TIMEOUT", "the worker used up its processor time", fault=Fault.PLATFORM
        )
    how = f"signal {-status}" if status < 0 else f"exit status {status}"
    return EvaluationFailed(
        "E_RT_CRASH",
        f"the worker ended without an answer at stage {stage!r} ({how})",
        fault=Fault.PLATFORM,
    )


def _out_of_memory(what: str) -> EvaluationFailed:
    return EvaluationFailed("E_RT_OOM", f"the worker's memory went {what}", fault=Fault.PLATFORM)


def _malformed(what: str) -> EvaluationFailed:
    return EvaluationFailed(
        "E_RT_PROTOCOL", f"the worker did not keep to the protocol: {what}", fault=Fault.PLATFORM
    )
