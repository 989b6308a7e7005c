from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tidegraph as tg
from graph.brute import EVENTS, ITEMS, USERS, graph_of
from tidegraph.errors import ConfigError, DataError
from tidegraph.graph.projection import CoOccurrence


def loops(events, rule: CoOccurrence) -> dict[tuple[int, int], float]:
    """Every pair of events of every person, one by one."""
    found: dict[tuple[int, int], float] = defaultdict(float)
    for user in range(USERS):
        row = sorted((e for e in events if e[0] == user), key=lambda e: e[2])
        for a in range(len(row)):
            for b in range(a + 1, len(row)):
                if rule.window is not None and b - a > rule.window:
                    break
                pause = rule.session_seconds
                if pause is not None and row[b][2] - row[b - 1][2] > pause:
                    break
                i, j = row[a][1], row[b][1]
                if i == j:
                    continue
                weight = rule.decay ** (b - a - 1)
                if rule.half_life_seconds is not None:
                    weight *= 0.5 ** ((row[b][2] - row[a][2]) / rule.half_life_seconds)
                found[i, j] += weight
                if not rule.directed:
                    found[j, i] += weight
    return found


RULES = st.builds(
    CoOccurrence,
    via=st.just("click"),
    window=st.one_of(st.none(), st.integers(1, 4)),
    session_seconds=st.one_of(st.none(), st.integers(1, 5)),
    decay=st.sampled_from([1.0, 0.5]),
    half_life_seconds=st.one_of(st.none(), st.sampled_from([1.0, 3.0])),
    directed=st.booleans(),
)


@given(EVENTS, RULES)
def test_pairs_are_what_loops_over_each_person_find(events, rule):
    found = rule.induced(graph_of(events).snapshot())

    pairs = list(zip(found.source.tolist(), found.target.tolist(), strict=True))
    expected = loops(events, rule)
    assert pairs == sorted(expected)
    assert np.allclose(found.weight, [expected[p] for p in pairs], rtol=1e-5)
    if not rule.directed:
        weights = dict(zip(pairs, found.weight.tolist(), strict=True))
        assert all(weights[j, i] == w for (i, j), w in weights.items())


@given(EVENTS, RULES, st.integers(0, 11))
def test_the_future_joins_nothing(events, rule, clock):
    before = [e for e in events if e[2] < clock]
    one = rule.induced(graph_of(events).snapshot(), clock=clock)
    other = rule.induced(graph_of(before).snapshot())

    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_co_occurrence_is_the_square_of_who_met_what():
    rng = np.random.default_rng(0)
    chosen = rng.random((USERS, ITEMS)) < 0.6
    events = [
        (int(u), int(i), int(i), 1) for u, i in zip(*np.nonzero(chosen), strict=True)
    ]
    found = CoOccurrence(via="click").induced(graph_of(events).snapshot())
    dense = np.zeros((ITEMS, ITEMS))
    dense[found.source, found.target] = found.weight

    expected = chosen.T.astype(float) @ chosen
    np.fill_diagonal(expected, 0)
    assert np.array_equal(dense, expected)


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_threads_change_no_bit(monkeypatch, threads):
    rng = np.random.default_rng(0)
    events = [tuple(map(int, e)) for e in rng.integers(0, [4, 5, 99, 5], (400, 4))]
    rule = CoOccurrence(via="click", window=3, decay=0.7, half_life_seconds=9.0)
    graph = graph_of(events).snapshot()
    whole = rule.induced(graph)
    monkeypatch.setattr("tidegraph.kernels.jit.cpu_count", lambda: threads)
    monkeypatch.setattr("tidegraph.graph.projection._ITEMS", 2)

    again = rule.induced(graph)

    assert all(np.array_equal(a, b) for a, b in zip(whole, again, strict=True))


def test_each_item_keeps_its_strongest():
    events = [(0, 0, 1, 1), (0, 1, 2, 1), (1, 0, 1, 1), (1, 2, 2, 1), (2, 0, 3, 1)]
    events += [(2, 2, 4, 1)]
    found = CoOccurrence(via="click", keep=1).induced(graph_of(events).snapshot())

    # Item 0 is with item 2 twice and item 1 once.
    assert list(zip(*(part.tolist() for part in found), strict=True)) == [
        (0, 2, 2.0),
        (1, 0, 1.0),
        (2, 0, 2.0),
    ]


def test_induced_edges_are_edges_of_the_graph():
    events = [(0, 0, 1, 1), (0, 1, 2, 1), (0, 2, 3, 1)]
    graph = graph_of(events)
    rule = CoOccurrence(via="click", window=1, directed=True)

    rule.induced(graph.snapshot()).add_to(graph, "then")

    assert graph.V("item", [0]).out("then").out("then").ids().to_list() == [2]
    assert graph.V("item", [0]).out("then").frame("weight")["weight"].to_list() == [1.0]


def test_what_cannot_be_induced_is_said():
    with pytest.raises(ConfigError, match="must be above 0"):
        CoOccurrence(via="click", window=0)
    with pytest.raises(ConfigError, match=r"decay is 0\.0"):
        CoOccurrence(via="click", decay=0.0)
    graph = graph_of([])
    graph.edges("knows", {"a": [0], "b": [1]}, "a: user -> b: user")
    with pytest.raises(DataError, match="have no times"):
        CoOccurrence(via="knows").induced(graph.snapshot())


def test_what_fades_to_nothing_is_no_edge_and_harms_nobody():
    day = 86_400
    events = [(u, (u + d) % 5, d * day, 1) for u in range(4) for d in range(365)]

    found = tg.CoOccurrence(via="click", half_life_seconds=60.0).induced(
        graph_of(events)
    )

    assert len(found.weight) == 0
