"""``None`` is refused where leaving an argument out means everybody or everything."""

import polars as pl
import pytest

import tidegraph as tg
from conftest import draw_log
from tidegraph.errors import TidegraphError

LOG = draw_log()
FITTED = tg.ItemKNN().fit(LOG)
USER = LOG.users.ids[0]


def graph() -> tg.Graph:
    return (
        tg.Graph()
        .nodes("user", {"u": ["a", "b"]}, key="u")
        .nodes("item", {"i": ["p"]}, key="i")
        .edges(
            "c", {"u": ["a", "b"], "i": ["p", "p"], "ts": [1, 2]}, "u -> i", time="ts"
        )
    )


ASKED = {
    "V": lambda g, m: g.V("user", None),
    "V_of_a_snapshot": lambda g, m: g.snapshot().V("user", None),
    "graph_erase": lambda g, m: g.erase("user", None),
    "remove": lambda g, m: g.remove("c", None, where=pl.col("ts") > 0),
    "recommend_all": lambda g, m: m.recommend_all(None),
    "recommend_all_only": lambda g, m: m.recommend_all(only=None),
    "only_of_a_user": lambda g, m: m.recommend_all(only={USER: None}),
    "recommend_only": lambda g, m: m.recommend(USER, only=None),
    "similar": lambda g, m: m.similar(None),
    "model_erase": lambda g, m: m.erase(None),
    "users_of_recommend": lambda g, m: tg.recommend(FITTED, LOG, None),
    "only_of_recommend": lambda g, m: tg.recommend(FITTED, LOG, only=None),
}


@pytest.mark.parametrize("asked", ASKED)
def test_none_is_no_word_for_all(asked):
    made = graph()
    with pytest.raises(TidegraphError, match="None"):
        ASKED[asked](made, tg.Pipeline(tg.ItemKNN()).fit(LOG))

    assert made.V("user").frame("u").rows() == [("a",), ("b",)]
    assert made.V("user").all_time().out("c").ids().len() == 2


def test_what_is_left_out_is_all():
    model = tg.Pipeline(tg.ItemKNN()).fit(LOG)

    assert len(graph().V("user").ids()) == 2
    assert model.recommend_all(k=3)["user"].n_unique() > 1
    assert not model.recommend(USER, k=3, exclude=None).is_empty()
