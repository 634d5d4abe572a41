"""``palio competition calibrate``: measure a baseline, and put its losses into the file."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from palio.competition.history import CompetitionFile
    from palio.competition.rewriting import Edit
    from palio.evaluation.scorecard import Scorecard, Unscored
    from palio.tasks.drawing import Round
    from palio.validator.calibrating import TaskCalibration

#: Columns of a table that is not printed on a terminal.
WIDTH = 120


def calibrate(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A file, EDITION/NAME, or a catalogue's NAME.")
    ],
    model: Annotated[
        list[Path],
        typer.Option(
            "--model", metavar="FOLDER", help="The baseline; repeat it for models like it."
        ),
    ],
    samples: Annotated[
        int | None, typer.Option(min=1, help="Samples for each task instead of the file's.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of the samples [default: a fresh one].")
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Put the losses and caps into the file.")
    ] = False,
    home: Annotated[
        Path | None, typer.Option(help="Home folder [default: $PALIO_HOME, ~/.palio].")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure what a baseline model loses on each task; propose losses, caps and samples."""
    import os

    from palio.cli.output import note, print_json
    from palio.cli.progress import open_display
    from palio.clock import SystemClock
    from palio.competition.loading import find
    from palio.competition.rewriting import rewrite_file
    from palio.errors import ConfigError
    from palio.tasks.drawing import draw_round
    from palio.validator.calibrating import calibrate as calibrated
    from palio.validator.calibrating import proposed_numbers
    from palio.validator.deployment import home_folder, load_deployment
    from palio.validator.trial import Trial

    for folder in model:
        if not folder.is_dir():
            raise ConfigError(f"{folder} is not a folder; give the folders of saved models")
    loaded = find(file)
    if write:
        _check_writable(file, loaded)
    clock = SystemClock()
    deployment = load_deployment(home_folder(home, os.environ))
    fresh = int.from_bytes(os.urandom(8), "big") if seed is None else _checked(seed)
    drawn = draw_round(loaded.current_or_last(), fresh, samples=samples)
    if seed is None:
        note(f"Drew the samples from the fresh seed {drawn.seed}; --seed repeats them.")
    trial = Trial(drawn, deployment.open_executor(clock), deployment.engine_settings)
    with open_display(clock) as display:
        results = trial.run(model, 1, display.track)
    tasks = calibrated(drawn, _scorecards(trial.names, results))
    numbers, digest = proposed_numbers(tasks), drawn.competition.digest
    edits = rewrite_file(Path(file), digest, numbers) if write else []
    if as_json:
        print_json(_as_json(drawn, trial.names, tasks, edits, written=write))
    else:
        _print_tables(drawn, tasks)
        _print_edits(file, edits, written=write)


def _check_writable(file: str, loaded: "CompetitionFile") -> None:
    """Refuse before the models run what could not be written afterwards."""
    import palio.competition
    from palio.competition.loading import SUFFIXES
    from palio.competition.model import BaselineNormalisation
    from palio.errors import ConfigError

    catalogue = Path(palio.competition.__file__).parent.resolve() / "catalogue"
    if not file.endswith(SUFFIXES) or catalogue in Path(file).resolve().parents:
        raise ConfigError(
            f"{file} belongs to the catalogue, which ships with Palio and is not changed; "
            f"copy it with palio competition new FILE.yaml --from {file}"
        )
    if len(loaded.stages()) > 1:
        raise ConfigError(
            f"{file} has {len(loaded.stages())} stages, and new losses would change past ones too; "
            "state them in a change of their own, by hand"
        )
    tasks = loaded.current_or_last().tasks.values()
    if not any(isinstance(task.normalisation, BaselineNormalisation) for task in tasks):
        raise ConfigError(f"no task of {file} is measured against a baseline; nothing to write")


def _checked(seed: int) -> int:
    from palio.errors import ConfigError
    from palio.randomness import SEED_BITS

    if seed >= 1 << SEED_BITS:
        raise ConfigError(f"a seed has at most {SEED_BITS} bits")
    return seed


def _scorecards(
    names: "Sequence[str]", results: "Sequence[Scorecard | Unscored]"
) -> "list[Scorecard]":
    from palio.errors import EvaluationFailed
    from palio.evaluation.scorecard import Unscored

    cards = []
    for name, result in zip(names, results, strict=True):
        if isinstance(result, Unscored):
            raise EvaluationFailed(
                result.code,
                f"{name} ({result.code}): {result.message.rstrip('.')}. {result.hint}".rstrip(),
                fault=result.fault,
                hint=result.hint,
            )
        cards.append(result)
    return cards


def _as_json(
    drawn: "Round",
    models: "Sequence[str]",
    tasks: "Sequence[TaskCalibration]",
    edits: "Sequence[Edit]",
    *,
    written: bool,
) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "competition": drawn.competition.name,
        "competition_digest": drawn.competition.digest,
        "seed": drawn.seed,
        "samples_digest": drawn.samples_digest,
        "models": list(models),
        "tasks": {task.name: asdict(task) for task in tasks},
        "written": written,
        "changes": [asdict(edit) for edit in edits],
    }


def _print_tables(drawn: "Round", tasks: "Sequence[TaskCalibration]") -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(
        title=f"{drawn.competition.name}, seed {drawn.seed}",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    table.add_column("task\nunit")
    heads = ("baseline's loss\n95% interval", "asked", "spread", "loss", "cap", "samples")
    for head in (*heads, "samples\nby spread"):
        table.add_column(head, justify="right")
    for task in tasks:
        low, high = task.interval
        table.add_row(
            f"{task.name}\n{task.unit}",
            f"{task.loss:.4g}\n[{low:.4g}, {high:.4g}]",
            f"{task.samples:,}",
            "?" if task.spread is None else f"{task.spread:.3g}",
            _change(task.stated_loss, task.proposed_loss),
            _change(task.stated_cap, task.proposed_cap),
            _change(task.stated_samples, task.proposed_samples),
            "?" if task.cheapest_samples is None else f"{task.cheapest_samples:,}",
        )
    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    console.print(table)
    console.print(
        "Spread: of two models' difference on a sample, in units of the loss. Samples: shared out "
        "by weight times cap, and by weight times spread (fewest for a proof, at equal costs). "
        "A ? needs a second --model."
    )


def _change(stated: float | None, proposed: float | None) -> str:
    before = "-" if stated is None else f"{stated:g}"
    return f"{before} -> {'?' if proposed is None else f'{proposed:g}'}"


def _print_edits(file: str, edits: "Sequence[Edit]", *, written: bool) -> None:
    from palio.cli.output import note

    if not written:
        note("Nothing was written; --write puts the losses and caps into the file.")
        return
    for edit in edits:
        print(f"{file}:{edit.line}: {edit.key}: {edit.before} -> {edit.after}")
    if not edits:
        note(f"{file} says all of this already.")


def register(group: typer.Typer) -> None:
    """Add the command to ``palio competition``."""
    group.command()(calibrate)
