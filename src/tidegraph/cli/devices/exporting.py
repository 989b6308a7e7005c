"""What devices download, written: ``tidegraph device export``."""

from pathlib import Path
from typing import Annotated

import typer

from tidegraph import dccl
from tidegraph.cli.own import Kinds, classes_of
from tidegraph.cli.terminal import say


def export(
    model: Annotated[
        Path, typer.Argument(help="A saved model that has learnt with devices.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The folder of the bundle.")
    ],
    key: Annotated[
        Path | None,
        typer.Option(
            help="Private key that signs it, made where there is none (default: "
            "beside the bundle, named after it)."
        ),
    ] = None,
    version: Annotated[
        int | None,
        typer.Option(
            help="A number larger than before (default: one more than the bundle there "
            "has; without one, Unix seconds)."
        ),
    ] = None,
    items: Annotated[
        int,
        typer.Option(
            help="Describe so many items, those with the most actions, so that a "
            "device, such as the page in a browser, ranks them by itself."
        ),
    ] = 0,
    kinds: Kinds = None,
) -> None:
    """Write what devices download: graphs, weights and a signed manifest."""
    cloud = dccl.FittedDCCL.load(model, kinds=classes_of(kinds, model))
    cloud.export(output, key, items=items, version=version)
    place = output.absolute().parent / f"{output.name}.pem" if key is None else key
    say(f"{output}: signed by {place}; devices and the gate trust {place}.pub.")
