"""What a sampler of one's own may return."""

import numpy as np
import pytest

import tidegraph as tg
from graph.brute import graph_of
from tidegraph.errors import RequestError
from tidegraph.graph.sampling.gather import Neighborhood, Picks, Run
from tidegraph.graph.sampling.seeds import Seeds

LOG = [(0, 0, 10, 1), (0, 1, 20, 2)]
USER, NOW = np.zeros(1, np.int32), np.full(1, 25)


@tg.sampler("misshapen")
def misshapen(past: Neighborhood, *, flat: bool) -> Picks:
    if flat:
        return Picks(past.start)
    return Picks(past.start[:, None], np.ones((len(past.start), 2), np.float32))


@pytest.mark.parametrize(("flat", "said"), [(True, r"\(1,\)"), (False, r"\(1, 2\)")])
def test_picks_have_a_row_for_each_node_and_a_column_for_each_pick(flat, said):
    with pytest.raises(RequestError, match=f"arrays of shape .*{said}"):
        graph_of(LOG).V("user", [0]).before(25).with_(
            a=tg.hop("click").using(misshapen(flat=flat))
        )


@tg.sampler("longer_than_it_says")
def longer_than_it_says(past: Neighborhood) -> Run:
    return Run(past.start, past.stop, 1)


def test_a_run_is_no_longer_than_its_width():
    graph, plan = graph_of(LOG), tg.hop("click").using(longer_than_it_says())

    with pytest.raises(RequestError, match="a run of 2 slots"):
        graph.V("user", [0]).before(25).with_(a=plan)
    with pytest.raises(RequestError, match="a run of 2 slots"):
        tg.unique(plan).sample(graph.snapshot(), Seeds.of(USER, NOW))
    # Before 15 there is one edge.
    early = tg.unique(plan).sample(graph.snapshot(), Seeds.of(USER, NOW - 10))
    assert early.child[0].tolist() == [[0]]
