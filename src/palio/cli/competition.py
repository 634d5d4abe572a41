"""``palio competition``: list, read, check and start competition files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from palio.cli import calibrate, plan

if TYPE_CHECKING:
    from palio.competition.history import CompetitionFile, Stage
    from palio.competition.model import TaskSpec

Reference = Annotated[
    str, typer.Argument(metavar="REFERENCE", help="A file, EDITION/NAME, or a catalogue's NAME.")
]
Block = Annotated[
    int | None, typer.Option("--block", min=0, help="As it stands there [default: the last stage]")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

competition = typer.Typer(
    help="Competition files: what is competed for.", no_args_is_help=True, rich_markup_mode=None
)


@competition.command(name="list")
def list_competitions(as_json: Json = False) -> None:
    """Print every competition that ships with Palio."""
    from palio.cli.output import note, print_json
    from palio.competition.describing import table
    from palio.competition.loading import catalogue, load_entry

    files = [
        (edition, load_entry(edition, name))
        for edition, names in catalogue().items()
        for name in names
    ]
    if as_json:
        print_json(
            {"competitions": [{"edition": edition, **_head(file)} for edition, file in files]}
        )
        return
    rows = [
        [
            f"{edition}/{file.name}",
            file.current_or_last().id,
            file.window() + (" (deprecated)" if file.deprecated else ""),
            file.current_or_last().description,
        ]
        for edition, file in files
    ]
    print("\n".join(table(["competition", "id", "live", "description"], rows)))
    note("Read one with: palio competition show EDITION/NAME")


@competition.command()
def show(reference: Reference, block: Block = None, as_json: Json = False) -> None:
    """Print a competition as it stands at a block, or its last stage and its history."""
    from palio.cli.output import print_json
    from palio.competition.describing import describe, describe_history
    from palio.competition.loading import find

    file = find(reference)
    stage = file.stages()[-1] if block is None else file.stage_at(block)
    shown = stage.competition
    if as_json:
        definition = shown.model_dump(mode="json")
        print_json(
            {**_head(file), "block": block, "digest": shown.digest, "competition": definition}
            | {"stages": [_stage(one) for one in file.stages()]}
        )
        return
    deprecated = "; deprecated" if file.deprecated else ""
    print(f"{shown.name} (id {shown.id}), {file.window()}{deprecated}")
    if shown.description:
        print(shown.description)
    print(f"As from block {stage.from_block:,}; digest {shown.digest}\n")
    print("\n".join(describe(shown)))
    if block is None and len(file.stages()) > 1:
        print("\nHistory")
        print("\n".join(describe_history(file)))


@competition.command()
def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The file, or a catalogue's name.")],
    as_json: Json = False,
) -> None:
    """Check a file whole: every stage, every key, every dataset's and method's options."""
    from palio.cli.output import note, print_json
    from palio.competition.loading import find
    from palio.competition.problems import CompetitionFileError

    try:
        loaded = find(file, _check_task)
    except CompetitionFileError as error:
        if as_json:
            print_json({"file": file, "valid": False, "problems": list(error.problems)})
        for problem in error.problems:
            note(f"palio: {problem}")
        raise typer.Exit(error.exit_code) from None
    count = len(loaded.stages())
    if as_json:
        print_json({"file": file, "valid": True, "problems": [], **_head(loaded)})
        return
    stages = "1 stage" if count == 1 else f"{count} stages"
    digest = loaded.current_or_last().digest
    print(f"{file} is valid: {loaded.name}, {stages}, {loaded.window()}; digest {digest}")


@competition.command()
def new(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it (.yaml).")],
    source: Annotated[
        str, typer.Option("--from", metavar="REFERENCE", help="What to start from.")
    ] = "demo/DEMO",
    as_json: Json = False,
) -> None:
    """Write a commented, working file to change; never overwrites one."""
    from palio.cli.output import note, print_json
    from palio.competition.loading import SUFFIXES, source_text
    from palio.errors import ConfigError
    from palio.files import write_atomically

    if not file.name.endswith(SUFFIXES):
        raise ConfigError(f"{file}: a competition file's name ends in .yaml")
    text = source_text(source)
    if not file.parent.is_dir():
        raise ConfigError(f"there is no folder {file.parent}; make it first")
    if file.exists():
        raise ConfigError(f"{file} exists already and is left as it is; choose another name")
    write_atomically(file, f"# Started from {source}.\n{text}".encode())
    if as_json:
        print_json({"file": str(file), "from": source})
    else:
        print(file)
    note(f"Give it a name and an id of its own, then: palio competition check {file}")


def register(app: typer.Typer) -> None:
    """Add ``palio competition`` to the command line."""
    plan.register(competition)
    calibrate.register(competition)
    app.add_typer(competition, name="competition")


def _check_task(name: str, spec: "TaskSpec") -> None:
    from palio.errors import ConfigError
    from palio.tasks.registry import load_task

    try:
        load_task(name, spec)
    except ConfigError as error:
        # The problem's line and key already say which task it is.
        raise ConfigError(str(error).removeprefix(f"task {name}: ")) from error


def _head(file: "CompetitionFile") -> dict[str, Any]:
    last = file.current_or_last()
    return {
        "name": file.name,
        "id": last.id,
        "description": last.description,
        "deprecated": file.deprecated,
        "opens_at_block": file.opens_at_block,
        "closes_at_block": file.closes_at_block,
        "digest": last.digest,
        "num_stages": len(file.stages()),
    }


def _stage(stage: "Stage") -> dict[str, Any]:
    return {
        "from_block": stage.from_block,
        "note": stage.note,
        "digest": stage.competition.digest,
        "reward_share": stage.competition.reward_share,
        "weights": {name: task.weight for name, task in stage.competition.tasks.items()},
    }
