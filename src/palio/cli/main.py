"""The ``palio`` command: its groups, its exit codes, and the one place where errors end.

Command modules import what they need inside their functions, so that ``--help``
stays fast and the board never loads torch.
"""

import errno
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from palio import __version__
from palio.cli import (
    board,
    check,
    competition,
    decide,
    demo,
    evaluate,
    explain,
    keys,
    serve,
    simulate,
    submit,
    task,
    validate,
    verify,
)
from palio.errors import PalioError, SubmissionRejected

EPILOGUE = (
    "Exit codes: 0 done, 1 a fault of the platform, 2 wrong use, 3 refused or not admissible. "
    "Results go to stdout (JSON with --json), everything else to stderr."
)

#: Exit code after Ctrl-C: that of a shell for a process that SIGINT ended, and what typer makes it.
INTERRUPTED = 130
app = typer.Typer(
    name="palio",
    help="Live competitions for fine-tuned language models.",
    epilog=EPILOGUE,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def palio(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Live competitions for fine-tuned language models."""


# In the order of a newcomer's first day.
for _module in (
    demo,
    competition,
    keys,
    check,
    evaluate,
    submit,
    validate,
    board,
    explain,
    verify,
    serve,
    simulate,
    task,
    decide,
):
    _module.register(app)


def main() -> None:
    """Run the command line; every expected failure ends as one sentence and an exit code."""
    sys.exit(_run())


def _run() -> int:
    try:
        code = app(prog_name="palio", standalone_mode=False)
    except typer.Abort:
        return _say("interrupted", INTERRUPTED)
    except TyperException as error:
        return _wrong_use(error.format_message())
    except SubmissionRejected as error:
        sentence = f"refused ({error.code}): {str(error).rstrip('.')}. {error.hint}"
        return _say(sentence, error.exit_code)
    except PalioError as error:
        return _say(str(error), error.exit_code)
    except OSError as error:
        return _say(_system_sentence(error), 1)
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):
            # The reader of a pipe went away (| head); typer calls that a failure, but nothing is.
            return 0
        raise
    if code == INTERRUPTED:
        return _say("interrupted; the same command goes on from here", INTERRUPTED)
    return code if isinstance(code, int) else 0


def _wrong_use(message: str) -> int:
    if message.startswith("Usage: "):
        # A group without a command: what it can do is the answer.
        print(message)
        return 0
    ended = message if message.endswith((".", "?", "!")) else f"{message}."
    return _say(f"{ended} See palio --help.", 2)


def _system_sentence(error: OSError) -> str:
    place = f" ({error.filename})" if error.filename else ""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return f"no disk space left{place}; free some and run the same command again"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return f"no permission to read or write{place}; nothing was changed there"
        case errno.ENOENT:
            return f"no such file or folder{place}"
        case _:
            return f"the system refused: {error.strerror or error}{place}"


def _say(sentence: str, code: int) -> int:
    # One line, whatever a message brought along.
    print(f"palio: {' '.join(sentence.split())}", file=sys.stderr)
    return code
