"""``palio check``: is this model admissible, decided on the participant's own machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from palio.errors import SubmissionRejected
    from palio.submissions.inspection import Inspection

Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="The model's folder, as save_pretrained writes it.")
]
CompetitionName = Annotated[
    str,
    typer.Option("--competition", "-c", help="A catalogue name, EDITION/NAME, or a YAML file."),
]
Block = Annotated[
    int | None, typer.Option("--block", min=0, help="Check by the rules live at this block.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def check(
    folder: Folder, competition: CompetitionName, block: Block = None, as_json: Json = False
) -> None:
    """Check a model against a competition's rules without running it.

    Exit code 0 if it is admissible, 3 if not.
    """
    from palio.cli.output import print_json
    from palio.competition.loading import resolve
    from palio.errors import ConfigError, SubmissionRejected
    from palio.submissions.inspection import inspect

    rules = resolve(competition, block)
    if not folder.exists():
        raise ConfigError(f"{folder}: no such folder; give the folder that holds config.json")
    if not folder.is_dir():
        raise ConfigError(f"{folder}: not a folder; give the folder that holds config.json")
    try:
        # A link that the user typed is theirs to follow; links inside are refused.
        inspection = inspect(folder.resolve(), rules)
    except SubmissionRejected as refusal:
        if as_json:
            print_json(_refused(refusal))
            raise typer.Exit(refusal.exit_code) from None
        print(f"Not admissible to {rules.name} ({refusal.code}).")
        raise
    if as_json:
        print_json(_admitted(inspection, rules.name))
        return
    _print_admitted(inspection, rules.name)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(check)


def _refused(refusal: "SubmissionRejected") -> dict[str, Any]:
    return {
        "verdict": "reject",
        "code": refusal.code,
        "stage": refusal.stage,
        "message": str(refusal),
        "hint": refusal.hint,
        "evidence": refusal.evidence,
        "warnings": [],
    }


def _admitted(inspection: "Inspection", competition: str) -> dict[str, Any]:
    return {
        "verdict": "accept",
        "code": None,
        "stage": "done",
        "message": f"admissible to {competition}",
        "hint": "",
        "evidence": {
            "content_digest": inspection.content_digest,
            "weights_digest": inspection.weights_digest,
            "architecture": inspection.architecture,
            "parameters": inspection.parameters,
            "bytes": inspection.total_bytes,
        },
        "warnings": [str(warning) for warning in inspection.warnings],
    }


def _print_admitted(inspection: "Inspection", competition: str) -> None:
    from palio.cli.output import note

    print(f"Admissible to {competition}.")
    print(f"  architecture  {inspection.architecture}")
    print(f"  parameters    {inspection.parameters:,}")
    print(f"  bytes         {inspection.total_bytes:,}")
    print(f"  content       {inspection.content_digest}")
    for warning in inspection.warnings:
        note(f"warning: {warning}")
    note(
        "What only running shows (causality, round trips of the tokenizer, finite answers) is "
        "checked when it is evaluated: palio evaluate does the same on this machine."
    )
