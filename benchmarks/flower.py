"""How many devices learn in a second: the fleet beside Flower, in one run.

    .venv-flower/bin/python benchmarks/flower.py [--devices 200] [--runs 5]

The tower, the patches and the rows are those of ``fleet.py``: 20 rows and 10 steps a
device. ``fleet`` is ``personalised`` over 2,000 devices on one thread. ``flower`` is
a round of ``Personalisation`` over nodes of one device each in Flower's own engine
(Ray, two workers of one thread each), the first round left out; ``flower_many`` is the
same devices as ten nodes of many. ``echo`` sends theta alone to nodes that answer with
it and learn nothing: what the messages cost, whatever a client does. Rates are the
medians of runs in turn, per second on the wall and, ``_own``, of processor time of all
processes. ``apart`` is the largest difference between the lengths of thetas that nodes
of one device learn and those that nodes of many learn.
"""

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path

os.environ |= {
    "FLWR_TELEMETRY_ENABLED": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "OMP_NUM_THREADS": "1",
    # Ray's workers import this file, too.
    "PYTHONPATH": os.pathsep.join(
        [str(Path(__file__).parent), str(Path(__file__).parents[1] / "src")]
    ),
}
sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import numpy as np
import psutil
import torch
from fleet import LOCAL, THETA, WIDTH, drawn
from flwr.app import Array, ArrayRecord, Message, MessageType, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import ServerApp
from flwr.simulation import run_simulation

from tidegraph.device.fleet import personalised
from tidegraph.device.flower.client import client_app
from tidegraph.device.flower.strategy import Personalisation
from tidegraph.device.patch import MetaPatch, Patched
from tidegraph.nn.dense import Tower

NODES = 10
OUT = Path(__file__).parent / "results" / "flower.json"


def head_of() -> Patched:
    torch.set_num_threads(1)
    patch = MetaPatch(("hidden0", "hidden1", "last"), rank=8, theta=THETA)
    tower = Tower(WIDTH, (128, 64, 32)).eval()
    return patch.patched(tower, rng=np.random.default_rng(0)).requires_grad_(False)


def part(node: int, nodes: int, devices: int) -> np.ndarray:
    """Return the devices of a node."""
    return np.array_split(np.arange(devices), nodes)[node]


def spent() -> float:
    """Return seconds of processor time of this process and all below it."""
    mine = psutil.Process()
    each = [one.cpu_times() for one in (mine, *mine.children(recursive=True))]
    return sum(one.user + one.system for one in each)


def timed(work) -> tuple[float, float]:
    wall, own = time.perf_counter(), spent()
    work()
    return time.perf_counter() - wall, spent() - own


def learning(nodes: int, devices: int) -> ClientApp:
    held = {}

    def rows(context):
        node = int(context.node_config["partition-id"])
        if node not in held:
            held[node] = drawn(devices).at(part(node, nodes, devices))
        return held[node]

    return client_app(rows)


def echoing() -> ClientApp:
    app = ClientApp()

    @app.train()
    def train(message, context):
        return Message(message.content, reply_to=message)

    return app


def in_engine(app: ClientApp, nodes: int, work) -> None:
    """Run the work of a server over so many nodes."""
    server, failed = ServerApp(), []

    @server.main()
    def main(grid, context):
        try:
            while len(list(grid.get_node_ids())) < nodes:
                time.sleep(0.1)
            work(grid)
        except BaseException as error:
            failed.append(error)
            raise

    run_simulation(
        server,
        app,
        num_supernodes=nodes,
        backend_config={
            "client_resources": {"num_cpus": 1, "num_gpus": 0.0},
            "init_args": {"num_cpus": 2, "include_dashboard": False},
        },
    )
    if failed:
        raise failed[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    devices, head = options.devices, head_of()
    rates: dict[str, list[float]] = {}

    def note(name: str, count: int, spans: tuple[float, float]) -> None:
        for end, span in zip(("", "_own"), spans, strict=True):
            rates.setdefault(name + end, []).append(count / span)

    fleet = drawn(2000)
    none = np.zeros((2000, THETA), np.float32)
    personalised(head, none[:100], fleet.at(np.arange(100)), LOCAL)

    def ours(beside: str) -> None:
        span = timed(lambda: personalised(head, none, fleet, LOCAL))
        note("fleet", 2000, span)
        note(f"fleet beside {beside}", 2000, span)

    def rounds(name: str, nodes: int, strategy: Personalisation):
        def work(grid):
            def once():
                sent = strategy.configure_train(1, strategy.arrays(), {}, grid)
                strategy.aggregate_train(1, grid.send_and_receive(list(sent)))

            once()
            for _ in range(options.runs):
                ours(name)
                note(name, devices, timed(once))

        return work

    def echo(grid):
        def once():
            theta = ArrayRecord({"theta": Array(none[0])})
            grid.send_and_receive(
                Message(RecordDict({"theta": theta}), node, MessageType.TRAIN)
                for node in grid.get_node_ids()
            )

        once()
        for _ in range(options.runs):
            ours("echo")
            note("echo", devices, timed(once))

    one = Personalisation(head, LOCAL)
    in_engine(learning(devices, devices), devices, rounds("flower", devices, one))
    assert not one.refused
    assert len(one.thetas) == devices
    many = Personalisation(head, LOCAL)
    in_engine(learning(NODES, devices), NODES, rounds("flower_many", NODES, many))
    in_engine(echoing(), devices, echo)
    result = {name: round(statistics.median(some), 1) for name, some in rates.items()}
    by_length = [
        np.sort(np.linalg.norm(np.concatenate(list(of.thetas.values())), axis=1))
        for of in (one, many)
    ]
    result["apart"] = float(np.abs(by_length[0] - by_length[1]).max())
    result |= {"devices": devices, "machine": "2 shared cores, x86_64"}
    result["load"] = os.getloadavg()[0]
    OUT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
