from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pytest
import torch

from conftest import draw_log
from tidegraph.artifact.sealed import load, save
from tidegraph.catalog import FITTED
from tidegraph.config import build, to_table
from tidegraph.errors import ConfigError
from tidegraph.features.columns import FeatureSet
from tidegraph.features.tables import Tables
from tidegraph.graph.snapshot import Snapshot
from tidegraph.nn.around import Reads
from tidegraph.nn.click import (
    DIN,
    DSGL,
    MF,
    BERT4Rec,
    Caser,
    DeepFM,
    GRU4Rec,
    LightGCN,
    NextEvent,
    SASRec,
    TopoLSTM,
)
from tidegraph.ranking.logit import RecencyLogit
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.ranking.new_rows import with_rows
from tidegraph.run import Run
from tidegraph.stages import NO_ITEM, Candidates, Examples
from tidegraph.testing.rankers import RankerLaws, split_examples
from tidegraph.training.optimizers import SGD
from tidegraph.training.schedules import HalfCosine, WarmUp
from tidegraph.training.settings import Training
from tiers import chosen

SHORT = NeuralRanker(DeepFM(4, (8,)), training=Training(epochs=2))


class TestDeepFM(RankerLaws):
    variant_of = "TestDIN"
    drawn_by_row = True
    ranker = replace(SHORT, features=FeatureSet(category="category", history=6))


class TestDINOfAFewGroups(RankerLaws):
    variant_of = "TestDIN"
    drawn_by_row = True
    ranker = replace(
        SHORT, model=DIN(4, (8,)), features=FeatureSet(("item", "user"), history=6)
    )


def fitted(ranker, **circumstances):
    learn, stop, judge = split_examples(draw_log(events=1500))
    run = Run(np.random.default_rng(1), **circumstances)
    return ranker.fit(learn, stop, run=run), judge


def test_a_group_that_is_off_is_no_input():
    few = FeatureSet(("user", "category"), category="category")
    model, _ = fitted(replace(SHORT, features=few))

    assert model.features.names == (
        "user_count",
        "user_gap",
        "user_unseen",
        "category_share",
        "category_gap",
        "user_recent_count",
    )
    assert model.network.wide.in_features == 6


@pytest.mark.parametrize("ranker", [SHORT, RecencyLogit()], ids=["network", "logit"])
def test_a_candidate_that_counts_for_nothing_teaches_nothing(ranker):
    learn, stop, judge = split_examples(draw_log(events=1500))
    wrong = learn.candidates.present & (learn.candidates.item % 2 == 0)
    scores = []
    for label in (learn.label, np.where(wrong, 1 - learn.label, learn.label)):
        # As little as nothing: a weight is above 0.
        weight = np.where(wrong, 1e-12, 1).astype(np.float32)
        told = replace(learn, label=label.astype(np.float32), weight=weight)
        model = ranker.fit(told, stop, run=Run(np.random.default_rng(1)))
        scores.append(model.score(judge.requests, judge.candidates))

    np.testing.assert_allclose(*scores, atol=1e-4)


def test_the_curve_is_kept():
    model, _ = fitted(SHORT)

    assert len(model.curve.loss) == 2
    assert all(np.isfinite(model.curve.metric))


def test_where_nothing_is_held_out_every_epoch_is_made_and_the_last_kept():
    learn, _, _ = split_examples(draw_log(events=1500))
    none = Candidates(learn.candidates.item[:0], learn.candidates.score[:0])
    nothing = Examples(learn.requests.rows(0, 0), none, learn.label[:0])
    ranker = replace(SHORT, training=Training(epochs=6, patience=1))

    curve = ranker.fit(learn, nothing, run=Run(np.random.default_rng(1))).curve

    assert len(curve.loss) == 6
    assert np.isnan(curve.metric).all()
    assert curve.best_epoch == 5


def reached(log, kind, node, time, depth):
    """What two latest events of each node lead to, each at the time of its event."""
    if not depth:
        return set()
    own, other = (log.user, log.item) if kind == "user" else (log.item, log.user)
    there = np.flatnonzero((own == node) & (log.time < time))[-2:]
    far, found = "item" if kind == "user" else "user", set()
    for event in there:
        found.add((far, int(other[event])))
        at = int(log.time[event])
        found |= reached(log, far, int(other[event]), at, depth - 1)
    return found


