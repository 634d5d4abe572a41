"""No permission and no disk space: one sentence, exit code 1 or 2, and nothing half written."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from palio.clock import SystemClock
from palio.ledger.chain import LedgerSettings
from palio.ledger.keyfiles import save_key
from palio.ledger.local import LocalLedger
from tests.cli.forked import ForkServer
from tests.cli.terminal import everything_below, refusal
from tests.validator.scene import keypair

Models = dict[str, Path]

#: The kernel then forbids root what it forbids everybody.
WITHOUT_OVERRIDE = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    prefix = WITHOUT_OVERRIDE if os.geteuid() == 0 else ()
    if prefix and shutil.which("setpriv") is None:
        pytest.skip("nothing is forbidden to root, and setpriv is missing to give that up")
    with ForkServer(*prefix) as running:
        yield running


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[Path]:
    """A small file system of its own; skips where that is not allowed."""
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder],
        check=False,
        capture_output=True,
        text=True,
    )
    if made.returncode:
        pytest.skip(f"a file system cannot be mounted here: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def make_home(home: Path) -> Path:
    """A home folder with a key and a ledger on which no block passes."""
    home.mkdir(parents=True)
    save_key(home / "keys", "alice", keypair("alice"))
    slow = LedgerSettings(seconds_per_block=86_400.0)
    LocalLedger.create(home / "ledger.db", SystemClock(), settings=slow).close()
    return home


# -- no permission -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (2, "check {locked}/model -c {tiny}"),
        (1, "check {model} -c {locked}/secret.yaml"),
        (1, "evaluate {model} -c {locked}/secret.yaml"),
        (2, "evaluate {model} -c {tiny} --report {sealed}/report.html"),
        (1, "competition show {locked}/secret.yaml"),
        (1, "competition check {locked}/secret.yaml"),
        (1, "competition new {sealed}/new.yaml"),
        (1, "keys new bob --folder {sealed}/keys"),
        (2, "keys show alice --folder {locked}/keys"),
        (2, "submit {model} -c {tiny} --key alice --home {sealed}"),
        (1, "submit {model} -c {tiny} --key alice --home {sealed}/home"),
        (2, "validate --once -c {tiny} --key alice --home {sealed}"),
        (1, "validate --once -c {tiny} --key alice --home {sealed}/home"),
        (2, "demo --folder {sealed}"),
        (1, "demo --folder {sealed}/demo"),
        (2, "verify {locked}/home"),
        (2, "board -c {tiny} --home {locked}/home"),
        (1, "task list -c {locked}/secret.yaml"),
        (1, "decide --rule {locked}/secret.yaml --items {model}/config.json"),
        (2, "decide --rule {tiny} --items {locked}/secret.yaml"),
    ],
)
def test_what_is_forbidden_ends_in_one_sentence(
    server: ForkServer, tmp_path: Path, models: Models, tiny: Path, code: int, arguments: str
) -> None:
    sealed, locked = tmp_path / "sealed", tmp_path / "locked"
    sealed.mkdir()
    locked.mkdir()
    shutil.copy(tiny, locked / "secret.yaml")
    (locked / "secret.yaml").chmod(0)
    shutil.copytree(models["calm"], locked / "model")
    for name in ("model", "home", "keys"):
        (locked / name).mkdir(exist_ok=True)
        (locked / name).chmod(0)
    sealed.chmod(0o500)
    places = {"sealed": sealed, "locked": locked, "tiny": tiny, "model": models["calm"]}
    filled = [part.format(**places) for part in arguments.split()]
    sentence = refusal(server.palio(*filled, cwd=tmp_path), code)
    # typer looks at folders and files itself, and calls it a wrong use.
    assert ("is not readable" if code == 2 and "locked" in arguments else "permission") in sentence
    assert list(sealed.iterdir()) == []


# -- no disk space -----------------------------------------------------------------------


def test_a_full_disk_ends_in_one_sentence_and_leaves_nothing_half_written(
    tmp_path: Path, server: ForkServer, models: Models, tiny: Path
) -> None:
    with mounted(tmp_path / "disk", "1m") as disk:
        home = make_home(disk / "home")
        (disk / "filling").write_bytes(b"")
        _fill(disk / "filling")
        before = everything_below(disk)
        common = ("-c", tiny, "--home", home)
        for arguments in (
            ("keys", "new", "bob", "--folder", home / "keys"),
            ("competition", "new", disk / "new.yaml"),
            ("submit", models["calm"], "--key", "alice", *common),
            ("validate", "--once", "--key", "alice", *common),
            ("evaluate", models["broken"], "-c", tiny, "--report", disk / "report.html"),
        ):
            ended = server.palio(*arguments, cwd=tmp_path)
            assert ended.returncode == 1, ended
            lines = ended.stderr.splitlines()
            assert lines[-1].startswith("palio: no disk space left"), ended
            assert "Traceback" not in ended.stderr
            after = everything_below(disk)
            for name in after.keys() - before.keys():
                # SQLite makes its helper files before it needs any space; they hold nothing yet.
                assert name.startswith(("home/records.db", "home/ledger.db")), name
                assert not after[name].strip(b"\0")
                (disk / name).unlink()
            assert after.items() >= before.items()


def test_what_failed_for_want_of_space_succeeds_once_there_is_some(
    tmp_path: Path, server: ForkServer, models: Models, tiny: Path
) -> None:
    with mounted(tmp_path / "disk", "2m") as disk:
        home = make_home(disk / "home")
        _fill(disk / "filling")
        submit = ("submit", models["calm"], "--key", "alice", "-c", tiny, "--home", home)
        refusal(server.palio(*submit, cwd=tmp_path), 1)
        (disk / "filling").unlink()
        ended = server.palio(*submit, cwd=tmp_path)
        assert ended.returncode == 0, ended
        stored = [path for path in (home / "submissions").iterdir()]
        assert [path.name for path in stored] == ["alice"]


def _fill(path: Path) -> None:
    """Write until nothing more fits."""
    with path.open("wb", buffering=0) as file:
        for size in (65_536, 4096, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue
