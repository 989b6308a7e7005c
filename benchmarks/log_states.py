"""States of a log, each once for all requests, against those of each block of requests.

    TIDEGRAPH_DATA=folder python benchmarks/log_states.py [set ...]
    python benchmarks/log_states.py --grow 20000 80000 320000 --depths 3,2

Claim: many requests are answered faster where what happened around the events of the
log is computed once a layer for all of them, the more so the deeper, and in time linear
in the events. DSGL with every input and with its graph alone, at depths (2, 1) and
(3, 2), answers the test part of ``bench ctr`` (a candidate beside one negative), every
event of the log beside an item drawn at random, and 1,024 lists of 200 items at one
moment, which is a block of a pipeline's requests. With ``--grow`` every event of a
simulated marketplace, for each number of events. Requests a second of processor time on
one thread, the best of alternating rounds of the same fitted ranker.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from ctr import log_of

from tidegraph.bench.clicks import ClickProtocol, click_parts
from tidegraph.bench.models import BEST
from tidegraph.data.interactions import Interactions, interactions
from tidegraph.data.synthetic import Marketplace
from tidegraph.features.columns import FeatureSet
from tidegraph.kernels.jit import use_threads
from tidegraph.nn.click import DSGL
from tidegraph.ranking.log_states import LogStates
from tidegraph.ranking.neural import FittedNeuralRanker, NeuralRanker
from tidegraph.run import Run
from tidegraph.stages import Candidates, Examples, Requests
from tidegraph.training.settings import Training

OUT = Path(__file__).parent / "results" / "log_states.json"
SETS = ("amazon_tlsan_office", "amazon_tlsan_digital_music")
DEPTHS = ((2, 1), (3, 2))
PARTS = ("every event", "test", "lists")
LEARNT = 300
"""Requests that a ranker learns from: it is to answer, not to be right."""
MODELS = {
    "graph alone": (DSGL(), FeatureSet(groups=("user",))),
    "every input": (BEST, FeatureSet(ids=False)),
}


def marketplace(events: int) -> Interactions:
    """Return events in which users, items and visits grow alike."""
    sizes = {"users": events // 50, "items": events // 200, "visits": events // 200}
    log = Marketplace(**sizes, days=20).simulate(rng=np.random.default_rng(0)).log
    return interactions(log.user, log.item, log.time)


def first(examples: Examples, count: int) -> Examples:
    """Return the first examples."""
    some = Candidates(
        examples.candidates.item[:count], examples.candidates.score[:count]
    )
    return Examples(examples.requests.rows(0, count), some, examples.label[:count])


def every_event(log: Interactions, part: Examples) -> tuple[Requests, Candidates]:
    """Return a request for each event, and another item beside its own."""
    drawn = log.item[np.random.default_rng(1).integers(0, len(log), len(log))]
    item = np.stack([log.item, drawn], axis=1).astype(np.int32)
    requests = Requests.of_users(part.requests.graph, log.user, log.time)
    return requests, Candidates(item, np.zeros(item.shape, np.float32))


def lists(log: Interactions, part: Examples) -> tuple[Requests, Candidates]:
    """Return a block of a pipeline's requests: users just after the last event."""
    rng, size = np.random.default_rng(2), (1_024, 200)
    user = rng.integers(0, len(log.users), size[0]).astype(np.int32)
    now = np.full(size[0], log.time[-1] + 1)
    item = rng.integers(0, len(log.items), size).astype(np.int32)
    requests = Requests.of_users(part.requests.graph, user, now)
    return requests, Candidates(item, np.zeros(item.shape, np.float32))


def given(name: str, log: Interactions, part: Examples) -> tuple[Requests, Candidates]:
    """Return the requests of a part by its name."""
    if name == "test":
        return part.requests, part.candidates
    return every_event(log, part) if name == "every event" else lists(log, part)


def measured(
    ranker: FittedNeuralRanker, requests: Requests, candidates: Candidates, rounds: int
) -> dict[str, float]:
    """Return requests a second both ways, and how far the answers are apart."""
    took: dict[bool, list[float]] = {False: [], True: []}
    answers = {}
    nothing = patch.object(LogStates, "of", lambda *_: None)
    for _ in range(rounds):
        for once in (False, True):
            began = time.process_time()
            if once:
                answers[once] = ranker.score(requests, candidates)
            else:
                with nothing:
                    answers[once] = ranker.score(requests, candidates)
            took[once].append(time.process_time() - began)
    old, new = (min(took[once]) for once in (False, True))
    return {
        "requests": len(requests),
        "each block's states, requests/s": round(len(requests) / old),
        "the log's states, requests/s": round(len(requests) / new),
        "times": round(old / new, 2),
        "apart": float(np.abs(answers[True] - answers[False]).max()),
    }


def rows(
    log: Interactions, options: argparse.Namespace, names: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Return what was measured on a log, by depth, inputs and part."""
    parts, found = click_parts(log, ClickProtocol(), rng=np.random.default_rng(0)), {}
    asked = {name: given(name, log, parts.test) for name in names}
    for depth in options.depths:
        for inputs in options.inputs:
            model, features = MODELS[inputs]
            model = replace(model, user_depth=depth[0], item_depth=depth[1])
            ranker = NeuralRanker(model, features, training=Training(epochs=1))
            run = Run(np.random.default_rng(0))
            learn, stop = first(parts.train, LEARNT), first(parts.valid, LEARNT)
            fitted = ranker.fit(learn, stop, run=run)
            for part, requests in asked.items():
                row = measured(fitted, *requests, options.rounds)
                found[f"{depth}, {inputs}, {part}"] = row
                print(depth, inputs, part, row, flush=True)
    return found


def depth_of(text: str) -> tuple[int, int]:
    """Return both depths as written, such as 2,1."""
    user, item = map(int, text.split(","))
    return user, item


def keep(name: str, table: dict[str, dict[str, float]]) -> None:
    """Write what was measured on a log beside what is known of it."""
    known = json.loads(OUT.read_text()) if OUT.exists() else {}
    known[name] = known.get(name, {}) | table
    OUT.write_text(json.dumps(known, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=SETS)
    parser.add_argument("--grow", type=int, nargs="*", default=[])
    parser.add_argument("--parts", nargs="*", default=PARTS, choices=PARTS)
    parser.add_argument("--inputs", nargs="*", default=MODELS, choices=MODELS)
    parser.add_argument("--depths", nargs="*", default=DEPTHS, type=depth_of)
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with use_threads(threads=1, grain=1 << 30):
        for name in [] if options.grow else options.sets:
            keep(name, rows(log_of(name), options, options.parts))
        for events in options.grow:
            found = rows(marketplace(events), options, PARTS[:1])
            keep(f"{events:,} events", found)


if __name__ == "__main__":
    main()