@pytest.mark.parametrize("held_out", [True, False])
@pytest.mark.parametrize(
    "model",
    [MF(4), NextEvent(GRU4Rec(4)), DSGL(4, history=2)],
    ids=["alone", "wrapped", "graph"],
)
def test_what_does_not_occur_in_training_is_answered_as_the_unknown(model, held_out):
    log = draw_log(events=1500)
    learn, stop, judge = split_examples(log)
    if not held_out:
        none = Candidates(stop.candidates.item[:0], stop.candidates.score[:0])
        stop = Examples(stop.requests.rows(0, 0), none, stop.label[:0])
    # Of the first users alone, and of items but every third.
    some = learn.requests.rows(0, 12)
    item = learn.candidates.item[:12]
    item = np.where(item % 3 == 0, NO_ITEM, item)
    order = np.argsort(item < 0, axis=1, kind="stable")
    item, label = (np.take_along_axis(x, order, 1) for x in (item, learn.label[:12]))
    few = Candidates(item, np.zeros(item.shape, np.float32))
    learn = Examples(some, few, np.where(item < 0, 0, label).astype(np.float32))
    ranker = NeuralRanker(model, FeatureSet(("item",), history=2))
    ranker = replace(ranker, training=Training(epochs=1))

    fitted = ranker.fit(learn, stop, run=Run(np.random.default_rng(1)))

    tables, clock = fitted.tables, int(learn.requests.time.max())
    before = log.before(clock)
    met = set(item[item >= 0].tolist())
    users = set(some.user.tolist())
    if isinstance(model, DSGL):
        for root in [("user", u) for u in users] + [("item", i) for i in met]:
            near = reached(before, *root, clock, 2 if root[0] == "user" else 1)
            met |= {node for kind, node in near if kind == "item"}
            users |= {node for kind, node in near if kind == "user"}
    else:
        for user in users:
            met |= set(before.item[before.user == user][-2:].tolist())
    for side, count, wanted in (
        (tables.item, len(log.items), met),
        (tables.user, len(log.users), users),
    ):
        rows = side.rows(np.arange(-1, count + 1, dtype=np.int32))[:, 0]
        assert set((np.flatnonzero(rows) - 1).tolist()) == wanted
        assert all(rows[node + 1] == node + 1 for node in wanted)
    again = Tables.from_state(tables.state())
    np.testing.assert_array_equal(again.item.untrained, tables.item.untrained)
    # Whoever gets a row gets that of the unknown, until it learns.
    more = with_rows(fitted, len(log.items), len(log.users))
    given = judge.requests, judge.candidates
    np.testing.assert_array_equal(more.score(*given), fitted.score(*given))
    assert (more.tables.item.rows(np.arange(len(log.items), dtype=np.int32)) > 0).all()


def with_new_kind(log, items):
    """The log, where some items have a category of their own."""
    kind = log.items.features["category"].cast(pl.String).to_list()
    kind = ["new" if n in items else one for n, one in enumerate(kind)]
    features = log.items.features.with_columns(category=pl.Series(kind))
    return replace(log, items=replace(log.items, features=features))


@pytest.mark.parametrize("ids", [True, False])
@pytest.mark.parametrize("hidden", [0.0, 0.3])
def test_a_kind_that_no_example_meets_says_nothing(tmp_path, ids, hidden):
    """The row of the unknown is not what was drawn, unless examples have moved it."""
    new = [5, 6, 7]
    log = with_new_kind(draw_log(events=1500), new)
    cut = log.time[-1] - 21 * 86_400
    log = log.take(np.flatnonzero((log.time >= cut) | ~np.isin(log.item, new)))
    learn, stop, judge = split_examples(log)
    assert not np.isin(learn.candidates.item, new).any()
    features = FeatureSet(("item",), category="category", history=5, ids=ids)
    ranker = NeuralRanker(
        DIN(4, (8,)), features, training=Training(epochs=3), id_dropout=hidden
    )

    fitted = ranker.fit(learn, stop, run=Run(np.random.default_rng(1)))

    rows = fitted.tables.item.rows(np.array(new, np.int32))
    own, kind = (table.weight.detach() for table in fitted.network.deep.item.tables)
    assert not rows[:, 1].any()
    assert not kind[0].any()
    assert kind[1:-1].any(dim=1).all()
    assert own[0].any() == (hidden > 0 or not ids)
    save(fitted, tmp_path / "model")
    back = load(tmp_path / "model", FITTED)
    np.testing.assert_array_equal(
        back.score(judge.requests, judge.candidates),
        fitted.score(judge.requests, judge.candidates),
    )


