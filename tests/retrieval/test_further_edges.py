"""Embeddings of a graph with further nodes and edges: what only these tell apart."""

from dataclasses import dataclass

import numpy as np
import pytest

import tidegraph as tg
from tidegraph.data.interactions import Interactions, interactions
from tidegraph.errors import ConfigError, TidegraphError
from tidegraph.retrieval.objective.pairs.walks import WalkPairs
from tidegraph.stages import Fold

PATH = ("made_by", "~made_by", "~action", "action")
COLD = [f"i{n}" for n in range(40, 48)]
"""Items that nobody took, the even ones of one group and the odd ones of another."""


def log_without_groups() -> Interactions:
    """Users take what they take by chance, and nobody takes the last eight items."""
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(30), 8)
    items = np.concatenate([rng.permutation(40)[:8] for _ in range(30)])
    ids = [f"u{n}" for n in users], [f"i{n}" for n in items]
    catalogue = {"item": [f"i{n}" for n in range(48)]}
    time = rng.permutation(len(users)) + 100
    rows = {"user": ids[0], "item": ids[1], "time": time}
    return tg.read(rows, user="user", item="item", time="time", items=catalogue)


def makers_of_groups(*, late: bool = False) -> tg.Graph:
    """Items and makers: a group of items has four makers, and each item two of them."""
    graph, rng = tg.Graph(), np.random.default_rng(1)
    items = [f"i{n}" for n in range(48)]
    graph.nodes("item", {"item": items}, key="item")
    graph.nodes("maker", {"maker": range(8)}, key="maker")
    pairs = [
        (f"i{n}", 2 * m + n % 2)
        for n in range(48)
        for m in rng.permutation(4)[:2].tolist()
    ]
    item, maker = zip(*pairs, strict=True)
    made = {"item": item, "maker": maker, "ts": [10**6 if late else 1] * len(item)}
    return graph.edges("made_by", made, "item -> maker", time="ts")


def share_of_own_group(model, ids, k=5):
    found = model.similar(ids, k=k)
    one, other = (
        found[side].str.slice(1).cast(int).to_numpy() % 2
        for side in ("item", "similar")
    )
    return (one == other).mean()


def walked(**settings):
    given = {"walks": 20, "embedding_size": 16, "seed": 0} | settings
    return tg.metapath2vec(PATH, **given)


def test_items_are_told_apart_by_what_they_are_made_by_alone():
    log = log_without_groups()
    without = tg.Pipeline(tg.deepwalk(walks=20, embedding_size=16, seed=0)).fit(log)
    model = tg.Pipeline(walked()).fit(log, graph=makers_of_groups())

    taken = [f"i{n}" for n in range(40)]
    assert share_of_own_group(without, taken) < 0.65
    assert share_of_own_group(model, taken) > 0.9


def test_an_item_that_nobody_took_is_near_to_its_group_and_is_recommended():
    model = tg.Pipeline(walked()).fit(log_without_groups(), graph=makers_of_groups())

    assert share_of_own_group(model, COLD) > 0.9
    assert set(COLD) <= set(model.vectors("item")["item"])
    found = model.recommend("u0", k=40)
    assert set(COLD) & set(found["item"])


def test_edges_later_than_the_log_train_nothing():
    log, late = log_without_groups(), makers_of_groups(late=True)
    model = tg.Pipeline(walked()).fit(log, graph=late)

    assert not set(COLD) & set(model.vectors("item")["item"])
    assert share_of_own_group(model, [f"i{n}" for n in range(40)]) < 0.65


def test_every_node_on_the_path_begins_walks_and_a_user_without_events_has_none():
    log, graph = log_without_groups(), makers_of_groups()
    fold = Fold(log, edges=graph.snapshot())
    pairs = walked().objective.pairs.of(fold, "metapath2vec")
    batches = list(pairs.epoch(10_000, np.random.default_rng(0)))
    target = np.concatenate([batch.target for batch in batches])

    assert (pairs.graph.users, pairs.graph.items, pairs.graph.others) == (30, 48, 8)
    assert (np.bincount(target, minlength=86) > 0).all()


def test_pairs_of_a_window_of_one_are_edges_of_the_path():
    log, graph = log_without_groups(), makers_of_groups()
    fold = Fold(log, edges=graph.snapshot())
    pairs = walked(window=1).objective.pairs.of(fold, "metapath2vec")
    (batch,) = pairs.epoch(10**9, np.random.default_rng(0))

    row, column = pairs.graph.row.numpy(), pairs.graph.column.numpy()
    assert set(zip(batch.source, batch.target, strict=True)) == set(
        zip(row, column, strict=True)
    )


