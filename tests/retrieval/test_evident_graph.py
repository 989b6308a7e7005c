"""Whatever walks along a graph: what is no evidence is as if it had never been."""

import numpy as np
import pytest

import tidegraph as tg
from tidegraph.data.interactions import Interactions, interactions
from tidegraph.data.views.matrix import Matrix
from tidegraph.errors import ConfigError
from tidegraph.nn.conv import GraphSAGE
from tidegraph.retrieval.embedding import Embedding
from tidegraph.retrieval.heuristics.meta_path import MetaPath
from tidegraph.retrieval.objective import Objective
from tidegraph.retrieval.objective.losses import BPR, SkipGram
from tidegraph.retrieval.objective.negatives import Planned
from tidegraph.retrieval.objective.pairs import Edges, SequenceWindows, WalkWindows
from tidegraph.stages import Fold
from tidegraph.testing.logs import draw_log
from tidegraph.training.settings import Training

ONCE = Training(1, 64, patience=None)
PLANNED = Objective(loss=BPR(Planned(tg.negatives("item", 3, avoid="action"))))
WALKS = (tg.walk("action", "~action", times=1, length=2).all_time(),)
ALONG = Objective(WalkWindows(WALKS, 2), SkipGram(2))
TRAINED = {
    "graphsage": tg.graphsage(embedding_size=4, training=ONCE),
    "pinsage": tg.pinsage(embedding_size=4, training=ONCE),
    "lcgnn": tg.lcgnn(embedding_size=4, training=ONCE),
    "planned": Embedding(objective=PLANNED, embedding_size=4, training=ONCE),
    "walks": Embedding(objective=ALONG, embedding_size=4, training=ONCE),
}


def with_noise() -> tuple[Interactions, Interactions]:
    """A log with returns, what was only shown and a last item, and one without."""
    log = draw_log()
    t, users = int(log.time[-1]), len(log.users)
    ends = log.users.decode(log.user), log.items.decode(log.item)
    seen = list(zip(*ends, log.time, strict=True))
    bought = [(f"u{u}", "i1", t + 10) for u in range(5)]
    rows = [
        *((*row, 1.0, 1) for row in [*seen, *bought]),
        # One of two that were bought goes back, one that was never bought, and one
        # that nobody bought.
        *((f"u{u}", "i1", t + 20, -0.5, 1) for u in range(3)),
        *((f"u{u}", f"i{u + 5}", t + 30, -99.0, 1) for u in range(users)),
        *((f"u{u}", "refund", t + 40, -1.0, 1) for u in range(users)),
        *((f"u{u}", "nobody's", t + 50, 1.0, 0) for u in range(users)),
        *((f"stranger{u}", "i1", t + 60, 1.0, 0) for u in range(9)),
    ]
    rows.sort(key=lambda row: row[2])
    user, item, time, weight, label = zip(*rows, strict=True)
    whole = interactions(user, item, time, label=label, weight=weight)
    gone = {(f"u{u}", f"i{u + 5}") for u in range(users)}
    kept = [
        label == 1 and weight > 0 and (user, item) not in gone
        for user, item, _, weight, label in rows
    ]
    return whole, whole.take(np.array(kept))


@pytest.mark.parametrize("name", TRAINED)
def test_training_walks_along_evidence_alone(name):
    whole, without = with_noise()

    left, right = TRAINED[name].fit(whole), TRAINED[name].fit(without)

    np.testing.assert_array_equal(left.user, right.user)
    np.testing.assert_array_equal(left.item, right.item)


def test_a_path_walks_along_evidence_alone():
    whole, without = with_noise()
    method = MetaPath(("~action", "action"))

    left, right = method.fit(whole), method.fit(without)

    np.testing.assert_array_equal(left.item, right.item)
    np.testing.assert_allclose(left.weight, right.weight)


def test_friends_who_have_no_vector_are_not_walked_to():
    log = draw_log()
    known, new = log.users.ids.to_list(), [f"new{n}" for n in range(50)]
    graph = tg.Graph().nodes("user", {"user": known + new}, key="user")
    graph.nodes("item", {"item": log.items.ids.to_list()}, key="item")
    rng = np.random.default_rng(0)
    views = {"user": rng.choice(known + new, 300), "item": log.items.ids[:1].to_list()}
    views["item"] *= 300
    graph.edges("view", views, "user -> item")
    ego = tg.hop("view").all().hop("~view").all()
    sage = Embedding(encoder=GraphSAGE(), ego=ego, embedding_size=4, training=ONCE)

    model = tg.Pipeline(sage).fit(log, graph=graph)

    assert model.recommend(known[0], k=3).height == 3


def test_the_time_of_a_pair_is_its_own_where_later_items_are_no_evidence():
    rows = [
        ("u0", "a", 100, 1.0),
        ("u1", "b", 200, 1.0),
        ("u1", "a", 300, 1.0),
        ("u0", "z", 9000, -1.0),
        ("u2", "a", 9500, 1.0),
    ]
    user, item, time, weight = zip(*rows, strict=True)
    log = interactions(user, item, time, weight=weight)

    pairs = Edges().of(Fold.of(log, "a test"), "a test")

    assert pairs.time is not None
    # u0-a, u1-a, u1-b, u2-a.
    assert pairs.time.tolist() == [100, 300, 200, 9500]


@pytest.mark.parametrize(
    "ego",
    [
        tg.hop("action").all_time().all().hop("~action").all_time().all(),
        tg.local_cluster("action", type="item", size=5, all_time=True),
    ],
    ids=str,
)
def test_items_alone_have_no_surroundings_of_users(ego):
    items = Objective(SequenceWindows(2), SkipGram(2))
    sage = Embedding(encoder=GraphSAGE(), objective=items, ego=ego, training=ONCE)

    with pytest.raises(ConfigError, match=r"comes to nodes 'user', .* among items\."):
        sage.fit(draw_log(users=10))


def test_items_alone_may_be_walked_to_through_users():
    items = Objective(SequenceWindows(2), SkipGram(2))
    ego = tg.walk("~action", "action", times=5, length=1).all_time().top(3)
    sage = Embedding(
        encoder=GraphSAGE(), objective=items, embedding_size=4, ego=ego, training=ONCE
    )

    assert sage.fit(draw_log()).item_known.all()


def test_a_plan_by_times_is_refused_where_pairs_have_none():
    with pytest.raises(ConfigError, match="these pairs have none"):
        tg.graphsage(training=ONCE).fit(Matrix.of(draw_log()))
