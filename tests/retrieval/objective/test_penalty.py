"""What the penalty on vectors is of, by hand."""

import numpy as np
import pytest
import torch

from tidegraph.retrieval.embedding import Embedding
from tidegraph.retrieval.objective import Objective
from tidegraph.retrieval.objective.against import Against, penalised
from tidegraph.retrieval.objective.losses import BPR, OfTriples, SkipGram, TripletMargin
from tidegraph.retrieval.objective.negatives.drawn import Drawn
from tidegraph.testing.logs import draw_log
from tidegraph.training.optimizers import Adam
from tidegraph.training.settings import Training

# Two pairs: sources of lengths 1 and 2, targets of 3 and 4.
PAIRS = [1.0, 4.0, 9.0, 16.0]


def size(negatives, drawn, *, of_triples=True):
    squares = torch.tensor([*PAIRS, *negatives])
    return penalised(squares, 2, Against.of(drawn, "cpu"), of_triples=of_triples).item()


def rows(*nodes, missing=None):
    return Drawn(np.array(nodes), np.zeros((1, 1)), missing)


def test_the_negatives_of_a_pair_count_together_what_one_would():
    """(1 + 9 + 4 + 16) / 2 of the pairs, and the mean of 1, 1, 4 and 4."""
    one, two = rows([5], [6]), rows([5, 5], [6, 6])

    assert size([1.0, 4.0], one) == 15 + 2.5
    assert size([1.0, 1.0, 4.0, 4.0], two) == 15 + 2.5


def test_of_a_sum_over_negatives_each_counts():
    """(30 + 1 + 1 + 4 + 4) / 2, of the sum that skip-gram is."""
    two = rows([5, 5], [6, 6])

    assert size([1.0, 1.0, 4.0, 4.0], two, of_triples=False) == 20


def test_a_draw_that_is_no_negative_is_in_no_triple():
    """The mean of 1, 1 and 4: the last was found to be none."""
    some = rows([5, 5], [6, 6], missing=(np.array([1]), np.array([1])))

    assert size([1.0, 1.0, 4.0, 100.0], some) == 15 + 2


def test_a_shared_negative_is_in_a_triple_of_each_pair():
    """Triples have 1, 4, 1 and 4; without that of the first pair and the second, 2."""
    shared = Drawn(np.array([5, 6]), np.zeros(1))
    missing = np.array([0]), np.array([1])
    but_one = Drawn(np.array([5, 6]), np.zeros(1), missing)

    assert size([1.0, 4.0], shared) == 15 + 2.5
    assert size([1.0, 4.0], but_one) == 15 + 2


def test_bpr_and_the_triplet_margin_are_means_over_triples():
    assert isinstance(BPR(), OfTriples)
    assert isinstance(TripletMargin(), OfTriples)
    assert not isinstance(SkipGram(), OfTriples)


def test_how_long_vectors_get_does_not_hang_on_how_many_negatives():
    log, training = draw_log(), Training(30, 64, Adam(0.01), patience=None)
    one, many = (
        Embedding(objective=objective, embedding_size=4, training=training).fit(log)
        for objective in (Objective(loss=BPR(k), l2=0.05) for k in (1, 16))
    )

    length, same = (np.linalg.norm(side.item, axis=1).mean() for side in (one, many))
    assert same == pytest.approx(length, rel=0.1)
