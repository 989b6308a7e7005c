"""Knowledge, friends and a second behaviour beside the log, in one served graph."""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import tidegraph as tg
from conftest import draw_log
from tidegraph.artifact.sealed import State
from tidegraph.errors import DataError, NoHistoryWarning
from tidegraph.evaluation.evaluate import task_of
from tidegraph.graph.live import Graph
from tidegraph.pipeline import Pipeline, Windows
from tidegraph.ranking.logit import RecencyLogit
from tidegraph.reranking.diversity import MMR
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.popular import Popular
from tidegraph.stages import NO_ITEM, Candidates, Fold

DAY = 86_400


def beside(log, seed=1, late_days=3) -> Graph:
    """Views, friends and makers of a log, in rows of their own, with unknown ids."""
    rng = np.random.default_rng(seed)
    users = [f"u{n}" for n in rng.permutation(35)]
    items = [f"i{n}" for n in rng.permutation(50)]
    first, last = int(log.time[0]), int(log.time[-1])
    graph = Graph().nodes("user", {"user": users}, key="user")
    made = [f"m{n % 7}" for n in range(50)]
    graph.nodes("item", {"item": items, "colour": made}, key="item")
    graph.nodes("maker", {"maker": sorted(set(made))}, key="maker")
    graph.edges("made_by", {"item": items, "maker": made}, "item -> maker")
    friends = {"a": rng.choice(users, 60), "b": rng.choice(users, 60)}
    graph.edges("friend", friends, "a: user -> b: user")
    views = {
        "user": rng.choice(users, 500),
        "item": rng.choice(items, 500),
        "ts": np.sort(rng.integers(first, last + late_days * DAY, 500)),
        "dwell": rng.random(500),
    }
    return graph.edges("view", views, "user -> item", time="ts", weight="dwell")


@dataclass(frozen=True)
class Viewed:
    """Recommends what a user viewed last, and keeps what it was fitted on."""

    folds: list[Fold] = field(default_factory=list)
    clocks: list[int] = field(default_factory=list)

    def fit(self, train) -> "FittedViewed":
        fold = Fold.of(train, "Viewed")
        self.folds.append(fold)
        return FittedViewed(len(fold.events.items), self.clocks)


@dataclass(frozen=True)
class FittedViewed:
    items: int
    clocks: list[int]
    reason: str = "viewed"

    def retrieve(self, requests, k) -> Candidates:
        self.clocks.append(int(requests.time.min()))
        plan = tg.hop("view").recent(k)
        found = plan.sample(requests.graph, requests.user, requests.time)
        item = np.where(found.ids[1] < self.items, found.ids[1], NO_ITEM)[:, ::-1]
        score = np.where(item >= 0, np.arange(k, 0, -1, np.float32), -np.inf)
        order = np.argsort(item < 0, axis=1, kind="stable")
        item, score = (np.take_along_axis(x, order, 1) for x in (item, score))
        return Candidates.of_channel(
            item.astype(np.int32), score.astype(np.float32), "Viewed"
        )

    def because(self, requests, item):
        return np.full(item.shape, NO_ITEM, np.int32)

    def state(self) -> State:
        return State(kind="FittedViewed")


def halves(log):
    return log.before(int(log.time[450])), log.since(int(log.time[450]))


def test_one_served_graph_holds_every_type_by_raw_id():
    log = draw_log()
    g = beside(log)
    model = Pipeline(retrieve=Popular()).fit(log, graph=g)

    assert list(model.graph.edges) == ["made_by", "friend", "view", "action"]
    for name in ("made_by", "friend", "view"):
        start = g.snapshot().ends(name)[0]
        ids = g.snapshot().typed(start).vocabulary.ids
        one = g.V(start, ids).all_time().out(name).frame()
        other = model.graph.V(start, ids).all_time().out(name).frame()
        assert (
            other.select(one.columns)
            .sort(one.columns)
            .equals(one.sort(one.columns), null_equal=True)
        )
    makers = model.graph.V("user", ["u1"]).all_time().out("action").out("made_by")
    bought = log.frame().filter(pl.col("user") == "u1")["item"].to_list()
    maker = dict(g.V("item").out("made_by").frame("start", "maker").rows())
    assert makers.ids().to_list() == [maker[item] for item in bought]
    assert model.graph.users.ids.head(30).equals(log.users.ids)
    assert len(model.graph.users) == 35


def test_stages_that_read_only_the_log_answer_as_without_the_graph():
    train, valid = halves(draw_log())
    pipeline = Pipeline(
        retrieve=(ItemKNN(), Popular()),
        rank=RecencyLogit(),
        rerank=MMR(by="category"),
        fallback=Popular(),
        windows=Windows(2, 3.0),
    )
    users = train.users.ids

    plain = pipeline.fit(train, valid).recommend_all(users, k=10, at="2024-02-01")
    beside_it = pipeline.fit(train, valid, graph=beside(train))

    assert beside_it.recommend_all(users, k=10, at="2024-02-01").equals(plain)


