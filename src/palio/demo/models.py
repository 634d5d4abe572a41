"""The demo's models: trained in processes of their own, two at a time, each whole or absent."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from palio.demo.script import BASE_MIXTURE, BASE_TOKENS, ENTRANTS, SEED, DemoEntrant, Trick
from palio.demo.tricks import copy_model, spoil_model
from palio.errors import PalioError

Track = Callable[[str], Callable[[str, int, int], None]]

BASE = "base"
#: Trainings side by side; each uses one thread.
PARALLEL = 2


def make_models(folder: Path, track: Track) -> dict[str, Path]:
    """The folder of each entrant's model; those that exist already are left as they are.

    Raises:
        PalioError: a training process failed; says with what.
    """
    folder.mkdir(parents=True, exist_ok=True)
    base = folder / BASE
    if not base.exists():
        _train(_job(BASE, BASE_TOKENS, BASE_MIXTURE, None, base), track("training the base model"))
    honest = [entrant for entrant in ENTRANTS if entrant.trick is Trick.NONE]
    missing = [entrant for entrant in honest if not (folder / entrant.name).exists()]
    _train_all(missing, base, folder, track)
    for entrant in ENTRANTS:
        target = folder / entrant.name
        if target.exists():
            continue
        make = copy_model if entrant.trick is Trick.COPY else spoil_model
        make(folder / entrant.of, target)
    return {entrant.name: folder / entrant.name for entrant in ENTRANTS}


def _train_all(entrants: Sequence[DemoEntrant], base: Path, folder: Path, track: Track) -> None:
    def one(entrant: DemoEntrant) -> None:
        job = _job(entrant.name, entrant.tokens, entrant.mixture or {}, base, folder / entrant.name)
        _train(job, track(f"fine-tuning {entrant.name}"))

    with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
        # The largest budget first, so that the last one to finish is a small one.
        list(pool.map(one, sorted(entrants, key=lambda entrant: -entrant.tokens)))


def _job(
    name: str, tokens: int, mixture: Mapping[str, float], base: Path | None, folder: Path
) -> dict[str, Any]:
    return {
        "name": name,
        "seed": SEED,
        "tokens": tokens,
        "mixture": dict(mixture),
        "base": None if base is None else str(base.resolve()),
        "folder": str(folder.resolve()),
    }


def _train(job: Mapping[str, Any], progress: Callable[[str, int, int], None]) -> None:
    progress("start", 0, int(job["tokens"]))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "palio.demo.train", json.dumps(job)],
            stdout=subprocess.PIPE,
            stderr=errors,
            stdin=subprocess.DEVNULL,
            env=environment,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None, "it was asked for as a pipe"
            for line in process.stdout:
                match json.loads(line):
                    case {"tokens": [int(done), int(total)]}:
                        progress("train", done, total)
            process.wait()
        except BaseException:
            process.kill()
            raise
        if process.returncode:
            errors.seek(0)
            said = errors.read().strip().splitlines() or [f"exit status {process.returncode}"]
            raise PalioError(
                f"training {job['name']} failed ({said[-1]}); run the same command again to go on"
            )
