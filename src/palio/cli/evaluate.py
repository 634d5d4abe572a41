"""``palio evaluate``: score models on freshly drawn samples, as a validator would."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from palio.competition.model import Competition
    from palio.evaluation.scorecard import Scorecard, Unscored
    from palio.tasks.drawing import Round
    from palio.validator.deployment import Deployment
    from palio.validator.trial import Trial


def evaluate(
    models: Annotated[list[Path], typer.Argument(metavar="MODEL...", help="Folders of models.")],
    competition: Annotated[
        str, typer.Option("-c", "--competition", help="A competition file, or EDITION/NAME.")
    ],
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of the samples [default: a fresh one].")
    ] = None,
    block: Annotated[
        int | None,
        typer.Option(min=0, help="Use the competition and the seed of this block of the ledger."),
    ] = None,
    samples: Annotated[
        int | None, typer.Option(min=1, help="Samples for each task instead of the file's.")
    ] = None,
    home: Annotated[
        Path | None, typer.Option(help="Home folder [default: $PALIO_HOME, ~/.palio].")
    ] = None,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Sequences computed at once; changes no score.")
    ] = 32,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Models evaluated at once.")] = 1,
    report: Annotated[Path | None, typer.Option(help="Write an HTML report to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Score models on freshly drawn samples; exit code 3 if one of them is not admissible."""
    import os

    from palio.cli.output import note, print_json
    from palio.cli.progress import open_display
    from palio.clock import SystemClock
    from palio.errors import ConfigError
    from palio.tasks.drawing import draw_round
    from palio.validator.deployment import home_folder, load_deployment
    from palio.validator.trial import Trial

    if seed is not None and block is not None:
        raise ConfigError("give --seed or --block, not both")
    for model in models:
        if not model.is_dir():
            raise ConfigError(f"{model} is not a folder; give the folders of saved models")
    if report is not None:
        _require_writable(report)
    clock = SystemClock()
    deployment = load_deployment(home_folder(home, os.environ))
    resolved = _resolve(competition, block)
    drawn = draw_round(resolved, _seed(deployment, seed, block), samples=samples)
    if seed is None and block is None:
        note(f"Drew the samples from the fresh seed {drawn.seed}; --seed repeats them.")
    settings = deployment.model_copy(
        update={"engine": deployment.engine.model_copy(update={"batch_rows": batch_size})}
    )
    trial = Trial(drawn, settings.open_executor(clock), settings.engine_settings)
    with open_display(clock) as display:
        results = trial.run(models, workers, display.track)
    if report is not None:
        _write_report(report, drawn, trial, results)
        note(f"Wrote {report}.")
    if as_json:
        print_json(_as_json(drawn, trial, results))
    else:
        _print_table(drawn, trial, results)
    raise typer.Exit(_exit_code(results))


def _resolve(reference: str, block: int | None) -> "Competition":
    from palio.competition.loading import resolve

    return resolve(reference, block)


def _require_writable(report: Path) -> None:
    """Find out before the evaluation, not after it, that its report cannot be written."""
    import os

    from palio.errors import ConfigError

    if not report.absolute().parent.is_dir():
        raise ConfigError(f"the folder of {report} does not exist")
    if report.exists() and not report.is_file():
        # It would be replaced: a folder cannot be, and a device must not be.
        raise ConfigError(f"{report} is not a file; give --report the name of a new file")
    if not os.access(report.absolute().parent, os.W_OK | os.X_OK):
        raise ConfigError(f"no permission to write {report}; give --report another folder")


def _seed(deployment: "Deployment", seed: int | None, block: int | None) -> int:
    import os

    from palio.errors import ConfigError
    from palio.randomness import SEED_BITS, seed_of_block
    from palio.server.home import open_ledger_if_any

    if block is not None:
        ledger = open_ledger_if_any(deployment)
        if ledger is None:
            raise ConfigError(
                f"--block needs a ledger, and there is none in {deployment.home}; "
                "give --home, or --seed instead"
            )
        return seed_of_block(ledger.block(block).hash)
    if seed is None:
        return int.from_bytes(os.urandom(8), "big")
    if seed >= 1 << SEED_BITS:
        raise ConfigError("a seed has at most 256 bits")
    return seed


def _exit_code(results: Sequence["Scorecard | Unscored"]) -> int:
    from palio.errors import Fault
    from palio.evaluation.scorecard import Unscored

    failed = [one for one in results if isinstance(one, Unscored)]
    if any(one.fault is not Fault.PARTICIPANT for one in failed):
        return 1
    return 3 if failed else 0


def _as_json(
    drawn: "Round", trial: "Trial", results: Sequence["Scorecard | Unscored"]
) -> dict[str, Any]:
    return {
        "competition": drawn.competition.name,
        "competition_digest": drawn.competition.digest,
        "seed": drawn.seed,
        "samples_digest": drawn.samples_digest,
        "scorecards": [
            _card_json(name, result) for name, result in zip(trial.names, results, strict=True)
        ],
        "seconds": {name: round(value, 3) for name, value in trial.seconds.items()},
    }


def _card_json(name: str, result: "Scorecard | Unscored") -> dict[str, Any]:
    from palio.evaluation.scorecard import Unscored

    if isinstance(result, Unscored):
        failure = {
            "code": result.code,
            "message": result.message,
            "fault": str(result.fault),
            "hint": result.hint,
        }
        return {
            "submission": name,
            "digest": result.submission or None,
            "score": None,
            "tasks": {},
            "failure": failure,
        }
    card = result.to_json()
    return {
        "submission": name,
        "digest": result.submission,
        "scorecard_digest": result.digest,
        "score": result.score,
        "interval": card["interval"],
        "tasks": card["tasks"],
        "environment": card["environment"],
        "cost": card["cost"],
    }


def _print_table(drawn: "Round", trial: "Trial", results: Sequence["Scorecard | Unscored"]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from palio.evaluation.scorecard import Unscored

    # Not as the table's title, which would break a long seed in two.
    print(f"{drawn.competition.name}, seed {drawn.seed}")
    table = Table()
    table.add_column("model")
    table.add_column("score", justify="right")
    for name, task in drawn.tasks.items():
        table.add_column(f"{name}\n{task.method.natural}", justify="right")
    reasons = []
    for name, result in zip(trial.names, results, strict=True):
        if isinstance(result, Unscored):
            table.add_row(Text(name), result.code, *["" for _ in drawn.tasks])
            reasons.append(f"{name}: {result.message.rstrip('.')}. {result.hint}".rstrip())
            continue
        low, high = result.interval
        table.add_row(
            Text(name),
            f"{result.score:.4f}\n[{low:.4f}, {high:.4f}]",
            *[f"{result.tasks[task].natural:.4f}" for task in drawn.tasks],
        )
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(table, markup=False)
    console.print("Scores: lower is better; 95% intervals over the draw of samples.")
    for reason in reasons:
        console.print(reason, markup=False)


def _write_report(
    path: Path, drawn: "Round", trial: "Trial", results: Sequence["Scorecard | Unscored"]
) -> None:
    from palio.files import write_atomically
    from palio.server.report import render_report

    evaluations = list(zip(trial.names, results, strict=True))
    html = render_report(drawn.competition, drawn, evaluations)
    write_atomically(path.absolute(), html.encode())


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(evaluate)
