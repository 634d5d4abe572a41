"""A stranger's folder, read safely: nothing outside it is ever opened, nothing blocks.

The folder is opened once and walked by descriptor; links, pipes, sparse files and
odd names are refused before any file is opened (docs/submission-format.md). The order of
the checks gives pickles and code codes of their own.
"""

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from palio.errors import ConfigError
from palio.submissions.refusals import rejected, shown

MAX_ENTRIES = 300
MAX_DEPTH = 2
#: Below this a file's blocks say nothing: small files may be stored inside the inode.
SPARSE_FLOOR_BYTES = 4096
SPARSE_STORED_SHARE = 0.9

PLAIN_FILES = frozenset(
    {
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "generation_config.json",
        "special_tokens_map.json",
        "chat_template.jinja",
        "model.safetensors",
        "model.safetensors.index.json",
        "README.md",
        "LICENSE",
        "NOTICE",
        ".gitattributes",
    }
)
SHARD = re.compile(r"model-[0-9]{5}-of-[0-9]{5}\.safetensors")
_NAME = re.compile(rb"[A-Za-z0-9_.+-]{1,128}")
_PICKLE = re.compile(
    r".*\.(bin|pt|pth|pkl|pickle|ckpt|joblib|dill|npy|npz|mar|dump)(\.(gz|xz|bz2|zip|zst))?"
)
_CODE = re.compile(
    r".*\.(py[cdiowx]?|so(\.[0-9.]+)?|dll|dylib|exe|sh|bash|bat|cmd|ps1|m?js|ts|rb|pl|php|lua|jar"
    r"|class|ipynb|cu|cpp|cc?|h|o|a|ko|wasm|whl|egg)"
)
_WEIGHTS = (".safetensors", ".safetensors.index.json")


class Entry(NamedTuple):
    """A regular file of the folder; ``size`` in bytes when it was listed."""

    path: str
    size: int


class Listing(NamedTuple):
    """The folder's files, sorted by path, and its open descriptor."""

    descriptor: int
    entries: tuple[Entry, ...]

    @property
    def sizes(self) -> dict[str, int]:
        return dict(self.entries)

    @property
    def total_bytes(self) -> int:
        return sum(entry.size for entry in self.entries)


@contextmanager
def open_folder(folder: Path, *, max_bytes: int, staged: bool = False) -> Iterator[Listing]:
    """List ``folder`` with every rule about files checked; the descriptor closes at the end.

    Args:
        folder: its last component must not be a symbolic link.
        max_bytes: largest sum of file sizes.
        staged: the folder was written by this validator's staging, so that further hard
            links to its files are the platform's own.

    Raises:
        SubmissionRejected: stage ``fs``.
        ConfigError: there is no such folder, or it may not be read.
    """
    descriptor = _open_root(folder)
    try:
        _refuse_what_is_no_model(descriptor)
        entries = tuple(sorted(_walk(descriptor, staged=staged)))
        _check_names(entries)
        listing = Listing(descriptor, entries)
        if listing.total_bytes > max_bytes:
            raise rejected(
                "E_FS_SIZE",
                f"{listing.total_bytes} bytes, allowed are {max_bytes}",
                bytes=listing.total_bytes,
                max_bytes=max_bytes,
            )
        yield listing
    finally:
        os.close(descriptor)


