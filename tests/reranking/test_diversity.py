import math
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import draw_log
from tidegraph.artifact.sealed import State
from tidegraph.errors import ConfigError
from tidegraph.reranking.diversity import (
    DPP,
    MMR,
    FittedDPP,
    FittedMMR,
    relevance,
)
from tidegraph.reranking.similarity import ItemEmbedding, SharedTags
from tidegraph.stages import NO_ITEM, Candidates
from tidegraph.testing.rerankers import RerankerLaws, ranked, same
from tidegraph.testing.retrievers import requests_at

drawn = given(seed=st.integers(0, 10_000), diversity=st.floats(0, 1))


def vectors(seed: int = 0, items: int = 40, width: int = 6) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(size=(items, width))
    return drawn.astype(np.float32)


class TestMMR(RerankerLaws):
    reranker = MMR()


class TestMMRByEmbedding(RerankerLaws):
    variant_of = "TestMMR"
    reranker = MMR(by=ItemEmbedding(vectors(items=20)))

    def reranker_of(self, new):
        moved = np.zeros((len(new), 6), np.float32)
        moved[new[:20]] = self.reranker.by.vectors
        return MMR(by=ItemEmbedding(moved))


class TestDPP(RerankerLaws):
    reranker = DPP()


class TestDPPByEmbedding(RerankerLaws):
    variant_of = "TestDPP"
    reranker = DPP(by=ItemEmbedding(vectors(items=20)))

    def reranker_of(self, new):
        moved = np.zeros((len(new), 6), np.float32)
        moved[new[:20]] = self.reranker.by.vectors
        return DPP(by=ItemEmbedding(moved))


@dataclass(frozen=True, eq=False)
class Table:
    """Similarities given outright."""

    table: np.ndarray

    def between(self, item):
        return self.table[item[:, :, None], item[:, None, :]].astype(np.float32)

    def state(self):
        return State("Table", arrays={"table": self.table})


def chosen(fitted, score: list[float], k: int) -> list[int]:
    """Places of the list chosen among items 0, 1, 2 ... with these scores."""
    offered = Candidates(
        np.arange(len(score), dtype=np.int32)[None], np.array([score], np.float32)
    )
    return list(fitted.rerank(requests_at(draw_log()).rows(0, 1), offered, k).item[0])


@pytest.mark.parametrize("method", [MMR(diversity=0.0), DPP(diversity=0.0)])
def test_without_diversity_the_ranker_is_not_contradicted(method):
    log = draw_log()
    requests = requests_at(log)
    offered = ranked(len(requests))

    same(method.fit(log).rerank(requests, offered, 20), offered)


@pytest.mark.parametrize("method", [MMR(diversity=0.0), DPP(diversity=0.0)])
def test_the_order_of_the_list_counts_more_than_its_scores(method):
    # As after another re-ranker, which keeps the ranker's scores in its own order.
    assert chosen(method.fit(draw_log()), [0.2, 0.9, 0.1], 3) == [0, 1, 2]


def test_a_number_that_is_not_finite_is_no_tag():
    tags = pl.Series([math.nan, math.nan, 1.5, None, 1.5, math.inf, math.inf])

    shared = SharedTags.of_column(tags)

    assert np.diff(shared.ptr).tolist() == [0, 0, 1, 0, 1, 0, 0]


def test_mmr_by_hand():
    alike = np.array([[1, 0.9, 0.0], [0.9, 1, 0.0], [0.0, 0.0, 1]])
    fitted = FittedMMR(Table(alike), 0.5)

    # Relevance is 1, 0.8 and 0: after 0, item 1 is worth 0.4 - 0.45, item 2 is worth 0.
    assert chosen(fitted, [1.0, 0.8, 0.0], 3) == [0, 2, 1]
    # With 0.95 in place of 0.8 it is worth 0.475 - 0.45, more than item 2.
    assert chosen(fitted, [1.0, 0.95, 0.0], 3) == [0, 1, 2]


def test_dpp_by_hand():
    alike = np.array([[1, 0.6, 0.0], [0.6, 1, 0.0], [0.0, 0.0, 1]])
    fitted = FittedDPP(Table(alike), 0.5, alike=0.999_999_9)

    # After 0, item 1 keeps 1 - 0.36 = 0.64, and log 0.64 = -0.446; item 2 keeps 1.
    assert chosen(fitted, [1.0, 0.45, 0.0], 2) == [0, 1]
    assert chosen(fitted, [1.0, 0.44, 0.0], 2) == [0, 2]


