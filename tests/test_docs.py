"""The pages say what is true: commands, options, keys and links are those that exist."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

from palio.cli.main import app
from palio.competition.history import Lifetime
from palio.competition.loading import resolve
from palio.competition.model import Competition
from palio.validator.deployment import FILE_NAME, Deployment, load_deployment
from tests.tiny_models import save_tiny

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "ARCHITECTURE.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
SOURCES = sorted(path for folder in ("src", "tests") for path in (ROOT / folder).rglob("*.py"))

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(palio [^`\n]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
#: Notes from which Palio was planned; nobody who reads a page or a docstring has them.
_NOTES = re.compile(
    r"\b(?:SN37|FAIRNESS|ENGINE|SECURITY|STACK|DESIGN|STYLE)\.md\b|\b(?:FAIRNESS|SECURITY)\b"
)

#: Words that stand for a number in a synopsis.
NUMBERS = {"N", "K", "BLOCKS", "SECONDS"}

CLI: Any = typer.main.get_command(app)


class Shown(NamedTuple):
    """A command as a page shows it."""

    page: str
    line: str

    @property
    def words(self) -> list[str]:
        """The words after ``palio``, with a synopsis filled in and comments left out."""
        plain = re.sub(r"[\[\]]|\.\.\.|…", " ", self.line)
        words = shlex.split(plain, comments=True)[1:]
        return ["1" if word in NUMBERS else word for word in words]

    def __str__(self) -> str:
        return f"{self.page}: {self.line}"


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    found = _BLOCK.findall(page.read_text(encoding="utf-8"))
    return [body for tag, body in found if tag == language]


def block_commands(page: Path) -> Iterator[Shown]:
    for _, body in _BLOCK.findall(page.read_text(encoding="utf-8")):
        for line in body.splitlines():
            command = line.removeprefix("$ ")
            if command.startswith("palio ") and not command.startswith("palio :"):
                yield Shown(name(page), command)


def inline_commands(page: Path) -> Iterator[Shown]:
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    return (Shown(name(page), line) for line in _INLINE.findall(text))


def leaf_of(words: list[str]) -> tuple[Any, list[str]]:
    """The command that the words name, and its arguments."""
    command, rest = CLI, list(words)
    while rest and rest[0] in getattr(command, "commands", {}):
        command = command.commands[rest.pop(0)]
    return command, rest


def leaves(command: Any = CLI, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    inner = getattr(command, "commands", {})
    if not inner:
        yield " ".join(path), command
    for word, each in inner.items():
        yield from leaves(each, (*path, word))


SHOWN = [command for page in PAGES for command in block_commands(page)]
MENTIONED = [command for page in PAGES for command in inline_commands(page)]


def test_the_pages_show_commands() -> None:
    assert len(SHOWN) > 30
    assert len(dict(leaves())) > 12


@pytest.mark.parametrize("shown", SHOWN, ids=str)
def test_a_command_that_is_shown_can_be_given(shown: Shown) -> None:
    command, arguments = leaf_of(shown.words)
    assert not getattr(command, "commands", {}), f"there is no command {shown.line!r}"
    # Parses words, types and numbers as the command line does, and runs nothing.
    command.make_context(command.name, arguments)


@pytest.mark.parametrize("shown", MENTIONED, ids=str)
def test_a_command_that_is_mentioned_exists_with_its_options(shown: Shown) -> None:
    command, rest = leaf_of(shown.words)
    assert command is not CLI or rest[0].startswith("-"), f"there is no command {shown.line!r}"
    known = {word for parameter in command.params for word in parameter.opts} | {"--help"}
    assert {word for word in rest if word.startswith("-")} <= known


def test_every_command_and_option_stands_in_some_page() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    missing = []
    for path, command in leaves():
        if f"palio {path}" not in text:
            missing.append(path)
        for parameter in command.params:
            long = [word for word in parameter.opts if word.startswith("--")]
            if long and not any(re.search(rf"(?<![\w-]){word}(?![\w-])", text) for word in long):
                missing.append(f"{path} {long[0]}")
    assert missing == []


def test_every_key_of_palio_toml_stands_in_its_example_with_its_default(tmp_path: Path) -> None:
    (example,) = blocks(ROOT / "docs" / "validator.md", "toml")
    (tmp_path / FILE_NAME).write_text(example, encoding="utf-8")
    stated = load_deployment(tmp_path)
    default = load_deployment(tmp_path / "nowhere").model_copy(update={"home": tmp_path})
    for part in ("workers", "engine", "records"):
        assert getattr(stated, part) == getattr(default, part)
    assert stated.store_folder == default.store_folder
    assert stated.ledger_file == default.ledger_file
    keys = set(tomllib.loads(example.replace("# url", "url").replace("; without", " # without")))
    assert keys == set(Deployment.model_fields) - {"home"}
    for section, field in Deployment.model_fields.items():
        for key in getattr(field.annotation, "model_fields", {}):
            assert re.search(rf"^(?:# )?{key} = |^\[{section}\.{key}\]", example, re.MULTILINE), key


def test_the_options_of_palio_toml_are_all_known(tmp_path: Path) -> None:
    from palio.clock import ManualClock
    from palio.ledger.chain import LedgerSettings
    from tests.demo.playing import SHORT

    (example,) = blocks(ROOT / "docs" / "validator.md", "toml")
    (tmp_path / FILE_NAME).write_text(example, encoding="utf-8")
    deployment = load_deployment(tmp_path)
    clock = ManualClock(SHORT.start)
    ledger: Any = deployment.open_ledger(clock)
    assert ledger.settings == LedgerSettings()
    ledger.close()
    deployment.open_store()
    deployment.open_executor(clock)
    assert set(deployment.ledger.options) == {*LedgerSettings.__dataclass_fields__, "path"}


def test_every_top_level_key_of_a_competition_stands_in_its_page() -> None:
    text = (ROOT / "docs" / "competition-file.md").read_text(encoding="utf-8")
    keys = {*Competition.model_fields, *Lifetime.model_fields, "changes"}
    assert {key for key in keys if f"`{key}`" not in text} == set()


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = _HEADING.findall(_BLOCK.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for target in _LINK.findall(_BLOCK.sub("", page.read_text(encoding="utf-8"))):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        if not found.exists() or (anchor and anchor not in anchors(found)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_test_that_a_page_names_is_there(page: Path) -> None:
    named = re.findall(r"`(tests/[\w/.]*)`", page.read_text(encoding="utf-8"))
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_nothing_points_to_notes_that_readers_do_not_have() -> None:
    found = [
        f"{name(path)}: {line.strip()}"
        for path in (*PAGES, *SOURCES, *(ROOT / "src").rglob("*.yaml"))
        if path != Path(__file__)
        for line in path.read_text(encoding="utf-8").splitlines()
        if _NOTES.search(line)
    ]
    assert found == []


def test_the_index_lists_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    listed = set(_LINK.findall(index.read_text(encoding="utf-8")))
    pages = {path.name for path in (ROOT / "docs").iterdir() if path.is_file()} - {index.name}
    assert pages - listed == set()


def run(command: str, folder: Path) -> None:
    """Run a command that a page shows, as written, and expect success."""
    done = subprocess.run(
        [sys.executable, "-m", "palio", *shlex.split(command, comments=True)[1:]],
        cwd=folder,
        env={**os.environ, "PALIO_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"


@pytest.mark.slow
@pytest.mark.parametrize("page", ["participant", "validator", "sn37", "competition-file"])
def test_the_commands_of_a_page_run_as_written(page: str, tmp_path: Path) -> None:
    save_tiny(tmp_path / "mine")
    if page == "participant":
        # Participants come to a home folder in which a validator is at work.
        run("palio keys new judge", tmp_path)
        run("palio validate -c demo/DEMO --key judge --once", tmp_path)
    (session, *_) = blocks(ROOT / "docs" / f"{page}.md", "console")
    lines = [line.removeprefix("$ ") for line in session.splitlines()]
    endless = [line for line in lines if "Ctrl-C" in line or line.startswith("palio serve")]
    for line in lines:
        if line not in endless:
            run(line, tmp_path)
    assert len(lines) - len(endless) >= 3


@pytest.mark.slow
def test_the_training_example_makes_an_admissible_model(tmp_path: Path) -> None:
    from palio.submissions.inspection import inspect

    save_tiny(tmp_path / "palio-demo" / "models" / "base")
    (program,) = blocks(ROOT / "docs" / "participant.md", "python")
    short = program.replace("tokens=400_000", "tokens=2_000").replace("4_000)", "60)")
    assert short.count("2_000") == 1
    done = subprocess.run(
        [sys.executable, "-c", short], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "nats per token" in done.stdout
    assert inspect(tmp_path / "mine", resolve("demo/DEMO")).architecture == "LlamaForCausalLM"
