"""A trial: several local folders evaluated on one round's samples, with no ledger involved.

What ``palio evaluate`` does. Each folder goes through the same staging, inspection and
rebuilding as a committed submission, so that a participant sees what a validator sees.
"""

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from palio.errors import EvaluationFailed, Fault, SubmissionRejected
from palio.evaluation.evaluate import EngineSettings, evaluate
from palio.evaluation.executor import Executor, WorkerProgress
from palio.evaluation.scorecard import Scorecard, Unscored
from palio.submissions.canonical_folder import build_canonical_folder
from palio.submissions.inspection import inspect
from palio.submissions.staging import stage
from palio.tasks.drawing import Round

Track = Callable[[str], WorkerProgress]
"""Opens a line of progress for a named piece of work."""


class Trial:
    """Evaluates folders; ``names`` and ``seconds`` (by name) say what was run afterwards."""

    def __init__(self, drawn: Round, executor: Executor, settings: EngineSettings) -> None:
        self._drawn = drawn
        self._executor = executor
        self._settings = settings
        self.names: list[str] = []
        self.seconds: dict[str, float] = {}

    def run(
        self, folders: Sequence[Path], workers: int, track: Track
    ) -> list[Scorecard | Unscored]:
        """One result for each folder, in order; a folder that fails stops no other."""
        self.names = _names(folders)
        jobs = list(zip(self.names, folders, strict=True))
        with ThreadPoolExecutor(max_workers=workers) as pool:
            try:
                return list(pool.map(lambda job: self._one(job[0], job[1], track(job[0])), jobs))
            except KeyboardInterrupt:
                self._executor.stop()
                raise

    def _one(self, name: str, folder: Path, progress: WorkerProgress) -> Scorecard | Unscored:
        digest = ""
        try:
            with tempfile.TemporaryDirectory(prefix="palio-trial-") as scratch:
                staged, canonical = Path(scratch) / "files", Path(scratch) / "canonical"
                progress("inspect", 0, 0)
                stage(folder, staged, self._drawn.competition.constraints.max_bytes)
                inspection = inspect(staged, self._drawn.competition, staged=True)
                digest = inspection.content_digest
                build_canonical_folder(inspection, staged, canonical)
                result = evaluate(
                    self._drawn, canonical, digest, self._executor, self._settings, progress
                )
        except SubmissionRejected as error:
            return Unscored(digest, error.code, str(error), Fault.PARTICIPANT, error.hint)
        except EvaluationFailed as error:
            return Unscored(digest, error.code, str(error), error.fault, error.hint)
        self.seconds[name] = result.seconds
        return result.scorecard


def _names(folders: Sequence[Path]) -> list[str]:
    """Folder names, or whole paths where two folders share a name."""
    names = [folder.resolve().name for folder in folders]
    return [
        name if names.count(name) == 1 else str(folder)
        for name, folder in zip(names, folders, strict=True)
    ]
