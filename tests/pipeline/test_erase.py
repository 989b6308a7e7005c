"""A user who is erased is gone from answers, channels and files."""

import threading
from contextlib import suppress
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import tidegraph as tg
from tidegraph.artifact.sealed import State
from tidegraph.errors import DataError, RequestError, UnknownIdWarning
from tidegraph.evaluation.protocol import at_cut, at_each_event
from tidegraph.graph.events import events_of
from tidegraph.pipeline import Windows
from tidegraph.retrieval.embedded import FittedEmbedding
from tidegraph.stages import Requests


@pytest.fixture
def log():
    rng = np.random.default_rng(0)
    return tg.interactions(
        [f"user-{u}" for u in rng.integers(0, 12, 300)],
        [f"i{i}" for i in rng.integers(0, 20, 300)],
        np.arange(300) * 3600 + 1_700_000_000,
    )


def pipeline() -> tg.Pipeline:
    return tg.Pipeline(
        (tg.ItemKNN(), tg.UserKNN(neighbors=5), tg.bpr_mf(embedding_size=4)),
        fallback=tg.Popular(),
    )


def test_an_erased_user_is_answered_as_unknown_and_no_file_names_them(log, tmp_path):
    model = pipeline().fit(log)
    model.observe([("user-3", "i4", 1_750_000_000), ("user-x", "i4", 1_750_000_000)])
    model.erase(["user-3"])

    with pytest.warns(UnknownIdWarning, match="user-3"):
        answer = model.recommend("user-3", k=3)
    assert set(answer["channel"]) == {"Popular (fallback)"}
    assert "user-3" not in model.recommend_all(k=3)["user"].to_list()
    model.save(tmp_path / "model")
    files = [p.read_bytes() for p in (tmp_path / "model").rglob("*") if p.is_file()]
    assert not any(b"user-3" in content for content in files)
    assert any(b"user-x" in content for content in files)
    again = tg.load(tmp_path / "model")
    assert again.recommend("user-5", k=5).equals(model.recommend("user-5", k=5))


def test_an_erased_item_is_in_no_answer_of_any_stage(log):
    model = pipeline().fit(log)
    model.live.erase("item", model.recommend("user-5", k=1)["item"])
    users = np.arange(len(model.graph.users), dtype=np.int32)
    clocks = np.full(len(users), model.graph.latest + 1)
    requests = Requests.of_users(model.graph, users, clocks)

    gone = model.graph.items.erased()
    found = model.retrieve_stages(requests, 20)["retrieve"]
    answer = model.recommend_all(k=20)

    assert len(gone) == 1
    assert not np.isin(gone, found.item).any()
    # All others are there.
    assert answer.height == 19 * 12
    assert not answer["item"].null_count()
    assert not model.vectors()["item"].null_count()


def test_an_erased_item_is_like_no_other(log):
    model = pipeline().fit(log)
    first, *others = model.similar("i7", k=4)["similar"]
    model.live.erase("item", [first])

    similar = model.similar("i7", k=3)

    assert similar["similar"].to_list() == others
    assert similar["rank"].to_list() == [1, 2, 3]


def test_channels_keep_nothing_of_an_erased_user(log):
    model = pipeline().fit(log)
    row = model.graph.users.row("user-3")
    model.erase(["user-3"])
    channels = model.channels()

    assert channels["UserKNN"].users.rows.csr()[[row]].nnz == 0
    (vectors,) = (c for c in channels.values() if isinstance(c, FittedEmbedding))
    assert not vectors.user_known[row]
    assert not vectors.user[row].any()


def test_neighbours_are_those_of_a_log_without_the_user(log):
    settings = tg.UserKNN(neighbors=5, similarity=tg.Cosine(), half_life_days=None)
    model = tg.Pipeline(settings).fit(log)
    model.erase(["user-3"])
    gone = log.users.row("user-3")
    never = tg.Pipeline(settings).fit(log.take(log.user != gone))
    others = [user for user in log.users.ids if user != "user-3"]
    columns = ["user", "rank", "item", "score"]

    for user in others:
        one, other = (m.recommend(user, k=5).select(columns) for m in (model, never))
        assert_frame_equal(one, other)


def test_a_user_who_comes_amid_the_erasure_takes_nobody_else_along(log, monkeypatch):
    model = tg.Pipeline(tg.UserKNN(neighbors=5)).fit(log)
    erase, kept = model.live.erase, model.channels()["UserKNN"].users.rows.csr().nnz

    def first_comes(name, ids):
        model.observe([("late", "i1", 1_750_000_000)])
        return erase(name, ids)

    monkeypatch.setattr(model.live, "erase", first_comes)
    model.erase(["late"])
    assert model.channels()["UserKNN"].users.rows.csr().nnz == kept


