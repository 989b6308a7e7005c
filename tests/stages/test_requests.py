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


def given(label=((0, 1), (1, 0)), weight=None, until=None):
    """Return examples of two requests, the second of which has one candidate."""
    item = np.array([[1, 2], [3, -1]], np.int32)
    requests = requests_of(Snapshot.of(draw_log(events=50)))
    candidates = Candidates(item, np.zeros(item.shape, np.float32))
    label = np.array(label, np.float32)
    weight = None if weight is None else np.array(weight, np.float32)
    return Examples(requests, candidates, label, weight, until)


@pytest.mark.parametrize("wrong", [-1.0, 0.5, 5.0, np.nan, np.inf])
def test_a_label_is_one_or_zero(wrong):
    with pytest.raises(DataError, match=f"candidate 0 of example 1 has label {wrong},"):
        given([[0, 1], [wrong, 0]])


@pytest.mark.parametrize("wrong", [1.0, np.nan])
def test_where_there_is_no_item_nothing_is_right(wrong):
    with pytest.raises(DataError, match=f"candidate 1 of example 1 has label {wrong},"):
        given([[0, 1], [1, wrong]])


@pytest.mark.parametrize("wrong", [0.0, -1.0, np.nan, np.inf])
def test_a_weight_that_is_none_is_refused_where_there_is_a_candidate(wrong):
    with pytest.raises(DataError, match=f"candidate 0 of example 1 has weight {wrong}"):
        given(weight=[[1, 1], [wrong, wrong]])

    found = given(weight=[[1, 1], [3.0, wrong]]).weights
    np.testing.assert_allclose(found.ravel()[:3], [0.6, 0.6, 1.8], rtol=1e-6)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"label": [[0], [1]]}, r"label is of shape \(2, 1\), .* \(2, 2\)"),
        ({"weight": [1, 1]}, r"weight is of shape \(2,\), .* \(2, 2\)"),
        ({"until": np.array([9])}, r"until is of shape \(1,\), .* 2 requests"),
    ],
)
def test_what_is_said_of_candidates_is_said_of_each(parts, said):
    with pytest.raises(DataError, match=said):
        given(**parts)


def test_there_are_candidates_of_each_request():
    found = given()

    with pytest.raises(DataError, match="1 requests and candidates of 2"):
        replace(found, requests=found.requests.rows(0, 1))


def test_labels_of_another_kind_of_number_are_numbers():
    found = given()

    same = replace(found, label=found.label == 1)

    assert same.label.dtype == np.float32
    np.testing.assert_array_equal(same.label, found.label)


def test_weights_keep_their_scale_when_examples_are_laid_end_to_end():
    heavy = given(weight=np.full((2, 2), 10.0))
    plain, light = given(), given(weight=np.full((2, 2), 0.1))

    found = Examples.concatenated([heavy, plain, light])

    # Three candidates of each: a hundred to ten to one, 1 on average.
    there = found.candidates.present
    mean = (10 + 1 + 0.1) / 3
    said = np.repeat([10 / mean, 1 / mean, 0.1 / mean], 3)
    np.testing.assert_allclose(found.weights[there], said, rtol=1e-6)


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