def random_case(seed: int, items: int = 9):
    """Similarities that are a correlation matrix, and decreasing scores."""
    rng = np.random.default_rng(seed)
    unit = rng.normal(size=(items, 4))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    alike = (unit @ unit.T).astype(np.float32)
    score = np.sort(rng.random(items).astype(np.float32))[::-1]
    scaled = (score.astype(float) - score.min()) / float(score.max() - score.min())
    return alike, score.tolist(), scaled


@drawn
def test_mmr_is_the_greedy_maximum_of_its_formula(seed, diversity):
    alike, score, scaled = random_case(seed)

    found = chosen(FittedMMR(Table(alike), diversity), score, 6)

    taken: list[int] = []
    for item in found:
        worth = {
            i: (1 - diversity) * scaled[i]
            - diversity * max((float(alike[i, j]) for j in taken), default=0.0)
            for i in range(len(score))
            if i not in taken
        }
        assert worth[item] >= max(worth.values()) - 1e-6
        taken.append(item)


@given(seed=st.integers(0, 10_000), diversity=st.floats(0.05, 1))
def test_dpp_is_the_greedy_maximum_of_the_determinant(seed, diversity):
    alike, score, scaled = random_case(seed)
    quality = np.exp(scaled * (1 - diversity) / (2 * diversity))
    off = 0.9 * alike.astype(float)
    np.fill_diagonal(off, 1)
    kernel = quality[:, None] * off * quality[None]

    found = chosen(FittedDPP(Table(alike), diversity, alike=0.9), score, 6)

    taken: list[int] = []
    for item in found:
        worth = {
            i: np.linalg.slogdet(kernel[np.ix_([*taken, i], [*taken, i])])[1]
            for i in range(len(score))
            if i not in taken
        }
        assert worth[item] >= max(worth.values()) - 1e-4 / diversity
        taken.append(item)


def test_diversity_brings_in_other_categories():
    log = draw_log()
    requests = requests_at(log)
    offered = ranked(len(requests), items=len(log.items))
    category = np.array(log.items.features["category"])

    def kinds(method) -> float:
        answer = method.fit(log).rerank(requests, offered, 5)
        full = answer.present.all(axis=1)
        return np.mean([len(set(category[row])) for row in answer.item[full]])

    for method in (MMR, DPP):
        plain, some, most = (kinds(method(diversity=d)) for d in (0.0, 0.5, 1.0))
        assert plain < some <= most


def test_a_category_may_come_again_when_all_were_shown():
    log = draw_log()
    category = np.array(log.items.features["category"])
    answer = chosen(DPP(diversity=1.0).fit(log), [1.0] * 20, 10)

    # Five categories, ten places: each twice, and the first five all different.
    assert len(set(category[answer[:5]])) == 5
    assert all((category[answer] == kind).sum() == 2 for kind in set(category))


def test_relevance_runs_from_the_worst_to_the_best_candidate():
    offered = Candidates(
        np.array(
            [[1, 2, 3, NO_ITEM], [4, 5, 6, 7], [8, NO_ITEM, NO_ITEM, NO_ITEM]]
        ).astype(np.int32),
        np.array(
            [[0.5, 0.3, 0.1, -np.inf], [1, 3, 2, 0], [5, -np.inf, -np.inf, -np.inf]],
            np.float32,
        ),
    )

    # In the second row an item scored above its predecessor is cut to it.
    expected = [[1, 0.5, 0, 0], [1 / 3, 1 / 3, 1 / 3, 0], [1, 0, 0, 0]]
    np.testing.assert_allclose(relevance(offered), expected, atol=1e-6)


def test_a_score_of_infinity_takes_nothing_from_the_others():
    scores = [[np.inf, 0.9, 0.5, 0.1, -np.inf], [0.9, 0.5, 0.1, np.nan, np.nan]]
    offered = Candidates(
        np.tile(np.arange(5, dtype=np.int32), (2, 1)), np.array(scores, np.float32)
    )

    expected = [[1, 1, 0.5, 0, 0], [1, 0.5, 0, 0, 0]]
    np.testing.assert_allclose(relevance(offered), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("method", "settings", "says"),
    [
        (MMR, {"diversity": 1.5}, "diversity is 1.5"),
        (DPP, {"diversity": -0.1}, "diversity is -0.1"),
        (DPP, {"alike": 1.0}, "alike is 1.0"),
    ],
)
def test_a_setting_out_of_range_is_refused(method, settings, says):
    with pytest.raises(ConfigError, match=says):
        method(**settings)
