import tracemalloc
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import tidegraph as tg
from conftest import draw_log
from retrieval.recipes_log import (
    assert_tells_two_groups_apart,
    share_of_own_group,
    two_groups,
)
from tidegraph.errors import ConfigError, DataError
from tidegraph.graph.snapshot import Snapshot
from tidegraph.nn.conv import GraphSAGE, Identity, LightPropagation, Spectral
from tidegraph.retrieval.embedded import FittedEmbedding
from tidegraph.retrieval.embedding import Embedding
from tidegraph.retrieval.objective.losses import (
    BPR,
    BSL,
    DirectAU,
    InfoNCE,
    SampledSoftmax,
)
from tidegraph.retrieval.recipes.gnn import lightgcn
from tidegraph.retrieval.recipes.mf import bpr_mf, softmax_mf
from tidegraph.retrieval.scoring.held_out import HeldOut
from tidegraph.run import Run
from tidegraph.stages import Candidates, Fold, Requests
from tidegraph.testing.retrievers import RetrieverLaws, requests_at
from tidegraph.training.optimizers import Adam, LazyAdam, PairSGD
from tidegraph.training.settings import Training
from tiers import chosen

FEW = Training(3, 128, patience=None)


class TestBPRMF(RetrieverLaws):
    retriever = bpr_mf(8, training=FEW)
    seeded_by_row = True  # First weights and samples are drawn row by row.


class TestLightGCN(RetrieverLaws):
    variant_of = "TestBPRMF"
    retriever = lightgcn(2, 8, training=FEW)
    seeded_by_row = True  # First weights and samples are drawn row by row.


class TestSoftmax(RetrieverLaws):
    variant_of = "TestBPRMF"
    retriever = bpr_mf(8, loss=SampledSoftmax(negatives=5), training=FEW)
    seeded_by_row = True  # First weights and samples are drawn row by row.


class TestSpectralStart(RetrieverLaws):
    variant_of = "TestBPRMF"
    retriever = softmax_mf(4, negatives=5, training=FEW)
    seeded_by_row = True  # Samples are drawn row by row.


class TestLazyAdam(RetrieverLaws):
    variant_of = "TestBPRMF"
    retriever = bpr_mf(8, training=Training(3, 128, LazyAdam(5e-3), patience=None))
    seeded_by_row = True  # First weights and samples are drawn row by row.


@pytest.mark.parametrize(
    ("method", "loss"),
    chosen(
        {
            "bpr_mf-BPR": (bpr_mf, BPR()),
            "bpr_mf-SampledSoftmax": (bpr_mf, SampledSoftmax(negatives=20)),
            "bpr_mf-InfoNCE": (bpr_mf, InfoNCE()),
            "bpr_mf-BSL": (bpr_mf, BSL(negatives=20)),
            "bpr_mf-DirectAU": (bpr_mf, DirectAU()),
            "lightgcn-BPR": (lightgcn, BPR()),
            "lightgcn-InfoNCE": (lightgcn, InfoNCE()),
        },
        "bpr_mf-DirectAU",
        "lightgcn-InfoNCE",
    ),
)
def test_two_groups_that_share_nothing_are_told_apart(method, loss):
    training = Training(30, 128, optimizer=bpr_mf().training.optimizer, patience=None)

    assert_tells_two_groups_apart(
        method(embedding_size=8, loss=loss, training=training)
    )


def test_the_positive_temperature_of_bsl_changes_what_is_learnt():
    """Without a penalty Adam forgives a factor, and it was no more than one."""
    one, other = (
        bpr_mf(8, BSL(0.1, t, negatives=20), 0.0, training=FEW).fit(draw_log())
        for t in (0.1, 0.02)
    )

    assert np.abs(one.item - other.item).max() > 0.05 * np.abs(one.item).max()


def test_an_unknown_user_is_the_mean_of_their_items():
    log = draw_log()
    fitted = bpr_mf(8, training=FEW).fit(log)
    known = requests_at(log)
    nobody = Requests(
        known.graph,
        np.full(len(known), -1, np.int32),
        known.time,
        known.history,
        known.excluded,
    )

    found = fitted.vectors(nobody)

    for row in range(len(known)):
        items = sorted(set(known.history.rows(row, row + 1).node.tolist()))
        np.testing.assert_allclose(
            found[row], fitted.item[items].mean(axis=0), 1e-5, 1e-8
        )


def test_a_user_who_is_known_needs_no_history_and_no_room_for_all_items():
    items = np.ones((100_000, 4), np.float32)
    users, every = np.ones((30, 4), np.float32), np.ones(100_000, bool)
    fitted = FittedEmbedding("x", users, items, np.arange(30) > 0, every)
    known = requests_at(draw_log())
    fitted.vectors(known)

    tracemalloc.start()
    fitted.vectors(known)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    # One number for each item would take 800 kB.
    assert most < 100_000


def test_similar_items_have_the_highest_cosines():
    fitted = bpr_mf(8, training=FEW).fit(draw_log())
    unit = fitted.item / np.linalg.norm(fitted.item, axis=1, keepdims=True)
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, -1)

    found = fitted.similar(np.arange(5, dtype=np.int32), 3)

    for row in range(5):
        likely = np.argsort(-cosine[row], kind="stable")[:3]
        likely = [i for i in likely if cosine[row, i] > 0 and fitted.item_known[i]]
        np.testing.assert_array_equal(found.item[row][found.present[row]], likely)


def test_the_curve_is_kept_and_falls():
    fitted = bpr_mf(8, training=Training(20, 128, patience=None)).fit(draw_log())

    assert len(fitted.curve.loss) == 20
    assert fitted.curve.loss[-1] < fitted.curve.loss[0]


