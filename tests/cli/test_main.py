"""The command itself: help, exit codes, and what it loads."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from palio import __version__
from tests.cli.terminal import only_sentence, palio, refused

COMMANDS = (
    "demo",
    "competition",
    "keys",
    "check",
    "evaluate",
    "submit",
    "validate",
    "board",
    "verify",
    "serve",
    "task",
    "decide",
)
GROUPS = {
    "competition": ("list", "show", "check", "new"),
    "keys": ("new", "list", "show"),
    "task": ("list", "sample"),
}
HEAVY = ("torch", "transformers", "tokenizers", "safetensors")
#: What help must not load either: together these cost more than all the rest.
NOT_FOR_HELP = (*HEAVY, "sqlalchemy", "numpy", "fastapi", "pyarrow", "cryptography", "yaml")
#: CPU seconds that --help may take, with room for a slow machine.
HELP_CPU_S = 0.5

LOADED = """
import sys
from palio.cli.main import main
sys.argv = ["palio", *sys.argv[2:]]
try:
    main()
finally:
    print("loaded", *sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def loaded_by(*arguments: object, cwd: Path) -> set[str]:
    """The top-level modules that a command loads; it must succeed."""
    ended = subprocess.run(
        [sys.executable, "-c", LOADED, "-", *map(str, arguments)],
        check=True,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return set(ended.stderr.splitlines()[-1].split()[1:])


def test_palio_alone_prints_its_help() -> None:
    alone, asked = palio(), palio("--help")
    assert (alone.returncode, alone.stderr) == (0, "")
    assert alone.stdout == asked.stdout
    assert alone.stdout.startswith("Usage: palio [OPTIONS] COMMAND")
    for command in COMMANDS:
        assert f"\n  {command} " in alone.stdout
    assert "Exit codes: 0 done, 1" in alone.stdout


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_alone_prints_its_help(group: str) -> None:
    alone = palio(group)
    assert (alone.returncode, alone.stderr) == (0, "")
    assert alone.stdout == palio(group, "--help").stdout
    for command in GROUPS[group]:
        assert f"\n  {command} " in alone.stdout


def test_version_is_the_packages() -> None:
    assert palio("--version").stdout == f"{__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evalute"], "No such command 'evalute'. Did you mean 'evaluate', 'validate'?"),
        (["keys", "nwe"], "No such command 'nwe'. Did you mean 'new'?"),
        (["evaluate"], "Missing argument 'MODEL...'."),
        (["check", "m"], "Missing option '--competition' / '-c'."),
        (["board", "--bogus"], "No such option: --bogus."),
        (
            ["evaluate", "m", "-c", "DEMO", "--seed", "x"],
            "Invalid value for '--seed': Input should be a valid integer",
        ),
    ],
)
def test_a_command_line_that_cannot_be_read_ends_in_one_sentence(
    arguments: list[str], said: str
) -> None:
    sentence = refused(2, *arguments)
    assert said in sentence
    assert sentence.endswith(" See palio --help.")


def test_a_full_disk_under_stdout_is_no_success() -> None:
    with Path("/dev/full").open("w") as full:
        ended = palio("competition", "list", stdout=full)
    assert ended.returncode == 1
    assert "no disk space left" in only_sentence(ended.stderr)


def test_a_reader_that_goes_away_is_no_fault() -> None:
    shell = f"set -o pipefail; {sys.executable} -m palio competition show INSTRUCT_8B | head -c 1"
    ended = subprocess.run(
        ["bash", "-c", shell], check=False, capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    # typer itself reads the arguments of a command with pydantic, but not its own.
    assert loaded_by("--help", cwd=tmp_path).isdisjoint((*NOT_FOR_HELP, "pydantic"))
    for command in COMMANDS:
        assert loaded_by(command, "--help", cwd=tmp_path).isdisjoint(NOT_FOR_HELP)


def test_help_takes_less_than_half_a_second_of_cpu() -> None:
    palio("--help")  # compiles what an installation has compiled already
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    palio("--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert used < HELP_CPU_S


def test_commands_that_run_no_model_load_no_torch(tmp_path: Path) -> None:
    items = tmp_path / "items.jsonl"
    items.write_text('{"task": "WORD_SORTING", "champion": 1.0, "challenger": 0.5}\n')
    for arguments in (
        ["competition", "list"],
        ["competition", "show", "DEMO"],
        ["competition", "check", "DEMO"],
        ["keys", "list", "--folder", tmp_path / "keys"],
        ["task", "list"],
        ["task", "sample", "WORD_SORTING", "--count", "1"],
        ["decide", "--rule", "DEMO", "--items", items],
    ):
        assert loaded_by(*arguments, cwd=tmp_path).isdisjoint(HEAVY), arguments
