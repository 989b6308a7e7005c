"""The laws that every retriever obeys, whatever its method.

Inherit, and name the method::

    class TestItemKNN(RetrieverLaws):
        retriever = ItemKNN()
"""

import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import polars as pl
import pytest

from tidegraph.artifact.sealed import load, save
from tidegraph.catalog import FITTED
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.interactions import Interactions, interactions
from tidegraph.data.views.sequences import Sequences
from tidegraph.errors import DataError, RequestError
from tidegraph.graph.snapshot import Snapshot
from tidegraph.kernels.jit import use_threads
from tidegraph.pipeline import Pipeline
from tidegraph.stages import (
    NO_ITEM,
    FittedRetriever,
    Fold,
    ItemSets,
    Requests,
    Retriever,
    Scores,
    because_of,
)
from tidegraph.testing.logs import draw_log
from tidegraph.testing.observing import two_threads_answer_as_one
from tidegraph.testing.states import saved_alike


def requests_at(
    log: Interactions, *, repeat: bool = True, at: int | None = None
) -> Requests:
    """One request for every user of the log, at its end unless told otherwise."""
    users = np.arange(len(log.users), dtype=np.int32)
    time = np.full(len(users), log.time[-1] + 1 if at is None else at, np.int64)
    return Requests.of_users(Snapshot.of(log), users, time, repeat=repeat)


def same(a: FittedRetriever, b: FittedRetriever, requests: Requests) -> None:
    left, right = a.retrieve(requests, 10), b.retrieve(requests, 10)
    np.testing.assert_array_equal(left.item, right.item)
    np.testing.assert_array_equal(left.score, right.score)


def permuted(log: Interactions, user: np.ndarray, item: np.ndarray) -> Interactions:
    """The same events, with row r of users as ``user[r]``, and of items likewise."""

    def moved(side: Vocabulary, new: np.ndarray) -> Vocabulary:
        old = pl.Series(np.argsort(new))
        features = side.features[old] if side.features.width else side.features
        return Vocabulary(side.ids.gather(old), features)

    return replace(
        log,
        user=user.astype(np.int32)[log.user],
        item=item.astype(np.int32)[log.item],
        users=moved(log.users, user),
        items=moved(log.items, item),
    )


