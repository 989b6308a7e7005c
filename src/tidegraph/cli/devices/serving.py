"""The gate, served: ``tidegraph device serve-gate``."""

from pathlib import Path
from typing import Annotated

import typer

from tidegraph.cli.devices.listening import Port, listening, serve
from tidegraph.cli.devices.operating import Store
from tidegraph.cli.options import Given, options_of
from tidegraph.cli.terminal import say
from tidegraph.device.gate.app import Published
from tidegraph.device.gate.app import app as application
from tidegraph.device.gate.gate import Gate
from tidegraph.device.gate.policy import GatePolicy
from tidegraph.device.signing import trusted_key


@options_of("policy", GatePolicy, panel="What the gate takes")
def serve_gate(
    bundle: Annotated[Path, typer.Argument(help="The folder of a bundle.")],
    store: Store,
    key: Annotated[Path, typer.Option(help="Public key of its publisher: a .pub.")],
    policy: Given,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Port = 8700,
    origin: Annotated[
        list[str] | None,
        typer.Option(help="A web site whose pages may send; repeatable."),
    ] = None,
) -> None:
    """Serve a bundle to devices, and take in what they learnt, until interrupted."""
    trusted = trusted_key(key)
    with listening(host, port) as opened, Gate(store, GatePolicy(**policy)) as gate:
        published = Published(gate, bundle, trusted)
        if published.warning:
            say(f"warning: {published.warning}")
        version = published.newest.manifest.version
        say(f"{bundle}: version {version} at http://{host}:{port}, kept in {store}.")
        serve(application(gate, published, origin or ()), opened)
