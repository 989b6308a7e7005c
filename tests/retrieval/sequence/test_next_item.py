"""Sequence models keep the laws of retrievers, and find what only order tells."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from tidegraph.data.interactions import interactions
from tidegraph.data.views.matrix import Matrix
from tidegraph.errors import ConfigError, DataError
from tidegraph.graph.snapshot import Snapshot
from tidegraph.pipeline import Pipeline
from tidegraph.retrieval.index import InvertedLists
from tidegraph.retrieval.objective.losses import (
    BinaryCrossEntropy,
    DirectAU,
    GeneralisedBCE,
    SampledSoftmax,
)
from tidegraph.retrieval.objective.negatives import Curriculum, Every, PerPair, Shared
from tidegraph.retrieval.popular import Popular
from tidegraph.retrieval.recipes.sequence import (
    bert4rec,
    caser,
    gru4rec,
    markov_chain,
    sasrec,
    srgnn,
)
from tidegraph.retrieval.sequence import next_item, task
from tidegraph.run import Run
from tidegraph.stages import Requests
from tidegraph.testing.logs import draw_log
from tidegraph.testing.retrievers import RetrieverLaws, requests_at
from tidegraph.training.optimizers import Adam, LazyAdam
from tidegraph.training.settings import Training
from tiers import chosen

FEW = Training(2, 8, patience=None)
COSINES = SampledSoftmax(0.2, Shared(20, power=0.5))


class TestSASRec(RetrieverLaws):
    retriever = sasrec(embedding_size=8, length=6, training=FEW)
    forgets_time = False
    seeded_by_row = True  # First weights are drawn row by row.


class TestBERT4Rec(RetrieverLaws):
    variant_of = "TestSASRec"
    retriever = bert4rec(embedding_size=8, length=6, training=FEW)
    forgets_time = False
    seeded_by_row = True


class TestGRU4Rec(RetrieverLaws):
    variant_of = "TestSASRec"
    retriever = gru4rec(embedding_size=8, length=6, training=replace(FEW, patience=1))
    forgets_time = False
    seeded_by_row = True


class TestSRGNN(RetrieverLaws):
    variant_of = "TestSASRec"
    retriever = srgnn(embedding_size=8, length=6, training=FEW)
    forgets_time = False
    seeded_by_row = True


class TestCaser(RetrieverLaws):
    variant_of = "TestSASRec"
    retriever = caser(3, 4, 2, embedding_size=8, length=6, training=FEW)
    forgets_time = False
    seeded_by_row = True


class TestMarkovChain(RetrieverLaws):
    variant_of = "TestSASRec"
    retriever = markov_chain(embedding_size=8, length=6, training=FEW)
    forgets_time = False
    seeded_by_row = True


class TestCosines(RetrieverLaws):
    variant_of = "TestSASRec"
    retriever = sasrec(embedding_size=8, loss=COSINES, training=FEW)
    forgets_time = False
    seeded_by_row = True


def planted(users=100, steps=10, items=5, seed=0):
    """A log whose next item is the sum of the last two, so that neither tells it."""
    rng = np.random.default_rng(seed)
    taken = rng.integers(0, items, (users, steps))
    for step in range(2, steps):
        taken[:, step] = (taken[:, step - 1] + taken[:, step - 2]) % items
    user = np.repeat(np.arange(users), steps)
    time = np.tile(np.arange(steps), users)
    return interactions(user, taken.ravel(), time, clock="order")


def first_of(fitted, log):
    """The share of users whose last event the first answer is, after all others."""
    last = int(log.time[-1])
    known, wanted = log.before(last), log.since(last)
    requests = Requests.of_users(Snapshot.of(known), wanted.user, wanted.time)
    return float((fitted.retrieve(requests, 1).item[:, 0] == wanted.item).mean())


def of(epochs, step):
    return Training(epochs, 32, Adam(step), patience=None)


LEARNT = of(60, 1e-2)
SMALL = 1, 16, 6, 0.0


# Losses are those of any network; a recurrent one learns this in the fewest steps.
@pytest.mark.parametrize(
    "method",
    chosen(
        {
            "SASRec": sasrec(2, 2, *SMALL[1:], training=of(45, 1e-2)),
            "GRU4Rec": gru4rec(*SMALL, training=of(20, 3e-2)),
            "SR-GNN": srgnn(*SMALL, training=of(60, 1e-2)),
            "Caser": caser(2, 32, 4, *SMALL[1:], training=of(20, 2e-2)),
            "BERT4Rec": bert4rec(2, 2, 16, 10, 0.1, 0.0, of(40, 6e-3)),
            "sampled": gru4rec(*SMALL, SampledSoftmax(None, 3), of(25, 2e-2)),
            "gBCE": gru4rec(*SMALL, GeneralisedBCE(3), of(15, 2e-2)),
            "BCE": gru4rec(
                *SMALL, BinaryCrossEntropy(PerPair(2, linked=True)), of(20, 2e-2)
            ),
        },
        "GRU4Rec",
        "BERT4Rec",
    ),
)
def test_what_the_last_two_tell_together_is_found_and_not_by_popularity(method):
    log = planted()
    known = log.before(int(log.time[-1]))

    assert first_of(method.fit(known), log) > 0.9
    assert first_of(Popular(half_life_days=None).fit(known), log) < 0.4


def test_a_markov_chain_finds_what_the_latest_tells_and_no_more():
    """Where the last two tell together it is as good as nothing."""
    rng = np.random.default_rng(0)
    user, time = np.repeat(np.arange(60), 8), np.tile(np.arange(8), 60)
    item = (2 * rng.integers(0, 7, 60)[user] + 3 * time) % 7
    chain, method = interactions(user, item, time, clock="order"), markov_chain
    small = {"embedding_size": 16, "length": 6, "dropout": 0.0, "training": LEARNT}
    both = planted()

    assert first_of(method(**small).fit(chain.before(7)), chain) == 1.0
    assert first_of(method(**small).fit(both.before(int(both.time[-1]))), both) < 0.5


def test_an_unknown_user_is_answered_as_a_known_one_of_the_same_history():
    log = draw_log()
    fitted = sasrec(embedding_size=8, training=FEW).fit(log)
    known = requests_at(log)
    unknown = replace(known, user=np.full_like(known.user, -1))

    expected, found = fitted.retrieve(known, 10), fitted.retrieve(unknown, 10)

    np.testing.assert_array_equal(found.item, expected.item)
    np.testing.assert_array_equal(found.score, expected.score)


def test_an_event_observed_just_now_changes_the_answer():
    log = draw_log()
    model = Pipeline(retrieve=gru4rec(embedding_size=8, training=FEW)).fit(log)
    before = model.recommend("u1", k=10)
    item = before["item"][-1]

    model.observe([("u1", item, int(log.time[-1]) + 1)])
    after = model.recommend("u1", k=10)

    assert before["score"].to_list() != after["score"].to_list()
    anonymous = model.recommend(history=["i1", "i2"], k=5)
    turned = model.recommend(history=["i2", "i1"], k=5)
    assert anonymous["score"].to_list() != turned["score"].to_list()


@pytest.mark.parametrize(
    "method", [sasrec, bert4rec, gru4rec, srgnn, caser, markov_chain]
)
def test_only_the_latest_events_are_read(method):
    log = draw_log()
    fitted = method(embedding_size=8, length=4, training=FEW).fit(log)
    asked = requests_at(log)
    read = 4 - (method is bert4rec)
    stop = asked.history.ptr[1:]
    rows = (stop[:, None] - np.arange(read, 0, -1)).ravel()
    history = replace(
        asked.history,
        ptr=np.arange(len(asked) + 1, dtype=np.int64) * read,
        node=asked.history.node[rows],
        time=asked.history.time[rows],
        weight=asked.history.weight[rows],
    )
    assert (np.diff(asked.history.ptr) > read).all()

    short = fitted.vectors(replace(asked, history=history))

    np.testing.assert_allclose(fitted.vectors(asked), short, rtol=1e-5, atol=1e-6)


def test_events_of_items_unknown_to_training_are_passed_over():
    log = draw_log()
    fitted = sasrec(embedding_size=8, training=FEW).fit(log.before(int(log.time[100])))
    asked = requests_at(log)
    strange = np.where(asked.history.node % 2, asked.history.node, 10_000)
    odd = replace(asked.history, node=strange.astype(np.int32))
    kept = strange < 10_000
    ptr = np.concatenate([[0], np.cumsum(kept)])[asked.history.ptr]
    rest = replace(
        asked.history,
        ptr=ptr,
        node=odd.node[kept],
        time=odd.time[kept],
        weight=odd.weight[kept],
    )

    found = fitted.vectors(replace(asked, history=odd))

    expected = fitted.vectors(replace(asked, history=rest))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_lazy_adam_moves_the_items_of_a_batch_alone():
    weights = []
    for optimizer in (Adam(1e-2), LazyAdam(1e-2)):
        training = Training(2, 2, optimizer, patience=None)
        method = markov_chain(8, loss=GeneralisedBCE(4), training=training)
        fitted = method.fit(draw_log())
        weights.append(fitted.network.items.weight.detach().numpy())

    # By rounding they differ by 1e-7, by what is left of earlier steps far more.
    assert abs(weights[0] - weights[1]).max() > 1e-3


def test_its_items_are_searched_in_any_index():
    log = draw_log()
    method = sasrec(embedding_size=8, training=FEW)
    lists = replace(method, index=InvertedLists(1.0, lists=4))
    asked = requests_at(log, repeat=False)

    expected = method.fit(log).retrieve(asked, 10)
    found = lists.fit(log).retrieve(asked, 10)

    np.testing.assert_array_equal(found.item, expected.item)


def test_a_training_that_was_stopped_goes_on_to_the_same_bits(tmp_path):
    log = draw_log()
    method = sasrec(embedding_size=8, training=replace(FEW, epochs=3))

    class Stops:
        def epoch(self, number, loss, metric):
            if number == 2:
                raise KeyboardInterrupt

    run = {"rng": np.random.default_rng(0), "checkpoints": tmp_path / "run"}
    with pytest.raises(KeyboardInterrupt):
        method.fit(log, run=Run(**run, monitor=Stops()))
    resumed = method.fit(log, run=Run(**run))
    whole = method.fit(log, run=Run(np.random.default_rng(0)))

    asked = requests_at(log)
    np.testing.assert_array_equal(resumed.vectors(asked), whole.vectors(asked))


@dataclass(frozen=True)
class Nearer:
    """A loss of one's own, which needs no negatives and counts its calls."""

    called: list[tuple[int, ...]] = field(default_factory=list)
    drawn = None
    temperature = None

    def loss(self, batch):
        self.called.append(tuple(batch.negative.shape))
        return (batch.source - batch.target).square().sum(dim=1).mean()


