"""Several processes append at once; a killed one loses nothing and leaves nothing half done."""

import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from palio.clock import SystemClock
from palio.ledger.local import LocalLedger

APPEND = """
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from palio.clock import SystemClock
from palio.ledger.identity import Keypair
from palio.ledger.local import LocalLedger

name, count = sys.argv[2], int(sys.argv[3])
ledger = LocalLedger(Path(sys.argv[1]), SystemClock())
keypair = Keypair.from_seed(name.encode() * 32)
for number in range(count):
    entry = ledger.commit(keypair, f"{name}{number}")
    print(entry.line, flush=True)
    if number % 5 == 0:
        ledger.advance()
"""


def start(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", APPEND, str(path), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_processes_append_at_once_without_losing_an_entry(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = LocalLedger.create(path, SystemClock())
    processes = [start(path, name, 25) for name in "abc"]
    for process in processes:
        process.communicate(timeout=120)
        assert process.returncode == 0
    lines = {entry.line for entry in ledger.commitments()}
    assert lines == {f"{name}{number}" for name in "abc" for number in range(25)}
    report = ledger.verify()
    assert report.ok, report.fault
    assert report.entries == 75


def test_killed_process_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = LocalLedger.create(path, SystemClock())
    acknowledged: set[str] = set()
    for name, after in (("a", 1), ("b", 7), ("c", 40)):
        process = start(path, name, 100_000)
        assert process.stdout is not None
        for _ in range(after):
            acknowledged.add(process.stdout.readline().strip())
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate(timeout=60)
        acknowledged.update(rest.split("\n")[:-1])
        report = ledger.verify()
        assert report.ok, report.fault
    recorded = {entry.line for entry in ledger.commitments()}
    assert acknowledged <= recorded
    # At most the entry that was being acknowledged when each was killed.
    assert len(recorded - acknowledged) <= 3


def test_creators_that_race_end_up_with_one_ledger(tmp_path: Path) -> None:
    for attempt in range(10):
        path = tmp_path / f"{attempt}.db"
        start_line = threading.Barrier(4)

        def create(path: Path = path, start_line: threading.Barrier = start_line) -> str:
            start_line.wait()
            return LocalLedger.create(path, SystemClock(), exist_ok=True).id

        with ThreadPoolExecutor(4) as pool:
            ids = {future.result() for future in [pool.submit(create) for _ in range(4)]}
        assert len(ids) == 1
