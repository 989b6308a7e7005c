"""Examples of several windows are laid end to end, however many candidates each has."""

import numpy as np

from conftest import draw_log
from tidegraph.data.interactions import interactions
from tidegraph.graph.snapshot import Snapshot
from tidegraph.pipeline.past import Past
from tidegraph.retrieval.blend import Blend
from tidegraph.retrieval.popular import Popular
from tidegraph.run import Run
from tidegraph.stages import Candidates, Examples, Fold, Requests


def test_rows_of_windows_with_fewer_candidates_end_with_none():
    log = draw_log(events=100)
    graph, rng = Snapshot.of(log), np.random.default_rng(0)
    parts = list[Examples]()
    for width in (2, 4):
        users = np.arange(3, dtype=np.int32)
        item = rng.integers(0, len(log.items), (3, width)).astype(np.int32)
        requests = Requests.of_users(graph, users, log.time[[-1, -1, -1]])
        candidates = Candidates(item, np.ones((3, width), np.float32))
        label = rng.integers(0, 2, (3, width)).astype(np.float32)
        weight = 1 + rng.random((3, width)).astype(np.float32)
        parts.append(Examples(requests, candidates, label, weight))

    whole = Examples.concatenated(parts)

    there = whole.candidates.present
    assert there.sum(axis=1).tolist() == [2, 2, 2, 4, 4, 4]
    assert not whole.label[~there].any()
    for rows, part in zip((slice(0, 3), slice(3, 6)), parts, strict=True):
        width = part.label.shape[1]
        np.testing.assert_array_equal(whole.label[rows, :width], part.label)
        np.testing.assert_array_equal(
            whole.candidates.item[rows, :width], part.candidates.item
        )
        assert whole.weight is not None
        np.testing.assert_array_equal(whole.weight[rows, :width], part.weights)


def test_a_return_is_no_answer_to_a_request_of_the_past():
    # In the window u buys b and sends a back; v sends b back and does nothing else.
    log = interactions(
        ["u", "u", "v", "u", "u", "v"],
        ["a", "a", "b", "b", "a", "b"],
        [1, 2, 3, 10, 11, 12],
        weight=[1, 1, 2, 1, -1, -1],
    )
    fold = Fold(log)
    blend = Blend((Popular(half_life_days=None),))
    past = Past(blend, (), fold.graph, 2, True, Run(np.random.default_rng(0)))

    found = past.examples(past.fit(fold.before(10), 10), log.since(10), 10)

    assert found.requests.user.tolist() == [0]
    right = found.candidates.item[found.label > 0]
    assert log.items.decode(right).to_list() == ["b"]
