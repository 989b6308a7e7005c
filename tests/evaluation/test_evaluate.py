import math
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pytest

from conftest import draw_log
from evaluation.models import Fixed, popular, small, unpopular
from tidegraph.data.interactions import Interactions, interactions
from tidegraph.errors import ConfigError, DataError, LeakageError, RequestError
from tidegraph.evaluation.evaluate import evaluate
from tidegraph.evaluation.judging import judge, judge_sampled
from tidegraph.evaluation.metrics.catalogue import gini
from tidegraph.evaluation.protocol import at_cut, at_each_event
from tidegraph.graph.snapshot import Snapshot
from tidegraph.pipeline import Pipeline
from tidegraph.retrieval.blend import Blend
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.popular import Popular


def split(log: Interactions) -> tuple[Interactions, Interactions]:
    cut = int(log.time[400])
    return log.before(cut), log.since(cut)


@pytest.fixture(scope="module")
def judged():
    train, test = split(draw_log())
    return evaluate(
        popular(train),
        test,
        train=train,
        against={"unpopular": unpopular(train)},
        k=(5, 10),
        by="category",
    )


def value(evaluation, metric: str, model: str = "model", column: str = "mean"):
    return evaluation.table().filter(model=model, metric=metric)[column].item()


def test_the_small_log_is_worked_by_hand():
    # Popularity answers x, y to all. ana wants x, z; bo y; cy z.
    train, test = small()
    result = evaluate(popular(train), test, train=train, k=(2,))

    assert value(result, "hit@2") == pytest.approx(2 / 3)
    assert value(result, "recall@2") == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert value(result, "precision@2") == pytest.approx((1 / 2 + 1 / 2 + 0) / 3)
    ana = 1 / (1 + 1 / math.log2(3))
    bo = 1 / math.log2(3)
    assert value(result, "ndcg@2") == pytest.approx((ana + bo) / 3)
    assert value(result, "mrr@2") == pytest.approx((1 + 1 / 2 + 0) / 3)
    assert value(result, "map@2") == pytest.approx((1 / 2 + 1 / 2 + 0) / 3)
    # ana's x and y are what popularity lists in places 1 and 2; z was never found.
    assert value(result, "map_n@2") == pytest.approx((1 / 2 + 1 / 2 + 0) / 3)
    assert value(result, "serendipity@2") == 0
    # Of three actions x got two and y one.
    bits = (-math.log2(2 / 3) - math.log2(1 / 3)) / 2
    assert value(result, "novelty@2") == pytest.approx(bits)
    assert value(result, "popularity@2") == 1.5
    assert value(result, "coverage@2") == 1.0
    assert value(result, "gini@2") == 0.0
    # ana has x and y, bo only x: 1.5 and 2 against lists of 1.5.
    assert value(result, "popularity_lift@2") == pytest.approx(1.5 / 1.75 - 1)


def test_every_metric_stands_at_every_cutoff(judged):
    names = {m.split("@")[0] for m in judged.table()["metric"]}

    assert names == {
        *("hit", "recall", "precision", "ndcg", "mrr", "map", "map_n"),
        "serendipity",
        *("novelty", "popularity", "diversity"),
        *("coverage", "gini", "popularity_lift"),
    }
    assert judged.table().height == 14 * 2 * 2


def test_scores_are_kept_for_every_user_and_model(judged):
    train, test = split(draw_log())

    assert judged.models == ["model", "unpopular"]
    for model in judged.models:
        users = judged.scores.filter(model=model)
        assert sorted(users["user"]) == sorted(test.frame()["user"].unique())
        assert value(judged, "ndcg@5", model) == pytest.approx(users["ndcg@5"].mean())
    assert (
        judged.scores.filter(model="model")["history"].sum()
        == np.isin(train.user, test.user).sum()
    )


def test_intervals_hold_the_mean_and_gains_are_paired(judged):
    table = judged.table().drop_nulls("low")
    other = table.filter(model="unpopular")

    # A constant column has an interval of no width, up to its last bits.
    assert (table["low"] <= table["mean"] + 1e-12).all()
    assert (table["mean"] <= table["high"] + 1e-12).all()
    assert (other["gain_low"] <= other["gain"]).all()
    assert (other["gain"] <= other["gain_high"]).all()
    ours = table.filter(model="model")
    np.testing.assert_allclose(other["gain"], ours["mean"] - other["mean"], atol=1e-12)
    assert ours["gain"].is_null().all()