def test_a_loss_that_needs_no_negatives_is_the_one_that_is_named():
    log, own = draw_log(), Nearer()
    asked = requests_at(log)

    def vectors(loss):
        return sasrec(embedding_size=8, loss=loss, training=FEW).fit(log).vectors(asked)

    little, much = vectors(DirectAU(1.0)), vectors(DirectAU(50.0))
    whole = vectors(SampledSoftmax(1.0, Every()))
    vectors(own)

    assert np.abs(little - much).max() > 0.01
    assert min(np.abs(v - whole).max() for v in (little, much)) > 0.01
    assert own.called
    assert {shape[1] for shape in own.called} == {0}


def test_negatives_that_change_from_epoch_to_epoch_do(monkeypatch):
    seen = set()

    class Watched(task.NextItems):
        def batches(self, epoch, rng):
            for batch in super().batches(epoch, rng):
                own = len(batch.against.node) - batch.against.shared
                seen.add((epoch, batch.against.shared, own / len(batch.target)))
                yield batch

    monkeypatch.setattr(next_item, "NextItems", Watched)
    loss = SampledSoftmax(0.2, Curriculum(Shared(7), (8, 20)))
    sasrec(embedding_size=8, loss=loss, training=replace(FEW, epochs=3)).fit(draw_log())

    assert seen == {(0, 7, 0), (1, 7, 1), (2, 7, 2)}


