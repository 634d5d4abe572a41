"""``palio board``: the table of a competition, in a terminal or as JSON."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from palio.server.board import Board
    from palio.server.board_rows import Row

#: Columns of a board that is not printed on a terminal.
WIDTH = 100
#: More tasks than this get a table of their own.
MAX_TASK_COLUMNS = 5

SHORT_UNITS = {"probability right": "P(right)", "bits/byte": "bits/B", "nats/token": "nats/tok"}


def board(
    competition: Annotated[
        str,
        typer.Option(
            "-c",
            "--competition",
            help="Its name, a competition file, or EDITION/NAME.",
        ),
    ],
    home: Annotated[
        Path | None, typer.Option(help="Home folder [default: $PALIO_HOME, ~/.palio].")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show who leads a competition, by how much, and why."""
    import os

    from palio.cli.output import print_json
    from palio.validator.deployment import home_folder

    found = read_board(home_folder(home, os.environ), competition)
    if as_json:
        print_json(found.to_json())
    else:
        print_board(found)


def read_board(home: Path, reference: str) -> "Board":
    """The board as the records of a home folder have it.

    Raises:
        ConfigError: there is no such competition, or the home folder holds no records.
        RecordsError: the records cannot be read.
    """
    from palio.clock import SystemClock
    from palio.competition.loading import find
    from palio.errors import ConfigError
    from palio.server.archive import Archive
    from palio.server.home import open_records
    from palio.validator.deployment import load_deployment

    with open_records(load_deployment(home), SystemClock()) as records:
        played = Archive(records, {}).board(reference)
        if played is not None:
            return played
        file = find(reference)
        found = Archive(records, {file.name: file}).board(file.name)
    if found is None:
        raise ConfigError(f"the records in {home} know nothing of {reference}")
    return found


def print_board(found: "Board") -> None:
    """Print a board on stdout, for people."""
    from rich.console import Console
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    last = found.last_round
    when = (
        f"round of block {last.sync_block:,}, {found.rounds_played} decided"
        if last
        else "no round yet"
    )
    console.print(Text.assemble((found.competition, "bold"), f"  {when}"))
    if found.champion:
        since = f", champion since block {found.crowned_at_block:,}"
        name = found.champion_name or found.champion[:12]
        console.print(Text.assemble(("Champion: ", "bold"), (name, "bold green"), since))
        if last and found.crowned_at_block != last.sync_block:
            console.print(Text(f"Crowned: {found.crowned_because}"))
    console.print(Text(found.reason))
    if not found.rows:
        console.print("\nNobody has entered yet.")
        return
    console.print()
    together = len(found.tasks) <= MAX_TASK_COLUMNS
    console.print(_standings_table(found, with_tasks=together))
    if not together:
        console.print(_task_table(found))
    console.print(
        "Scores: lower is better. ± and [ ]: 95% intervals; leads' limits hold at any time."
    )
    console.print()
    for row in found.rows:
        console.print(_reason(row))


def _standings_table(found: "Board", *, with_tasks: bool) -> "Table":
    from palio.server.units import score_margin, score_text

    table = _empty_table()
    table.add_column("#", justify="right")
    table.add_column("entrant", overflow="fold", max_width=16)
    table.add_column("score", justify="right")
    if with_tasks:
        _add_task_columns(table, found)
    table.add_column("lead", justify="right")
    table.add_column("status")
    for row in found.rows:
        score = (
            "" if row.score is None else f"{score_text(row.score)}\n{score_margin(row.interval)}"
        )
        cells = _task_cells(row, found) if with_tasks else []
        table.add_row(
            "" if row.rank is None else str(row.rank),
            _plain(row.name),
            score,
            *cells,
            _lead(row),
            _status(row),
            style="bold" if row.status == "champion" else None,
        )
    return table


def _task_table(found: "Board") -> "Table":
    table = _empty_table()
    table.add_column("entrant", overflow="fold", max_width=16)
    _add_task_columns(table, found)
    for row in found.rows:
        if row.tasks:
            table.add_row(_plain(row.name), *_task_cells(row, found))
    return table


def _empty_table() -> "Table":
    from rich import box
    from rich.table import Table

    return Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)


def _add_task_columns(table: "Table", found: "Board") -> None:
    for task in found.tasks:
        words = task.name.replace("_", "\n")
        table.add_column(f"{words}\n{SHORT_UNITS.get(task.unit, task.unit)}", justify="right")


def _task_cells(row: "Row", found: "Board") -> list[str]:
    from palio.server.units import margin_text, natural_text

    cells = []
    for task in found.tasks:
        cell = row.tasks.get(task.name)
        cells.append(
            ""
            if cell is None
            else f"{natural_text(cell.natural, cell.unit)}\n{margin_text(cell.interval, cell.unit)}"
        )
    return cells


def _lead(row: "Row") -> str:
    from palio.server.units import limits_text, signed_percent

    if row.lead is not None and row.lead.value is not None:
        return f"{signed_percent(row.lead.value)}\n[{limits_text(row.lead.limits)}]"
    if row.wins is not None:
        return f"wins {row.wins[0]}\nof {row.wins[1]}"
    return ""


def _status(row: "Row") -> str:
    share = f"\nearns {row.share:.0%}" if row.share else ""
    return f"{row.status}{share}"


def _reason(row: "Row") -> "Text":
    from rich.text import Text

    code = f" ({row.code})" if row.code else ""
    hint = f" {row.hint}" if row.hint else ""
    return Text.assemble((row.name, "bold"), f": {row.sentence.rstrip('.')}{code}.{hint}")


def _plain(text: str) -> "Text":
    from rich.text import Text

    # A participant's string is never read as markup.
    return Text(text)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(board)
