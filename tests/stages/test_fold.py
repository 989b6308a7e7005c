"""A fold shows one log in many ways, each made once, and none from the future."""

from collections import Counter

import numpy as np
import polars as pl
import pytest

from tidegraph.data.interactions import interactions
from tidegraph.data.views.matrix import Matrix
from tidegraph.data.views.sequences import Sequences
from tidegraph.errors import DataError
from tidegraph.graph.live import Graph
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.static import StaticGraph
from tidegraph.pipeline import Pipeline, Windows
from tidegraph.ranking.logit import RecencyLogit
from tidegraph.retrieval.heuristics.proximity import AdamicAdar, Katz
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.popular import Popular
from tidegraph.retrieval.repeat import Repeat
from tidegraph.retrieval.rp3beta import RP3beta
from tidegraph.retrieval.scoring import trial
from tidegraph.retrieval.user_knn import UserKNN
from tidegraph.stages import Fold
from tidegraph.testing.logs import draw_log

FIVE = (Popular(), Repeat(), ItemKNN(), UserKNN(), RP3beta())


@pytest.fixture
def made(monkeypatch) -> Counter:
    """Counts what is built."""
    counts: Counter = Counter()

    def watch(cls: type, name: str) -> None:
        build = getattr(cls, name).__func__

        def counted(cls, *given):
            counts[f"{cls.__name__}.{name}"] += 1
            return build(cls, *given)

        monkeypatch.setattr(cls, name, classmethod(counted))

    watch(Matrix, "of")
    watch(Snapshot, "of")
    watch(StaticGraph, "bipartite")
    watch(trial.Trial, "of")
    return counts


def test_five_channels_build_each_view_once_for_each_fold(made):
    train, valid = draw_log(events=4000).split(fractions=(0.9,))
    Pipeline(FIVE, rank=RecencyLogit(), windows=Windows(3)).fit(train, valid)

    # Three windows, the end of train, and all: each, and what its settings try on it.
    # Before the first, channels are weighed on what their settings try; then on valid.
    folds, weighed, valid, served = 5, 1, 1, 1
    assert made["Trial.of"] == folds + weighed
    assert made["Matrix.of"] == 2 * folds + weighed
    # Users are too few to hold their last events out, which would be one more graph.
    assert made["Snapshot.of"] == folds + weighed + valid + served


def test_methods_on_one_graph_build_it_once(made):
    fold = Fold(draw_log())
    for method in (AdamicAdar(), Katz(), AdamicAdar(half_life_days=30.0)):
        method.fit(fold)

    assert made["StaticGraph.bipartite"] == made["Matrix.of"] == 1


def test_views_are_those_of_the_log():
    log = draw_log()
    fold, matrix = Fold(log), Matrix.of(log)

    np.testing.assert_array_equal(fold.matrix.item, matrix.item)
    np.testing.assert_array_equal(fold.matrix.weight, matrix.weight)
    assert len(fold.graph.edge("action")) == len(log)
    assert fold.graph is fold.graph


def test_a_fold_of_a_matrix_has_events_without_times():
    matrix = Matrix.of(draw_log())
    fold = Fold.of(matrix, "anybody")

    assert fold.matrix is matrix
    assert fold.events.clock == "none"
    np.testing.assert_array_equal(Matrix.of(fold.events).weight, matrix.weight)


def test_a_view_of_ones_own_is_made_once_for_each_set_of_values():
    calls = []

    def items_seen(fold: Fold, at_least: int) -> int:
        calls.append(at_least)
        return int((np.bincount(fold.matrix.item) >= at_least).sum())

    fold = Fold(interactions(["a", "b", "b"], ["x", "x", "y"], [1, 2, 3]))

    assert [fold.view(items_seen, n) for n in (1, 2, 1, 2)] == [2, 1, 2, 1]
    assert calls == [1, 2]


def test_what_is_known_before_a_moment_holds_nothing_of_the_future():
    log = draw_log()
    cut = int(log.time[300])
    more = Graph()
    for side in ("brand", "maker"):
        more.nodes(side, pl.DataFrame({side: ["p", "q"]}), key=side)
    likes = {"brand": ["p", "q"], "maker": ["q", "p"], "at": [cut - 1, cut]}
    more.edges("likes", pl.DataFrame(likes), "brand -> maker", time="at")
    fold = Fold(log, valid=Fold(log.since(cut)), edges=more.snapshot())
    past = fold.before(cut)

    assert past.valid is None
    assert past.graph.latest < cut
    assert len(past.graph.edge("likes")) == 1
    assert len(fold.graph.edge("likes")) == 2
    assert past.matrix.weight.sum() == log.before(cut).weight.sum()


def test_a_fold_that_holds_a_valid_part_is_as_good_as_passing_both():
    train, valid = draw_log(events=1500).split(fractions=(0.8,))
    plan = Pipeline((Popular(), ItemKNN()), rank=RecencyLogit())

    both = plan.fit(train, valid).recommend_all(k=5)

    assert plan.fit(Fold(train, valid=Fold(valid))).recommend_all(k=5).equals(both)


def test_nothing_to_learn_from_is_said_by_who_would_learn():
    log = draw_log()
    shown = interactions(["a", "b"], ["x", "y"], [1, 2], label=[0, 0])
    seen = Sequences.of(log)

    with pytest.raises(DataError, match="Popular has nothing to learn from"):
        Popular(half_life_days=None).fit(Fold(shown))
    with pytest.raises(DataError, match="mine learns from Interactions or a Matrix"):
        Fold.of(seen, "mine")
