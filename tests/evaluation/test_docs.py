"""The numbers in docs/evaluation.md are those of the code."""

import math
from pathlib import Path

import numpy as np
from scipy import sparse

from tidegraph.evaluation.catalogue import intra_list_diversity
from tidegraph.evaluation.classification import log_loss
from tidegraph.evaluation.metrics import Relevant, hits, list_metrics

PAGE = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text("utf-8")


def test_the_page_gives_the_ndcg_of_its_example():
    relevant = Relevant(np.array([0, 3]), np.array([1, 2, 3], np.int32))
    hit = hits(np.array([[7, 1, 8, 2, 9]], np.int32), relevant)
    scores = list_metrics(hit, relevant.count, (5,))

    assert f"= {scores['ndcg@5'][0]:.4f} |" in PAGE


def test_the_page_gives_the_diversity_of_its_example():
    vectors = sparse.csr_array(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]))
    value = intra_list_diversity(np.array([[0, 1, 2]], np.int32), vectors, 3)[0]

    assert f"= {value:.4f} |" in PAGE


def test_the_page_gives_the_log_loss_of_its_example():
    assert f"= {log_loss(np.array([1, 0]), np.array([0.8, 0.25])):.4f} |" in PAGE
    assert f"({-math.log(0.8):.4f} + {-math.log(0.75):.4f}) / 2" in PAGE


def test_the_page_names_every_metric():
    for name in list_metrics(np.zeros((1, 1), np.bool_), np.ones(1, np.int64), (1,)):
        assert f"`{name.split('@')[0]}@k`" in PAGE
    for name in ("coverage", "gini", "novelty", "diversity", "popularity_lift"):
        assert f"`{name}@k`" in PAGE