def test_items_that_the_graph_alone_knows_are_walked_through_and_never_answered():
    log = log_without_groups().take(np.arange(100))
    log = interactions(log.users.decode(log.user), log.items.decode(log.item), log.time)
    model = tg.Pipeline(walked()).fit(log, graph=makers_of_groups())

    assert set(model.vectors("item")["item"]) <= set(log.items.ids)
    assert not set(COLD) & set(model.recommend("u0", k=len(log.items))["item"])


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (("made_by",), "must lead back to where they start"),
        (("made_by", "action"), "starts from 'user'"),
        (("sold_by", "~sold_by"), "sold_by"),
    ],
)
def test_a_path_that_cannot_be_walked_is_refused_before_any_work(path, said):
    log, graph = log_without_groups(), makers_of_groups()

    with pytest.raises(TidegraphError, match=said):
        tg.Pipeline(tg.metapath2vec(path)).fit(log, graph=graph)


def test_a_path_of_no_edges_is_refused():
    with pytest.raises(ConfigError, match="no path"):
        tg.metapath2vec(())


def test_an_encoder_of_histories_refuses_walks_through_makers():
    fold = Fold(log_without_groups(), edges=makers_of_groups().snapshot())
    through = tg.Embedding(
        encoder=tg.encoders.SVDPlusPlus(), objective=walked().objective
    )

    with pytest.raises(ConfigError, match="between users and items alone"):
        through.fit(fold)


def test_a_saved_model_answers_alike(tmp_path):
    model = tg.Pipeline(walked()).fit(log_without_groups(), graph=makers_of_groups())
    model.save(tmp_path / "model")

    again = tg.load(tmp_path / "model")
    assert again.recommend_all(k=9).equals(model.recommend_all(k=9))


def test_what_is_checked_before_any_work_is_the_path_too():
    fold = Fold(log_without_groups(), edges=makers_of_groups().snapshot())
    twisted = tg.metapath2vec(("~action", "made_by", "~made_by", "action"))

    with pytest.raises(ConfigError, match="the walk is at 'user'"):
        twisted.check(fold)


def test_an_ego_that_leaves_nodes_of_the_walks_out_is_refused():
    fold = Fold(log_without_groups(), edges=makers_of_groups().snapshot())
    ego = tg.hop("action").all_time().sample(3)
    around = tg.Embedding(
        encoder=tg.encoders.GraphSAGE(layers=1),
        objective=tg.Objective(walked().objective.pairs, tg.SkipGram()),
        ego=ego,
    )

    with pytest.raises(ConfigError, match="no way from nodes 'maker'"):
        around.fit(fold)


def test_a_network_on_the_whole_graph_passes_through_makers():
    method = tg.Embedding(
        encoder=tg.encoders.LightPropagation(2),
        objective=tg.Objective(walked().objective.pairs, tg.SkipGram()),
        embedding_size=16,
        training=tg.Training(1, 4096, patience=None),
    )
    model = tg.Pipeline(method).fit(log_without_groups(), graph=makers_of_groups())

    assert share_of_own_group(model, COLD) > 0.9


@dataclass(frozen=True)
class OwnWalks:
    """Pairs of one's own, which say what is walked along and no more than that."""

    pairs: tg.WalkWindows

    def of(self, fold, method):
        return OwnPairs(self.pairs.of(fold, method))


@dataclass(frozen=True, eq=False)
class OwnPairs:
    held: WalkPairs

    @property
    def fold(self):
        return self.held.fold

    @property
    def graph(self):
        return self.held.graph

    @property
    def frequency(self):
        return self.held.frequency

    @property
    def snapshot(self):
        return self.held.snapshot

    @property
    def first(self):
        return self.held.first

    def epoch(self, size, rng):
        return self.held.epoch(size, rng)


def test_pairs_of_ones_own_say_what_an_ego_is_cut_out_of():
    log, rng = log_without_groups(), np.random.default_rng(0)
    graph = tg.Graph().nodes("item", {"item": log.items.ids.to_list()}, key="item")
    graph.nodes("user", {"user": [f"u{n}" for n in range(40)]}, key="user")
    view = {"user": [f"u{n}" for n in rng.integers(0, 40, 200)]}
    view["item"] = [f"i{n}" for n in rng.integers(0, 48, 200)]
    graph.edges("view", view, "user -> item")
    fold = Fold(log, edges=graph.snapshot())
    pairs = tg.metapath2vec(("view", "~view")).objective.pairs
    ego = tg.hop("view").all_time().sample(3).hop("~view").all_time().sample(2)

    ours, own = (
        tg.Embedding(
            encoder=tg.encoders.GraphSAGE(layers=2),
            objective=tg.Objective(of, tg.SkipGram()),
            embedding_size=8,
            training=tg.Training(1, 4096, patience=None),
            ego=ego,
        ).fit(fold)
        for of in (pairs, OwnWalks(pairs))
    )

    np.testing.assert_array_equal(own.item, ours.item)
    np.testing.assert_array_equal(own.user, ours.user)
