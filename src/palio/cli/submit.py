"""``palio submit``: check a model, put it into the store, commit it to the ledger."""

from pathlib import Path
from typing import Annotated

import typer


def submit(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of the model.")],
    competition: Annotated[
        str, typer.Option("-c", "--competition", help="A competition file, or EDITION/NAME.")
    ],
    key: Annotated[str, typer.Option(help="Name of the key that signs (palio keys new NAME).")],
    name: Annotated[
        str | None, typer.Option(help="Name of the submission [default: the folder's].")
    ] = None,
    home: Annotated[
        Path | None, typer.Option(help="Home folder [default: $PALIO_HOME, ~/.palio].")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check a model, copy it into the store, and commit it, signed, to the ledger."""
    import os

    from palio.cli.output import note, print_json
    from palio.clock import SystemClock
    from palio.competition.loading import find
    from palio.errors import ConfigError
    from palio.ledger.keyfiles import load_key
    from palio.validator.deployment import home_folder, load_deployment, require_writable
    from palio.validator.submitting import submit as submit_to

    if not model.is_dir():
        raise ConfigError(f"{model} is not a folder; give the folder of a saved model")
    place = home_folder(home, os.environ)
    require_writable(place)
    keypair = load_key(place / "keys", key)
    deployment = load_deployment(place)
    ledger = deployment.open_ledger(SystemClock())
    entry = submit_to(
        model,
        competition=find(competition),
        keypair=keypair,
        repository=(key, name or model.resolve().name),
        ledger=ledger,
        store_folder=deployment.store_folder,
    )
    if as_json:
        print_json(
            {
                "participant": entry.participant,
                "line": entry.line,
                "block": entry.block,
                "sequence": entry.sequence,
                "digest": entry.digest,
            }
        )
        return
    print(entry.line)
    note(f"Committed at block {entry.block} by {entry.participant}.")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(submit)
