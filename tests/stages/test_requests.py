"""What requests and examples refuse."""

from dataclasses import replace

import numpy as np
import pytest

from conftest import draw_log
from tidegraph.data.views.matrix import Matrix
from tidegraph.errors import DataError, RequestError
from tidegraph.graph.snapshot import Snapshot
from tidegraph.retrieval.popular import Popular
from tidegraph.stages import Candidates, Examples, ItemSets, Requests


def requests_of(graph):
    return Requests.of_users(graph, np.zeros(2, np.int32), np.full(2, 10**9))


@pytest.mark.parametrize(
    ("tick", "said"), [("ms", "milliseconds"), ("us", "microseconds")]
)
def test_a_graph_that_counts_finer_than_requests_is_refused(tick, said):
    finer = Snapshot.of(draw_log(events=50)).counted_in(tick)

    with pytest.raises(RequestError, match=rf"{said}.*counted_in\("):
        requests_of(finer)


@pytest.mark.parametrize("wrong", [0.0, -1.0, np.nan, np.inf])
def test_a_weight_that_is_none_is_refused_where_there_is_a_candidate(wrong):
    item = np.array([[1, 2], [3, -1]], np.int32)
    weight = np.array([[1, 1], [wrong, wrong]], np.float32)
    requests = requests_of(Snapshot.of(draw_log(events=50)))
    zero = np.zeros(item.shape, np.float32)
    examples = Examples(requests, Candidates(item, zero), zero, weight)

    with pytest.raises(DataError, match=f"candidate 0 of example 1 has weight {wrong}"):
        _ = examples.weights
    weight[1, 0] = 3.0
    found = replace(examples, weight=weight).weights
    np.testing.assert_allclose(found.ravel()[:3], [0.6, 0.6, 1.8], rtol=1e-6)


def test_requests_with_and_without_a_choice_are_not_concatenated():
    graph = Snapshot.of(draw_log())
    users, time = np.array([0, 1], np.int32), np.array([10**9, 10**9])
    free = Requests.of_users(graph, users, time)
    few = free.choosing(ItemSets.of_pairs(users, users, 2))

    both = Requests.concatenated([few, few])

    assert both.only is not None
    assert both.only.item.tolist() == [0, 1, 0, 1]
    assert Requests.concatenated([free, free]).only is None
    with pytest.raises(RequestError, match="choice"):
        Requests.concatenated([free, few])


def test_what_stages_say_to_each_other_is_shown_as_counts():
    log = draw_log()
    graph = Snapshot.of(log)
    user = np.arange(3, dtype=np.int32)
    requests = Requests.of_users(graph, user, np.full(3, int(log.time[-1]) + 1))
    found = Popular(half_life_days=None).fit(log).retrieve(requests, 7)
    events = len(requests.history.node)

    assert repr(found) == "Candidates(3 requests, up to 7 items each, channels=Popular)"
    assert repr(requests) == (
        f"Requests(3 requests, {events} events of history, graph={graph!r})"
    )
    assert repr(requests.history) == f"Histories(3 nodes, {events} events in all)"
    assert repr(ItemSets.none(2)) == "ItemSets(2 sets, 0 items in all)"
    assert repr(log.users) == "Vocabulary(30 ids)"
    assert repr(log.items) == "Vocabulary(40 ids, with category, price)"
    entries = len(Matrix.of(log).item)
    assert repr(Matrix.of(log)) == (f"Matrix(30 users, 40 items, {entries} entries)")
