"""Playing the demo: models, keys, commitments, rounds, board, verification.

Every step finds what an earlier, interrupted run has done and goes on from there. The
clock is the script's own, and the blocks' entropy derives from its seed, so the
same machine plays the same competition each time.
"""

import fcntl
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Protocol

from palio.clock import ManualClock
from palio.competition.history import CompetitionFile
from palio.competition.loading import find
from palio.contest.outcome import Verdict
from palio.demo.models import make_models
from palio.demo.script import SIENA, VALIDATOR, Script, Trick
from palio.errors import ConfigError
from palio.ledger.chain import seeded_entropy
from palio.ledger.identity import Keypair
from palio.ledger.keyfiles import key_names, save_key
from palio.ledger.local import LocalLedger
from palio.validator.deployment import Deployment, WorkersSection, load_deployment, require_writable
from palio.validator.history import History
from palio.validator.opening import open_records, open_validator
from palio.validator.submitting import submit
from palio.validator.verifying import Check, ledger_check, verify_rounds

#: Models evaluated side by side.
WORKERS = 2


class Display(Protocol):
    """Where the demo tells what it does."""

    def say(self, text: str) -> None:
        """One sentence."""

    def track(self, name: str) -> Callable[[str, int, int], None]:
        """A line of progress."""


@dataclass(frozen=True, slots=True)
class Played:
    """What the demo ended with."""

    home: Path
    competition: CompetitionFile
    verdicts: tuple[Verdict, ...]
    checks: tuple[Check, ...]


def play(home: Path, display: Display, script: Script = SIENA) -> Played:
    """Play the whole demo in ``home``, or what is left of it.

    Raises:
        ConfigError: the folder cannot be used, or another demo is being played there.
        PalioError: something else went wrong; the same call goes on from there.
    """
    require_writable(home)
    with _alone_in(home):
        competition = find(script.competition)
        deployment = load_deployment(home)
        deployment = deployment.model_copy(
            update={"workers": WorkersSection(count=WORKERS, memory_gib=4.0)}
        )
        models = make_models(home / "models", script, display.track)
        names = (VALIDATOR, *(entrant.name for entrant in script.entrants))
        keys = {name: _key(home, script.seed, name) for name in names}
        clock = ManualClock(script.start)
        ledger = _open_ledger(deployment, clock, script.seed)
        _play_rounds(deployment, competition, script, ledger, clock, keys, models, display)
        display.say("Verifying the ledger and every verdict ...")
        with open_records(deployment, clock) as records:
            verdicts = tuple(History(records, competition.name).verdicts())
            checks = (ledger_check(ledger), *verify_rounds(ledger, records))
        ledger.close()
    return Played(home, competition, verdicts, checks)


def _play_rounds(
    deployment: Deployment,
    competition: CompetitionFile,
    script: Script,
    ledger: LocalLedger,
    clock: ManualClock,
    keys: dict[str, Keypair],
    models: dict[str, Path],
    display: Display,
) -> None:
    """Block after block: commitments at theirs, and a round at each sync block."""
    with open_validator(
        deployment,
        competition,
        keys[VALIDATOR],
        clock,
        say=display.say,
        track=display.track,
        ledger=ledger,
    ) as validator:
        for last_sync_block, sync_block in pairwise((0, *script.rounds)):
            for entrant in script.entrants:
                if last_sync_block <= entrant.block < sync_block:
                    _reach(ledger, entrant.block - 1, script, clock)
                    entry = submit(
                        models[entrant.name],
                        competition=competition,
                        keypair=keys[entrant.name],
                        repository=(entrant.name, f"{entrant.name}-1"),
                        ledger=ledger,
                        store_folder=deployment.store_folder,
                        check=entrant.trick is Trick.NONE,
                    )
                    display.say(
                        f"Block {entry.block}: {entrant.name} commits a model ({entrant.about})."
                    )
            _reach(ledger, sync_block, script, clock)
            validator.once()


def _open_ledger(deployment: Deployment, clock: ManualClock, seed: int) -> LocalLedger:
    ledger = deployment.open_ledger(clock, seeded_entropy(f"palio demo {seed}".encode()))
    if not isinstance(ledger, LocalLedger):
        raise ConfigError("the demo is played on a local ledger; choose another --folder")
    return ledger


def _reach(ledger: LocalLedger, block: int, script: Script, clock: ManualClock) -> None:
    """Let time pass until ``block`` is sealed; a no-op where an earlier run has been further."""
    due = script.start + timedelta(seconds=block * ledger.settings.seconds_per_block)
    clock.wait(max(0.0, (due - clock.now()).total_seconds()))
    ledger.catch_up()


def _key(home: Path, seed: int, name: str) -> Keypair:
    """The demo's key of that name: derived, so that the same competition is played again."""
    keypair = Keypair.from_seed(hashlib.sha256(f"palio demo {seed} {name}".encode()).digest())
    folder = home / "keys"
    if not folder.exists() or name not in key_names(folder):
        save_key(folder, name, keypair)
    return keypair


@contextmanager
def _alone_in(home: Path) -> Iterator[None]:
    """Keep a second demo out of the folder while this one plays."""
    with (home / ".demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(
                f"another demo is being played in {home}; wait for it, or choose another --folder"
            ) from error
        yield
