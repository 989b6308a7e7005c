"""Embeddings end to end: what they learn from is one, and so is what they know."""

from pathlib import Path

import numpy as np
import pytest

from tidegraph.data.interactions import interactions
from tidegraph.errors import ConfigError
from tidegraph.nn.conv import GraphSAGE
from tidegraph.retrieval.embedding import Embedding
from tidegraph.retrieval.index import InvertedLists
from tidegraph.retrieval.recipes.concatenated import Concatenated
from tidegraph.retrieval.recipes.walk import line
from tidegraph.run import Run
from tidegraph.testing.logs import draw_log
from tidegraph.training.optimizers import PairSGD
from tidegraph.training.settings import Training

FEW = Training(2, 2**18, PairSGD(0.05), patience=2)
ONCE = Training(1, 64, patience=None)


def with_new_items(users: int):
    """Three events of each user, and last an item that nobody else has."""
    rng = np.random.default_rng(0)
    user = np.tile(np.arange(users), 4)
    item = np.concatenate([rng.integers(0, 40, 3 * users), 100 + np.arange(users)])
    return interactions(user, item, 60 * np.arange(4 * users))


def test_line_stops_by_what_both_parts_have_not_seen():
    log = with_new_items(1100)

    fitted = line("both", embedding_size=4, training=FEW).fit(log)

    # A thousand users' new items are held out, and so is nobody's vector of them.
    assert fitted.item_known.sum() == 40 + 100
    assert fitted.trained_until == log.time[-1]


def test_what_one_part_does_not_know_is_not_known():
    log = draw_log()
    # Items without an event have features; the other part knows nothing of them.
    log = log.take(log.item < len(log.items) - 5)
    described = GraphSAGE(features=("category",))
    parts = (
        Embedding("described", described, embedding_size=4, training=ONCE),
        Embedding("plain", embedding_size=4, training=ONCE),
    )

    for both in (parts, parts[::-1]):
        fitted = Concatenated("both", both).fit(log)

        assert fitted.item_known.sum() == len(np.unique(log.item))


def test_parts_of_one_name_have_checkpoints_of_their_own(tmp_path: Path):
    parts = tuple(Embedding(embedding_size=size, training=ONCE) for size in (3, 4))
    run = Run(np.random.default_rng(0), checkpoints=tmp_path)

    fitted = Concatenated("both", parts).fit(draw_log(), run=run)

    assert fitted.item.shape[1] == 7
    assert len(list(tmp_path.rglob("epoch-*"))) == 2


def test_an_index_is_of_the_whole_vectors():
    lists = InvertedLists()
    with pytest.raises(ConfigError, match="Say index of both instead"):
        Concatenated("both", (Embedding(index=lists),))
