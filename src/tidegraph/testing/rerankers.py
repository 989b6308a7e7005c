"""The laws that every re-ranker obeys, whatever its criterion.

Inherit, and name the method::

    class TestMMR(RerankerLaws):
        reranker = MMR()
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tidegraph.artifact.sealed import load, save
from tidegraph.catalog import FITTED
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.interactions import Interactions
from tidegraph.errors import RequestError
from tidegraph.kernels.jit import use_threads
from tidegraph.pipeline import Pipeline
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.stages import NO_ITEM, Candidates, FittedReranker, Reranker
from tidegraph.testing.logs import draw_log
from tidegraph.testing.observing import two_threads_answer_as_one
from tidegraph.testing.retrievers import requests_at
from tidegraph.testing.states import saved_alike


def ranked(rows: int, width: int = 20, items: int = 40, seed: int = 5) -> Candidates:
    """Ranked lists with ties, the later ones shorter, and two channels' votes."""
    rng = np.random.default_rng(seed)
    item = np.argsort(rng.random((rows, items)), axis=1)[:, :width].astype(np.int32)
    score = np.round(-np.sort(-rng.random((rows, width))), 1).astype(np.float32)
    votes = rng.random((rows, width, 2)).astype(np.float32)
    gone = np.arange(width) >= width - np.arange(rows)[:, None] % width
    item[gone], score[gone], votes[gone] = NO_ITEM, -np.inf, 0
    return Candidates(item, score, ("one", "two"), votes)


def same(a: Candidates, b: Candidates) -> None:
    np.testing.assert_array_equal(a.item, b.item)
    np.testing.assert_array_equal(a.score, b.score)
    np.testing.assert_array_equal(a.votes, b.votes)


