"""What an operator of the gate does: ``tidegraph device ticket | revoke | erase``."""

from pathlib import Path
from typing import Annotated

import typer

from tidegraph.cli.terminal import say
from tidegraph.device.gate.gate import Gate
from tidegraph.device.gate.store import FILE
from tidegraph.device.gate.upload import DEVICE_BYTES
from tidegraph.errors import RequestError

Store = Annotated[
    Path, typer.Option(help="Folder of the gate: devices and what they learnt.")
]
Name = Annotated[str, typer.Option(help="The device: its 16 bytes in hexadecimal.")]


def ticket(
    store: Store,
    hours: Annotated[int, typer.Option(help="How long it may be used.")] = 1,
) -> None:
    """Print a ticket, with which one device may enrol."""
    with _open_existing_store(store) as gate:
        say(gate.ticket(hours * 3_600).hex())


def revoke(store: Store, device: Name) -> None:
    """Take nothing more of a device, and drop what it sent."""
    name = _device_name(device)
    with _open_existing_store(store) as gate:
        _check_device_known(gate.revoke(name).result(), device)
    say(f"{store}: {device} is revoked, and what it sent is gone.")


def erase(store: Store, device: Name) -> None:
    """Forget a device with its key and all that it sent; its name is not used again."""
    name = _device_name(device)
    with _open_existing_store(store) as gate:
        _check_device_known(gate.erase(name).result(), device)
    say(f"{store}: {device} is erased.")


def _device_name(text: str) -> bytes:
    try:
        name = bytes.fromhex(text)
    except ValueError:
        name = b""
    if len(name) != DEVICE_BYTES:
        raise RequestError(
            f"--device is {text!r}; a device is {2 * DEVICE_BYTES} hexadecimal digits."
        )
    return name


def _check_device_known(was: bool, device: str) -> None:
    if not was:
        raise RequestError(f"the gate knows no device {device}.")


def _open_existing_store(store: Path) -> Gate:
    """Open a store that is there: what is misspelt shall not become another one."""
    if not (store / FILE).is_file():
        raise RequestError(
            f"{store} is no store of a gate: it has no {FILE}. Name the folder that "
            "serve-gate keeps it in."
        )
    return Gate(store)
