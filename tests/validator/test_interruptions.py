"""Killed at any moment and begun again, a validator ends with the same bytes as an undisturbed one."""

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest

from palio.clock import SystemClock
from palio.ledger.keyfiles import save_key
from palio.ledger.protocol import Ledger
from palio.records.store import Records
from palio.validator.deployment import load_deployment
from palio.validator.verifying import ledger_check, verify_rounds
from tests.validator.scene import VALIDATOR, Scene, keypair, make_scene, results

#: What a validator writes, and where a kill may hence leave traces.
WRITES = frozenset(
    {
        "add_submission",
        "admit",
        "refuse",
        "open_round",
        "resume_round",
        "fix_samples",
        "enrol",
        "record_scorecard",
        "decide_round",
        "publish_weights",
        "mark_published",
    }
)


class Killed(BaseException):
    """The process is gone; nothing in it may catch this."""


class Killer:
    """Lets everything through until the given moment: twice for each write, before and after."""

    def __init__(self, moment: int | None) -> None:
        self._moment = moment
        self.passed = 0
        self.writes: Counter[str] = Counter()

    def watch(self, thing: Any) -> Any:  # noqa: ANN401 - records or a ledger
        return _Watched(thing, self)

    def pass_by(self) -> None:
        if self.passed == self._moment:
            raise Killed
        self.passed += 1


class _Watched:
    def __init__(self, thing: Any, killer: Killer) -> None:  # noqa: ANN401 - as above
        self._thing = thing
        self._killer = killer

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as above
        found = getattr(self._thing, name)
        if name not in WRITES:
            return found

        def write(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as above
            self._killer.writes[name] += 1
            self._killer.pass_by()
            result = found(*arguments, **options)
            self._killer.pass_by()
            return result

        return write


def once(scene: Scene, killer: Killer) -> None:
    watch = cast("Callable[[Records], Records]", killer.watch)
    with scene.validator(cast("Ledger", killer.watch(scene.ledger)), watch) as validator:
        validator.once()


def entered(home: Path, models: dict[str, Path]) -> Scene:
    """A scene in which everything is due: two to admit, one to refuse, a round to play."""
    scene = make_scene(home)
    scene.enter("rough", models["rough"], 2)
    scene.enter("middling", models["middling"], 3)
    scene.enter("broken", models["broken"], 4, check=False)
    scene.ledger.advance(to=10)
    return scene


@pytest.mark.parametrize("stride", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_a_kill_before_or_after_any_write_changes_no_result(
    tmp_path: Path, models: dict[str, Path], stride: int
) -> None:
    template = entered(tmp_path / "template", models).home
    undisturbed = copy_scene(template, tmp_path / "undisturbed")
    watcher = Killer(None)
    once(undisturbed, watcher)
    assert set(watcher.writes) == WRITES
    expected = results(undisturbed.home)
    assert len(expected["evaluations"]) == 2
    assert len(expected["verdicts"]) == 1
    assert [kind for kind, _, _ in expected["entries"]].count("weights") == 1

    for moment in range(0, watcher.passed, stride):
        scene = copy_scene(template, tmp_path / f"killed-{moment}")
        with pytest.raises(Killed):
            once(scene, Killer(moment))
        scene.once()
        assert results(scene.home) == expected, f"killed at moment {moment}"
        scene.ledger.close()
        shutil.rmtree(scene.home)


def test_kills_may_follow_each_other(tmp_path: Path, models: dict[str, Path]) -> None:
    template = entered(tmp_path / "template", models).home
    undisturbed = copy_scene(template, tmp_path / "undisturbed")
    undisturbed.once()
    scene = copy_scene(template, tmp_path / "killed")
    for attempt in count(1):
        killer = Killer(5)
        try:
            once(scene, killer)
        except Killed:
            assert attempt < 20, "it gets nowhere"
        else:
            break
    assert attempt > 3
    assert results(scene.home) == results(undisturbed.home)


def copy_scene(template: Path, home: Path) -> Scene:
    shutil.copytree(template, home)
    return make_scene(home)


# -- real processes ----------------------------------------------------------------------

#: Sentences after which the process is killed, one a run, in the order in which they are said.
MOMENTS = ("is admitted", "is refused", "drew 32 samples", "scored", "Round 10 of TINY: ")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, models: dict[str, Path]) -> Path:
    """A home folder whose ledger stands at block 10 for a day of real time."""
    home = tmp_path_factory.mktemp("interrupted") / "home"
    home.mkdir()
    (home / "palio.toml").write_text("[ledger.options]\nseconds_per_block = 86400\n")
    load_deployment(home).open_ledger(SystemClock())
    save_key(home / "keys", VALIDATOR, keypair(VALIDATOR))
    entered(home, models).ledger.close()
    return home


def start(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "palio", "validate", "--once", "--key", VALIDATOR),
            *("-c", str(home / "tiny.yaml"), "--home", str(home)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run_whole(home: Path) -> None:
    process = start(home)
    _, stderr = process.communicate(timeout=240)
    assert process.returncode == 0, stderr


def kill_after(home: Path, sentence: str) -> None:
    process = start(home)
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if sentence in line:
            break
    else:
        pytest.fail(f"{sentence!r} was never said: {said}")
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=60)
    process.stderr.close()
    assert process.stdout is not None
    process.stdout.close()


def check_whole(home: Path, expected: dict[str, Any]) -> None:
    assert results(home) == expected
    assert [path for path in home.rglob("*") if path.name.endswith(".tmp")] == []
    scene = make_scene(home)
    with scene.records() as records:
        checks = [ledger_check(scene.ledger), *verify_rounds(scene.ledger, records)]
        assert records.evidence.damaged() == []
    scene.ledger.close()
    assert [check.fault for check in checks if check.fault] == []


@pytest.mark.slow
def test_a_killed_process_ends_like_the_engine_undisturbed(template: Path, tmp_path: Path) -> None:
    undisturbed = Path(shutil.copytree(template, tmp_path / "undisturbed"))
    scene = make_scene(undisturbed)
    scene.once()
    scene.ledger.close()
    home = Path(shutil.copytree(template, tmp_path / "killed"))
    kill_after(home, "scored")
    run_whole(home)
    check_whole(home, results(undisturbed))


@pytest.mark.slow
@pytest.mark.parametrize("sentence", MOMENTS)
def test_a_process_killed_at_each_step_is_begun_again(
    template: Path, tmp_path: Path, sentence: str
) -> None:
    undisturbed = Path(shutil.copytree(template, tmp_path / "undisturbed"))
    run_whole(undisturbed)
    home = Path(shutil.copytree(template, tmp_path / "killed"))
    kill_after(home, sentence)
    run_whole(home)
    check_whole(home, results(undisturbed))


@pytest.mark.slow
def test_a_process_killed_at_random_moments_is_begun_again(template: Path, tmp_path: Path) -> None:
    undisturbed = Path(shutil.copytree(template, tmp_path / "undisturbed"))
    run_whole(undisturbed)
    home = Path(shutil.copytree(template, tmp_path / "killed"))
    # From the start of Python to the middle of the second evaluation, and beyond.
    for seconds in (0.3, 0.9, 1.3, 1.7, 2.5, 4.0, 6.0, 8.0, 10.0, 12.0):
        process = start(home)
        try:
            process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    run_whole(home)
    check_whole(home, results(undisturbed))
