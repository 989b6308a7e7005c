"""The laws that every ranker obeys, whatever its method.

Inherit, and name the method::

    class TestDIN(RankerLaws):
        ranker = DIN()
"""

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from tidegraph.artifact.sealed import load, save
from tidegraph.catalog import FITTED
from tidegraph.data.interactions import Interactions, interactions
from tidegraph.durations import DAY
from tidegraph.fitting.examples import examples, items_acted_on_within
from tidegraph.graph.snapshot import Snapshot
from tidegraph.kernels.jit import use_threads
from tidegraph.pipeline import Pipeline
from tidegraph.pipeline.past import Windows
from tidegraph.retrieval.blend import Blend
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.popular import Popular
from tidegraph.run import Run
from tidegraph.stages import (
    NO_ITEM,
    Candidates,
    Examples,
    FittedRanker,
    Ranker,
    Requests,
)
from tidegraph.testing.logs import draw_log
from tidegraph.testing.observing import two_threads_answer_as_one
from tidegraph.testing.retrievers import permuted
from tidegraph.testing.states import saved_alike

WEEK = 7 * DAY


def examples_at(log: Interactions, cut: int, graph: Snapshot | None = None) -> Examples:
    """One request per user at ``cut``, with candidates known then and labels."""
    users = np.arange(len(log.users), dtype=np.int32)
    requests = Requests.of_users(
        graph or Snapshot.of(log), users, np.full(len(users), cut, np.int64)
    )
    blend = Blend((ItemKNN(neighbors=10), Popular())).fit(log.before(cut))
    return examples(
        requests,
        items_acted_on_within(requests, 7),
        blend.retrieve(requests, 15),
        negatives=5,
        rng=np.random.default_rng(0),
    )


def split_examples(log: Interactions) -> tuple[Examples, Examples, Examples]:
    """Examples to learn from, to stop by, and to be judged on; each later."""
    end, graph = int(log.time[-1]), Snapshot.of(log)
    return (
        examples_at(log, end - 3 * WEEK, graph),
        examples_at(log, end - 2 * WEEK, graph),
        examples_at(log, end - WEEK, graph),
    )


def renumbered(
    examples: Examples, graph: Snapshot, user: np.ndarray, item: np.ndarray
) -> Examples:
    """The same examples about a graph whose row r is ``user[r]`` or ``item[r]``."""
    requests, candidates = examples.requests, examples.candidates
    hidden = requests.excluded
    moved = replace(
        requests,
        graph=graph,
        user=user[requests.user].astype(np.int32),
        history=replace(
            requests.history, node=item[requests.history.node].astype(np.int32)
        ),
        hidden=replace(hidden, item=item[hidden.item].astype(np.int32)),
    )
    there = np.where(candidates.present, item[candidates.item], NO_ITEM)
    return replace(
        examples,
        requests=moved,
        candidates=replace(candidates, item=there.astype(np.int32)),
    )


