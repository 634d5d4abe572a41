"""``palio verify``: recompute the ledger and every verdict."""

from pathlib import Path
from typing import Annotated

import typer


def verify(
    log: Annotated[
        Path | None,
        typer.Argument(metavar="[LOG]", help="A home folder [default: $PALIO_HOME, ~/.palio]."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Recompute a ledger and every verdict from its evidence; exit code 1 if anything is wrong."""
    import os

    from palio.cli.output import print_json
    from palio.clock import SystemClock
    from palio.errors import ConfigError
    from palio.server.home import open_ledger_if_any, open_records
    from palio.validator.deployment import home_folder, load_deployment
    from palio.validator.verifying import ledger_check, verify_rounds

    home = home_folder(log, os.environ)
    if not home.is_dir():
        raise ConfigError(f"there is no folder {home}; name the home folder of a validator")
    deployment = load_deployment(home)
    ledger = open_ledger_if_any(deployment)
    if ledger is None:
        raise ConfigError(f"there is no ledger in {home}; nothing has been played there")
    checks = [ledger_check(ledger)]
    if deployment.records.url is not None or (home / "records.db").is_file():
        with open_records(deployment, SystemClock()) as records:
            checks += verify_rounds(ledger, records)
    wrong = [check for check in checks if check.fault]
    if as_json:
        print_json({"ok": not wrong, "checks": [check.to_json() for check in checks]})
    else:
        for check in checks:
            mark = "WRONG" if check.fault else "ok"
            print(f"{mark:<6}{check.about}: {check.fault or check.what}")
    if wrong:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(verify)