@contextmanager
def open_file(listing: Listing, path: str) -> Iterator[int]:
    """A read descriptor of a listed file, checked again after opening.

    Raises:
        SubmissionRejected: the file is no longer the regular file that was listed.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, dir_fd=listing.descriptor)
    except OSError as error:
        raise _refused_open(error, path) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise rejected("E_FS_SPECIAL", path)
        yield descriptor
    finally:
        os.close(descriptor)


def is_listed(name: str) -> bool:
    """Whether a file of that name may be part of a submission."""
    return name in PLAIN_FILES or SHARD.fullmatch(name) is not None


def _open_root(folder: Path) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(folder, flags)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR) and folder.is_symlink():
            raise rejected("E_FS_SYMLINK", "the folder itself is a link") from error
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise ConfigError(f"{folder}: no such folder") from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise ConfigError(f"{folder}: the folder may not be read") from error
        raise


def _refuse_what_is_no_model(descriptor: int) -> None:
    """One clear sentence for a folder that was named by mistake."""
    with os.scandir(descriptor) as found:
        for count, entry in enumerate(found):
            name = entry.name.lower()
            if name == "config.json" or name.endswith(_WEIGHTS) or _PICKLE.fullmatch(name):
                return
            if count > MAX_ENTRIES:
                return
    raise rejected(
        "E_FS_MISSING",
        "config.json and model.safetensors; this folder is no model",
        missing=["config.json", "model.safetensors"],
    )


def _walk(root: int, *, staged: bool) -> Iterator[Entry]:
    count = 0
    pending: list[tuple[str, ...]] = [()]
    while pending:
        parts = pending.pop()
        with _subfolder(root, parts) as descriptor, os.scandir(descriptor) as found:
            for name in (os.fsencode(entry.name) for entry in found):
                count += 1
                if count > MAX_ENTRIES:
                    raise rejected("E_FS_COUNT", entries=f"more than {MAX_ENTRIES}")
                if not _NAME.fullmatch(name) or name in (b".", b".."):
                    raise rejected("E_FS_NAME", shown(name)[1:], name=shown(name)[1:])
                path = (*parts, name.decode("ascii"))
                status = _status(name, descriptor, "/".join(path))
                if stat.S_ISDIR(status.st_mode):
                    if len(path) > MAX_DEPTH:
                        raise rejected("E_FS_DEPTH", f"more than {MAX_DEPTH} levels")
                    pending.append(path)
                    # A trailing slash marks a folder; none is ever listed.
                    yield Entry("/".join(path) + "/", 0)
                    continue
                _check_status(status, "/".join(path), staged=staged)
                _check_holes(status, name, descriptor, "/".join(path))
                yield Entry("/".join(path), status.st_size)


@contextmanager
def _subfolder(root: int, parts: tuple[str, ...]) -> Iterator[int]:
    """Open a sub-folder component by component, so that no link is followed on the way."""
    descriptor = os.dup(root)
    try:
        for part in parts:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                below = os.open(part, flags, dir_fd=descriptor)
            except OSError as error:
                raise _refused_open(error, "/".join(parts)) from error
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


def _status(name: bytes, folder: int, path: str) -> os.stat_result:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        raise _refused_open(error, path) from error


def _check_status(status: os.stat_result, path: str, *, staged: bool) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise rejected("E_FS_SYMLINK", path, path=path)
    if not stat.S_ISREG(status.st_mode):
        raise rejected("E_FS_SPECIAL", path, path=path)
    if status.st_nlink != 1 and not staged:
        raise rejected("E_FS_HARDLINK", path, path=path, links=status.st_nlink)
    if status.st_mode & (stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX):
        raise rejected("E_FS_MODE", path, path=path, mode=oct(stat.S_IMODE(status.st_mode)))


def _check_holes(status: os.stat_result, name: bytes, folder: int, path: str) -> None:
    stored = status.st_blocks * 512
    if status.st_size <= SPARSE_FLOOR_BYTES or stored >= SPARSE_STORED_SHARE * status.st_size:
        return
    # Compression and delayed allocation also store fewer blocks; only a real hole is refused.
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(name, flags, dir_fd=folder)
    except OSError as error:
        raise _refused_open(error, path) from error
    try:
        if os.lseek(descriptor, 0, os.SEEK_HOLE) < status.st_size:
            raise rejected(
                "E_FS_SPARSE", path, path=path, bytes=status.st_size, stored_bytes=stored
            )
    except OSError:
        return  # the file system cannot tell; the weights' own checks still apply
    finally:
        os.close(descriptor)


def _refused_open(error: OSError, path: str) -> Exception:
    """What a failed open of a stranger's file means; anything else is the machine's fault."""
    match error.errno:
        case errno.ELOOP:
            return rejected("E_FS_SYMLINK", path, path=path)
        case errno.ENXIO | errno.ENODEV:
            return rejected("E_FS_SPECIAL", path, path=path)
        case errno.EACCES | errno.EPERM:
            return rejected("E_FS_MODE", f"{path} may not be read", path=path)
        case errno.ENOENT | errno.ENOTDIR:
            return rejected("E_FS_MISSING", f"{path} vanished while it was read", path=path)
        case _:
            return error


def _check_names(entries: tuple[Entry, ...]) -> None:
    paths = [entry.path for entry in entries]
    _refuse_case_twins(paths)
    for code, pattern in (("E_FS_PICKLE", _PICKLE), ("E_FS_CODE", _CODE)):
        for path in paths:
            if pattern.fullmatch(path.lower()):
                raise rejected(code, shown(path), path=shown(path))
    _refuse_missing(set(paths))
    for path in paths:
        name = path.rsplit("/", 1)[-1]
        if name == "adapter_config.json" or name.startswith("adapter_model"):
            raise rejected("E_FS_ADAPTER", path, path=path)
    for path in paths:
        if not is_listed(path):
            raise rejected("E_FS_UNLISTED", shown(path), path=shown(path))


def _refuse_case_twins(paths: list[str]) -> None:
    seen: dict[str, str] = {}
    for path in paths:
        twin = seen.setdefault(path.rstrip("/").casefold(), path)
        if twin != path:
            raise rejected("E_FS_NAME", f"{shown(twin)} and {shown(path)}", names=[twin, path])


def _refuse_missing(paths: set[str]) -> None:
    missing = [] if "config.json" in paths else ["config.json"]
    weights = {"model.safetensors", "model.safetensors.index.json"}
    if not weights & paths:
        shards = any(SHARD.fullmatch(path) for path in paths)
        missing.append("model.safetensors.index.json" if shards else "model.safetensors")
    if missing:
        raise rejected("E_FS_MISSING", " and ".join(missing), missing=missing)
