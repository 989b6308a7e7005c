"""Several labels that one network tells, each by a last layer of its own."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.metrics import roc_auc_score

import tidegraph as tg
from tidegraph.artifact.sealed import load, save
from tidegraph.catalog import FITTED, model
from tidegraph.data.interactions import interactions
from tidegraph.device.split import split
from tidegraph.errors import ConfigError, DataError
from tidegraph.evaluation.rankers import evaluate_ranker
from tidegraph.features.columns import FeatureSet
from tidegraph.fitting.candidate_sampling import CandidateSampling
from tidegraph.fitting.labels import further_label
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage.edge_store import EdgeStore
from tidegraph.nn.click import DIN, MF, MLP
from tidegraph.nn.click.tasks import logit_of_product
from tidegraph.ranking.calibration import Calibrated
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.ranking.tasks import Tasks
from tidegraph.run import Run
from tidegraph.stages import Candidates, Examples, Fold, Requests
from tidegraph.training.optimizers import SGD, AdamW
from tidegraph.training.settings import Training
from tiers import chosen

DAY = 86_400
SHORT = NeuralRanker(
    DIN(4, (8,)),
    FeatureSet(("item", "user"), history=4),
    CandidateSampling(4),
    Training(epochs=2),
    tasks=Tasks(("bought",)),
)


def shop():
    """Return a log where everybody clicks apples and pears, and apples are bought."""
    rng = np.random.default_rng(0)
    count = 4_000
    item = rng.integers(0, 40, count)
    clicked = rng.random(count) < np.where(item < 20, 0.8, 0.1)
    bought = clicked & (item % 2 == 0) & (rng.random(count) < 0.6)
    return interactions(
        rng.integers(0, 60, count),
        item,
        np.sort(rng.integers(0, 100 * DAY, count)),
        label=clicked.astype(int),
        context=pl.DataFrame(
            {
                "bought": bought,
                "event": np.where(bought, "purchase", "click"),
            }
        ),
    )


def parts(log):
    """Return a request for each event of three parts of time, each later."""
    graph, found = Snapshot.of(log), []
    for first, last in ((30, 70), (70, 80), (80, 100)):
        rows = np.flatnonzero((log.time >= first * DAY) & (log.time < last * DAY))
        item = log.item[rows]
        requests = Requests.of_users(graph, log.user[rows], log.time[rows])
        found.append(
            Examples(
                requests,
                Candidates(item[:, None], np.zeros((len(item), 1), np.float32)),
                log.label[rows][:, None].astype(np.float32),
                until=log.time[rows] + 1,
            )
        )
    return found


def test_a_column_an_edge_and_a_value_of_a_column_are_labels_alike():
    log = shop()
    learn, _, _ = parts(log)
    rows = np.flatnonzero(log.context["bought"].to_numpy())
    bought = Snapshot.of(log.take(rows).actions())
    edges = {**learn.requests.graph.edges, "bought_": bought.edges["action"]}
    graph = replace(learn.requests.graph, edges=edges)
    learn = replace(learn, requests=replace(learn.requests, graph=graph))

    right = [further_label(learn, name) for name in ("bought", "event=purchase")]

    # By hand: somebody bought this item in this second.
    done = set(zip(log.user[rows], log.item[rows], log.time[rows], strict=True))
    asked = learn.requests.user, learn.candidates.item[:, 0], learn.requests.time
    wanted = [one in done for one in zip(*asked, strict=True)]
    assert 0 < sum(wanted) < len(wanted)
    for found in (*right, further_label(learn, "bought_")):
        np.testing.assert_array_equal(found[:, 0], wanted)


def test_what_was_done_before_a_request_or_after_its_window_is_no_label():
    log = interactions(
        ["a"] * 5,
        ["p", "q", "r", "s", "q"],
        [1, 5, 9, 10, 20],
        context=pl.DataFrame({"bought": [1, 1, 0, 1, 1]}),
    )
    requests = Requests.of_users(
        Snapshot.of(log), np.array([0, -1], np.int32), np.array([5, 5])
    )
    item = np.array([[0, 1, 2, 3, -1]] * 2, np.int32)
    zero = np.zeros(item.shape, np.float32)
    learn = Examples(requests, Candidates(item, zero), zero, until=np.array([10, 10]))

    found = further_label(learn, "bought")

    # p came before, r was not bought, s came as the window ended; nobody is known.
    assert found.tolist() == [[0, 1, 0, 0, 0], [0, 0, 0, 0, 0]]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("bougth", r"the label 'bougth'.*Did you mean 'bought'"),
        ("event", r"neither true nor false.*event=purchase"),
        ("follows", r"not of users with items"),
    ],
)
def test_a_label_that_is_none_is_refused(name, wanted):
    learn, _, _ = parts(shop())
    graph = learn.requests.graph
    users = np.zeros(1, np.int32)
    follows = EdgeStore.build(("user", "user"), (users, users), (60, 60), None)
    graph = replace(graph, edges={**graph.edges, "follows": follows})
    learn = replace(learn, requests=replace(learn.requests, graph=graph))

    with pytest.raises(DataError, match=wanted):
        further_label(learn, name)


class Untrained:
    """A retrieval method that nobody gets to fit."""

    name = "untrained"

    def fit(self, train, *, run=None):
        raise AssertionError("something was trained")


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("bougth", r"the label 'bougth'.*Did you mean 'bought'"),
        ("event", r"neither true nor false.*event=purchase"),
        ("follows", r"not of users with items"),
    ],
)
def test_a_label_that_is_none_is_refused_before_anything_is_trained(name, wanted):
    ranker = replace(SHORT, tasks=Tasks((name,)))
    users = np.zeros(1, np.int32)
    follows = EdgeStore.build(("user", "user"), (users, users), (60, 60), None)
    log = shop()
    graph = Snapshot.of(log)
    graph = replace(graph, edges={"follows": follows})
    pipeline = tg.Pipeline(retrieve=Untrained(), rank=ranker)

    with pytest.raises(DataError, match=wanted):
        pipeline.fit(log, graph=graph)


def test_an_edge_of_the_graph_beside_a_log_is_a_label():
    log = shop()
    rows = np.flatnonzero(log.context["bought"].to_numpy())
    bought = Snapshot.of(log.take(rows).actions()).edges["action"]
    beside = replace(Snapshot.of(log), edges={"bought_": bought})

    replace(SHORT, tasks=Tasks(("bought_", "event=purchase"))).check(
        Fold(log, edges=beside)
    )


def test_examples_without_windows_have_no_further_label():
    learn, _, _ = parts(shop())

    with pytest.raises(DataError, match="do not say until when 'bought' counts"):
        further_label(replace(learn, until=None), "bought")


def test_the_logit_of_both_is_that_of_the_product():
    first, second = torch.tensor([-40.0, 0.0, 2.0, 30.0]), torch.tensor(0.5)
    p = torch.sigmoid(first.double()) * torch.sigmoid(second.double())

    found = logit_of_product(first, second.expand(4))

    torch.testing.assert_close(found.double(), torch.logit(p), rtol=1e-5, atol=1e-5)


WHENEVER = pytest.mark.parametrize(
    "after", chosen({"at once": False, "after": True}, "after")
)


@WHENEVER
def test_each_task_is_told_apart_and_answered_when_asked(after):
    learn, stop, judge = parts(shop())
    ranker = NeuralRanker(
        DIN(8, (16,)),
        FeatureSet(("item",)),
        training=Training(15, optimizer=AdamW(1e-2), patience=None, average=0.995),
        id_dropout=0.0,
        tasks=Tasks(("bought",), after=after),
    )

    fitted = ranker.fit(learn, stop, run=Run(np.random.default_rng(0)))

    clicked = fitted.score(judge.requests, judge.candidates)
    buying = fitted.answering("bought")
    bought = buying.score(judge.requests, judge.candidates)
    item = judge.candidates.item
    name = judge.requests.graph.items.decode(item[:, 0]).to_numpy()
    even, liked = name % 2 == 0, name < 20
    # 0.8 of the liked are clicked and 0.48 of the even among them bought, 0 of the odd.
    assert abs(clicked[liked].mean() - 0.8) < 0.08
    assert abs(bought[liked & even].mean() - 0.48) < 0.1
    assert bought[~even].mean() < 0.05
    np.testing.assert_array_equal(buying.right(judge), further_label(judge, "bought"))
    np.testing.assert_array_equal(fitted.right(judge), judge.label)
    if after:
        assert np.all(bought <= clicked)


@pytest.mark.parametrize("after", [False, True])
def test_each_task_begins_near_its_share(after):
    learn, stop, judge = parts(shop())
    tasks = Tasks(("bought",), answer="bought", after=after)
    still = Training(epochs=1, optimizer=SGD(1e-9))
    ranker = NeuralRanker(DIN(8, (16,)), FeatureSet(()), training=still, tasks=tasks)

    fitted = ranker.fit(learn, stop, run=Run(np.random.default_rng(0)))

    share = tasks.right(learn, "bought")[learn.candidates.present].mean()
    found = fitted.score(judge.requests, judge.candidates)
    assert abs(found[judge.candidates.present].mean() / share - 1) < 0.3


@WHENEVER
def test_a_sample_of_candidates_leaves_probabilities_of_further_labels(after):
    # One candidate in five is clicked, of those one in two bought; of four that are not
    # clicked a pass takes one.
    rng = np.random.default_rng(0)
    count = 3_000
    log = interactions(
        np.arange(count).repeat(2),
        rng.permutation(np.arange(count * 2) % 5),
        np.arange(count * 2) * 10,
        context=pl.DataFrame({"bought": rng.random(count * 2) < 0.5}),
    )
    graph = Snapshot.of(log)
    last = np.arange(1, 2 * count, 2)
    requests = Requests.of_users(graph, log.user[last], log.time[last])
    item = np.broadcast_to(np.arange(5, dtype=np.int32), (count, 5)).copy()
    label = (item == log.item[last][:, None]).astype(np.float32)
    learn = Examples(
        requests,
        Candidates(item, np.zeros(item.shape, np.float32)),
        label,
        until=log.time[last] + 1,
    )
    ranker = NeuralRanker(
        MLP((4,)),
        FeatureSet(("user",)),
        CandidateSampling(2),
        Training(epochs=8, optimizer=AdamW(1e-2), average=0.99),
        tasks=Tasks(("bought",), "bought", after=after),
    )

    fitted = ranker.fit(learn, learn, run=Run(np.random.default_rng(0)))

    bought = fitted.score(requests, learn.candidates).mean()
    clicked = fitted.answering("action").score(requests, learn.candidates).mean()
    assert abs(clicked - 0.2) < 0.02
    assert abs(bought - 0.1) < 0.015


def test_what_is_calibrated_is_what_is_answered():
    learn, stop, judge = parts(shop())
    ranker = replace(SHORT, tasks=Tasks(("bought",), "bought"))

    fitted = Calibrated(ranker).fit(learn, stop, run=Run(np.random.default_rng(0)))

    score = fitted.score(judge.requests, judge.candidates)
    assert abs(score.mean() - further_label(judge, "bought").mean()) < 0.05
    assert abs(score.mean() - judge.label.mean()) > 0.1
    np.testing.assert_array_equal(fitted.right(judge), further_label(judge, "bought"))


@pytest.mark.parametrize("calibrated", [False, True])
def test_a_ranker_is_judged_by_what_it_answers(calibrated):
    learn, stop, judge = parts(shop())
    ranker = replace(SHORT, tasks=Tasks(("bought",), "bought"))
    if calibrated:
        ranker = Calibrated(ranker)
    fitted = ranker.fit(learn, stop, run=Run(np.random.default_rng(0)))

    found = evaluate_ranker(fitted, judge)

    bought = further_label(judge, "bought")
    assert found.scores["positives"].sum() == bought.sum() < judge.label.sum()
    score = fitted.score(judge.requests, judge.candidates)
    auc = found.table().filter(metric="auc")["mean"].item()
    assert auc == pytest.approx(roc_auc_score(bought.ravel(), score.ravel()))


def test_without_further_tasks_nothing_is_drawn_otherwise():
    learn, stop, _ = parts(shop())
    alone, several = (
        replace(SHORT, tasks=tasks, training=Training(epochs=1)).network
        for tasks in (None, SHORT.tasks)
    )
    fitted = replace(SHORT, tasks=None).fit(
        learn, stop, run=Run(np.random.default_rng(0))
    )
    names = [
        set(build(fitted.features, fitted.tables).state_dict())
        for build in (alone, several)
    ]

    assert names[1] - names[0] == {"further.last.weight", "further.last.bias"}
    with pytest.raises(ConfigError, match="acted on alone"):
        fitted.answering("bought")


def test_a_pipeline_learns_what_its_windows_and_a_recipe_say():
    log = shop().actions()
    table = {
        "model": "DIN",
        "embedding_size": 4,
        "hidden": [8],
        "training": {"epochs": 1},
        "tasks": {"also": ["event=purchase"], "answer": "event=purchase"},
    }
    rank = model(table, "rank", "rank")
    assert rank.tasks == Tasks(("event=purchase",), "event=purchase")

    fitted = tg.Pipeline(retrieve=tg.Popular(), rank=rank).fit(log)

    assert len(fitted.recommend(log.users.ids[0], k=5)) == 5
    assert fitted.ranker.settings.tasks.answer == "event=purchase"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"also": ()}, "no further task"),
        ({"also": ("bought", "bought")}, "'bought' twice"),
        ({"also": ("action",)}, "'action' twice"),
        ({"also": ("bought",), "answer": "bougt"}, "Did you mean 'bought'"),
        ({"also": ("bought",), "weight": 0.0}, "weight"),
    ],
)
def test_tasks_that_make_no_sense_are_refused(given, wanted):
    with pytest.raises(ConfigError, match=wanted):
        Tasks(**given)


def test_a_label_that_is_nowhere_so_is_refused():
    log = shop()
    never = replace(log, context=log.context.with_columns(bought=pl.lit(value=False)))
    learn, stop, _ = parts(never)

    with pytest.raises(DataError, match="no candidate of the past was 'bought'"):
        SHORT.fit(learn, stop, run=Run(np.random.default_rng(0)))


def test_a_model_without_layers_has_none_to_share_and_a_device_patches_one_task():
    learn, stop, _ = parts(shop())
    run = Run(np.random.default_rng(0))

    with pytest.raises(ConfigError, match="no tower "):
        replace(SHORT, model=MF(4))
    with pytest.raises(ConfigError, match="Leave tasks out"):
        split(SHORT.fit(learn, stop, run=run).network)


def test_every_task_is_saved(tmp_path):
    learn, stop, judge = parts(shop())
    fitted = SHORT.fit(learn, stop, run=Run(np.random.default_rng(0)))
    save(fitted, tmp_path / "model")

    back = load(tmp_path / "model", FITTED)

    for name in ("action", "bought"):
        scores = [
            one.answering(name).score(judge.requests, judge.candidates)
            for one in (fitted, back)
        ]
        np.testing.assert_array_equal(*scores)
