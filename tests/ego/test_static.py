"""Plans of a fixed shape around the label's own edge."""

import tidegraph as tg
from graph.brute import graph_of


def test_the_label_is_in_no_field_of_its_own_edge():
    graph = graph_of([(0, i % 5, i, 1) for i in range(30)])
    plans = (tg.fan_out("click", counts=(9,)), tg.khop("click"))
    for batch in graph.E("click").batch(7).with_(a=plans[0], b=plans[1]):
        for field in (batch.a, batch.b):
            seen = field.mask[1] & (field.time[1] >= batch.time[:, None])
            assert not seen.any()
