"""``palio keys``: make and name the keys that sign commitments and weights."""

from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[
    Path | None,
    typer.Option("--folder", help="Where keys are kept [default: $PALIO_HOME/keys, ~/.palio/keys]"),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="1-64 letters, digits, '-' and '_'.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

keys = typer.Typer(
    help="Keys that sign commitments and weights.", no_args_is_help=True, rich_markup_mode=None
)


@keys.command()
def new(name: Name, folder: Folder = None, as_json: Json = False) -> None:
    """Make a key, readable by you only, and print its address; never overwrites one."""
    import os

    from palio.cli.output import note, print_json
    from palio.ledger.identity import Keypair
    from palio.ledger.keyfiles import save_key

    keypair = Keypair.generate(os.urandom)
    path = save_key(_folder(folder), name, keypair)
    if as_json:
        print_json({"name": name, "address": keypair.address, "path": str(path)})
        return
    print(keypair.address)
    note(f"The key is in {path}. Keep a copy: whoever has the file signs in your name.")


@keys.command(name="list")
def list_keys(folder: Folder = None, as_json: Json = False) -> None:
    """Print name and address of every key in the folder."""
    from palio.cli.output import note, print_json
    from palio.errors import ConfigError
    from palio.ledger.keyfiles import key_names, load_key

    place = _folder(folder)
    known, unusable = [], []
    for name in key_names(place):
        try:
            known.append({"name": name, "address": load_key(place, name).address})
        except ConfigError as error:
            unusable.append(error)
    if as_json:
        print_json({"keys": known})
    else:
        for key in known:
            print(f"{key['name']}  {key['address']}")
        if not known and not unusable:
            note(f"No keys in {place}; make one with: palio keys new NAME")
    if unusable:
        # The usable keys are printed all the same; the first fault decides the exit code.
        raise unusable[0]


@keys.command()
def show(name: Name, folder: Folder = None, as_json: Json = False) -> None:
    """Print a key's address; the secret is never printed."""
    from palio.cli.output import print_json
    from palio.ledger.keyfiles import load_key

    address = load_key(_folder(folder), name).address
    if as_json:
        print_json({"name": name, "address": address})
    else:
        print(address)


def register(app: typer.Typer) -> None:
    """Add ``palio keys`` to the command line."""
    app.add_typer(keys, name="keys")


def _folder(folder: Path | None) -> Path:
    import os

    from palio.ledger.keyfiles import keys_folder

    return folder if folder is not None else keys_folder(os.environ)