def test_a_clear_gain_is_significant_after_correction(judged):
    # 30 users all gain: one pattern of 2^29, and no drawn one reaches it.
    assert 2**-29 <= value(judged, "popularity@5", "unpopular", "p") < 1e-6
    assert value(judged, "popularity@5", "unpopular", "p_is_bound")
    assert value(judged, "popularity@5", "unpopular", "p_holm") < 1e-5
    p = judged.table()["p"].drop_nulls()
    assert len(p) == 22
    assert (judged.table()["p_holm"].drop_nulls() >= p).all()


def test_a_model_against_itself_gains_nothing():
    train, test = split(draw_log())
    result = evaluate(popular(train), test, train=train, against=popular(train))

    assert value(result, "ndcg@10", "baseline", "gain") == 0
    assert value(result, "ndcg@10", "baseline", "p_holm") == 1


def test_the_same_seed_gives_the_same_table():
    train, test = split(draw_log())
    a, b = (evaluate(popular(train), test, train=train, rng=4) for _ in range(2))

    assert a.table().equals(b.table())
    assert a.setup.seed == 4


def test_the_text_says_how_it_was_made(judged):
    text = str(judged)

    assert text.startswith("full ranking | repeats allowed | ")
    assert "30 requests, at 20" in text
    assert "0.0% of the relevant items are unknown to training" in text
    assert "0 of 30 users had no history" in text
    assert repr(judged) == text
    rows = [x for x in text.splitlines() if x.startswith("model ")]
    assert len(rows) == 2
    for k, row in zip((5, 10), rows, strict=True):
        assert f"{value(judged, f'ndcg@{k}'):.3f} ±" in row
        assert f"{value(judged, f'recall@{k}'):.3f} ±" in row
    assert max(map(len, text.splitlines())) <= 100


def test_who_only_met_old_items_is_counted_in_the_text():
    train, test = small()
    result = evaluate(
        popular(train), test.take(test.item != 2), train=train, repeat=False, k=(1,)
    )

    assert "only items new to the user" in str(result)
    assert "1 left out" in str(result)


def test_slices_part_the_users_by_their_history():
    train, test = small()
    result = evaluate(popular(train), test, train=train, k=(2,))
    slices = result.slices().filter(metric="recall@2")

    # cy is cold; bo knows one item and ana two.
    found = {row["slice"]: row["mean"] for row in slices.iter_rows(named=True)}
    assert found["cold users"] == 0.0
    assert found["low activity"] == 1.0
    assert found["high activity"] == 0.5
    # x and y hold more than four fifths, so z alone is tail: ana and cy want it.
    assert found["tail items"] == 0.0
    assert slices.filter(slice="tail items")["users"].item() == 2


def test_who_was_unknown_at_the_first_of_several_requests_is_cold():
    log = interactions(
        ["ana", "bo", "ana", "cy", "cy", "ana"],
        ["x", "x", "y", "z", "x", "z"],
        [10, 11, 12, 24, 25, 26],
    )
    train, test = log.before(20), log.since(20)

    result = evaluate(popular(train), test, train=train, protocol=at_each_event, k=(2,))

    known = result.scores.select("user", "history", "group").rows()
    assert known == [("cy", 0, "cold users"), ("ana", 2, "low activity")]
    assert "1 of 2 users had no history" in str(result)
    assert "cold users" in result.slices()["slice"].to_list()


def test_popularity_lift_counts_a_user_once_however_many_requests_there_are():
    log = interactions(
        ["ana", "bo", "ana", "cy", "cy", "cy", "ana"],
        ["x", "x", "y", "z", "x", "y", "z"],
        [10, 11, 12, 24, 25, 26, 27],
    )
    train, test = log.before(20), log.since(20)

    result = evaluate(popular(train), test, train=train, protocol=at_each_event, k=(1,))

    # Lists are x, of two actions; cy had nothing, then z of none, then z and x: 1/2 on
    # average; ana had x and y, 3/2.
    assert value(result, "popularity_lift@1") == pytest.approx(
        2 / ((1 / 2 + 3 / 2) / 2) - 1
    )


