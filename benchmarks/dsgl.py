"""DSGL on unique states against trees: same weights, same loss.

    python benchmarks/dsgl.py [--events 400000] [--batch 64] [--depths 2 3] [--data set]
        [--kinds "blocks of users"]

Claim: to learn from a batch costs less where each state is computed once, the more so
the deeper: 3 times less at depth 2 and 8 times at depth 3 than with the tree of each
sample, which is a user, a candidate and a time. A stronger rival stands beside it: the
tree of each request, whose candidates share that of their user. Batches are what
``NeuralRanker`` learns from, users at one moment with 40 candidates each; or events at
their own times with an item drawn beside each: of a block of users, of those that
follow one another in time, or from anywhere. With ``--data`` the log is that of a
folder below ``TIDEGRAPH_DATA``. Time is that of the processor, on one thread, for
reading the graph, the loss and its gradient; medians of alternating rounds. Layers are
fused, as where a ranker learns. Trees of samples are learnt from in parts, whose
gradients are added up, since all at once they do not fit a small machine.
"""

import argparse
import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from load import log_of
from torch import nn

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
SAMPLES = 512
WAYS = ("unique", "tree of each request", "tree of each sample")
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
    """The tree of each request's user, and of each candidate."""
    users = torch.arange(len(around.seat))
    seat = torch.arange(around.seat.numel()).reshape(around.seat.shape)
    user, item = around.user, around.item
    trees = unfolded(user, users), unfolded(item, around.seat.ravel())
    return Around(*trees, seat, around.cross, around.back)


def as_samples(inputs: Inputs, around: Around, part: slice) -> tuple[Inputs, Around]:
    """Some candidates as requests of one, each with trees of its own."""
    b, k = around.seat.shape
    sample = torch.arange(b * k)[part]
    row, place = sample // k, sample % k
    per_candidate = {
        name: getattr(inputs, name)[row, place, None]
        for name in ("item", "numbers", "present", "cross")
    }
    rest = {
        name: getattr(inputs, name)[row]
        for name in ("user", "step", "event", "age", "real_step")
    }
    trees = unfolded(around.user, row), unfolded(around.item, around.seat[row, place])
    seat = torch.arange(len(row))[:, None]
    across = (each[row, place, None] for each in (around.cross, around.back))
    return Inputs(**per_candidate, **rest), Around(*trees, seat, *across)


class Batch(NamedTuple):
    """Users, the time of each, and candidates."""

    user: np.ndarray
    time: np.ndarray
    item: np.ndarray


class Step(NamedTuple):
    """Processor seconds of a step, how many states it made, and its loss."""

    seconds: float
    states: int
    loss: float


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

    def step(self, model: DSGL, net: nn.Module, batch: Batch, *, by: str) -> Step:
        """One step of learning, by unique states or by trees."""
        item = batch.item
        began = time.process_time()
        requests = Requests.of_users(self.graph, batch.user, batch.time)
        reader = Reader.of(model.reads(), self.tables, self.features)
        around = reader.around(requests, np.arange(len(item)), item)
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
        states, loss = 0, 0.0
        for part, given in parts(inputs, around, by):
            with fused():
                logit = net(*given)
            share = logit.numel() / label.numel()
            right = label.ravel()[part].view(logit.shape)
            lost = binary_cross_entropy(logit, right, given[0].present) * share
            lost.backward()
            loss += lost.item()
            found = given[1]
            states += sum(len(n) for n in chain(found.user.node, found.item.node))
        return Step(time.process_time() - began, states, loss)


def parts(
    inputs: Inputs, around: Around, by: str
) -> Iterator[tuple[slice, tuple[Inputs, Around]]]:
    """The candidates that are learnt from at once, and what is known of them."""
    if by != "tree of each sample":
        trees = by == "tree of each request"
        yield slice(None), (inputs, as_trees(around) if trees else around)
        return
    for start in range(0, around.seat.numel(), SAMPLES):
        part = slice(start, start + SAMPLES)
        yield part, as_samples(inputs, around, part)


def measured(bench: Bench, depth: int, rounds: int, kind: str) -> dict[str, float]:
    model = replace(DSGL(), user_depth=depth, item_depth=depth - 1)
    spec = InputSpec(bench.tables.item.counts, bench.tables.user.counts, 1)
    net = initialised(lambda: model.build(spec), np.random.default_rng(0)).eval()
    rng = np.random.default_rng(1)
    took: dict[str, list[Step]] = {by: [] for by in WAYS}
    for number in range(rounds + 1):
        batch = bench.batch(rng, kind)
        for by in WAYS:
            found = bench.step(model, net, batch, by=by)
            if number:  # The first round compiles and warms up.
                took[by].append(found)
    apart = [
        abs(one.loss - each.loss)
        for by in WAYS
        for one, each in zip(took[WAYS[0]], took[by], strict=True)
    ]
    out: dict[str, float] = {"largest difference of the loss": max(apart)}
    for by, steps in took.items():
        seconds = float(np.median([one.seconds for one in steps]))
        out[f"{by}, candidates/s"] = round(batch.item.size / seconds)
        out[f"{by}, states"] = int(np.median([one.states for one in steps]))
    unique = out[f"{WAYS[0]}, candidates/s"]
    for by in WAYS[1:]:
        out[f"times the {by}"] = round(unique / out[f"{by}, candidates/s"], 2)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--depths", type=int, nargs="+", default=[2, 3])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--kinds", nargs="+", default=KINDS, choices=KINDS)
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
        for kind in options.kinds:
            row = measured(bench, depth, options.rounds, kind)
            found[f"depth {depth}, {kind}"] = row
            print(depth, kind, row, flush=True)
    result = {**vars(options), "table": found}
    known = json.loads(OUT.read_text()) if OUT.exists() else {}
    name = options.data or "drawn"
    known[name if options.batch <= 256 else f"{name}, {options.batch}"] = result
    OUT.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main()
