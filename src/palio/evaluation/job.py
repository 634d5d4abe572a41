"""What crosses the boundary between the validator and a worker, both ways.

A job is one JSON file, written by the validator and read once by the worker before it
opens anything of the submission. Everything that comes back is a line of JSON, read as
hostile input. Standard library only: the worker runs on bare hosts.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from palio.inference.protocol import Request, request_from_json, to_json

#: Longest line a worker may send, and the most it may send in all.
MAX_LINE_BYTES = 4 * 2**20
MAX_TOTAL_BYTES = 512 * 2**20


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """What a worker may use. A limit that is hit is never a score.

    Attributes:
        seconds: wall clock from start to finish; a safety net, not a part of any rule.
        memory_bytes: resident memory of the worker's processes.
        address_space_bytes: RLIMIT_AS; 0 switches it off (CUDA reserves huge ranges).
        threads: threads of the matrix library; recorded in the scorecard.
        open_files: RLIMIT_NOFILE.
        file_bytes: RLIMIT_FSIZE, the largest file it may write.
    """

    seconds: float = 3600.0
    memory_bytes: int = 8 * 2**30
    address_space_bytes: int = 24 * 2**30
    threads: int = 1
    open_files: int = 256
    file_bytes: int = 4 * 2**20


@dataclass(frozen=True, slots=True)
class WorkerJob:
    """One model, many requests.

    Attributes:
        folder: the canonical folder.
        engine: name of a ``palio.engines`` entry point.
        dtype, device, sequence_length: as the competition and the host say.
        batch_tokens, batch_rows: how much is computed at once; never changes an answer.
        stops: after so many answers the worker waits to be told whether to go on.
    """

    folder: str
    requests: Sequence[Request]
    dtype: str
    sequence_length: int
    engine: str = "transformers"
    device: str = "cpu"
    batch_tokens: int = 4096
    batch_rows: int = 32
    stops: tuple[int, ...] = ()

    def write(self, path: Path, limits: WorkerLimits) -> None:
        """Write the job and the limits that the worker puts on itself."""
        value = {
            **{name: getattr(self, name) for name in _PLAIN},
            "requests": [to_json(request) for request in self.requests],
            "stops": self.stops,
            "limits": asdict(limits),
        }
        path.write_text(json.dumps(value), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> tuple[Self, WorkerLimits]:
        """The job and limits written by :meth:`write`.

        Raises:
            ValueError: the file is no job (Palio's own fault).
        """
        value = json.loads(path.read_text(encoding="utf-8"))
        requests = tuple(request_from_json(item) for item in value["requests"])
        plain = {name: value[name] for name in _PLAIN}
        stops = tuple(value["stops"])
        return cls(requests=requests, stops=stops, **plain), WorkerLimits(**value["limits"])


_PLAIN = ("folder", "dtype", "sequence_length", "engine", "device", "batch_tokens", "batch_rows")