def test_one_user_has_a_mean_and_no_interval():
    train, test = small()
    alone = test.take(test.user == test.user[0])

    result = evaluate(
        popular(train), alone, train=train, against={"last": unpopular(train)}, k=(2,)
    )

    row = result.table().filter(metric="recall@2", model="last").row(0, named=True)
    assert row["mean"] == 0.5
    assert row["gain"] == 0.0
    ends = ("low", "high", "gain_low", "gain_high")
    assert [row[name] for name in ends] == [None] * 4
    assert "±" not in str(result).partition("means")[0]
    assert "[" not in "".join(result.readable().row(0))


def test_exposure_is_of_the_items_that_training_saw():
    train, test = small()
    result = evaluate(popular(train), test, train=train, k=(2,))

    # z comes in the test alone: coverage and Gini are of x and y.
    exposed = result.exposure["model"]
    assert exposed.tolist() == [3, 3]
    table = dict(result.table().select("metric", "mean").iter_rows())
    assert table["gini@2"] == gini(exposed)
    assert table["coverage@2"] == (exposed > 0).mean()


def test_the_mean_of_a_metric_is_that_of_the_table(judged):
    table = judged.table().filter(model="model")
    means = dict(table.select("metric", "mean").iter_rows())

    for metric in ("ndcg@5", "novelty@5", "coverage@5"):
        assert judged.mean(metric) == pytest.approx(means[metric], rel=1e-12)
    with pytest.raises(RequestError, match="no 'ndcg@7' of 'model'"):
        judged.mean("ndcg@7")


def test_the_users_of_all_groups_are_everybody(judged):
    slices = judged.slices().filter(model="model", metric="ndcg@5")
    groups = slices.filter(pl.col("slice") != "tail items")

    assert groups["users"].sum() == 30
    assert "p" not in slices.columns


def test_a_user_with_several_requests_counts_once():
    train, test = small()
    task = at_each_event(train, test, repeat=True)
    result = judge({"popular": popular(train)}, task, k=(1,))
    hit = dict(result.scores.select("user", "hit@1").iter_rows())

    # ana has two requests and found x once; bo wanted y twice; cy wanted z.
    assert hit == {"ana": 0.5, "bo": 0.0, "cy": 0.0}
    assert result.setup.requests == 5


@dataclass(frozen=True, eq=False)
class Staged:
    first: Fixed
    last: Fixed
    graph: Snapshot

    def retrieve_stages(self, requests, k):
        first = self.first.retrieve(requests, k)
        return {"retrieve": first, "rank": self.retrieve(requests, k)}

    def retrieve(self, requests, k):
        return self.last.retrieve(requests, k)


def test_a_pipeline_brings_its_own_graph_and_is_judged_after_each_stage():
    train, test = split(draw_log())
    model = Staged(unpopular(train), popular(train), Snapshot.of(train))
    result = evaluate(model, test, against=popular(train))

    assert result.models == ["model", "after retrieve", "baseline"]
    assert value(result, "ndcg@10", "after retrieve", "gain") > 0
    assert value(result, "ndcg@10", "baseline", "gain") == 0


def test_a_model_without_a_graph_needs_the_log():
    train, test = small()

    with pytest.raises(DataError, match="train="):
        evaluate(popular(train), test)


def test_a_feature_that_items_lack_is_named():
    train, test = small()

    with pytest.raises(DataError, match="'category'"):
        evaluate(popular(train), test, train=train, by="category")


def test_an_empty_answer_is_a_miss_with_neither_novelty_nor_lift():
    train, test = small()
    result = evaluate(Fixed(np.full(3, -np.inf)), test, train=train, k=(2,))

    assert value(result, "ndcg@2") == 0
    assert value(result, "novelty@2") is None
    assert value(result, "popularity_lift@2") is None
    assert value(result, "coverage@2") == 0
    assert "novelty@2" in result.readable()["metric"]


def test_the_sampled_protocol_says_so():
    train, test = split(draw_log())
    task = at_cut(train, test, repeat=True)
    models = {"popular": popular(train), "unpopular": unpopular(train)}
    result = judge_sampled(models, task, negatives=20, k=(5,), rng=1)

    assert str(result).startswith("sampled 20 | repeats allowed")
    assert value(result, "hit@5", "popular") > value(result, "hit@5", "unpopular")
    assert result.table()["metric"].unique().len() == 7
    assert result.slices()["slice"].unique().len() > 3


