"""Many short commands, each a process of its own, without importing everything for each.

A server imports what the light commands import, once, and forks for every command it is
asked to run; the child has its own arguments, output and end. Commands that run a
model are started afresh instead (``tests.cli.terminal``).
"""

import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Self


class ForkServer:
    """Runs ``palio`` commands; leave the context to end it."""

    def __init__(self, *prefix: str) -> None:
        """Serve below another command, e.g. one that gives up privileges."""
        self._prefix = prefix

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [*self._prefix, sys.executable, "-m", "tests.cli.forked"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def palio(self, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run a command and wait for its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"arguments": [str(one) for one in arguments], "cwd": str(cwd)}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        value = json.loads(self._process.stdout.readline())
        return subprocess.CompletedProcess(
            asked["arguments"], value["code"], value["stdout"], value["stderr"]
        )


def _serve() -> None:
    # What most commands import, so that the children need not.
    import palio.cli.main
    import palio.ledger.local
    import palio.server.archive
    import palio.tasks.drawing
    import palio.validator.opening
    import palio.validator.trial  # noqa: F401

    for line in sys.stdin:
        sys.stdout.write(json.dumps(_run(json.loads(line))) + "\n")
        sys.stdout.flush()


def _run(asked: Mapping[str, object]) -> dict[str, object]:
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        child = os.fork()
        if child == 0:
            os.dup2(stdout.fileno(), 1)
            os.dup2(stderr.fileno(), 2)
            os.chdir(str(asked["cwd"]))
            sys.argv = ["palio", *asked["arguments"]]  # type: ignore[misc]  # a list of texts
            os._exit(_end())
        _, status = os.waitpid(child, 0)
        stdout.seek(0)
        stderr.seek(0)
        return {
            "code": os.waitstatus_to_exitcode(status),
            "stdout": stdout.read().decode(),
            "stderr": stderr.read().decode(),
        }


def _end() -> int:
    """The exit code, as the interpreter would give it."""
    from palio.cli.main import main

    code: object = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - whatever escapes is what the test is about
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else 1


if __name__ == "__main__":
    _serve()
