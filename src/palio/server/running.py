"""Serving an application: a listening socket first, then uvicorn until it is interrupted."""

import errno
import socket

import uvicorn
from fastapi import FastAPI

from palio.errors import ConfigError, PalioError

#: Seconds that requests under way get to end after an interruption.
GRACE_S = 3
_BACKLOG = 128


def listen(host: str, port: int) -> tuple[socket.socket, str]:
    """A listening socket and its URL; port 0 takes a free one.

    Raises:
        PalioError: the port is in use, or may not be used.
        ConfigError: the host is no address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise PalioError(
                f"port {port} of {host} is in use; choose another with --port, or 0 for a free one"
            ) from error
        if error.errno == errno.EACCES:
            raise PalioError(f"no permission to use port {port}; take one above 1023") from error
        raise ConfigError(
            f"{host} is no address that this machine can listen on; try 127.0.0.1"
        ) from error
    shown = f"[{host}]" if family is socket.AF_INET6 else host
    return listening, f"http://{shown}:{listening.getsockname()[1]}/"


def run(application: FastAPI, listening: socket.socket) -> None:
    """Serve until the process is interrupted or asked to end."""
    config = uvicorn.Config(
        application,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        # uvicorn has ended everything and only passes the signal on.
        pass
    finally:
        listening.close()
