"""Events that a trained pipeline takes in, from any number of threads."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import replace
from multiprocessing.reduction import ForkingPickler

import numpy as np
import polars as pl
import pytest

import tidegraph as tg
from conftest import draw_log
from tidegraph.catalog import load
from tidegraph.errors import DataError, RequestError
from tidegraph.graph.events import events_of
from tidegraph.pipeline import Pipeline
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.reranking.diversity import MMR
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.popular import Popular
from tidegraph.retrieval.repeat import Repeat
from tidegraph.training.loop import Training

WHOLE = Pipeline(
    (ItemKNN(), Popular(), Repeat()),
    rank=NeuralRanker(training=Training(epochs=1)),
    rerank=MMR(by="category"),
)


def taken_in(model, users) -> list[tuple[str, str, int]]:
    """Every event of some users that the model holds, sorted."""
    log = events_of(model.graph)
    known = zip(
        log.users.decode(log.user).to_list(),
        log.items.decode(log.item).to_list(),
        log.time.tolist(),
        strict=True,
    )
    return sorted(event for event in known if event[0] in users)


def test_every_event_of_eight_threads_is_kept_while_others_recommend():
    model = Pipeline(retrieve=(Repeat(), ItemKNN())).fit(draw_log())
    now, wrong, done = model.graph.latest, [], threading.Event()
    # Users are each thread's own, items are shared, and times cross one another.
    calls = [
        [(f"new{who}-{n % 20}", f"i{n % 7}", now + n) for n in range(50)]
        for who in range(8)
    ]

    def observe(events) -> None:
        for event in events:
            model.observe([event])

    def recommend() -> None:
        while not done.is_set():
            try:
                graph = model.graph
                lists = model.recommend("u1", k=5)
                assert lists.height == 5
                actions = graph["action"]
                assert len(graph.edges["action"]) == int(actions.degree().sum())
            except Exception as error:
                wrong.append(error)
                raise

    readers = [threading.Thread(target=recommend) for _ in range(2)]
    for reader in readers:
        reader.start()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(observe, calls))
    done.set()
    for reader in readers:
        reader.join()

    assert wrong == []
    expected = sorted(event for events in calls for event in events)
    assert taken_in(model, {user for user, _, _ in expected}) == expected


def test_an_answer_sees_all_events_of_a_call_or_none():
    model = Pipeline(retrieve=(Repeat(),)).fit(draw_log())
    base, wrong, done = len(events_of(model.graph)), [], threading.Event()

    def count() -> None:
        while not done.is_set():
            graph = model.graph
            shown = graph.edges.get("impression")
            held = len(graph.edges["action"]) + (0 if shown is None else len(shown))
            if (held - base) % 6:
                wrong.append(held)

    reader = threading.Thread(target=count)
    reader.start()
    now = model.graph.latest
    for n in range(40):
        model.observe([(f"u{k}", "i1", now + n, k % 2) for k in range(6)])
    done.set()
    reader.join()

    assert wrong == []


def test_events_may_come_in_any_order_of_time():
    model = Pipeline(retrieve=(Repeat(),)).fit(draw_log())
    now = model.graph.latest

    model.observe([("late", "i3", now + 9)])
    model.observe([("late", "i2", now - 5), ("late", "i1", now + 4)])

    assert [event[1] for event in taken_in(model, {"late"})] == ["i1", "i2", "i3"]
    user = np.array([model.graph.users.row("late")], np.int32)
    history = model.graph["action"].histories(user, np.array([now + 10]))
    assert model.graph.items.decode(history.node).to_list() == ["i2", "i1", "i3"]


def test_a_pipeline_cut_after_a_stage_takes_in_what_the_whole_one_does():
    model = WHOLE.fit(draw_log(events=1500))

    model.stages()["retrieve"].observe([("newcomer", "i3", model.graph.latest + 1)])

    assert taken_in(model, {"newcomer"})


@pytest.mark.parametrize("copied", [deepcopy, None], ids=["copied", "pickled"])
def test_a_model_is_handed_over_whole_also_after_it_observed(copied):
    model = WHOLE.fit(draw_log(events=1500))
    now = model.graph.latest
    for n in range(30):
        model.observe([(f"u{n % 4}", f"i{n % 9}", now + n), ("new", "i1", now + n)])

    again = (
        copied(model)
        if copied is not None
        else ForkingPickler.loads(ForkingPickler.dumps(model))
    )

    assert again.recommend_all(k=5).equals(model.recommend_all(k=5))
    # Either goes on by itself.
    again.observe([("elsewhere", "i1", now + 99)])
    model.observe([("here", "i1", now + 99)])
    assert (len(taken_in(model, {"elsewhere"})), len(taken_in(model, {"here"}))) == (
        0,
        1,
    )
    assert (len(taken_in(again, {"elsewhere"})), len(taken_in(again, {"here"}))) == (
        1,
        0,
    )


def test_a_saved_model_holds_what_it_observed(tmp_path):
    model = Pipeline(retrieve=(Repeat(),)).fit(draw_log())
    model.observe([("new", "i1", model.graph.latest + 1)])

    model.save(tmp_path / "model")

    again = load(tmp_path / "model")
    assert taken_in(again, {"new"}) == taken_in(model, {"new"})
    again.observe([("newer", "i1", model.graph.latest + 1)])
    assert again.recommend("newer", k=1)["item"].to_list() == ["i1"]


def test_a_call_with_a_bad_event_takes_in_none_of_it():
    model = Pipeline(retrieve=(Repeat(),)).fit(draw_log())
    before = model.graph

    with pytest.raises(RequestError, match="there is no id"):
        model.observe([("u1", "i1", before.latest), ("u1", None, before.latest)])

    assert model.graph is before


def test_the_context_of_frames_and_mappings_is_taken_in_and_saved(tmp_path):
    place = pl.DataFrame({"place": np.arange(600)})
    log = replace(draw_log(events=600), context=place)
    model = Pipeline(retrieve=Popular()).fit(log)
    at = model.graph.latest
    model.observe({"user": ["u1"], "item": ["i1"], "time": [at + 1], "place": [-1]})
    model.observe([{"user": "u1", "item": "i2", "time": at + 2, "place": -2}])
    model.observe([("u1", "i3", at + 3)])
    model.save(tmp_path / "model")

    for known in (model, load(tmp_path / "model")):
        found = events_of(known.graph).context["place"]
        assert found.to_list() == [*range(600), -1, -2, None]


def test_a_plan_that_weighs_by_context_stops_no_event_that_lacks_it():
    log = draw_log(events=600)
    log = replace(log, context=pl.DataFrame({"price": np.full(600, 2.0)}))
    model = Pipeline(retrieve=Popular()).fit(log)
    plan, at = tg.hop("action").sample(8, by="price"), model.graph.latest
    plan.sample(model.graph, [0], at)

    model.observe([("new", "i2", at), ("new", "i3", at)])
    model.observe({"user": ["new"], "item": ["i1"], "time": [at], "price": [3.0]})

    new = model.graph.users.row("new")
    drawn = plan.sample(model.graph, [new], at + 1)
    assert set(model.graph.items.decode(drawn.ids[1][drawn.mask[1]])) == {"i1"}


def test_a_lazy_frame_of_events_is_taken_in_or_refused_in_one_sentence():
    model = Pipeline(retrieve=Repeat()).fit(draw_log())
    events = pl.LazyFrame({"user": ["z"], "item": ["i1"], "time": [1_750_000_000]})

    model.observe(events)

    assert taken_in(model, {"z"}) == [("z", "i1", 1_750_000_000)]
    with pytest.raises(DataError, match=r"LazyFrame cannot be read: .*nowhere"):
        model.observe(pl.scan_csv("nowhere.csv"))
    with pytest.raises(RequestError, match="users is a LazyFrame"):
        model.recommend_all(events)


SHOP = {
    "uid": ["ana", "bo", "ana", "bo", "cy"],
    "sku": ["x", "y", "y", "x", "z"],
    "ts": ["01.05.2024", "02.05.2024", "03.05.2024", "04.05.2024", "05.05.2024"],
}
LATER = {"uid": ["cy"], "sku": ["x"], "ts": ["06.05.2024"]}
READ = {"user": "uid", "item": "sku", "time": "ts", "time_format": "%d.%m.%Y"}


@pytest.mark.parametrize("door", ["frame", "file", "sql"])
def test_a_pipeline_fitted_here_reads_frames_as_its_log_was(door, tmp_path):
    shop = pl.DataFrame(SHOP)
    if door == "sql":
        with sqlite3.connect(":memory:") as base:
            base.execute("create table shop (uid, sku, ts)")
            base.executemany("insert into shop values (?, ?, ?)", shop.rows())
            log = tg.read_sql("select * from shop", base, **READ)
        base.close()
    elif door == "file":
        shop.write_csv(tmp_path / "shop.csv")
        log = tg.read(tmp_path / "shop.csv", **READ)
    else:
        log = tg.read(shop, **READ)
    train, test = log.split(fractions=(0.8,))
    model = Pipeline(Popular(half_life_days=None)).fit(train.followed_by(test))

    model.observe(pl.DataFrame(LATER))
    model.save(tmp_path / "model")
    again = load(tmp_path / "model")
    again.observe(LATER | {"ts": ["07.05.2024"]})
    judged = tg.evaluate(again, pl.DataFrame(LATER | {"ts": ["08.05.2024"]}))

    sixth = 1_714_953_600
    assert ("cy", "x", sixth) in taken_in(model, ["cy"])
    assert ("cy", "x", sixth + 86_400) in taken_in(again, ["cy"])
    assert len(judged.scores) > 0


@pytest.mark.parametrize(
    ("read", "taken"),
    [((), (1, 1)), (("label",), (0, 1)), (("label", "weight"), (0, 3))],
)
def test_a_label_and_a_weight_are_read_where_those_of_training_were(read, taken):
    shop = pl.DataFrame(SHOP | {"label": [1, 1, 0, 1, 1], "weight": [2.0] * 5})
    log = tg.read(shop, **READ, **{name: name for name in read})
    model = Pipeline(Popular(half_life_days=None)).fit(log)

    model.observe(pl.DataFrame(LATER | {"label": [0], "weight": [3.0]}))

    held = events_of(model.graph)
    last = held.time.argmax()
    assert (held.label[last], held.weight[last]) == taken


def test_a_log_made_of_columns_was_not_read():
    log = tg.interactions(["a"], ["x"], [1])

    assert log.reading is None
    assert Pipeline(Popular(half_life_days=None)).fit(log).serving.reading is None
