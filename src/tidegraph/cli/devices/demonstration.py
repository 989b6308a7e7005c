"""A page that learns in the browser, on real items: ``tidegraph device demo``."""

import threading
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

import tidegraph as tg
from tidegraph.cli.devices.listening import Port, listening, serve
from tidegraph.cli.output import show
from tidegraph.cli.terminal import say
from tidegraph.data.features import CATEGORIES, NAMES, first_feature_column
from tidegraph.data.interactions import Interactions
from tidegraph.data.public import load
from tidegraph.dccl import FittedDCCL
from tidegraph.device.bundle.manifest import MANIFEST
from tidegraph.device.gate.app import Published
from tidegraph.device.gate.app import app as application
from tidegraph.device.gate.gate import Gate
from tidegraph.device.gate.page import add_page, check_page
from tidegraph.device.signing import trusted_key
from tidegraph.durations import DAY
from tidegraph.features.groups import OF_ITEMS

HOST = "127.0.0.1"
PAGE = Path("clients") / "browser" / "dist"


def demo(
    output: Annotated[
        Path, typer.Option(help="Folder of the model, the bundle and the gate's store.")
    ] = Path("device-demo"),
    page: Annotated[
        Path, typer.Option(help="Where the page was built, by make browser.")
    ] = PAGE,
    data: Annotated[str, typer.Option(help="Public data set.")] = "complete-journey",
    items: Annotated[int, typer.Option(help="How many items devices rank.")] = 500,
    port: Port = 8700,
    open_it: Annotated[
        bool, typer.Option("--open/--no-open", help="Open it in the browser.")
    ] = True,
) -> None:
    """Train a model on real items, and open a page where a browser makes it its own."""
    check_page(page)
    with listening(HOST, port):
        pass  # Found out before the long work.
    bundle = output / "bundle"
    if not (bundle / MANIFEST).exists():
        cloud = learnt(load(data))
        show(cloud.history(), json=False)
        cloud.save(output / "model")
        cloud.export(bundle, items=items)
    trusted = trusted_key(output / "bundle.pem.pub")
    with listening(HOST, port) as opened, Gate(output / "store") as gate:
        published = Published(gate, bundle, trusted)
        if published.warning:
            say(f"warning: {published.warning} Exporting {output / 'model'} again.")
            FittedDCCL.load(output / "model").export(bundle, items=items)
            published.look()
        made = application(gate, published)
        add_page(made, page, gate, trusted)
        address = f"http://{HOST}:{port}/"
        say(f"The page is at {address}, until interrupted; {output} keeps the rest.")
        if open_it:
            threading.Timer(1.0, webbrowser.open, [address]).start()
        serve(made, opened)


def learnt(
    log: Interactions, days: int = 14, training: tg.Training | None = None
) -> FittedDCCL:
    """Return a model of a log, and what its users' devices taught it of late.

    Args:
        log: Whose items may have a category and a name.
        days: Devices learn in this time at the end; as long before it judges training.
        training: How long and how fast to learn.
    """
    end = int(log.time[-1]) + 1
    first, last = end - 2 * days * DAY, end - days * DAY
    features = tg.FeatureSet(OF_ITEMS, first_feature_column(CATEGORIES, log))
    pipeline = tg.Pipeline(
        retrieve=(tg.Repeat(), tg.Popular(half_life_days=28.0)),
        rank=tg.NeuralRanker(tg.DIN(), features, training=training or tg.Training()),
        names=first_feature_column(NAMES, log),
    )
    model = pipeline.fit(log.before(first), log.since(first).before(last))
    rounds = tg.DCCL(rounds=tg.EveryDays(days=days / 2))
    return rounds.fit(log, model)