def test_features_of_the_graph_join_those_of_the_log_for_every_stage():
    log = draw_log()
    model = Pipeline(retrieve=Popular(), rerank=MMR(by="colour"), names="colour").fit(
        log, graph=beside(log)
    )

    answer = model.recommend("u1", k=5)

    colour = dict(beside(log).V("item").frame("item", "colour").rows())
    assert answer["name"].to_list() == [colour[item] for item in answer["item"]]
    assert model.graph.items.features.columns == ["category", "price", "colour"]


def test_ids_that_the_log_lacks_are_nodes_that_nobody_is_recommended():
    log = draw_log()
    model = Pipeline(retrieve=Viewed(), fallback=Popular(), candidates=50).fit(
        log, graph=beside(log)
    )

    with pytest.warns(NoHistoryWarning, match="5 users have no interactions before"):
        lists = model.recommend_all(k=40, at="2024-02-01")

    assert set(lists["item"]) <= set(log.items.ids.gather(np.unique(log.item)))
    assert {"u30", "u34"} <= set(lists["user"])
    assert model.graph.V("item", ["i49"]).out("made_by").count()["count"].item() == 1


def test_training_reads_no_edge_that_is_later_than_its_log():
    train, valid = halves(draw_log())
    method = Viewed()

    Pipeline(retrieve=method, rank=RecencyLogit(), windows=Windows(2, 3.0)).fit(
        train, valid, graph=beside(train, late_days=9)
    )

    # Three windows, each with requests at its cut, and what is served.
    *past, served = method.folds
    assert len(past) == len(method.clocks) == 3
    for fold, cut in zip(past, method.clocks, strict=True):
        assert int(fold.events.time[-1]) < cut
        assert 0 < len(fold.graph.edge("view")) < 500
        assert fold.graph.edge("view").latest < cut
    assert served.graph.edge("view").latest <= int(valid.time[-1])


@pytest.mark.parametrize("rank", [None, RecencyLogit()])
def test_weights_of_channels_are_learnt_beside_the_graph_of_their_time(rank):
    # Long enough that a tenth of it weighs channels.
    log = draw_log(events=2_000)
    viewed = Viewed()
    made = tg.MetaPath(("made_by", "~made_by"))
    channels = {"viewed": viewed, "made": made, "popular": Popular()}

    fitted = Pipeline(channels, rank=rank).fit(log, graph=beside(log).snapshot())

    assert len(set(fitted.retriever.quotas)) > 1
    assert len(viewed.folds) > 1
    for fold in viewed.folds:
        assert fold.edges is not None
        end = int(fold.events.time[-1])
        later = log.time[log.time > end]
        assert fold.edges.latest < later.min(initial=int(log.time[-1]) + 1)
    assert any(fold.edges.latest < int(log.time[-1]) for fold in viewed.folds)


def test_an_alternative_is_tried_beside_the_graph():
    log, graph = draw_log(events=2_000), None
    made = tg.MetaPath(("made_by", "~made_by"))
    graph = beside(log).snapshot()

    ranker = Pipeline(ItemKNN(), rank=tg.RetrieverLogit(made)).fit(log, graph=graph)
    spare = tg.Blend({"made": made, "popular": Popular()})
    filled = Pipeline(ItemKNN(), fallback=spare).fit(log, graph=graph)

    for fitted in (ranker, filled):
        assert fitted.recommend(log.users.ids[0], k=5).height == 5


def test_no_answer_depends_on_edges_at_its_time_or_later():
    log = draw_log()
    at = int(log.time[-1]) + DAY
    g = beside(log)
    late = {"user": ["u1"] * 9, "item": [f"i{n}" for n in range(9)], "dwell": [1.0] * 9}
    more = Graph(g.snapshot(), late_seconds=None).append(
        "view", pl.DataFrame({**late, "ts": [at] * 9}).with_columns(pl.col("ts"))
    )
    pipeline = Pipeline(retrieve=Viewed(), rank=None)

    one = pipeline.fit(log, graph=g).recommend_all(log.users.ids, k=5, at=at)
    other = pipeline.fit(log, graph=more).recommend_all(log.users.ids, k=5, at=at)
    later = pipeline.fit(log, graph=more).recommend("u1", k=5, at=at + 1)

    assert one.equals(other)
    assert later["item"].to_list() == ["i8", "i7", "i6", "i5", "i4"]


def test_a_saved_model_opens_with_every_type_and_observes_actions(tmp_path):
    log = draw_log()
    model = Pipeline(retrieve=Popular()).fit(log, graph=beside(log))
    model.save(tmp_path / "m")
    opened = tg.load(tmp_path / "m")
    now = model.graph.latest

    for known in (model, opened):
        known.observe([("u31", "i45", now + 1), ("new", "i1", now + 2)])

    plan = tg.hop("friend").all().hop("action").recent(3)
    users = np.arange(len(model.graph.users), dtype=np.int32)
    one, other = (
        plan.sample(graph, users, now + 3) for graph in (model.graph, opened.graph)
    )
    assert model.graph.schema == opened.graph.schema
    for mine, theirs in zip(one, other, strict=True):
        for left, right in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(left, right)
    seen = opened.graph.V("user", ["u31"]).before(now + 3).out("action")
    assert seen.ids().to_list() == ["i45"]
    assert len(opened.graph.users) == 36