class RetrieverLaws:
    retriever: Retriever
    needs_history = True
    """Does a requester without history get an empty answer?"""
    forgets_time = True
    """Can the method learn from a Matrix?"""
    unmoved = 1.0
    """Share of the scores that must not depend on the order of rows; below 1 where the
    method keeps some of those that are equally good, in the order of rows."""
    tolerance = 0.0
    """How far scores may move with the order of rows, in their standard deviations:
    above 0 where a decomposition that converges starts from what is drawn by row."""
    seeded_by_row = False
    """Are first weights or samples drawn row by row, so that another order is another
    draw? Then scores must move, and planted structure tells whether rows are mixed up.
    """
    kinds: tuple[type, ...] = ()
    """Classes of one's own that a saved model holds beside its own."""

    @property
    def fitted(self) -> FittedRetriever:
        """The method fitted on ``draw_log()``, once: no law changes it."""
        kind = type(self)
        if "_fitted" not in vars(kind):
            kind._fitted = self.retriever.fit(draw_log())
        return kind._fitted

    _fitted: ClassVar[FittedRetriever]

    def test_rewriting_the_future_changes_no_answer_about_the_past(self):
        log = draw_log()
        t = int(log.time[400])
        rng = np.random.default_rng(1)
        user, item = log.user.copy(), log.item.copy()
        later = log.time >= t
        user[later] = rng.integers(0, len(log.users), later.sum())
        item[later] = rng.integers(0, len(log.items), later.sum())
        rewritten = replace(log, user=user, item=item)

        as_it_was = self.retriever.fit(log.before(t))
        as_rewritten = self.retriever.fit(rewritten.before(t))

        answer = as_it_was.retrieve(requests_at(log, at=t), 10)
        other = as_rewritten.retrieve(requests_at(rewritten, at=t), 10)
        np.testing.assert_array_equal(answer.item, other.item)
        np.testing.assert_array_equal(answer.score, other.score)

    def test_newcomers_of_the_future_change_no_answer_about_the_past(self):
        log = draw_log()
        t = int(log.time[400])
        past = log.before(t)
        users, items = past.users.decode(past.user), past.items.decode(past.item)
        new = pl.Series([f"new{n}" for n in range(300)])
        grown = interactions(
            pl.concat([users, new]),
            pl.concat([items, new]),
            np.concatenate([past.time, np.full(300, t)]),
        )

        answers = [
            self.retriever.fit(whole.before(t)).retrieve(
                Requests.of_users(
                    Snapshot.of(whole.before(t)),
                    np.arange(users.n_unique(), dtype=np.int32),
                    np.full(users.n_unique(), t, np.int64),
                    repeat=True,
                ),
                10,
            )
            for whole in (interactions(users, items, past.time), grown)
        ]

        np.testing.assert_array_equal(answers[0].item, answers[1].item)
        np.testing.assert_array_equal(answers[0].score, answers[1].score)

    def test_a_fold_teaches_what_its_log_does_and_stays_as_it_was(self):
        log = draw_log()
        fold = Fold(log)
        first, second = self.retriever.fit(fold), self.retriever.fit(fold)
        alone = self.fitted

        same(first, alone, requests_at(log))
        same(second, alone, requests_at(log))

    def test_renaming_ids_renames_the_answer(self):
        log = draw_log()
        renamed = interactions(
            log.users.decode(log.user).str.replace("u", "x"),
            log.items.decode(log.item).str.replace("i", "y"),
            log.time,
        )
        answer = self.fitted.retrieve(requests_at(log), 10)
        other = self.retriever.fit(renamed).retrieve(requests_at(renamed), 10)

        np.testing.assert_array_equal(answer.item, other.item)
        np.testing.assert_array_equal(answer.score, other.score)

    def test_permuting_rows_permutes_the_scores(self):
        log = draw_log()
        rng = np.random.default_rng(3)
        user, item = rng.permutation(len(log.users)), rng.permutation(len(log.items))
        other = permuted(log, user, item)
        model, twin = self.fitted, self.retriever.fit(other)

        if isinstance(model, Scores) and isinstance(twin, Scores):
            expected, found = (
                model.scores(requests_at(log)),
                twin.scores(requests_at(other)),
            )
            found = found[:, item]
        else:
            expected = model.retrieve(requests_at(log), 10).score
            found = twin.retrieve(requests_at(other), 10).score
        least = max(1e-6, self.tolerance * expected[np.isfinite(expected)].std())
        close = np.isclose(found[user], expected, rtol=1e-4, atol=least).mean()
        if self.seeded_by_row:
            assert close < 0.5, "no draw goes by row: take seeded_by_row away"
            return
        assert self.unmoved > 0, "this law could not fail: say seeded_by_row"
        assert close >= self.unmoved

    def test_the_number_of_threads_changes_no_bit(self):
        log = draw_log()
        model = self.fitted
        with use_threads(threads=3, grain=1):
            other = self.retriever.fit(log)
            found = other.retrieve(requests_at(log), 10)
        expected = model.retrieve(requests_at(log), 10)

        np.testing.assert_array_equal(found.item, expected.item)
        np.testing.assert_array_equal(found.score, expected.score)

    def test_events_observed_by_two_threads_are_answered_as_those_of_one(self):
        two_threads_answer_as_one(Pipeline(retrieve=self.retriever))

    def test_fitting_twice_gives_the_same_bits(self):
        log = draw_log()
        twin = self.retriever.fit(log)

        same(self.fitted, twin, requests_at(log))
        saved_alike(self.fitted, twin)

    def test_a_saved_model_answers_bit_for_bit_the_same(self, tmp_path: Path):
        log = draw_log()
        fitted = self.fitted
        save(fitted, tmp_path / "model")

        kinds = (type(fitted), *self.kinds)
        back = load(tmp_path / "model", FITTED, kinds=kinds)

        assert isinstance(back, FittedRetriever)
        requests = requests_at(log)
        same(fitted, back, requests)
        # One alone is another product of matrices, and may mind where these lie.
        same(fitted, back, requests.rows(0, 1))

    def test_a_block_of_requests_is_answered_like_each_alone(self):
        log = draw_log()
        fitted = self.fitted
        requests = requests_at(log)
        whole = fitted.retrieve(requests, 7)

        for row in range(len(requests)):
            alone = fitted.retrieve(requests.rows(row, row + 1), 7)
            np.testing.assert_array_equal(alone.item[0], whole.item[row])

    def test_answers_are_the_best_scores_in_order(self):
        log = draw_log()
        fitted = self.fitted
        requests = requests_at(log, repeat=False)
        answer = fitted.retrieve(requests, 10)
        assert isinstance(fitted, Scores)
        scores = fitted.scores(requests)

        for row in range(len(requests)):
            seen = requests.excluded.rows(row, row + 1).item
            scores[row, seen[seen < scores.shape[1]]] = -np.inf
            best = np.sort(scores[row])[::-1][:10]
            expected = best[best > -np.inf]
            found = answer.score[row][answer.present[row]]
            np.testing.assert_allclose(found, expected, rtol=1e-5)
            assert not np.isin(answer.item[row], seen).any()
            assert len(set(answer.item[row][answer.present[row]])) == len(found)

    @pytest.mark.parametrize("share", [0.1, 0.3])
    def test_a_choice_of_items_is_answered_as_if_all_others_were_excluded(
        self, share: float
    ):
        log = draw_log()
        fitted, asked = self.fitted, requests_at(log, repeat=False)
        rng = np.random.default_rng(5)
        row, item = np.nonzero(rng.random((len(asked), len(log.items))) < share)
        each = ItemSets.of_pairs(row, item.astype(np.int32), len(asked))
        size = int(each.count[0])
        ptr = np.arange(len(asked) + 1, dtype=np.int64) * size
        alike = ItemSets(ptr, np.tile(each.item[:size], len(asked)))

        for only in (each, alike, ItemSets.none(len(asked))):
            found = fitted.retrieve(asked.choosing(only), 6)
            rest = asked.excluding(only.others(len(log.items)))
            expected = fitted.retrieve(rest, 6)
            width = found.item.shape[1]
            np.testing.assert_array_equal(found.item, expected.item[:, :width])
            np.testing.assert_array_equal(found.score, expected.score[:, :width])
            assert not expected.present[:, width:].any()

    def test_an_unknown_user_gets_the_documented_answer(self):
        log = draw_log()
        fitted = self.fitted
        unknown = Requests.of_users(
            Snapshot.of(log), np.array([-1], np.int32), log.time[-1:] + 1
        )
        answer = fitted.retrieve(unknown, 5)

        assert answer.present.any() != self.needs_history

    def test_an_item_never_seen_in_training_is_neither_answered_nor_fatal(self):
        log = draw_log()
        t = int(log.time[200])
        fitted = self.retriever.fit(log.before(t))
        seen = np.unique(log.before(t).item)
        answer = fitted.retrieve(requests_at(log), 40)

        assert np.isin(answer.item[answer.present], seen).all()

    @pytest.mark.parametrize("k", [0, -3])
    def test_a_list_shorter_than_one_is_refused(self, k: int):
        log = draw_log()

        with pytest.raises(RequestError, match="k >= 1"):
            self.fitted.retrieve(requests_at(log), k)

    def test_a_list_longer_than_the_catalogue_is_padded(self):
        log = draw_log()
        answer = self.fitted.retrieve(requests_at(log), 10_000)

        assert answer.item.shape[1] <= len(log.items)
        np.testing.assert_array_equal(answer.item == NO_ITEM, np.isneginf(answer.score))

    def test_a_log_without_actions_is_refused(self):
        log = draw_log()
        silent = replace(log, label=np.zeros(len(log), np.int8))

        with pytest.raises(DataError, match="nothing to learn"):
            self.retriever.fit(silent)

    def test_the_wrong_view_is_refused_by_name(self):
        fit = inspect.unwrap(type(self.retriever).fit)  # A test may check types first.

        with pytest.raises(DataError, match="not from Sequences"):
            fit(self.retriever, cast(Any, Sequences.of(draw_log())))

    def test_the_reason_is_an_item_of_the_history_or_none(self):
        log = draw_log()
        fitted = self.fitted
        requests = requests_at(log)
        answer = fitted.retrieve(requests, 10)
        reason = because_of(fitted, requests, answer.item)

        for row in range(len(requests)):
            history = requests.history.rows(row, row + 1).node
            assert np.isin(reason[row], [*history, NO_ITEM]).all()

    def test_ids_of_another_type_work_alike(self):
        log = draw_log()
        numbered = interactions(
            log.users.decode(log.user).str.slice(1).cast(pl.Int64),
            log.items.decode(log.item).str.slice(1).cast(pl.Int64),
            log.time,
        )
        same(self.fitted, self.retriever.fit(numbered), requests_at(log))
