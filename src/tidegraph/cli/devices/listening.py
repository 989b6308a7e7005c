"""Where the gate listens, found out before anything is said or learnt."""

import socket
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Annotated, Any

import typer

from tidegraph.errors import RequestError
from tidegraph.extras import needed

with needed("uvicorn", "device", "the gate"):
    import uvicorn

Port = Annotated[int, typer.Option(help="Port to listen at.", min=1, max=65_535)]


@contextmanager
def listening(host: str, port: int) -> Generator[socket.socket, None, None]:
    """Listen at an address, in which nobody answers yet.

    Raises:
        RequestError: Nothing can listen there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        opened = socket.create_server((host, port), family=family)
    except OSError as error:
        # What Python adds to the system's words is the address.
        reason = str(error.strerror).partition(" (")[0]
        raise RequestError(
            f"nothing can listen at {host}:{port}: {reason}. Choose another --host or "
            "--port."
        ) from error
    with opened:
        yield opened


def serve(application: Any, opened: socket.socket) -> None:
    """Answer those who come to an address, until interrupted."""
    server = uvicorn.Server(uvicorn.Config(application, log_level="warning"))
    with suppress(KeyboardInterrupt):
        server.run(sockets=[opened])
