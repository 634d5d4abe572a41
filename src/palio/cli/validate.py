"""``palio validate``: receive, admit, evaluate, decide, publish."""

from pathlib import Path
from typing import Annotated

import typer


def validate(
    competition: Annotated[
        str, typer.Option("-c", "--competition", help="A competition file, or EDITION/NAME.")
    ],
    key: Annotated[str, typer.Option(help="Name of the key that signs (palio keys new NAME).")],
    once: Annotated[bool, typer.Option("--once", help="Do what is due now, then end.")] = False,
    home: Annotated[
        Path | None, typer.Option(help="Home folder [default: $PALIO_HOME, ~/.palio].")
    ] = None,
    poll: Annotated[
        float, typer.Option(min=0.1, help="Seconds between two looks at the ledger.")
    ] = 12.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the round's verdict as one JSON object.")
    ] = False,
) -> None:
    """Validate a competition: receive, admit, evaluate, decide, publish; each exactly once."""
    import os

    from palio.cli.output import note, print_json
    from palio.cli.progress import open_display
    from palio.clock import SystemClock
    from palio.competition.loading import find
    from palio.ledger.keyfiles import load_key
    from palio.validator.deployment import home_folder, load_deployment, require_writable
    from palio.validator.opening import open_validator

    place = home_folder(home, os.environ)
    file = find(competition)
    require_writable(place)
    keypair = load_key(place / "keys", key)
    clock = SystemClock()
    with (
        open_display(clock) as display,
        open_validator(
            load_deployment(place), file, keypair, clock, say=display.say, track=display.track
        ) as validator,
    ):
        if not once:
            validator.run(poll)
        verdict = validator.once()
        block, seconds = validator.next_round()
    if as_json:
        print_json({"verdict": None if verdict is None else verdict.to_json()})
    elif verdict is None:
        note(
            f"There is nobody to evaluate now; the next round begins at block {block:,}, in about "
            f"{seconds:,.0f} s."
        )
    else:
        print(verdict.reason)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(validate)
