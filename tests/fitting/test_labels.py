"""What columns of a log say of candidates."""

import numpy as np
import polars as pl

from tidegraph.data.interactions import interactions
from tidegraph.fitting.labels import further_label
from tidegraph.graph.snapshot import Snapshot
from tidegraph.stages import Candidates, Examples, Requests


def test_what_is_no_number_is_unknown_and_so_no_label():
    bought = pl.DataFrame({"bought": [1.0, float("nan"), None, 0.0]})
    log = interactions(["a"] * 4, ["p", "q", "r", "s"], [5, 6, 7, 8], context=bought)
    requests = Requests.of_users(Snapshot.of(log), np.zeros(1, np.int32), np.full(1, 5))
    item = np.array([[0, 1, 2, 3]], np.int32)
    zero = np.zeros(item.shape, np.float32)
    learn = Examples(requests, Candidates(item, zero), zero, until=np.full(1, 9))

    assert further_label(learn, "bought").tolist() == [[1, 0, 0, 0]]


def test_what_was_undone_is_no_label():
    # Of the purchases, q goes back in the window, and r after it.
    bought = pl.DataFrame({"event": ["buy", "buy", "buy", "view", "buy", "buy"]})
    log = interactions(
        ["a"] * 6,
        ["p", "q", "r", "s", "q", "r"],
        [5, 6, 7, 8, 8, 9],
        weight=[1, 1, 1, 1, -1, -1],
        context=bought,
    )
    requests = Requests.of_users(Snapshot.of(log), np.zeros(1, np.int32), np.full(1, 5))
    item = np.array([[0, 1, 2, 3]], np.int32)
    zero = np.zeros(item.shape, np.float32)
    learn = Examples(requests, Candidates(item, zero), zero, until=np.full(1, 9))

    assert further_label(learn, "event=buy").tolist() == [[1, 0, 1, 0]]