def test_the_default_time_stays_behind_training_when_its_last_user_is_erased(log):
    model = tg.Pipeline(tg.Popular(half_life_days=0.1), repeat=True).fit(log)
    last = log.users.ids[int(log.user[-1])]
    ours = next(user for user in log.users.ids if user != last)
    model.erase([last])

    asked = model.recommend(ours, k=5, at=model.trained_until + 1)
    assert model.recommend(ours, k=5).equals(asked)


def test_an_unknown_user_cannot_be_erased(log):
    model = pipeline().fit(log)
    with pytest.raises(RequestError, match="'nobody' is not in the graph"):
        model.erase(["user-3", "nobody"])

    assert model.graph.users.row("user-3") >= 0


def of_users(log, name):
    """Return what the ranker of a saved model holds of users, by row."""
    arrays = tg.load(name).ranker.state().parts["tables"].arrays
    assert len(arrays["user"]) == len(log.users)
    return arrays["user"]


def test_a_saved_ranker_has_no_feature_of_an_erased_user(log, tmp_path):
    ages = {"user": log.users.ids, "age": np.arange(len(log.users)) % 3}
    log = replace(log, users=log.users.with_features(pl.DataFrame(ages), "user"))
    knows = tg.FeatureSet(groups=("user",), history=3, fields=("user.age",))
    ranker = tg.NeuralRanker(
        tg.MF(embedding_size=2), knows, training=tg.Training(epochs=1)
    )
    model = tg.Pipeline(tg.ItemKNN(), rank=ranker, windows=Windows(days=2.0)).fit(log)
    row = model.graph.users.row("user-3")
    model.save(tmp_path / "before")
    model.erase(["user-3"])
    model.save(tmp_path / "after")

    had, has = (of_users(log, tmp_path / name) for name in ("before", "after"))
    assert had[row] > 0
    assert has[row] == 0
    others = np.arange(len(had)) != row
    assert np.array_equal(has[others], had[others])


class Slow:
    """A stage that waits for another thread before it answers."""

    def __init__(self, both, gone=()):
        self.both, self.gone = both, set(gone)

    def without_users(self, rows):
        with suppress(threading.BrokenBarrierError):
            self.both.wait(0.5)
        return Slow(self.both, self.gone | set(rows.tolist()))

    def state(self):
        return State("Slow", settings={"gone": sorted(self.gone)})


def test_two_threads_that_erase_keep_both_erasures(log):
    model = tg.Pipeline(tg.ItemKNN()).fit(log)
    users = ["user-3", "user-5"]
    rows = {model.graph.users.row(user) for user in users}
    model.ranker = Slow(threading.Barrier(2))
    lines = [threading.Thread(target=model.erase, args=([user],)) for user in users]
    for line in lines:
        line.start()
    for line in lines:
        line.join()

    assert model.ranker.gone == rows


def test_who_saves_amid_an_erasure_writes_all_parts_after_it(log):
    model = tg.Pipeline(tg.UserKNN(neighbors=5)).fit(log)
    row = model.graph.users.row("user-3")
    model.ranker = Slow(threading.Barrier(2))
    erasing = threading.Thread(target=model.erase, args=(["user-3"],))
    erasing.start()
    # The graph has forgotten the user, and the ranker waits: half way.
    while model.graph.users.row("user-3") >= 0:
        pass

    parts = model.state().parts
    erasing.join()

    assert parts["ranker"].settings == {"gone": [row]}


@pytest.mark.parametrize("protocol", [at_cut, at_each_event])
def test_a_model_is_judged_beside_one_that_did_not_erase(log, protocol):
    train, test = log.split(fractions=(0.8,))
    model, whole = tg.Pipeline(tg.ItemKNN()).fit(train), tg.Popular().fit(train)
    model.erase(["user-3"])

    result = tg.evaluate(
        model, test, train=train, against=whole, k=3, protocol=protocol
    )

    assert result.models == ["model", "baseline"]
    assert "user-3" in result.scores["user"].to_list()


def test_an_erased_user_who_came_again_is_not_judged_on_the_old_row(log):
    train, test = log.split(fractions=(0.8,))
    model, whole = tg.Pipeline(tg.ItemKNN()).fit(train), tg.Popular().fit(train)
    model.erase(["user-3"])
    model.observe([("user-3", "i4", int(train.time[-1]))])

    scores = tg.evaluate(model, test, k=3).scores.filter(user="user-3", model="model")

    assert scores["history"].to_list() == [1.0]
    with pytest.raises(DataError, match="baseline was trained on another log"):
        tg.evaluate(model, test, against=whole, k=3)


@pytest.mark.parametrize("users", [12, 400])
def test_the_log_of_a_graph_with_erased_users_is_checked(users):
    names = [f"user-{n}" for n in range(users)]
    graph = tg.Graph.of(tg.interactions(names, names, np.arange(users)))
    graph.erase("user", ["user-3"])

    assert tg.check(events_of(graph.snapshot())).users == users - 1
