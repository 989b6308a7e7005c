"""What only the time of events, or only the second hop, tells."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from tidegraph.data.interactions import interactions
from tidegraph.features.columns import FeatureSet
from tidegraph.graph.snapshot import Snapshot
from tidegraph.nn.click.dsgl import DSGL
from tidegraph.nn.click.dsgl_layer import SequenceLayer
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.run import Run
from tidegraph.stages import Candidates, Examples, Requests
from tidegraph.training.optimizers import AdamW
from tidegraph.training.settings import Training
from tiers import chosen

DAY = 86_400
MODEL = DSGL(4, (8,), user_depth=1, item_depth=1, history=2)
# Of a category that no item has, so that no input tells what the graph should. Ids are
# hidden now and then, or users of the past are learnt by heart and nothing else is.
RANKER = NeuralRanker(
    MODEL,
    FeatureSet(("category",), history=1),
    training=Training(epochs=16, batch_size=50, optimizer=AdamW(0.03), patience=16),
    id_dropout=0.3,
)


def auc(model, parts):
    learn, stop, judge = parts
    ranker = replace(RANKER, model=model)
    fitted = ranker.fit(learn, stop, run=Run(np.random.default_rng(1)))
    score = fitted.score(judge.requests, judge.candidates).ravel()
    right = judge.label.ravel() == 1
    higher = score[right][:, None] > score[~right][None, :]
    equal = score[right][:, None] == score[~right][None, :]
    return float((higher + 0.5 * equal).mean())


def parts_of(log, names, clocks, label, rng):
    """Examples of two random candidates each, in the order of the clocks."""
    graph, items = Snapshot.of(log), len(log.items)
    user = graph.users.encode(pl.Series(names))
    bounds = [0, len(user) // 2, len(user) * 6 // 10, len(user)]
    found = []
    for start, stop in pairwise(bounds):
        rows = slice(start, stop)
        first = rng.integers(0, items, stop - start)
        second = (first + rng.integers(1, items, stop - start)) % items
        item = np.stack([first, second], axis=1).astype(np.int32)
        requests = Requests.of_users(graph, user[rows], clocks[rows])
        candidates = Candidates(item, np.zeros(item.shape, np.float32))
        right = np.repeat(label[rows, None], 2, axis=1).astype(np.float32)
        found.append(Examples(requests, candidates, right))
    return found


@pytest.mark.parametrize(
    "time", chosen(["both", "user", "item", "none"], "user", "item")
)
def test_how_long_ago_something_was_is_told_by_time_alone(time):
    """Right is whatever comes within a day of the user's last event."""
    rng, users = np.random.default_rng(0), 700
    when = np.arange(1, users + 1) * 6000 + 30 * DAY
    soon = rng.random(users) < 0.5
    gap = np.where(soon, rng.integers(60, DAY, users), rng.integers(4, 9, users) * DAY)
    order = np.argsort(when + gap, kind="stable")
    names = [f"u{n}" for n in range(users)]
    # All were there at the start, or whose id is known would tell who came long ago.
    item = [f"i{n}" for n in rng.integers(0, 10, 2 * users)]
    log = interactions(names * 2, item, np.concatenate([np.arange(users), when]))

    parts = parts_of(
        log, [names[n] for n in order], (when + gap)[order], soon[order], rng
    )
    found = auc(replace(MODEL, history=1, layer=SequenceLayer(time=time)), parts)

    if time in ("both", "user"):
        assert found >= 0.95
    else:
        assert found <= 0.6


@pytest.mark.parametrize("depth", [1, 2])
def test_who_chose_it_before_is_told_by_the_second_hop_alone(depth):
    """Right is whatever follows an item that an even leader had chosen last."""
    rng, users = np.random.default_rng(0), 700
    leader, item = rng.integers(0, 6, users), rng.integers(0, 10, users)
    when = np.arange(1, users + 1) * 1000
    names = [f"u{n}" for n in range(users)]
    who = [name for n in range(users) for name in (f"leader{leader[n]}", names[n])]
    time = np.stack([when, when + 10], axis=1).ravel()
    log = interactions(who, [f"i{n}" for n in np.repeat(item, 2)], time)

    parts = parts_of(log, names, when + 500, leader % 2 == 0, rng)
    found = auc(replace(MODEL, user_depth=depth), parts)

    if depth == 2:
        assert found >= 0.95
    else:
        assert found <= 0.6