def test_further_edges_are_appended_to_a_served_model():
    log = draw_log()
    model = Pipeline(retrieve=Viewed()).fit(log, graph=beside(log))
    now = model.graph.latest
    new = {"user": ["u1", "new"], "item": ["i3", "i4"], "ts": [now + 1, now + 2]}

    model.live.append("view", {**new, "dwell": [1.0, 1.0]})

    assert model.recommend("u1", k=1)["item"].to_list() == ["i3"]
    with pytest.warns(NoHistoryWarning, match="user 'new' has no interactions;"):
        assert model.recommend("new", k=1)["item"].to_list() == ["i4"]


def test_erased_users_are_gone_from_every_type_and_from_what_is_fitted_again():
    log = draw_log()
    pipeline = Pipeline(retrieve=Viewed(), fallback=Popular())
    model = pipeline.fit(log, graph=beside(log))
    known, friend = "u1", "u33"
    model.erase([known, friend])
    again = pipeline.refitted(model, log.take(log.user != log.users.row(known)))

    for graph in (model.graph, again.graph):
        for name in ("friend", "view", "action"):
            ends = graph.V("user", ["u2", "u3", "u5"]).all_time().out(name)
            both = ends.in_(name) if name != "friend" else ends
            assert len(both)
            assert not {known, friend} & set(both.frame("user")["user"])
    assert friend not in again.graph.users.ids.to_list()
    ids = model.graph.users.ids.drop_nulls()
    before, after = (g.V("user", ids).out("friend") for g in (model.graph, again.graph))
    assert before.frame("start", "user").equals(after.frame("start", "user"))


def test_a_model_is_refitted_and_judged_beside_its_further_edges():
    train, valid = halves(draw_log())
    pipeline = Pipeline(retrieve=Viewed())
    model = pipeline.fit(train, valid, graph=beside(train))

    again = pipeline.refitted(model, train)
    task = task_of(again, valid, train=train)

    assert list(again.graph.edges) == list(model.graph.edges)
    assert again.trained_until == int(train.time[-1])
    assert again.retrieve(task.requests, 5).present.any()
    alone = task_of(again, valid)
    np.testing.assert_array_equal(
        again.retrieve(task.requests, 5).item, again.retrieve(alone.requests, 5).item
    )


@pytest.mark.parametrize(
    ("graph", "sentence"),
    [
        (Graph.of(draw_log()), "holds edges 'action', and those come from the log"),
        (
            Graph().nodes("customer", {"id": ["u1"]}, key="id"),
            "has the nodes customer, and a log has 'user' and 'item'",
        ),
        (
            Graph().nodes("user", {"id": ["u1"]}, key="id"),
            "the key of nodes 'user' is 'user' in one graph and 'id' in the other",
        ),
        (
            Graph().nodes("item", {"item": ["sku1"]}, key="item"),
            "no item of the graph is in the log: the graph holds 'sku1'",
        ),
        (
            Graph().nodes("item", {"item": ["i1", "z"], "price": ["x", "y"]}, "item"),
            "column 'price' of nodes 'item' .* holds String, and so far Float64",
        ),
    ],
)
def test_a_graph_that_does_not_fit_the_log_is_refused_before_the_work(graph, sentence):
    with pytest.raises(DataError, match=sentence):
        Pipeline(retrieve=Popular()).fit(draw_log(), graph=graph)


def test_timed_edges_beside_a_log_without_seconds_are_refused():
    log = draw_log()
    order = replace(log, time=np.arange(len(log)), clock="order")

    with pytest.raises(DataError, match="edges 'view' of the graph have times"):
        Pipeline(retrieve=Popular()).fit(order, graph=beside(log))


def test_the_blocks_of_the_page_run_as_they_are_written():
    page = (Path(__file__).parents[2] / "docs" / "pipeline.md").read_text("utf-8")
    section = page.partition("## Further nodes and edges")[2].partition("\n## ")[0]
    blocks = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    log = draw_log(events=600)
    train, valid = log.split(fractions=(0.8,))
    users, items = log.users.ids.to_list(), log.items.ids.to_list()
    users = ["u42", *users]
    pairs = {"user": users[:4], "item": items[:4], "ts": [1, 2, 3, 4]}
    known = {
        "tg": tg,
        "users": {"user": users},
        "items": {"item": items},
        "brands": {"brand": ["a", "b"]},
        "made": {"item": items[:2], "brand": ["a", "b"]},
        "views": pairs,
        "follows": {"follower": users[:2], "followed": users[1:3]},
        "pipeline": tg.Pipeline(tg.Popular(half_life_days=None)),
        "train": train,
        "valid": valid,
        "now": int(log.time[-1]) + 1,
        "rows": np.zeros(1, np.int32),
    }

    for block in blocks:
        exec(block, known)

    assert len(blocks) == 2
    assert known["model"].graph.edges.keys() >= {"made_by", "view", "follows"}
