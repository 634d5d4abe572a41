"""The process that meets a submission: it limits itself, loads, answers, and ends.

Started by :mod:`palio.evaluation.executor` as ``python -I`` with an empty environment, an
empty working folder, no standard input, and one pipe to write to. It is given
requests and never right answers, keys or the network. One process per submission,
never reused. The full sandbox (namespaces, Landlock, seccomp) is not here.
"""

import json
import math
import os
import resource
from collections.abc import Callable
from importlib.metadata import entry_points
from itertools import pairwise
from pathlib import Path
from typing import Any

from palio.errors import EvaluationFailed, Fault
from palio.evaluation.job import WorkerJob, WorkerLimits
from palio.inference.protocol import to_json
from palio.lifeline import die_with_parent

#: How torch, the dynamic loader, the system and CUDA say that memory ran out.
_NO_MEMORY = (
    "can't allocate memory",
    "failed to map segment",
    "cannot allocate memory",
    "out of memory",
)

Send = Callable[[dict[str, Any]], None]


def main(job_path: str, pipe: int, control: int) -> None:
    """Answer the job; every message is one line of JSON on the pipe.

    At each of the job's stops a byte on ``control`` means to go on, its end to finish.
    """
    with os.fdopen(pipe, "w", encoding="utf-8") as out:

        def send(message: dict[str, Any]) -> None:
            out.write(json.dumps(message, allow_nan=False) + "\n")
            out.flush()

        try:
            _work(Path(job_path), send, control)
        except EvaluationFailed as error:
            _report(send, error.code, str(error), error.fault, error.hint)
        except MemoryError:
            _report(send, "E_RT_OOM", "the worker ran out of memory", Fault.PLATFORM)
        # The tokenizer's panics are BaseExceptions; whatever escapes must end as one line.
        except BaseException as error:  # noqa: BLE001 - the process boundary
            _report_unexpected(send, error)


def _work(job_path: Path, send: Send, control: int) -> None:
    job, limits = WorkerJob.read(job_path)
    die_with_parent()
    _limit_self(limits)
    send({"stage": "import"})
    engine_class = _engine_class(job.engine)
    batch_limits, set_threads = _torch_side()
    set_threads(limits.threads)
    send({"stage": "load"})
    engine = engine_class.load(
        Path(job.folder),
        dtype=job.dtype,
        device=job.device,
        sequence_length=job.sequence_length,
        limits=batch_limits(tokens=job.batch_tokens, rows=job.batch_rows),
    )
    send({"stage": "answer"})
    total = len(job.requests)
    for start, end in pairwise((0, *job.stops, total)):
        if start and not os.read(control, 1):
            break
        answers = engine.answer(
            job.requests[start:end],
            lambda done, _, before=start: send({"progress": [before + done, total]}),
        )
        for index, answer in enumerate(answers, start):
            send({"answer": [index, to_json(answer)]})
    send({"done": engine.environment})


def _torch_side() -> tuple[Any, Callable[[int], None]]:
    # Imported only after the limits are in force, which is the point of this order.
    import torch  # noqa: PLC0415

    from palio.inference.engine import BatchLimits  # noqa: PLC0415

    return BatchLimits, torch.set_num_threads


def _engine_class(name: str) -> Any:  # noqa: ANN401 - a class of another package
    found = entry_points(group="palio.engines", name=name)
    if not found:
        raise EvaluationFailed(
            "E_RT_ENGINE", f"no engine {name!r} is installed", fault=Fault.PLATFORM
        )
    return next(iter(found)).load()


def _limit_self(limits: WorkerLimits) -> None:
    seconds = math.ceil(limits.seconds * max(1, limits.threads)) + 2
    wanted = {
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_FSIZE: limits.file_bytes,
        resource.RLIMIT_CORE: 0,
    }
    if limits.address_space_bytes:
        wanted[resource.RLIMIT_AS] = limits.address_space_bytes
    for kind, value in wanted.items():
        _, hard = resource.getrlimit(kind)
        ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (ceiling, ceiling))
    # At its hard limit a process is killed without a word; a second before, by SIGXCPU.
    ceiling, _ = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (max(1, ceiling - 1), ceiling))


def _report_unexpected(send: Send, error: BaseException) -> None:
    text = f"{type(error).__name__}: {error}"
    if any(phrase in text.lower() for phrase in _NO_MEMORY):
        _report(send, "E_RT_OOM", "the worker ran out of memory", Fault.PLATFORM)
        return
    # Escaped and cut: the text may be the submission's.
    _report(
        send,
        "E_RT_ERROR",
        f"the evaluation stopped on an unexpected error ({text[:200]!r})",
        Fault.PLATFORM,
    )


def _report(send: Send, code: str, message: str, fault: Fault, hint: str = "") -> None:
    send({"failed": {"code": code, "message": message, "fault": str(fault), "hint": hint}})