def test_a_pipeline_is_told_that_its_channels_have_sampled_numbers():
    train, test = split(draw_log())
    model = Pipeline(ItemKNN(), repeat=False).fit(train)
    task = at_cut(train, test, repeat=False)

    with pytest.raises(ConfigError, match=r"model\.channels\(\)\['ItemKNN'\]"):
        judge_sampled({"m": model}, task)
    assert judge_sampled(model.channels(), task, k=(5,)).models == ["ItemKNN"]


def test_sampled_numbers_are_larger_than_full_ones():
    train, test = split(draw_log())
    task = at_cut(train, test, repeat=True)
    model = popular(train)
    full = judge({"m": model}, task, k=(5,)).scores["ndcg@5"].mean()
    sampled = judge_sampled({"m": model}, task, negatives=10, k=(5,)).scores["ndcg@5"]

    assert sampled.mean() > full


def test_among_all_items_a_sampled_pair_is_the_full_rank_of_one_item():
    # Each event has one item; all others outside its user's history are drawn.
    train, test = small()
    task = at_cut(train, test.take(test.user == 1), repeat=True)
    score = np.array([3.0, 2.0, 1.0])
    sampled = judge_sampled({"m": Fixed(score)}, task, k=(1,))

    # bo has x, so nothing stands before y.
    assert sampled.scores["hit@1"].item() == 1


def test_renaming_ids_changes_no_score():
    log = draw_log()
    users = replace(log.users, ids="x" + log.users.ids)
    renamed = replace(log, users=users)
    (train, test), (train2, test2) = split(log), split(renamed)
    a = evaluate(popular(train), test, train=train).scores
    b = evaluate(popular(train2), test2, train=train2).scores

    assert a.drop("user").equals(b.drop("user"))


@dataclass(frozen=True, eq=False)
class Served:
    model: Fixed
    graph: Snapshot
    repeat: bool = False
    trained_until: int = 19

    def retrieve(self, requests, k):
        return self.model.retrieve(requests, k)


def test_a_model_that_was_told_not_to_repeat_is_judged_so():
    train, test = split(draw_log())
    model = Served(popular(train), Snapshot.of(train))

    assert evaluate(model, test).setup.repeat is False
    assert evaluate(model, test, repeat=True).setup.repeat is True
    assert evaluate(popular(train), test, train=train).setup.repeat is True


def test_a_rival_that_was_trained_on_the_test_log_is_refused():
    train, test = split(draw_log())
    late = Served(popular(train), Snapshot.of(train), trained_until=int(test.time[0]))

    with pytest.raises(LeakageError, match="late was trained until"):
        evaluate(popular(train), test, train=train, against={"late": late})


@pytest.mark.parametrize(
    ("method", "way"),
    [
        (ItemKNN(), "full"),
        (ItemKNN(), "sampled"),
        (Blend((Popular(), ItemKNN())), "full"),
    ],
)
def test_what_knows_the_answers_or_other_rows_is_refused_either_way(method, way):
    train, test = split(draw_log())
    backwards = train.items.decode(train.item)[::-1]
    other = interactions(train.users.decode(train.user)[::-1], backwards, train.time)

    def judged(log):
        model = method.fit(log)
        if way == "full":
            return evaluate(model, test, train=train, k=10)
        return judge_sampled({"model": model}, at_cut(train, test, repeat=True), k=10)

    assert len(judged(train).scores)
    with pytest.raises(LeakageError, match="was trained until"):
        judged(train.followed_by(test))
    with pytest.raises(DataError, match="another log"):
        judged(other)


def test_a_rival_that_numbers_items_in_another_way_is_refused():
    train, test = split(draw_log())
    users = train.users.decode(train.user)
    backwards = train.items.decode(train.item[::-1].copy())
    other = interactions(users, backwards, train.time)
    rival = Served(popular(train), Snapshot.of(other), trained_until=0)

    with pytest.raises(DataError, match="its item rows are not"):
        evaluate(popular(train), test, train=train, against={"rival": rival})


def test_a_test_log_of_unknown_items_is_refused():
    train, test = small()

    with pytest.raises(DataError, match="no item of the test log is known"):
        evaluate(popular(train), test.take(test.item == 2), train=train)
