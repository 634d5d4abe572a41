"""``palio serve`` as a process of its own."""

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.server.season import play_season

SERVE = [sys.executable, "-m", "palio", "serve"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    play_season(folder).close()
    return folder


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SERVE, *arguments], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_free_port_is_printed_served_and_given_back(home: Path, end: signal.Signals) -> None:
    process = subprocess.Popen(
        [*SERVE, "--home", str(home), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with urllib.request.urlopen(f"{url}api/v1/competitions") as answer:
            assert [each["name"] for each in json.load(answer)] == ["DEMO"]
        process.send_signal(end)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode in (0, -end)
    assert "Traceback" not in errors
    assert not (home / "ledger.db").exists(), "looking creates nothing"


def test_busy_port_is_one_sentence(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("--home", str(home), "--port", str(port))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        f"palio: port {port} of 127.0.0.1 is in use; choose another with --port, "
        "or 0 for a free one\n"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--home", "{empty}"), "there are no records in"),
        (("--home", "{home}", "--host", "192.0.2.1"), "192.0.2.1 is no address"),
        (("--home", "{home}", "-c", "NOPE"), "no competition or file 'NOPE'"),
        (("--home", "{home}", "--port", "70000"), "'--port'"),
    ],
)
def test_wrong_use_ends_with_one_sentence(
    home: Path, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    done = run(*[each.format(home=home, empty=tmp_path) for each in arguments])
    assert done.returncode == 2
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
