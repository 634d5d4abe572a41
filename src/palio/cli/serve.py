"""``palio serve``: the web board and the HTTP API of a home folder."""

from pathlib import Path
from typing import Annotated

import typer


def serve(
    competition: Annotated[
        list[str] | None,
        typer.Option(
            "-c", "--competition", help="Show this one too before its first round; may be repeated."
        ),
    ] = None,
    home: Annotated[
        Path | None, typer.Option(help="Home folder [default: $PALIO_HOME, ~/.palio].")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8037,
) -> None:
    """Serve the board and the API of a home folder, read-only, until interrupted."""
    import os

    from palio.cli.output import note
    from palio.clock import SystemClock
    from palio.competition.loading import find
    from palio.server.app import create_app
    from palio.server.home import open_ledger_if_any, open_records
    from palio.server.running import listen, run
    from palio.validator.deployment import home_folder, load_deployment

    clock = SystemClock()
    deployment = load_deployment(home_folder(home, os.environ))
    files = [find(reference) for reference in competition or []]
    with open_records(deployment, clock) as records:
        ledger = open_ledger_if_any(deployment)
        application = create_app(records, ledger, {file.name: file for file in files})
        socket, url = listen(host, port)
        print(url, flush=True)
        note(f"Serving {deployment.home} at {url}; Ctrl-C ends it.")
        run(application, socket)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(serve)
