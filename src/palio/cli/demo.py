"""``palio demo``: a complete competition on this machine."""

from pathlib import Path
from typing import Annotated

import typer

NEXT = """
Try next:
  palio serve --home {home}                                   the board as a web page
  palio board -c demo/DEMO --home {home} --json               the board for a program
  palio explain bruco-1 -c demo/DEMO --home {home}            why another one lost
  palio evaluate {home}/models/civetta -c demo/DEMO --report report.html
  palio check {home}/models/istrice -c demo/DEMO              why one was refused
  palio verify {home}                                         recompute every verdict
  palio competition new my.yaml                               a competition of your own"""


def demo(
    folder: Annotated[
        Path, typer.Option(help="Where the demo keeps everything; it can be deleted at any time.")
    ] = Path("palio-demo"),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the board as one JSON object.")
    ] = False,
) -> None:
    """Play a complete competition here: train, commit, evaluate, crown, verify."""
    from palio.cli.board import print_board, read_board
    from palio.cli.output import note, print_json
    from palio.cli.progress import open_display
    from palio.demo.play import play
    from palio.errors import RecordsError

    with open_display() as display:
        played = play(folder, display)
    board = read_board(played.home, played.competition.name)
    if as_json:
        print_json(board.to_json())
    else:
        print_board(board)
    wrong = [check for check in played.checks if check.fault]
    if wrong:
        raise RecordsError(f"{wrong[0].about}: {wrong[0].fault}")
    note(
        f"Verified: {len(played.checks)} checks of the ledger and of {len(played.verdicts)} rounds, "
        "all right."
    )
    note(NEXT.format(home=played.home))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)