class TestBadInput:
    def test_a_log_without_times_is_refused(self):
        log = interactions(["a", "a", "b"], ["x", "y", "x"])

        for train in (log, Matrix.of(log)):
            with pytest.raises(DataError, match="SASRec learns from the order of even"):
                sasrec().fit(train)

    def test_sequences_of_one_event_are_refused(self):
        log = interactions(["a", "b", "c"], ["x", "y", "x"], [1, 2, 3])

        with pytest.raises(DataError, match="no user has two"):
            gru4rec(training=FEW).fit(log)

    def test_nothing_left_beside_what_is_held_out_is_refused(self):
        log = interactions(["a", "a", "b", "b"], ["x", "y", "y", "x"], [1, 2, 3, 4])

        with pytest.raises(DataError, match="beside what is held out"):
            sasrec().fit(log)

    def test_a_user_of_one_event_is_learnt_from_no_more_than_its_item(self):
        log = interactions(["a", "a", "b"], ["x", "y", "z"], [1, 2, 3])

        fitted = sasrec(embedding_size=4, training=FEW).fit(log)

        answer = fitted.retrieve(requests_at(log), 3)
        assert answer.present.all()

    @pytest.mark.parametrize(
        ("method", "said"),
        [
            (lambda: sasrec(length=0), "SASRec length is 0; it must be at least 1"),
            (lambda: bert4rec(length=1), "BERT4Rec length is 1; it must be at least 2"),
            (
                lambda: gru4rec(embedding_size=0),
                "GRU4Rec embedding_size is 0; it must be at least 1",
            ),
            (lambda: gru4rec(layers=0), "GatedUnits layers is 0"),
            (lambda: srgnn(steps=0), "SessionGraphs steps is 0"),
            (lambda: srgnn(dropout=1.0), "SessionGraphs dropout is 1.0"),
            (lambda: sasrec(dropout=1.0), "Transformer dropout is 1.0"),
            (lambda: bert4rec(masked=0.0), "Transformer masked is 0.0"),
            (
                lambda: GeneralisedBCE(calibration=2.0),
                "GeneralisedBCE calibration is 2.0",
            ),
            (
                lambda: sasrec(embedding_size=9),
                "a vector of 9 numbers cannot be shared by 2 he",
            ),
        ],
    )
    def test_settings_out_of_range_are_refused_at_once(self, method, said):
        with pytest.raises(ConfigError, match=said):
            method()