class RerankerLaws:
    reranker: Reranker
    kinds: tuple[type, ...] = ()
    """Classes of one's own that a saved model holds beside its own."""

    @pytest.mark.parametrize("k", [1, 7, 20, 50])
    def test_the_list_is_a_choice_of_the_candidates_of_length_k(self, k: int):
        log = draw_log()
        requests = requests_at(log)
        offered = ranked(len(requests))
        answer = self.reranker.fit(log).rerank(requests, offered, k)

        assert answer.item.shape == (len(requests), min(k, 20))
        for row in range(len(requests)):
            there = offered.item[row][offered.present[row]]
            chosen = answer.item[row][answer.present[row]]
            assert len(chosen) == min(k, len(there))
            assert len(set(chosen)) == len(chosen)
            assert set(chosen) <= set(there)

    def test_places_without_an_item_come_last(self):
        log = draw_log()
        requests = requests_at(log)
        answer = self.reranker.fit(log).rerank(requests, ranked(len(requests)), 20)

        assert (np.diff(answer.present.astype(int), axis=1) <= 0).all()
        np.testing.assert_array_equal(answer.present, np.isfinite(answer.score))

    def test_each_item_keeps_its_votes(self):
        log = draw_log()
        requests = requests_at(log)
        offered = ranked(len(requests))
        answer = self.reranker.fit(log).rerank(requests, offered, 7)

        assert answer.channels == offered.channels
        for row in range(len(requests)):
            for place in np.flatnonzero(answer.present[row]):
                was = np.flatnonzero(offered.item[row] == answer.item[row, place])[0]
                np.testing.assert_array_equal(
                    answer.votes[row, place], offered.votes[row, was]
                )

    def test_the_number_of_threads_changes_no_bit(self):
        log = draw_log()
        requests = requests_at(log)
        offered = ranked(len(requests))
        one = self.reranker.fit(log).rerank(requests, offered, 10)
        with use_threads(threads=3, grain=1):
            other = self.reranker.fit(log).rerank(requests, offered, 10)

        same(one, other)

    def test_events_observed_by_two_threads_are_answered_as_those_of_one(self):
        two_threads_answer_as_one(Pipeline(retrieve=ItemKNN(), rerank=self.reranker))

    def test_fitting_twice_gives_the_same_bits(self):
        log = draw_log()
        requests = requests_at(log)
        offered = ranked(len(requests))

        one, two = self.reranker.fit(log), self.reranker.fit(log)

        saved_alike(one, two)
        same(one.rerank(requests, offered, 10), two.rerank(requests, offered, 10))

    def test_a_block_of_requests_is_answered_like_each_alone(self):
        log = draw_log()
        requests = requests_at(log)
        offered = ranked(len(requests))
        fitted = self.reranker.fit(log)
        whole = fitted.rerank(requests, offered, 10)

        for row in range(len(requests)):
            one = replace(
                offered,
                item=offered.item[row : row + 1],
                score=offered.score[row : row + 1],
                votes=offered.votes[row : row + 1],
            )
            alone = fitted.rerank(requests.rows(row, row + 1), one, 10)
            np.testing.assert_array_equal(alone.item[0], whole.item[row])

    def test_a_saved_model_answers_bit_for_bit_the_same(self, tmp_path: Path):
        log = draw_log()
        requests = requests_at(log)
        offered = ranked(len(requests))
        fitted = self.reranker.fit(log)
        save(fitted, tmp_path / "model")

        kinds = (type(fitted), *self.kinds)
        back = load(tmp_path / "model", FITTED, kinds=kinds)
        assert isinstance(back, FittedReranker)

        same(fitted.rerank(requests, offered, 10), back.rerank(requests, offered, 10))

    def test_renumbering_items_renumbers_the_answer(self):
        log = draw_log()
        requests = requests_at(log)
        offered = ranked(len(requests), items=len(log.items))
        answer = self.reranker.fit(log).rerank(requests, offered, 10)

        new = np.random.default_rng(2).permutation(len(log.items)).astype(np.int32)
        other = self.renumbered(log, new)
        moved = replace(offered, item=np.where(offered.present, new[offered.item], -1))
        found = self.reranker_of(new).fit(other).rerank(requests_at(other), moved, 10)

        expected = np.where(answer.present, new[answer.item], NO_ITEM)
        np.testing.assert_array_equal(found.item, expected)

    def test_rewriting_the_future_changes_no_list_of_the_past(self):
        log = draw_log()
        t = int(log.time[400])
        rng = np.random.default_rng(1)
        item = log.item.copy()
        later = log.time >= t
        item[later] = rng.integers(0, len(log.items), later.sum())
        rewritten = replace(log, item=item)
        offered = ranked(len(log.users))

        as_it_was = self.reranker.fit(log.before(t))
        as_rewritten = self.reranker.fit(rewritten.before(t))

        same(
            as_it_was.rerank(requests_at(log, at=t), offered, 10),
            as_rewritten.rerank(requests_at(rewritten, at=t), offered, 10),
        )

    def test_an_item_unknown_to_training_is_neither_dropped_nor_fatal(self):
        log = draw_log()
        requests = requests_at(log).rows(0, 1)
        item = np.array([[3, 10_000, 4, 2_000_000]], np.int32)
        score = np.array([[0.9, 0.8, 0.7, 0.6]], np.float32)
        answer = self.reranker.fit(log).rerank(requests, Candidates(item, score), 4)

        assert set(answer.item[0]) == set(item[0])

    def test_an_empty_offer_gives_an_empty_list(self):
        log = draw_log()
        requests = requests_at(log).rows(0, 2)
        nothing = Candidates(
            np.full((2, 3), NO_ITEM, np.int32), np.full((2, 3), -np.inf, np.float32)
        )
        narrow = Candidates(np.zeros((2, 0), np.int32), np.zeros((2, 0), np.float32))
        fitted = self.reranker.fit(log)

        assert not fitted.rerank(requests, nothing, 3).present.any()
        assert fitted.rerank(requests, narrow, 3).item.shape == (2, 0)

    @pytest.mark.parametrize("k", [0, -3])
    def test_a_list_shorter_than_one_is_refused(self, k: int):
        log = draw_log()
        requests = requests_at(log)

        with pytest.raises(RequestError, match="k >= 1"):
            self.reranker.fit(log).rerank(requests, ranked(len(requests)), k)

    def reranker_of(self, new: np.ndarray) -> Reranker:
        """The method for renumbered items; override where it holds rows of items."""
        return self.reranker

    def renumbered(self, log: Interactions, new: np.ndarray) -> Interactions:
        old = pl.Series(np.argsort(new))
        items = Vocabulary(log.items.ids.gather(old), log.items.features[old])
        return replace(log, item=new[log.item], items=items)
