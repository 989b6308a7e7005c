"""Click models beside the controls, on five subsets of Amazon and on MovieLens-1M.

Claim: DSGL is above every baseline that is given the same inputs, and both are above
the logistic control. Every ranker of the library takes part, and the ablations of DSGL;
all are judged as ``tidegraph bench ctr`` does: parts in time, three settings of each
chosen on validation, intervals and paired tests over users. Amazon has days, so events
of one day are never parted. The rows of MovieLens-1M with label 0 are its negatives;
neither ``rating`` nor ``ts_exact``, which tell the label, is read.
Run: TIDEGRAPH_DATA=folder python benchmarks/ctr.py [set ...] [--models DIN,DSGL]
[--protocol literature] [--seeds 3] [--kept folder] [--again DSGL], which keeps what was
trained, and trains anew what --again names, as its code has changed; --table prints
what docs/benchmarks.md has.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl

from tidegraph.bench import (
    CONTROL,
    PROTOCOLS,
    Contender,
    Scores,
    compare,
    contenders,
    network,
    write_comparison,
)
from tidegraph.bench.run import RECORDS
from tidegraph.data.interactions import Interactions
from tidegraph.data.sources import read
from tidegraph.features.columns import FeatureSet
from tidegraph.nn.click import DSGL
from tidegraph.nn.click.dsgl_layer import SequenceLayer

OUT = Path(__file__).parent / "results" / "ctr"
DATA = Path(os.environ.get("TIDEGRAPH_DATA", "."))
AMAZON = tuple(
    f"amazon_tlsan_{name}"
    for name in ("beauty", "digital_music", "toys", "home_kitchen", "office")
)
MOVIES = "movielens_1m_rebuilt"
CATEGORY = "category"
MOST = 50_000
"""Most requests of a part; more only make the trainings longer."""

ABLATIONS = {
    "DSGL (1, 0)": DSGL(user_depth=1, item_depth=0),
    "DSGL (1, 1)": DSGL(user_depth=1, item_depth=1),
    "DSGL (2, 2)": DSGL(user_depth=2, item_depth=2),
    "DSGL, last layer": DSGL(combine=False),
    "DSGL (2, 2), last layer": DSGL(user_depth=2, item_depth=2, combine=False),
    "DSGL, no time of users": DSGL(layer=SequenceLayer(time="item")),
    "DSGL, no time of items": DSGL(layer=SequenceLayer(time="user")),
    "DSGL, no time": DSGL(layer=SequenceLayer(time="none")),
    "DSGL, no encoder": DSGL(layer=SequenceLayer(encoder="none")),
    "DSGL, no encoder, no time": DSGL(layer=SequenceLayer(encoder="none", time="none")),
    "DSGL, no attention": DSGL(layer=SequenceLayer(attention="none")),
    "DSGL, GAT": DSGL(layer=SequenceLayer(attention="gat")),
}


def log_of(name: str) -> Interactions:
    """Return a log whose items have a category."""
    folder = DATA / name
    if name != MOVIES:
        return read(
            folder / "interactions.parquet",
            user="user",
            item="item",
            time="timestamp",
            items=folder / "items.parquet",
        )
    kept = pl.read_parquet(folder / "interactions.parquet").sort(
        "timestamp", "user", "position"
    )
    genre = pl.read_parquet(folder / "items.parquet").select(
        "item", pl.col("genres").str.split("|").list.first().alias(CATEGORY)
    )
    columns = ("user", "item", "timestamp", "label")
    return read(
        kept.select(columns),
        user="user",
        item="item",
        time="timestamp",
        label="label",
        items=genre,
    )


def compared(names: list[str] | None, *, ablations: bool) -> Iterator[Contender]:
    """Yield who takes part; one that is told apart has a budget like any other."""
    yield from contenders(names, CATEGORY)
    if ablations:
        # A model that reads histories by its own plans needs no other.
        features = FeatureSet(category=CATEGORY)
        for name, model in ABLATIONS.items():
            yield network(name, model, features)


def forget(folder: Path, models: list[str]) -> None:
    """Take the trainings of some models out of the records."""
    path = folder / RECORDS
    if path.exists():
        lines = path.read_text().splitlines()
        kept = [line for line in lines if json.loads(line)["model"] not in models]
        path.write_text("".join(f"{line}\n" for line in kept))


def run(name: str, options: argparse.Namespace) -> None:
    log = log_of(name)
    folder = options.kept / options.protocol / name
    forget(folder, options.again)
    protocol = replace(PROTOCOLS[options.protocol], most=MOST)
    found = compare(
        log,
        list(compared(options.models, ablations=options.ablations)),
        protocol,
        seeds=options.seeds,
        folder=folder,
    )
    scores = Scores.of(found)
    print(f"{name}, {options.protocol}: {found.parts}\n{scores.readable()}")
    print(scores.verdict(), flush=True)
    write_comparison(scores, folder, f"Click models on {name}")
    table = scores.table()
    best = [one for one in ("DSGL",) if one in found.trained]
    beside = {
        subject: Scores.of(found, subject).table().select("model", "lead", "p")
        for subject in best
    }
    OUT.mkdir(parents=True, exist_ok=True)
    result = {
        "set": name,
        "protocol": options.protocol,
        "seeds": options.seeds,
        "parts": str(found.parts),
        "load_average": round(os.getloadavg()[0], 1),
        f"lead over {CONTROL}": table.to_dicts(),
        **{f"beside {who}": rows.to_dicts() for who, rows in beside.items()},
    }
    path = OUT / f"{options.protocol}-{name}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("sets", nargs="*", default=[*AMAZON, MOVIES])
    parser.add_argument("--models", type=lambda text: text.split(","))
    parser.add_argument("--ablations", action="store_true")
    parser.add_argument("--protocol", default="time", choices=PROTOCOLS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--kept",
        type=Path,
        default=Path(tempfile.gettempdir()) / "tidegraph-ctr",
        help="Where trainings are kept.",
    )
    parser.add_argument(
        "--again", default=[], type=lambda text: text.split(","), help="Train anew."
    )
    options = parser.parse_args()
    for name in options.sets:
        run(name, options)


if __name__ == "__main__":
    main()
