"""The command ``tidegraph simulate``: the log of a marketplace that never was."""

from pathlib import Path
from typing import Annotated

import typer

from tidegraph.cli.output import check_table, write_table
from tidegraph.cli.terminal import say
from tidegraph.data.synthetic import Marketplace
from tidegraph.rng import generator


def simulate(
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The log: .parquet, .csv or .jsonl.")
    ],
    users: Annotated[int, typer.Option(help="How many users.")] = 10_000,
    items: Annotated[int, typer.Option(help="Items on offer on a day.")] = 2_000,
    days: Annotated[int, typer.Option(help="How many days.")] = 60,
    visits: Annotated[int, typer.Option(help="Visits a day.")] = 2_000,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
) -> None:
    """Write the log of a simulated marketplace, with logged propensities."""
    check_table(output)
    market = Marketplace(users=users, items=items, days=days, visits=visits)
    world = market.simulate(rng=generator(seed))
    write_table(world.log.frame(), output)
    say(f"{output}: {world.log!r}")
