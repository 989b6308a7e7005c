"""Click models beside the controls, on five subsets of Amazon and on MovieLens-1M.

Claim: DSGL is above every baseline that is given the same inputs, and both are above
the logistic control. Every ranker of the library takes part, and the ablations of DSGL;
all are judged as ``tidegraph bench ctr`` does: parts in time, four settings of each
chosen on validation, intervals and paired tests over users. Amazon has days, so events
of one day are never parted. The rows of MovieLens-1M with label 0 are its negatives;
neither ``rating`` nor ``ts_exact``, which tell the label, is read. Any other folder in
the layout of one of these is taken alike: items with a category, or with genres.
Run: TIDEGRAPH_DATA=folder python benchmarks/ctr.py [set ...] [--models "DIN;DSGL"]
[--ablations] [--protocol literature] [--seeds 3] [--kept folder] [--again "DSGL"],
which keeps what was trained, and trains anew what --again names, as its code changed;
then python benchmarks/ctr_pictures.py draws it.
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
    gains_by_activity,
    network,
    write_comparison,
)
from tidegraph.bench.models import BEST, CHAPTER, WHOLE
from tidegraph.bench.run import RECORDS
from tidegraph.data.interactions import Interactions
from tidegraph.data.sources import read
from tidegraph.features.columns import FeatureSet
from tidegraph.nn.click import DSGL, NextEvent

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

EVERY = FeatureSet(category=CATEGORY)
DSGLS = (WHOLE, CHAPTER)
"""The two rows of DSGL: with every input of the house, and with none but its graph."""


def without(**layer: str) -> DSGL:
    return replace(BEST, layer=replace(BEST.layer, **layer))


ABLATIONS = {
    "no loss of the next event": BEST,
    "depth (1, 0)": replace(BEST, user_depth=1, item_depth=0),
    "depth (1, 1)": replace(BEST, user_depth=1, item_depth=1),
    "depth (2, 2)": replace(BEST, user_depth=2, item_depth=2),
    "depth (1, 1), last layer": replace(
        BEST, user_depth=1, item_depth=1, combine=False
    ),
    "last layer": replace(BEST, combine=False),
    "depth (2, 2), last layer": replace(
        BEST, user_depth=2, item_depth=2, combine=False
    ),
    "no time of users": without(time="item"),
    "no time of items": without(time="user"),
    "no time": without(time="none"),
    "no encoder": without(encoder="none"),
    "no encoder, no time": without(encoder="none", time="none"),
    "no attention": without(attention="none"),
    "attention of GAT": without(attention="gat"),
}
"""What the chapter leaves out of DSGL, here of the row with structure."""


def log_of(name: str) -> Interactions:
    """Return a log whose items have a category."""
    folder = DATA / name
    rows = pl.read_parquet(folder / "interactions.parquet")
    if "position" in rows.columns:
        rows = rows.sort("timestamp", "user", "position")
    items = pl.read_parquet(folder / "items.parquet")
    if CATEGORY not in items.columns:
        genre = pl.col("genres").str.split("|").list.first()
        items = items.select("item", genre.alias(CATEGORY))
    columns = ("user", "item", "timestamp", "label")
    return read(
        rows.select(name for name in columns if name in rows.columns),
        user="user",
        item="item",
        time="timestamp",
        label="label" if "label" in rows.columns else None,
        items=items,
    )


def compared(names: list[str] | None, *, ablations: bool) -> Iterator[Contender]:
    """Yield who takes part, everyone with a budget like any other."""
    yield from contenders(names, CATEGORY)
    if ablations:
        for name, model in ABLATIONS.items():
            model = model if model is BEST else NextEvent(model)
            yield network(f"DSGL, {name}", model, EVERY)


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
    title = f"Click models on {name}"
    write_comparison(scores, folder, title)
    table = scores.table()
    others = {who: Scores.of(found, who) for who in DSGLS if who in found.trained}
    columns = ("model", "lead", "lead_low", "lead_high", "p")
    beside = {
        f"beside {who}": judged.table().select(columns).to_dicts()
        for who, judged in others.items()
    }
    if WHOLE in others:
        beside["gains by activity"] = gains_by_activity(others[WHOLE]).to_dicts()
    OUT.mkdir(parents=True, exist_ok=True)
    result = {
        "set": name,
        "protocol": options.protocol,
        "seeds": options.seeds,
        "parts": str(found.parts),
        "load_average": round(os.getloadavg()[0], 1),
        f"lead over {CONTROL}": table.to_dicts(),
        **beside,
    }
    # Ablations may have other seeds than the table, so they stand apart.
    kind = "ablations-" if options.ablations else ""
    path = OUT / f"{kind}{options.protocol}-{name}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("sets", nargs="*", default=[*AMAZON, MOVIES])
    parser.add_argument("--models", type=lambda text: text.split(";"))
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
        "--again", default=[], type=lambda text: text.split(";"), help="Train anew."
    )
    options = parser.parse_args()
    for name in options.sets:
        run(name, options)


if __name__ == "__main__":
    main()