def test_a_ranker_is_called_by_its_network():
    model, _ = fitted(SHORT)

    assert model.name == "DeepFM"


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_fit_resumes_from_its_checkpoints(tmp_path, dropout):
    ranker = replace(SHORT, dropout=dropout)
    whole, judge = fitted(ranker)
    fitted(ranker, checkpoints=tmp_path)

    again, _ = fitted(ranker, checkpoints=tmp_path)

    assert [path.name for path in tmp_path.glob("epoch-*")] == ["epoch-000002"]
    np.testing.assert_array_equal(
        again.score(judge.requests, judge.candidates),
        whole.score(judge.requests, judge.candidates),
    )


def test_what_training_leaves_out_is_there_afterwards():
    model, judge = fitted(replace(SHORT, dropout=0.3))
    plain, _ = fitted(SHORT)

    once, again, other = (
        one.score(judge.requests, judge.candidates) for one in (model, model, plain)
    )

    np.testing.assert_array_equal(once, again)
    assert (once != other).any()


def test_every_setting_survives_a_table():
    ranker = NeuralRanker(
        DeepFM(4),
        FeatureSet(("item",)),
        training=Training(optimizer=SGD(0.2), schedule=WarmUp(3, then=HalfCosine(0.1))),
        dropout=0.2,
    )

    assert build(NeuralRanker, to_table(ranker), "here") == ranker


def test_a_type_that_does_not_exist_is_named_with_those_that_do():
    table = {"optimizer": {"type": "Adm", "learning_rate": 0.1}}

    with pytest.raises(ConfigError, match=r"'Adm'.*Did you mean 'Adam'.*Adagrad, Adam"):
        build(Training, table, "rank.training")


def test_a_part_without_a_type_is_refused():
    with pytest.raises(ConfigError, match="does not say which type"):
        build(Training, {"schedule": {"floor": 0.1}}, "rank.training")


def test_a_group_that_does_not_exist_is_named_with_those_that_do():
    with pytest.raises(ConfigError, match=r"'itm'.*Did you mean 'item'"):
        FeatureSet(("itm",))


@dataclass(frozen=True)
class Crowd:
    """A click model of one's own: how many of both sides' latest events there are."""

    def reads(self):
        return Reads(
            user="unique(hop('action').recent(3))",
            item="unique(hop('~action').recent(2))",
        )

    def build(self, spec):
        return CrowdNetwork()