class RankerLaws:
    ranker: Ranker
    tolerance = 1e-4
    drawn_by_row = False
    """Set it where first weights are drawn row by row: another order, another draw."""
    """How far scores may be apart that are learnt from rows in another order."""
    kinds: tuple[type, ...] = ()
    """Classes of one's own that a saved model holds, such as a click model."""

    def fitted(self, log: Interactions) -> tuple[FittedRanker, Examples]:
        learn, stop, judge = split_examples(log)
        return self.ranker.fit(learn, stop, run=Run(np.random.default_rng(1))), judge

    @property
    def known(self) -> tuple[FittedRanker, Examples]:
        """The method fitted on ``draw_log(events=1500)``, once: no law changes it."""
        kind = type(self)
        if "_known" not in vars(kind):
            kind._known = self.fitted(draw_log(events=1500))
        return kind._known

    _known: ClassVar[tuple[FittedRanker, Examples]]

    def test_rewriting_the_future_changes_no_score_about_the_past(self):
        log = draw_log(events=1500)
        cut = int(log.time[-1]) - WEEK
        later = log.time >= cut
        item = log.item.copy()
        item[later] = np.random.default_rng(2).permutation(item[later])
        rewritten = replace(log, item=item)
        model, judge = self.known
        other, _ = self.fitted(rewritten)
        requests = replace(judge.requests, graph=Snapshot.of(rewritten))

        np.testing.assert_array_equal(
            model.score(judge.requests, judge.candidates),
            other.score(requests, judge.candidates),
        )

    def test_renaming_ids_changes_no_score(self):
        log = draw_log(events=1500)
        renamed = interactions(
            log.users.decode(log.user).str.replace("u", "x"),
            log.items.decode(log.item).str.replace("i", "y"),
            log.time,
        )
        renamed = replace(
            renamed,
            items=replace(
                log.items,
                ids=log.items.ids.str.replace("i", "y"),
            ),
        )
        model, judge = self.known
        other, same = self.fitted(renamed)

        np.testing.assert_array_equal(
            model.score(judge.requests, judge.candidates),
            other.score(same.requests, same.candidates),
        )

    def test_permuting_rows_changes_no_score(self):
        if self.drawn_by_row:
            pytest.skip("first weights are drawn row by row")
        log = draw_log(events=1500)
        rng = np.random.default_rng(3)
        user, item = rng.permutation(len(log.users)), rng.permutation(len(log.items))
        graph = Snapshot.of(permuted(log, user, item))
        learn, stop, judge = split_examples(log)
        moved = [renumbered(part, graph, user, item) for part in (learn, stop, judge)]

        model = self.ranker.fit(learn, stop, run=Run(np.random.default_rng(1)))
        twin = self.ranker.fit(moved[0], moved[1], run=Run(np.random.default_rng(1)))

        np.testing.assert_allclose(
            twin.score(moved[2].requests, moved[2].candidates),
            model.score(judge.requests, judge.candidates),
            rtol=self.tolerance,
            atol=self.tolerance / 10,
        )

    def test_the_number_of_threads_changes_no_bit(self):
        log = draw_log(events=1500)
        model, judge = self.known
        with use_threads(threads=3, grain=1):
            other, same = self.fitted(log)
            found = other.score(same.requests, same.candidates)

        np.testing.assert_array_equal(
            found, model.score(judge.requests, judge.candidates)
        )

    def test_events_observed_by_two_threads_are_answered_as_those_of_one(self):
        two_threads_answer_as_one(
            Pipeline(retrieve=ItemKNN(), rank=self.ranker, windows=Windows(days=4.0)),
            1500,
        )

    def test_the_same_rng_gives_the_same_bits(self):
        log = draw_log(events=1500)
        model, judge = self.known
        twin, _ = self.fitted(log)

        np.testing.assert_array_equal(
            model.score(judge.requests, judge.candidates),
            twin.score(judge.requests, judge.candidates),
        )
        saved_alike(model, twin)

    def test_a_saved_model_scores_bit_for_bit_the_same(self, tmp_path: Path):
        model, judge = self.known
        save(model, tmp_path / "model")

        kinds = (type(model), *self.kinds)
        back = load(tmp_path / "model", FITTED, kinds=kinds)
        assert isinstance(back, FittedRanker)

        np.testing.assert_array_equal(
            model.score(judge.requests, judge.candidates),
            back.score(judge.requests, judge.candidates),
        )

    def test_a_score_is_a_probability_and_0_where_there_is_no_item(self):
        model, judge = self.known
        item = judge.candidates.item.copy()
        item[::2, -3:] = -1
        gaps = replace(judge.candidates, item=item)

        score = model.score(judge.requests, gaps)

        assert (score[item == -1] == 0).all()
        assert ((score[item != -1] > 0) & (score[item != -1] < 1)).all()

    def test_the_order_of_candidates_does_not_matter(self):
        model, judge = self.known
        rng = np.random.default_rng(3)
        rows, width = judge.candidates.item.shape
        places = np.arange(width, dtype=np.int64)
        order = np.stack([rng.permutation(places) for _ in range(rows)])
        mixed = judge.candidates.reordered(order, judge.candidates.score)

        score = model.score(judge.requests, judge.candidates)

        np.testing.assert_allclose(
            model.score(judge.requests, mixed),
            np.take_along_axis(score, order, axis=1),
            rtol=1e-5,
        )

    def test_a_request_alone_is_scored_as_in_a_block(self):
        model, judge = self.known
        score = model.score(judge.requests, judge.candidates)
        part = Candidates(
            judge.candidates.item[3:4],
            judge.candidates.score[3:4],
            judge.candidates.channels,
            judge.candidates.votes[3:4],
        )

        alone = model.score(judge.requests.rows(3, 4), part)

        np.testing.assert_allclose(alone[0], score[3], rtol=1e-5)

    def test_unknown_users_and_unknown_items_are_scored(self):
        log = draw_log(events=1500)
        model, _ = self.known
        nobody = Requests.of_users(
            Snapshot.of(log), np.array([-1], np.int32), log.time[-1:] + 1
        )
        item = np.array([[0, 10_000]], np.int32)

        score = model.score(nobody, Candidates(item, np.zeros((1, 2), np.float32)))

        assert ((score > 0) & (score < 1)).all()
