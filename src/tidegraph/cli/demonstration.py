"""The command ``tidegraph demo``: the main job on real data."""

from pathlib import Path
from typing import Annotated

import typer

from tidegraph.artifact.sealed import check_folder
from tidegraph.demo import Demo


def demo(
    data: Annotated[str, typer.Option(help="A public data set.")] = "complete-journey",
    output: Annotated[Path, typer.Option(help="Folder to write.")] = Path(
        "demo-output"
    ),
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    rank: Annotated[
        str, typer.Option(help="The click model that ranks, such as DSGL.")
    ] = "DIN",
) -> None:
    """Run everything on real data: read, split, train, judge, recommend, report."""
    for name in ("model-repeat", "model-new"):
        check_folder(output / name)
    Demo(data=data, seed=seed, rank=rank).run(output)
