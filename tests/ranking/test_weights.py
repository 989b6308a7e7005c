"""What counts how much: shares drawn for training, and weights of examples."""

from dataclasses import replace

import numpy as np
import pytest

from tidegraph.features.columns import FeatureSet
from tidegraph.fitting.candidate_sampling import CandidateSampling
from tidegraph.graph.snapshot import Snapshot
from tidegraph.nn.click import MF, MLP
from tidegraph.ranking.calibration import Calibrated
from tidegraph.ranking.logit import RecencyLogit
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.ranking.retrieved import RetrieverLogit
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.run import Run
from tidegraph.stages import Candidates, Examples, Requests, called
from tidegraph.testing.logs import draw_log
from tidegraph.testing.rankers import split_examples
from tidegraph.training.optimizers import AdamW
from tidegraph.training.settings import Training


def one_of_21_right(count):
    """Return requests for 21 random items, and which are of the categories c0 and c1.

    One item of each is right: one of those categories nine times in ten.
    """
    log = draw_log(events=1500)
    rng = np.random.default_rng(0)
    user = rng.integers(0, len(log.users), count).astype(np.int32)
    requests = Requests.of_users(
        Snapshot.of(log), user, np.full(count, log.time[-1] + 1)
    )
    item = np.argsort(rng.random((count, len(log.items))), axis=1)[:, :21]
    often = np.isin(log.items.features["category"].to_numpy()[item], ["c0", "c1"])
    of = np.where(rng.random((count, 1)) < 0.9, often, ~often)
    right = np.argmax(rng.random(item.shape) * of, axis=1)
    label = (np.arange(21) == right[:, None]).astype(np.float32)
    candidates = Candidates(item.astype(np.int32), np.zeros(item.shape, np.float32))
    return Examples(requests, candidates, label), often


def test_what_training_draws_makes_no_probability_too_high():
    # A pass sees a positive and a negative of each request, so half of what it sees is
    # right; of what is asked about one in 21 is.
    learn, often = one_of_21_right(800)
    nothing = Examples(
        learn.requests.rows(0, 0),
        Candidates(learn.candidates.item[:0], learn.candidates.score[:0]),
        learn.label[:0],
    )
    ranker = NeuralRanker(
        MF(4),
        FeatureSet(groups=(), category="category", ids=False),
        CandidateSampling(2),
        Training(epochs=15, optimizer=AdamW(1e-2, 0.0), average=0.99),
    )

    fitted = ranker.fit(learn, nothing, run=Run(np.random.default_rng(0)))

    score = fitted.score(learn.requests, learn.candidates)
    assert score.mean() == pytest.approx(1 / 21, rel=0.05)
    for kind in (often, ~often):
        assert score[kind].mean() == pytest.approx(learn.label[kind].mean(), rel=0.25)


def weighted_and_copied():
    """Return examples to learn from, and later ones: as they are, by weight, as copies.

    Every second request counts thrice, by its weight or since it is there thrice.
    """
    learn, stop, _ = split_examples(draw_log(events=1500))
    twice = np.arange(len(stop.label)) % 2 == 0
    weight = np.ones_like(stop.label) + 2 * twice[:, None]
    each = [
        Examples(
            stop.requests.rows(n, n + 1),
            Candidates(
                stop.candidates.item[n : n + 1],
                stop.candidates.score[n : n + 1],
                stop.candidates.channels,
                stop.candidates.votes[n : n + 1],
            ),
            stop.label[n : n + 1],
        )
        for n in np.flatnonzero(twice)
    ]
    return learn, (
        stop,
        replace(stop, weight=weight.astype(np.float32)),
        Examples.concatenated([stop, *each, *each]),
    )


def test_a_weight_of_three_is_three_examples_to_what_training_stops_by():
    learn, held_out = weighted_and_copied()
    ranker = NeuralRanker(MLP((8,)), FeatureSet(("item",)), training=Training(epochs=3))

    plain, weighted, copied = (
        ranker.fit(learn, stop, run=Run(np.random.default_rng(1))).curve.metric
        for stop in held_out
    )

    np.testing.assert_allclose(weighted, copied, rtol=1e-6)
    assert np.abs(np.subtract(weighted, plain)).min() > 1e-3


@pytest.mark.parametrize(
    "ranker",
    [RetrieverLogit(ItemKNN(neighbors=10)), Calibrated(RecencyLogit())],
    ids=called,
)
def test_a_weight_of_three_is_three_examples_to_a_line_that_is_fitted(ranker):
    learn, held_out = weighted_and_copied()
    asked = held_out[0]

    plain, weighted, copied = (
        ranker.fit(learn, stop, run=Run(np.random.default_rng(1))).score(
            asked.requests, asked.candidates
        )
        for stop in held_out
    )

    # What holds a line back, a penalty or a prior, counts less against more examples.
    moved = np.abs(weighted - plain).max()
    assert np.abs(weighted - copied).max() < moved / 10
    assert moved > 0.01
