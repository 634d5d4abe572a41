"""Commands run as a person or a script runs them: each a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: A whole evaluation of tiny models ends well before.
TIMEOUT_S = 240


def palio(
    *arguments: object,
    cwd: Path | None = None,
    environ: Mapping[str, str] | None = None,
    stdout: Any = subprocess.PIPE,  # noqa: ANN401 - what subprocess takes
) -> subprocess.CompletedProcess[str]:
    """Run ``palio`` with these arguments and wait for its end."""
    return subprocess.run(
        [sys.executable, "-m", "palio", *map(str, arguments)],
        check=False,
        cwd=cwd,
        env={**os.environ, **(environ or {})},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=TIMEOUT_S,
    )


def done(*arguments: object, **options: Any) -> str:  # noqa: ANN401 - as for palio
    """What a command prints that succeeds."""
    ended = palio(*arguments, **options)
    assert ended.returncode == 0, ended
    assert "Traceback" not in ended.stderr
    return ended.stdout


def answer(*arguments: object, **options: Any) -> Any:  # noqa: ANN401 - any JSON value
    """The one JSON object on one line that a command prints with ``--json``."""
    printed = done(*arguments, "--json", **options)
    assert printed.count("\n") == 1
    return json.loads(printed)


def refused(code: int, *arguments: object, **options: Any) -> str:  # noqa: ANN401 - as for palio
    """The one sentence with which a command ends that cannot do its work."""
    return refusal(palio(*arguments, **options), code)


def refusal(ended: subprocess.CompletedProcess[str], code: int) -> str:
    """The one sentence of a process that ended so."""
    assert ended.returncode == code, ended
    assert not ended.stdout, ended.stdout
    return only_sentence(ended.stderr)


def only_sentence(stderr: str) -> str:
    """The one line of stderr, without the name of the command."""
    lines = stderr.splitlines()
    assert len(lines) == 1, stderr
    assert lines[0].startswith("palio: ")
    return lines[0].removeprefix("palio: ")


def everything_below(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes; hidden ones too."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
