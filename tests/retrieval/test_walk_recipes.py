from dataclasses import replace

import numpy as np
import pytest

from retrieval.recipes_log import assert_tells_two_groups_apart
from tidegraph.data.interactions import interactions
from tidegraph.errors import ConfigError
from tidegraph.retrieval.recipes.concatenated import Concatenated
from tidegraph.retrieval.recipes.mf import bpr_mf
from tidegraph.retrieval.recipes.walk import (
    app,
    bge,
    deepwalk,
    item2vec,
    line,
    node2vec,
)
from tidegraph.testing.logs import draw_log
from tidegraph.testing.retrievers import RetrieverLaws
from tidegraph.training.optimizers import PairSGD
from tidegraph.training.schedules import Linear
from tidegraph.training.settings import Training
from tiers import chosen

FEW = Training(2, 512, PairSGD(0.05), Linear(), patience=None)


class TestDeepWalk(RetrieverLaws):
    retriever = deepwalk(2, 6, 2, 8, FEW)
    seeded_by_row = True  # First weights and samples are drawn row by row.


class TestNode2Vec(RetrieverLaws):
    variant_of = "TestDeepWalk"
    retriever = node2vec(0.5, 2.0, 2, 6, 2, 8, FEW)
    seeded_by_row = True  # First weights and samples are drawn row by row.


class TestLINE(RetrieverLaws):
    variant_of = "TestDeepWalk"
    retriever = line("both", 9, FEW)
    seeded_by_row = True  # First weights and samples are drawn row by row.


class TestAPP(RetrieverLaws):
    variant_of = "TestDeepWalk"
    retriever = app(0.3, 5, 6, 8, FEW)
    seeded_by_row = True  # First weights and samples are drawn row by row.


class TestItem2Vec(RetrieverLaws):
    variant_of = "TestDeepWalk"
    retriever = item2vec(2, 8, FEW)
    seeded_by_row = True  # First weights and samples are drawn row by row.


class TestBGE(RetrieverLaws):
    retriever = bge(2, 4, 2, None, 8, FEW)
    forgets_time = False
    seeded_by_row = True  # First weights and samples are drawn row by row.


LONG = Training(30, 4096, PairSGD(0.1), Linear(), patience=None)
PLANTED = {
    "deepwalk": deepwalk(5, 10, 3, 8, LONG),
    "node2vec": node2vec(0.5, 2.0, 5, 10, 3, 8, LONG),
    "first": line("first", 8, replace(LONG, epochs=200)),
    "second": line("second", 8, replace(LONG, epochs=200)),
    "both": line("both", 16, replace(LONG, epochs=200)),
    "app": app(0.15, 50, 10, 8, LONG),
    "bge": bge(5, 5, 3, None, 8, LONG),
    "item2vec": item2vec(5, 8, replace(LONG, epochs=60)),
}


@pytest.mark.parametrize("name", chosen(PLANTED.keys(), "node2vec", "bge"))
def test_two_groups_that_share_nothing_are_told_apart(name):
    answer = assert_tells_two_groups_apart(PLANTED[name], least=0.95)

    assert answer.present.all()


def test_of_both_orders_each_half_is_what_it_is_alone():
    log = draw_log()
    method = line("both", 9, FEW)
    whole = method.fit(log)

    assert isinstance(method, Concatenated)
    for part, columns in zip(method.parts, (slice(0, 4), slice(4, 9)), strict=True):
        alone = part.fit(log)
        for mine, theirs in ((whole.user, alone.user), (whole.item, alone.item)):
            length = np.linalg.norm(theirs, axis=1, keepdims=True)
            np.testing.assert_allclose(mine[:, columns], theirs / length, rtol=1e-5)
        given = alone.item if alone.given is None else alone.given
        length = np.linalg.norm(given, axis=1, keepdims=True)
        np.testing.assert_allclose(whole.given[:, columns], given / length, rtol=1e-5)


def test_the_sources_of_app_are_not_its_targets():
    fitted = app(0.3, 5, 6, 8, FEW).fit(draw_log())

    assert fitted.given is not None
    assert not np.allclose(fitted.given, fitted.item)


def test_products_of_app_are_the_log_of_rooted_pagerank():
    """Zhou et al. (2017), of walks of 6 steps; noise by degree would take it off."""
    rng = np.random.default_rng(0)
    pairs = rng.random((12, 10)) < np.linspace(0.15, 0.95, 10)
    pairs[np.arange(12), np.arange(12) % 10] = True
    edges = np.block([[np.zeros((12, 12)), pairs], [pairs.T, np.zeros((10, 10))]])
    step = edges / edges.sum(axis=1, keepdims=True)
    reached, ends, left = np.eye(22), np.zeros((22, 22)), 1.0
    for n in range(6):
        reached = reached @ step
        stop = left * 0.3 if n < 5 else left
        ends, left = ends + stop * reached, left - stop
    user, item = np.nonzero(pairs)
    # Rows are by first appearance, which is not the order of items.
    rows = np.array(list(dict.fromkeys(item.tolist())))
    training = Training(60, 4096, PairSGD(0.1), Linear(), patience=None)

    fitted = app(0.3, 100, 6, 24, training).fit(interactions(user, item, user))

    expected = np.log(ends[:12, 12 + rows])
    difference = fitted.user @ fitted.item.T - expected
    assert (difference - difference.mean()).std() < 0.25 * expected.std()
    degree = np.log(pairs.sum(axis=0)[rows])
    assert abs(np.polyfit(degree, difference.mean(axis=0), 1)[0]) < 0.2


def test_what_does_not_go_together_is_refused():
    with pytest.raises(ConfigError, match="no parts"):
        Concatenated("x", ())
    with pytest.raises(ConfigError, match="other nodes"):
        Concatenated("x", (bpr_mf(4), item2vec(2, 4, FEW))).fit(draw_log())
    # Of the two orders each has half of the numbers.
    with pytest.raises(ConfigError, match=r"LINE embedding_size is 1.* at least 2"):
        line("both", 1)
