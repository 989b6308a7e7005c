"""DSGL on unique states against the tree of each sample: same weights, same loss.

    python benchmarks/dsgl.py [--events 400000] [--batch 64] [--depths 2 3] [--data set]

Claims: to learn from a batch costs less where each state is computed once, the more so
the deeper. Batches are what ``NeuralRanker`` learns from, users at one moment with 40
candidates each; or events at their own times with an item drawn beside each: of a block
of users, of those that follow one another in time, or from anywhere. With ``--data``
the log is that of a folder below ``TIDEGRAPH_DATA``. Time is that of the processor, on
one thread, for reading the graph, the loss and its gradient; medians of alternating
rounds. Layers are fused, as where a ranker learns.
"""

import argparse
import json
import os
import time
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from load import log_of

from tidegraph.data.interactions import Interactions
from tidegraph.data.sources import read
from tidegraph.features.columns import Features
from tidegraph.features.tables import Side, Tables
from tidegraph.graph.snapshot import Snapshot
from tidegraph.losses import binary_cross_entropy
from tidegraph.nn.around import Around, States
from tidegraph.nn.click.dsgl import DSGL
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.recurrent import fused
from tidegraph.ranking.receptive_fields import Reader
from tidegraph.stages import Requests
from tidegraph.training.weights import initialised

OUT = Path(__file__).parent / "results" / "dsgl.json"
KINDS = ("one moment", "blocks of users", "one after another", "anywhere")


def unfolded(states: States, roots: torch.Tensor) -> States:
    """The same fields as trees: a state stands once for each path that leads to it."""
    place, nodes, parents, children, ages, events = roots, [], [], [], [], []
    parent = torch.zeros_like(roots)
    for depth, node in enumerate(states.node):
        nodes.append(node[place])
        parents.append(parent)
        events.append(states.event[depth][place])
        if depth + 1 == len(states.node):
            break
        child = states.child[depth][place]
        there = child >= 0
        ages.append(states.age[depth][place])
        number = there.ravel().cumsum(0).reshape(child.shape) - 1
        children.append(torch.where(there, number, -1))
        parent = there.nonzero()[:, 0]
        place = child[there]
    return States(*map(tuple, (nodes, parents, children, ages, events)))


def as_trees(around: Around) -> Around:
    """Every sample's own tree on both sides."""
    users = torch.arange(len(around.seat))
    seat = torch.arange(around.seat.numel()).reshape(around.seat.shape)
    user, item = around.user, around.item
    trees = unfolded(user, users), unfolded(item, around.seat.ravel())
    return Around(*trees, seat, around.cross, around.back)


class Batch(NamedTuple):
    """Users, the time of each, and candidates."""

    user: np.ndarray
    time: np.ndarray
    item: np.ndarray


class Bench:
    """A log, and the samples of a batch."""

    def __init__(self, log: Interactions, batch: int) -> None:
        self.graph, self.log, self.size = Snapshot.of(log), log, batch
        items, users = len(log.items), len(log.users)
        self.tables = Tables(Side(items), Side(users))
        none = np.zeros(0, np.float32)
        nothing = np.zeros((2, 0), np.float32)
        # The graph alone: what is known of events is read once, not batch by batch.
        category = np.full(items, -1, np.int32)
        self.features = Features((), (), category, none, none, nothing)
        self.by_user = np.lexsort((log.time, log.user))

    def batch(self, rng: np.random.Generator, kind: str) -> Batch:
        """Users, times and candidates; the first candidate of each is right."""
        log = self.log
        if kind == "one moment":
            row = rng.choice(len(log), self.size, replace=False)
            item = log.item[rng.integers(0, len(log), (self.size, 40))]
            return Batch(log.user[row], np.full(self.size, log.time[-1]), item)
        size = 4 * self.size
        if kind == "blocks of users":
            start = rng.integers(0, len(log) - size)
            row = self.by_user[start : start + size]
        elif kind == "one after another":
            start = rng.integers(len(log) // 2, len(log) - size)
            row = np.arange(start, start + size)
        else:
            row = rng.integers(len(log) // 2, len(log), size)
        item = [log.item[row], log.item[rng.integers(0, len(log), size)]]
        return Batch(log.user[row], log.time[row], np.stack(item, axis=1))

    def step(self, model: DSGL, net, batch: Batch, *, tree: bool):
        """One step's processor seconds, how many states it has, and its loss."""
        item = batch.item
        began = time.process_time()
        requests = Requests.of_users(self.graph, batch.user, batch.time)
        reader = Reader.of(model.reads(), self.tables, self.features)
        around = reader.around(requests, np.arange(len(item)), item)
        if tree:
            around = as_trees(around)
        nothing = torch.zeros(len(item), 1, 2, dtype=torch.int64)
        inputs = Inputs(
            item=torch.from_numpy(self.tables.item.rows(item)),
            user=torch.from_numpy(self.tables.user.rows(batch.user)),
            numbers=torch.zeros(*item.shape, 1),
            present=torch.ones(item.shape, dtype=torch.bool),
            step=nothing,
            event=torch.zeros(len(item), 1, 0),
            cross=torch.zeros(*item.shape, 1, 0),
            age=nothing[..., 0],
            real_step=nothing[..., 0] > 0,
        )
        label = torch.zeros(item.shape)
        label[:, 0] = 1
        with fused():
            logit = net(inputs, around)
        loss = binary_cross_entropy(logit, label, inputs.present)
        loss.backward()
        spent = time.process_time() - began
        states = sum(len(n) for n in chain(around.user.node, around.item.node))
        return spent, states, loss.item()


def measured(bench: Bench, depth: int, rounds: int, kind: str) -> dict[str, float]:
    model = replace(DSGL(), user_depth=depth, item_depth=depth - 1)
    spec = InputSpec(bench.tables.item.counts, bench.tables.user.counts, 1)
    net = initialised(lambda: model.build(spec), np.random.default_rng(0)).eval()
    rng = np.random.default_rng(1)
    batch = bench.batch(rng, kind)
    took: dict[bool, list[tuple[float, int, float]]] = {False: [], True: []}
    for number in range(rounds + 1):
        batch = bench.batch(rng, kind)
        for tree in (False, True):
            found = bench.step(model, net, batch, tree=tree)
            if number:  # The first round compiles and warms up.
                took[tree].append(found)
    apart = [abs(a[2] - b[2]) for a, b in zip(took[False], took[True], strict=True)]
    out: dict[str, float] = {"largest difference of the loss": max(apart)}
    for tree, name in ((False, "unique"), (True, "tree")):
        seconds = float(np.median([one[0] for one in took[tree]]))
        out[f"{name} candidates/s"] = round(batch.item.size / seconds)
        out[f"{name} states"] = int(np.median([one[1] for one in took[tree]]))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--depths", type=int, nargs="+", default=[2, 3])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--data")
    options = parser.parse_args()
    torch.set_num_threads(1)
    log = log_of(options.events // 50, options.events // 20, options.events)
    if options.data:
        path = Path(os.environ["TIDEGRAPH_DATA"]) / options.data
        columns = {"user": "user", "item": "item", "time": "timestamp"}
        log = read(path / "interactions.parquet", **columns)
    bench, found = Bench(log, options.batch), {}
    for depth in options.depths:
        for kind in KINDS:
            row = measured(bench, depth, options.rounds, kind)
            found[f"depth {depth}, {kind}"] = row
            print(depth, kind, row, flush=True)
    result = {**vars(options), "table": found}
    known = json.loads(OUT.read_text()) if OUT.exists() else {}
    known[options.data or "drawn"] = result
    OUT.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main()