def test_a_fit_resumes_from_its_checkpoints(tmp_path):
    log, method = draw_log(), bpr_mf(8, training=FEW)
    whole = method.fit(log)
    circumstances = [
        Run(np.random.default_rng(0), checkpoints=tmp_path) for _ in range(2)
    ]

    twice = [method.fit(log, run=run) for run in circumstances]

    for fitted in twice:
        np.testing.assert_array_equal(fitted.item, whole.item)


def test_the_reason_has_the_largest_product():
    log = draw_log()
    fitted = bpr_mf(8, training=FEW).fit(log)
    requests = Requests.of_users(
        Snapshot.of(log), np.array([3], np.int32), log.time[-1:] + 1
    )
    item = np.array([[1]], np.int32)
    reason = fitted.because(requests, item)

    others = [i for i in set(requests.history.node.tolist()) if i != 1]
    most = max(others, key=lambda i: float(fitted.item[i] @ fitted.item[1]))
    assert reason[0, 0] == most
    assert isinstance(fitted.retrieve(requests, 3), Candidates)


def test_patience_keeps_the_epoch_that_finds_most_of_what_is_held_out():
    log = draw_log(events=900)
    training = Training(6, 128, patience=2)
    fitted = bpr_mf(8, training=training).fit(log)

    assert np.isfinite(fitted.curve.metric).all()
    held = HeldOut.of(Fold.of(log, "BPR-MF"), "BPR-MF", drawing("BPR-MF"))
    assert held.ndcg(fitted) == max(fitted.curve.metric)


def test_what_is_held_out_is_not_trained_on():
    log = draw_log(events=900)
    held = HeldOut.of(Fold.of(log, "a test"), "a test", np.random.default_rng(0))
    known = held.known.log

    user = held.requests.user
    assert len(np.unique(user)) == len(user)
    assert len(known) < len(log)
    pairs = set(zip(known.user.tolist(), known.item.tolist(), strict=True))
    for who, item in zip(user, held.item, strict=True):
        assert (int(who), int(item)) not in pairs
        of_user = np.flatnonzero(log.user == who)
        assert log.item[of_user[-1]] == item


def test_patience_with_nobody_of_two_items_is_refused():
    log = tg.interactions(["a", "b"], ["x", "y"], [1, 2])

    with pytest.raises(DataError, match="nobody has two"):
        bpr_mf(2, training=Training(2, 8)).fit(log)


def drawing(name):
    return Run(np.random.default_rng(0)).drawing(name)


@pytest.mark.parametrize(
    "encoder", [Identity(start=Spectral()), LightPropagation(1, start=Spectral())]
)
def test_training_begins_with_the_spectrum_of_the_graph(encoder):
    log = two_groups()
    still = Training(1, 128, Adam(1e-12), patience=None)

    fitted = tg.Embedding(encoder=encoder, embedding_size=4, training=still).fit(log)

    answer = fitted.retrieve(requests_at(log, repeat=True), 5)
    assert answer.present.any()
    assert share_of_own_group(answer, log) > 0.9


@pytest.mark.parametrize("rank", ["full", "two"])
def test_numbers_that_a_start_leaves_out_are_drawn(rank):
    log = draw_log(users=6, items=8) if rank == "full" else two_groups()
    still = Training(1, 128, Adam(1e-12), patience=None)
    encoder = Identity(start=Spectral())

    fitted = tg.Embedding(encoder=encoder, embedding_size=12, training=still).fit(log)

    length = np.linalg.norm(fitted.item, axis=0)
    assert length.min() > 1e-3 * length.max()


def test_a_checkpoint_of_other_times_or_features_is_refused(tmp_path):
    log = draw_log()
    turned = replace(log, items=log.items.with_features(other_features(log), "item"))
    later = replace(log, time=log.time + np.arange(len(log)) // 50)
    method = Embedding(
        encoder=GraphSAGE(features=("category", "price")),
        embedding_size=4,
        training=FEW,
    )
    method.fit(log, run=Run(np.random.default_rng(0), checkpoints=tmp_path))

    for other in (turned, later):
        with pytest.raises(ConfigError, match="a training with another log"):
            method.fit(other, run=Run(np.random.default_rng(0), checkpoints=tmp_path))


def other_features(log):
    items = log.items.ids
    prices = np.linspace(9.0, 1.0, len(items))
    category = [f"c{2 * i % 5}" for i in range(len(items))]
    return pl.DataFrame({"item": items, "category": category, "price": prices})


def test_a_checkpoint_of_what_else_was_held_out_is_refused(tmp_path):
    log = draw_log()
    newest = np.r_[np.arange(len(log))[:-2], len(log) - 1, len(log) - 2]
    # Two users' last items change places: what is left to learn from is the same.
    swapped = replace(log, item=log.item[newest])
    method = bpr_mf(4, training=Training(2, 128, patience=1))
    method.fit(log, run=Run(np.random.default_rng(0), checkpoints=tmp_path))

    assert log.user[-1] != log.user[-2]
    with pytest.raises(ConfigError, match="a training with another log"):
        method.fit(swapped, run=Run(np.random.default_rng(0), checkpoints=tmp_path))


def test_kernels_keep_their_vectors_on_the_processor(tmp_path):
    training = Training(1, 128, PairSGD(), patience=None)
    log = draw_log()

    # A device that holds no numbers: whoever computed there would have none.
    run = Run(np.random.default_rng(0), device="meta")
    fitted = bpr_mf(4, training=training).learnt(Fold.of(log, "a test"), None, run)

    assert np.isfinite(fitted.item).all()
