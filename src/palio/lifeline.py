"""A child process that does not outlive its parent."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int | None = None) -> None:
    """Have the kernel kill this process when its parent ends, even by SIGKILL (Linux).

    Elsewhere it does nothing; a child then ends when it next writes to its closed pipe.

    Args:
        parent: process id of the parent, if the child was told; then a parent that died
            before this call is noticed too.
    """
    parent = os.getppid() if parent is None else parent
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # The parent may have died before the request reached the kernel.
    if os.getppid() != parent:
        sys.exit(1)
