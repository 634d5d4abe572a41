"""The demo under fire: killed, interrupted, repeated, and played twice at once.

A demo is played in a process of its own (``tests.demo.playing``), which tells every step
at once, so that it can be ended at any of them.
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from palio.demo.play import play
from palio.errors import ConfigError
from tests.demo.playing import LONGER, SHORT, Lines

ROOT = Path(__file__).parents[2]
KILLS = 10


@contextmanager
def demo(home: Path) -> Iterator[subprocess.Popen[str]]:
    """A demo in its own process; its temporary files lie beside its home."""
    scratch = home.with_name(f"{home.name}-tmp")
    scratch.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.demo.playing", str(home)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(scratch)},
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def events(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    assert process.stdout is not None
    for line in process.stdout:
        if line.endswith("\n"):
            yield json.loads(line)


def to_its_end(home: Path) -> list[dict[str, Any]]:
    with demo(home) as process:
        told = list(events(process))
        assert process.stderr is not None
        problem = process.stderr.read()
    assert process.returncode == 0, problem
    return told


def processes_about(folder: Path) -> list[str]:
    """Command lines of the processes that name a path below ``folder``, ended ones left out."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            line = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in line:
            found.append(line.replace(b"\0", b" ").decode(errors="replace")[:200])
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """The home of a demo that nobody disturbed, and all that it told."""
    home = tmp_path_factory.mktemp("undisturbed") / "home"
    return home, to_its_end(home)


def ending_of(told: list[dict[str, Any]]) -> dict[str, Any]:
    ending: dict[str, Any] = told[-1]["ending"]
    return ending


@pytest.mark.slow
def test_a_demo_crowns_refuses_and_verifies(
    undisturbed: tuple[Path, list[dict[str, Any]]],
) -> None:
    board = ending_of(undisturbed[1])["board"]
    status = {row["name"]: (row["status"], row["code"]) for row in board["rows"]}
    assert board["champion_name"] == "tre-1"
    assert board["crowned_at_block"] == 20
    assert status["tre-1"] == ("champion", None)
    assert status["copia-1"] == ("copy", "E_COPY_EXACT")
    assert status["rotto-1"] == ("refused", "E_ST_NONFINITE")


@pytest.mark.slow
def test_a_second_run_trains_and_evaluates_nothing(
    undisturbed: tuple[Path, list[dict[str, Any]]],
) -> None:
    home, first = undisturbed
    second = to_its_end(home)
    assert [event for event in first if "work" in event] != []
    assert [event for event in second if "work" in event] == []
    assert ending_of(second) == ending_of(first)


@pytest.mark.slow
def test_a_demo_killed_at_ten_moments_ends_like_an_undisturbed_one(
    undisturbed: tuple[Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    rng = np.random.Generator(np.random.Philox(2026))
    most = 2 * len(undisturbed[1]) // KILLS
    killed_at = []
    for _ in range(KILLS):
        last = int(rng.integers(1, most))
        with demo(home) as process:
            for told, event in enumerate(events(process), start=1):
                if told == last or "ending" in event:
                    killed_at.append(event)
                    break
            process.send_signal(signal.SIGKILL)
            process.wait()
    assert not all("ending" in event for event in killed_at)
    finished = to_its_end(home)
    assert ending_of(finished) == ending_of(undisturbed[1])


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["train", "load"])
def test_an_interrupted_demo_ends_at_once_and_leaves_no_process(tmp_path: Path, stage: str) -> None:
    with demo(tmp_path / "home") as process:
        for event in events(process):
            if event.get("stage") == stage and event["work"] != "training the base model":
                break
        assert len(processes_about(tmp_path)) > 1
        process.send_signal(signal.SIGINT)
        process.communicate()
    assert process.returncode == -signal.SIGINT
    assert processes_about(tmp_path) == []


@pytest.mark.parametrize("everybody", [False, True], ids=["the-command", "its-whole-group"])
def test_ctrl_c_ends_the_command_in_one_sentence(tmp_path: Path, everybody: bool) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "palio", "demo", "--folder", str(tmp_path / "home")],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "training the base model: start\n"
        # A terminal signals the whole group; `kill` signals the command alone.
        (os.killpg if everybody else os.kill)(process.pid, signal.SIGINT)
        printed, said = process.communicate()
    assert process.returncode == 130
    assert printed == ""
    assert said == "palio: interrupted; the same command goes on from here\n"
    assert processes_about(tmp_path) == []


def test_a_second_demo_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    with (tmp_path / ".demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="another demo is being played in"):
            play(tmp_path, Lines(), SHORT)
    assert [path.name for path in tmp_path.iterdir()] == [".demo.lock"]


def test_the_command_refuses_a_second_demo_in_one_sentence(tmp_path: Path) -> None:
    with (tmp_path / ".demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            [sys.executable, "-m", "palio", "demo", "--folder", str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "wait for it, or choose another --folder" in done.stderr


def test_a_file_is_no_folder_for_a_demo(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("something else", encoding="utf-8")
    with pytest.raises(ConfigError, match="is a file; a home must be a folder"):
        play(tmp_path / "home", Lines(), LONGER)
