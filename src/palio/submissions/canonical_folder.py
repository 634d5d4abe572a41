"""The folder that the worker loads: rebuilt from a submission, never the submission itself.

It holds a new config.json of checked values, the verified safetensors, tokenizer.json
and the accepted chat template; nothing else that a participant wrote.
"""

import os
import shutil
from pathlib import Path

from palio.canonical import canonical_json
from palio.files import write_atomically
from palio.submissions.inspection import TEMPLATE, Inspection

_MODE = 0o444


def build_canonical_folder(
    inspection: Inspection, staged: Path, target: Path, *, link: bool = True
) -> Path:
    """Build ``target`` from the staged copy that was inspected, and return it.

    Args:
        inspection: of ``staged``.
        staged: the validator's own copy; its files do not change any more.
        target: must not exist; its parent must.
        link: hard links to the staged files where possible; copies otherwise.

    Raises:
        OSError: ``target`` exists, a staged file is gone, or the disk is full.
    """
    target.mkdir(mode=0o700)
    try:
        write_atomically(target / "config.json", canonical_json(inspection.config))
        for name in (*inspection.weight_files, "tokenizer.json"):
            _place(staged / name, target / name, link=link)
        if inspection.template is not None:
            write_atomically(target / TEMPLATE, inspection.template.encode())
        for path in target.iterdir():
            path.chmod(_MODE)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    return target


def _place(source: Path, target: Path, *, link: bool) -> None:
    if link:
        try:
            os.link(source, target, follow_symlinks=False)
        except OSError:
            # Another file system, or one without hard links.
            link = False
    if not link:
        shutil.copyfile(source, target, follow_symlinks=False)
