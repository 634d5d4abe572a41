"""Key pairs on disk: one JSON file each, readable by its owner only, never overwritten.

The seed lies in the file unencrypted; the file's permissions (0600) are its
protection, and a file that others can read is refused rather than used.
"""

import json
import os
import re
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from palio.canonical import canonical_json
from palio.errors import ConfigError
from palio.files import sync_folder
from palio.ledger.identity import Keypair

_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_MAX_FILE_BYTES = 4096


def keys_folder(environ: Mapping[str, str]) -> Path:
    """``$PALIO_HOME/keys``, or ``~/.palio/keys`` where the variable is not set."""
    home = environ.get("PALIO_HOME")
    return (Path(home) if home else Path.home() / ".palio") / "keys"


def save_key(folder: Path, name: str, keypair: Keypair) -> Path:
    """Write the key as ``NAME.json`` with mode 0600; the folder is made (0700) if missing.

    Raises:
        ConfigError: the name is not admissible, or a key of that name is there already.
        OSError: the folder is not writable or the disk is full; nothing is left behind.
    """
    path = _path(folder, name)
    value = {
        "version": 1,
        "kind": "ed25519",
        "address": keypair.address,
        "seed": keypair.seed.hex(),
    }
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        _write_new(path, canonical_json(value) + b"\n")
    except FileExistsError as error:
        raise ConfigError(
            f"key {name!r} is there already ({path}) and keys are never overwritten; "
            "choose another name or move the file away"
        ) from error
    return path


def load_key(folder: Path, name: str) -> Keypair:
    """The key pair of that name.

    Raises:
        ConfigError: no such key, a file that others can read, or a damaged file.
    """
    path = _path(folder, name)
    try:
        data = _read_private(path)
    except FileNotFoundError as error:
        known = ", ".join(key_names(folder)) or "none yet; make one with: palio keys new NAME"
        raise ConfigError(f"no key {name!r} in {folder}; known keys: {known}") from error
    try:
        value = json.loads(data)
        keypair = Keypair.from_seed(bytes.fromhex(value["seed"]))
        whole = value["version"] == 1 and value["address"] == keypair.address
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(f"{path} is not a key file of Palio, or it is damaged") from error
    if not whole:
        raise ConfigError(f"{path} is damaged: its address is not that of its seed")
    return keypair


def key_names(folder: Path) -> list[str]:
    """Names of the keys in the folder, sorted; none if the folder does not exist."""
    if not folder.is_dir():
        return []
    return sorted(path.stem for path in folder.glob("*.json") if _NAME.fullmatch(path.stem))


def _path(folder: Path, name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot name a key; use 1 to 64 letters, digits, '-' and '_', "
            "beginning with a letter or digit"
        )
    return folder / f"{name}.json"


def _read_private(path: Path) -> bytes:
    with path.open("rb") as file:
        # Asked of the open file, so that it cannot be swapped between the check and the read.
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & _OTHERS:
            raise ConfigError(
                f"the key file {path} can be used by others (mode {mode:04o}); "
                f"run: chmod 600 {path}"
            )
        return file.read(_MAX_FILE_BYTES)


def _write_new(path: Path, data: bytes) -> None:
    """Like ``write_atomically``, but raises ``FileExistsError`` instead of replacing."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)  # noqa: PTH200 - a rename would replace an existing key
    finally:
        Path(temporary).unlink()
    sync_folder(path.parent)
