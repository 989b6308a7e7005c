"""On which logs the attention of DSGL is worth having: those with noisy neighbours.

    python benchmarks/ctr_noise.py [--users 10000] [--seeds 1]

Question: does it matter more whom a node attends to, the fewer of its neighbours bear
on what is asked? Items are of kinds and come in two flavours; a user wants the flavour
of the latest item of that kind that the user chose, nine times in ten. Of the ten
events of a history, those of the other kinds are noise: none with one kind, nine in ten
with ten. Candidates are both flavours of a kind of the history, so .9 is the best AUC.
Each model is the chapter's, with nothing but the graph, and has one setting.
"""

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from tidegraph.data.interactions import interactions
from tidegraph.evaluation.metrics.classification import auc
from tidegraph.features.columns import FeatureSet
from tidegraph.graph.snapshot import Snapshot
from tidegraph.nn.click import DSGL
from tidegraph.nn.click.dsgl_layer import SequenceLayer
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.run import Run
from tidegraph.stages import Candidates, Examples, Requests
from tidegraph.training.optimizers import AdamW
from tidegraph.training.settings import Training

OUT = Path(__file__).parent / "results" / "ctr_noise.json"
DAY = 86_400
EVENTS = 10
FLIPPED = 0.1
"""How often a user wants the other flavour."""
KINDS = (10, 1)
FLAT = DSGL(user_depth=1, item_depth=0)
"""Nothing is told by a second hop here."""
MODELS = {
    "second order": FLAT,
    "GAT": replace(FLAT, layer=SequenceLayer(attention="gat")),
    "mean": replace(FLAT, layer=SequenceLayer(attention="none")),
    "second order, no encoder": replace(FLAT, layer=SequenceLayer(encoder="none")),
    "mean, no encoder": replace(
        FLAT, layer=SequenceLayer(encoder="none", attention="none")
    ),
    "second order, depth (2, 1)": DSGL(),
}


def parts_of(users: int, kinds: int, rng: np.random.Generator) -> list[Examples]:
    """Return what is learnt from, stopped by and judged on: a request of each user."""
    kind = rng.integers(0, kinds, (users, EVENTS))
    flavour = rng.integers(0, 2, (users, EVENTS))
    # Users follow one another, so that each part is later than the one before it.
    clock = (np.arange(users) + 40) * DAY
    age = np.sort(rng.integers(1, 30 * DAY, (users, EVENTS)), axis=1)[:, ::-1]
    about = kind[np.arange(users), rng.integers(0, EVENTS, users)]
    last = EVENTS - 1 - np.argmax(kind[:, ::-1] == about[:, None], axis=1)
    wanted = flavour[np.arange(users), last] ^ (rng.random(users) < FLIPPED)
    item = 2 * kind + flavour
    log = interactions(
        [f"u{user}" for user in np.repeat(np.arange(users), EVENTS)],
        [f"i{one}" for one in item.ravel()],
        (clock[:, None] - age).ravel(),
    )
    graph = Snapshot.of(log)
    user = graph.users.encode(pl.Series([f"u{n}" for n in range(users)]))
    row = graph.items.encode(pl.Series([f"i{n}" for n in range(2 * kinds)]))
    shown = row[2 * about[:, None] + np.arange(2)]
    label = (np.arange(2) == wanted[:, None]).astype(np.float32)
    found: list[Examples] = []
    for start, stop in ((0, 0.6), (0.6, 0.7), (0.7, 1.0)):
        rows = slice(int(start * users), int(stop * users))
        requests = Requests.of_users(graph, user[rows], clock[rows])
        scores = np.zeros(shown[rows].shape, np.float32)
        found.append(Examples(requests, Candidates(shown[rows], scores), label[rows]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    ranker = NeuralRanker(
        features=FeatureSet(("votes",)),
        training=Training(
            epochs=20, batch_size=128, optimizer=AdamW(1e-2), patience=4, average=0.99
        ),
    )
    found: list[Mapping[str, object]] = []
    for kinds in KINDS:
        learn, stop, judge = parts_of(options.users, kinds, np.random.default_rng(0))
        for name, model in MODELS.items():
            reached: list[float] = []
            for seed in range(options.seeds):
                run = Run(np.random.default_rng(seed))
                fitted = replace(ranker, model=model).fit(learn, stop, run=run)
                score = fitted.score(judge.requests, judge.candidates)
                reached.append(float(auc(judge.label.ravel(), score.ravel())))
            row = {"kinds": kinds, "model": name, "auc": [round(x, 4) for x in reached]}
            print(row, flush=True)
            found.append(row)
    result = {"users": options.users, "seeds": options.seeds, "found": found}
    OUT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