class CrowdNetwork(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.each = torch.nn.Parameter(torch.ones(2))

    def forward(self, inputs, around):
        user = around.user.real(0).sum(dim=1)[:, None]
        item = around.item.real(0).sum(dim=1)[around.seat]
        return self.each[0] * user + self.each[1] * item


def test_a_model_that_says_what_it_reads_is_given_that():
    plain = FeatureSet(("category",))
    model, judge = fitted(NeuralRanker(Crowd(), plain, training=Training(epochs=1)))
    requests, candidates = judge.requests, judge.candidates

    score = model.score(requests, candidates)

    graph, there = requests.graph, candidates.present
    at = np.repeat(requests.time, candidates.item.shape[1])
    by_user = graph["action"].histories(requests.user, requests.time)
    by_item = graph["~action"].histories(candidates.item.ravel(), at)
    each = model.network.deep.each.detach().numpy()
    logit = model.network.wide.bias.item()
    read = np.minimum(np.diff(by_user.ptr), 3), np.minimum(np.diff(by_item.ptr), 2)
    logit = logit + each[0] * read[0][:, None]
    logit = logit + each[1] * read[1].reshape(candidates.item.shape)
    np.testing.assert_allclose(score[there], 1 / (1 + np.exp(-logit[there])), rtol=1e-5)


def test_a_plan_that_brings_no_unique_states_is_refused():
    learn, stop, _ = split_examples(draw_log(events=800))

    class Elsewhere(Crowd):
        def reads(self):
            return Reads("hop('action').recent(3)", "unique(identity())")

    with pytest.raises(ConfigError, match="no unique states"):
        NeuralRanker(Elsewhere()).fit(learn, stop, run=Run(np.random.default_rng(0)))


def test_dropout_that_would_leave_out_nothing_is_refused():
    with pytest.raises(ConfigError, match=r"MF has no layers.*dropout=0.2"):
        NeuralRanker(MF(4), dropout=0.2)
    NeuralRanker(NextEvent(GRU4Rec(4)), dropout=0.2)


@pytest.mark.parametrize(
    "model", [MF(4), SASRec(4, (8,)), TopoLSTM(4, (8,), 4), LightGCN(4, 1, 4)]
)
def test_what_a_model_does_not_read_is_not_read_for_it(monkeypatch, model):
    ranker = replace(SHORT, model=model, features=FeatureSet(history=4))
    few, judge = fitted(ranker)
    read = few.batches
    some, at = np.arange(5), judge.candidates.item[:5]
    numbers = np.zeros((*at.shape, len(few.features.names)), np.float32)
    inputs = read.inputs(judge.requests, some, at, numbers, read.known(judge.requests))
    monkeypatch.setattr(type(model), "history_numbers", ("event", "cross"))
    every, _ = fitted(ranker)

    assert inputs.cross.shape[-1] == 0
    assert inputs.event.shape[-1] == 0 or "event" in read.numbers
    np.testing.assert_array_equal(
        few.score(judge.requests, judge.candidates),
        every.score(judge.requests, judge.candidates),
    )


@pytest.mark.parametrize(
    "model", [Caser(window=6), SASRec(length=31), BERT4Rec(length=31)]
)
def test_more_events_than_are_read_are_not_silently_fewer(model):
    setting = type(model).reach
    with pytest.raises(ConfigError, match=rf"{setting}=\d+ events.*latest 5"):
        NeuralRanker(model, FeatureSet(history=5))
    # What nobody asked for is as many as there are.
    NeuralRanker(type(model)(), FeatureSet(history=2))
    NeuralRanker(model, FeatureSet(history=31))


def test_a_model_learns_from_its_own_inputs_alone():
    """Without a shared input, as the DSGL of the chapter has none."""
    model, judge = fitted(replace(SHORT, features=FeatureSet(("cross",), history=4)))

    score = model.score(judge.requests, judge.candidates)[judge.candidates.present]

    assert model.features.names == ()
    assert np.isfinite(score).all()
    assert len(np.unique(score)) > 10


def told_by(category, device):
    """The small log with other categories of items or devices of events."""
    log = draw_log(events=1500)
    rng = np.random.default_rng(category)
    kinds = pl.DataFrame(
        {
            "item": log.items.ids,
            "kind": [f"c{n}" for n in rng.integers(0, 3, len(log.items))],
        }
    )
    devices = np.random.default_rng(device).choice(["phone", "desk"], len(log))
    return replace(
        log,
        items=log.items.with_features(kinds, "item"),
        context=pl.DataFrame({"device": devices}),
    )


@pytest.mark.parametrize(
    "model", chosen({"alone": DIN(4, (8,)), "graph": DSGL(4)}, "graph")
)
@pytest.mark.parametrize("other", [(1, 0), (0, 1), None], ids=["item", "event", "user"])
def test_checkpoints_of_another_log_are_refused(tmp_path, model, other):
    features = FeatureSet(("item",), fields=("item.kind", "event.device"), history=3)
    ranker = NeuralRanker(model, features, training=Training(epochs=1))
    learn, stop, _ = split_examples(told_by(0, 0))
    run = Run(np.random.default_rng(1), checkpoints=tmp_path)
    ranker.fit(learn, stop, run=run)

    again = Run(np.random.default_rng(1), checkpoints=tmp_path)
    if other is None:
        user = learn.requests.user[::-1].copy()
        learn = replace(learn, requests=replace(learn.requests, user=user))
    else:
        learn, stop, _ = split_examples(told_by(*other))

    with pytest.raises(ConfigError, match="another log"):
        ranker.fit(learn, stop, run=again)


def test_checkpoints_of_a_log_where_others_did_otherwise_are_refused(tmp_path):
    """What a candidate and an event have in common is who chose both."""
    log = draw_log(events=1500)
    ranker = NeuralRanker(
        DIN(4, (8,)), FeatureSet(("cross",), history=3), training=Training(epochs=1)
    )
    few = [of_some_users(part, 10) for part in split_examples(log)[:2]]
    ranker.fit(*few, run=Run(np.random.default_rng(1), checkpoints=tmp_path))
    others = (log.user >= 10) & (log.time < log.time[-1] - 30 * 86_400)
    item = log.item.copy()
    item[others] = np.random.default_rng(5).permutation(item[others])
    graph = Snapshot.of(replace(log, item=item))
    few = [replace(p, requests=replace(p.requests, graph=graph)) for p in few]

    with pytest.raises(ConfigError, match="another log"):
        ranker.fit(*few, run=Run(np.random.default_rng(1), checkpoints=tmp_path))


def of_some_users(examples, count):
    """The examples of the first requests."""
    candidates = examples.candidates
    return replace(
        examples,
        requests=examples.requests.rows(0, count),
        candidates=Candidates(candidates.item[:count], candidates.score[:count]),
        label=examples.label[:count],
    )
