"""``palio explain``: why an entrant won, lost or must wait, from records and evidence alone."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.table import Table

    from palio.contest.breakdown import Group
    from palio.contest.explaining import Explanation
    from palio.server.duel_report import DuelReport, ShownSample

#: Columns of a report that is not printed on a terminal.
WIDTH = 100
#: Samples of either side that are printed; the HTML file and the JSON hold more.
PRINTED = 3


def explain(
    entrant: Annotated[
        str,
        typer.Argument(metavar="ENTRANT", help="A name, NAMESPACE/NAME, or a digest's beginning."),
    ],
    competition: Annotated[
        str,
        typer.Option("-c", "--competition", help="Its name, a competition file, or EDITION/NAME."),
    ],
    home: Annotated[
        Path | None, typer.Option(help="Home folder [default: $PALIO_HOME, ~/.palio].")
    ] = None,
    sync_block: Annotated[
        int | None,
        typer.Option(
            "--round", min=0, help="Block of the round [default: the last that compared it]."
        ),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write an HTML report to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say why an entrant won, lost or must wait, and what would have sufficed."""
    import os

    from palio.cli.output import note, print_json
    from palio.errors import ConfigError
    from palio.files import write_atomically
    from palio.server.duel_report import render_duel
    from palio.validator.deployment import home_folder

    if html is not None and not html.absolute().parent.is_dir():
        raise ConfigError(f"the folder of {html} does not exist")
    report = read_report(home_folder(home, os.environ), competition, entrant, sync_block)
    if html is not None:
        write_atomically(html.absolute(), render_duel(report).encode())
        note(f"Wrote {html}.")
    if as_json:
        print_json(report.to_json())
    else:
        print_report(report)


def read_report(
    home: Path, reference: str, entrant: str, sync_block: int | None = None
) -> "DuelReport":
    """The report as the records of a home folder have it.

    Raises:
        ConfigError: no such records, competition, entrant or round, or nothing to explain.
        RecordsError: the records or their evidence cannot be read.
    """
    from palio.clock import SystemClock
    from palio.competition.loading import find
    from palio.server.archive import Archive
    from palio.server.duel_report import duel_report
    from palio.server.home import open_records
    from palio.validator.deployment import load_deployment

    with open_records(load_deployment(home), SystemClock()) as records:
        archive = Archive(records, {})
        name = reference if reference in archive.names() else find(reference).name
        return duel_report(archive, name, entrant, sync_block)


def print_report(report: "DuelReport") -> None:
    """Print a report on stdout, for people."""
    from rich.console import Console
    from rich.text import Text

    found = report.explanation
    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    when = f"  round of block {report.sync_block:,}"
    console.print(Text.assemble((report.competition, "bold"), when))
    for sentence in report.words:
        console.print(Text(sentence))
    console.print()
    console.print(_task_table(report))
    console.print(_group_table("task", [task.group for task in found.tasks]))
    console.print(_group_table("topic", found.topics))
    console.print(_group_table("difficulty", found.difficulties))
    console.print(_legend(found))
    for name, samples in (
        (report.champion, report.for_champion),
        (report.challenger, report.for_challenger),
    ):
        console.print(Text.assemble("\nSamples that speak most for ", (name, "bold")))
        for one in samples[:PRINTED]:
            console.print(_sample(one, report), soft_wrap=False)
    console.print("\nMore samples are in the report that --html FILE writes, and in --json.")


def _task_table(report: "DuelReport") -> "Table":
    from palio.server.units import natural_text, signed_percent

    found = report.explanation
    table = _table("task", "weight", report.challenger, report.champion, "unit", "lead", "part")
    if not found.won:
        table.add_column("gain\nto lead", justify="right")
    if not found.won and found.verdict is not None:
        table.add_column("gain\nto win", justify="right")
    for task in found.tasks:
        unit = report.units[task.name]
        champion, challenger = report.natural[task.name]
        cells = [
            task.name,
            f"{task.weight:.0%}",
            *("" if one is None else natural_text(one, unit) for one in (challenger, champion)),
            unit,
            "" if task.lead is None else signed_percent(task.lead),
            signed_percent(task.group.contribution),
        ]
        if task.gain is not None:
            cells.append(_gain(task.gain.to_lead))
            if found.verdict is not None:
                cells.append(_gain(task.gain.to_win))
        table.add_row(*cells)
    return table


def _group_table(title: str, groups: "Iterable[Group]") -> "Table":
    from palio.server.units import signed_percent

    table = _table(title, "samples", "mean difference", "95% interval", "part of the lead")
    for group in groups:
        name = f"{group.name} ({group.merged} with few samples)" if group.merged else group.name
        interval = (
            "too few to say"
            if group.interval is None
            else f"{group.interval.low:+.3f} to {group.interval.high:+.3f}"
        )
        table.add_row(
            name,
            f"{group.samples:,}",
            f"{group.difference:+.3f}",
            interval,
            signed_percent(group.contribution),
        )
    return table


def _table(first: str, *columns: str) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(first, overflow="fold")
    for column in columns:
        # A participant's string is never read as markup.
        table.add_column(Text(column), justify="right", overflow="fold", max_width=16)
    return table


def _gain(gain: float | None) -> str:
    return "none" if gain is None else f"{gain:.1%}"


def _legend(found: "Explanation") -> str:
    needed = (
        ""
        if found.won
        else " Gain: what share of its loss the challenger would have had to save on that task alone, "
        "on these very samples, to lead by what is needed, and to have that shown; none: no gain would."
    )
    return (
        "Parts add up to the lead. Mean difference: the champion's loss minus the challenger's as "
        f"the rule counts them; above 0 the challenger is better.{needed}"
    )


def _sample(one: "ShownSample", report: "DuelReport") -> str:
    from rich.markup import escape

    asked = " ".join(one.champion.asked.split())
    shown = asked if len(asked) <= 2 * WIDTH else f"{asked[: 2 * WIDTH]} ..."
    return escape(
        f"  {one.task} {100 * one.part:+.2f} points: loss {one.challenger.loss:.4g} of "
        f"{report.challenger}, {one.champion.loss:.4g} of {report.champion}. {shown}"
    )


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(explain)
