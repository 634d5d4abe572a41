"""The demo's models: trained in processes of their own, two at a time, each whole or absent."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import IO, Any, Self

from palio.demo.script import DemoEntrant, Script, Trick
from palio.demo.tricks import copy_model, spoil_model
from palio.errors import PalioError

Progress = Callable[[str, int, int], None]
Track = Callable[[str], Progress]

BASE = "base"
#: The lifeline comes before the imports that take seconds.
_START = (
    "import sys; from palio.lifeline import die_with_parent; die_with_parent(int(sys.argv[1])); "
    "from palio.demo.train import main; main(sys.argv[2])"
)
#: Trainings side by side; each uses one thread.
PARALLEL = 2


def make_models(folder: Path, script: Script, track: Track) -> dict[str, Path]:
    """The folder of each entrant's model; those that exist already are left as they are.

    Raises:
        PalioError: a training process failed; says with what.
    """
    folder.mkdir(parents=True, exist_ok=True)
    base = folder / BASE
    if not base.exists():
        job = _job(script.seed, BASE, script.base_tokens, script.base_mixture, None, base)
        with _Trainer() as trainer:
            trainer.train(job, track("training the base model"))
    missing = [
        entrant
        for entrant in script.entrants
        if entrant.trick is Trick.NONE and not (folder / entrant.name).exists()
    ]
    _train_all(missing, script.seed, base, folder, track)
    for entrant in script.entrants:
        target = folder / entrant.name
        if target.exists():
            continue
        make = copy_model if entrant.trick is Trick.COPY else spoil_model
        make(folder / entrant.of, target)
    return {entrant.name: folder / entrant.name for entrant in script.entrants}


def _train_all(
    entrants: Sequence[DemoEntrant], seed: int, base: Path, folder: Path, track: Track
) -> None:
    # On the way out the trainer ends what still runs, and only then the pool waits for it.
    with ThreadPoolExecutor(max_workers=PARALLEL) as pool, _Trainer() as trainer:

        def one(entrant: DemoEntrant) -> None:
            mixture, target = entrant.mixture or {}, folder / entrant.name
            job = _job(seed, entrant.name, entrant.tokens, mixture, base, target)
            trainer.train(job, track(f"fine-tuning {entrant.name}"))

        # The largest budget first, so that the last one to finish is a small one.
        list(pool.map(one, sorted(entrants, key=lambda entrant: -entrant.tokens)))


def _job(
    seed: int, name: str, tokens: int, mixture: Mapping[str, float], base: Path | None, folder: Path
) -> dict[str, Any]:
    return {
        "name": name,
        "seed": seed,
        "tokens": tokens,
        "mixture": dict(mixture),
        "base": None if base is None else str(base.resolve()),
        "folder": str(folder.resolve()),
    }


class _Trainer:
    """Trains in processes of their own, from any number of threads.

    Leaving the context ends every training that is still running and lets none begin.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._over = True
            for process in self._running:
                process.kill()

    def train(self, job: Mapping[str, Any], progress: Progress) -> None:
        """Train one model.

        Raises:
            PalioError: the process failed or was ended; says with what.
        """
        with tempfile.TemporaryFile("w+") as errors, self._start(job, errors) as process:
            try:
                progress("start", 0, int(job["tokens"]))
                assert process.stdout is not None, "it was asked for as a pipe"
                for line in process.stdout:
                    match json.loads(line):
                        case {"tokens": [int(done), int(total)]}:
                            progress("train", done, total)
                process.wait()
            except BaseException:
                process.kill()
                raise
            finally:
                with self._lock:
                    self._running.discard(process)
            if process.returncode:
                raise _failure(job["name"], process.returncode, errors)

    def _start(self, job: Mapping[str, Any], errors: IO[str]) -> subprocess.Popen[str]:
        with self._lock:
            if self._over:
                raise PalioError(f"training {job['name']} was given up")
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", _START, str(os.getpid()), json.dumps(job)],
                stdout=subprocess.PIPE,
                stderr=errors,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"},
                text=True,
            )
            self._running.add(process)
        return process


def _failure(name: str, status: int, errors: IO[str]) -> PalioError:
    errors.seek(0)
    said = errors.read().strip().splitlines() or [f"exit status {status}"]
    return PalioError(f"training {name} failed ({said[-1]}); run the same command again to go on")
