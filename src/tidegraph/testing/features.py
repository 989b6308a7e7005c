"""The laws that every feature obeys, of one's own as ours.

Inherit, and name the feature::

    class TestDaysSinceBrand(FeatureLaws):
        feature = DaysSinceBrand()
"""

from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np

from tidegraph.artifact.sealed import load, save
from tidegraph.catalog import FITTED
from tidegraph.data.interactions import Interactions
from tidegraph.features.columns import Features
from tidegraph.features.feature import Feature
from tidegraph.features.groups import (
    check_feature_groups,
    columns_of_groups,
    values_of_groups,
)
from tidegraph.features.reading import PastView
from tidegraph.graph.live import Graph
from tidegraph.graph.snapshot import Snapshot
from tidegraph.kernels.ragged import latest_places
from tidegraph.stages import NO_ITEM, Requests
from tidegraph.testing.logs import draw_log
from tidegraph.testing.rankers import split_examples
from tidegraph.testing.retrievers import permuted

_NO_CATEGORY = np.zeros(0, np.int32)


class FeatureLaws:
    feature: Feature

    def log(self) -> Interactions:
        """The log that the feature is read from: one with what it asks for."""
        return draw_log(events=1500)

    def read(self, requests: Requests, item: np.ndarray) -> np.ndarray:
        """The columns of the feature for candidates, before they are standardised."""
        past = PastView.of(requests, item.astype(np.int32), _NO_CATEGORY)
        return values_of_groups(past, (self.feature,))

    def asked(self, log: Interactions) -> tuple[np.ndarray, np.ndarray, int]:
        """Users, candidates of each and one moment with a past and a future."""
        user = np.arange(len(log.users), dtype=np.int32)
        item = np.random.default_rng(0).integers(0, len(log.items), (len(user), 7))
        item[::3, -2:] = NO_ITEM
        return user, item.astype(np.int32), int(log.time[2 * len(log.time) // 3])

    def at(self, graph: Snapshot, user: np.ndarray, time: int) -> Requests:
        """A request of each of some users at one moment."""
        clock = np.full(len(user), time, np.int64)
        return Requests.of_users(graph, user.astype(np.int32), clock)

    def test_it_may_be_an_input(self):
        check_feature_groups((self.feature,))

        assert len(columns_of_groups((self.feature,)))

    def test_rewriting_the_future_changes_no_value_of_the_past(self):
        log = self.log()
        user, item, time = self.asked(log)
        rng, rows = np.random.default_rng(1), np.arange(len(log.time))
        later = log.time >= time
        rows[later] = rng.permutation(rows[later])
        context = log.context[rows] if log.context.width else log.context
        rewritten = replace(
            log,
            user=np.where(later, rng.permutation(log.user), log.user),
            item=np.where(later, rng.permutation(log.item), log.item),
            weight=log.weight[rows],
            context=context,
        )

        for other in (rewritten, log.before(time)):
            np.testing.assert_array_equal(
                self.read(self.at(Snapshot.of(log), user, time), item),
                self.read(self.at(Snapshot.of(other), user, time), item),
            )

    def test_permuting_rows_changes_no_value(self):
        log = self.log()
        user, item, time = self.asked(log)
        rng = np.random.default_rng(3)
        users, items = rng.permutation(len(log.users)), rng.permutation(len(log.items))
        moved = Snapshot.of(permuted(log, users, items))
        of_moved = np.where(item == NO_ITEM, NO_ITEM, items[item])

        np.testing.assert_array_equal(
            self.read(self.at(Snapshot.of(log), user, time), item),
            self.read(self.at(moved, users[user], time), of_moved),
        )

    def test_a_candidate_alone_is_read_as_among_others(self):
        log = self.log()
        user, item, time = self.asked(log)
        requests = self.at(Snapshot.of(log), user, time)
        together = self.read(requests, item)

        order = np.random.default_rng(4).permutation(item.shape[1])
        np.testing.assert_array_equal(
            self.read(requests, item[:, order]), together[:, order]
        )
        for row in range(0, len(user), 5):
            for place in range(item.shape[1]):
                one = item[row : row + 1, place : place + 1]
                np.testing.assert_array_equal(
                    self.read(requests.rows(row, row + 1), one)[0, 0],
                    together[row, place],
                )

    def test_what_was_observed_is_read_as_what_a_log_holds(self):
        log = self.log()
        user, item, time = self.asked(log)
        graph = Graph.of(log.before(time))
        rest = log.since(time)
        for n in range(len(rest)):
            graph.observe(rest.take(slice(n, n + 1)))

        # A second later the last event is known.
        end = int(log.time[-1]) + 1
        for moment in (time, end):
            np.testing.assert_array_equal(
                self.read(self.at(graph.snapshot(), user, moment), item),
                self.read(self.at(Snapshot.of(log), user, moment), item),
            )

    def test_an_event_of_a_history_is_read_as_a_request_of_its_time(self):
        log = self.log()
        # What was sent back since is gone from the history of a later request.
        log = replace(log, weight=np.maximum(np.abs(log.weight), 1e-6))
        user, _, time = self.asked(log)
        graph = Snapshot.of(log)
        nobody = np.full((len(user), 0), NO_ITEM, np.int32)
        past = PastView.of(self.at(graph, user, time), nobody, _NO_CATEGORY)
        event = latest_places(past.history.start, past.history.stop, 10)
        row, column = np.nonzero(event >= 0)
        at = event[row, column]
        clock = past.history.time[at] + past.base
        requests = Requests.of_users(graph, user[row], clock)

        np.testing.assert_array_equal(
            values_of_groups(past.at_events(row, at), (self.feature,)),
            self.read(requests, past.history.node[at][:, None]),
        )

    def test_of_unknown_users_and_unknown_items_there_is_a_number(self):
        log = self.log()
        graph = Snapshot.of(log)
        nobody = self.at(graph, np.array([-1, 0]), int(log.time[-1]) + 1)
        first = self.at(graph, np.array([0, -1]), int(log.time[0]))
        history = self.at(graph, np.array([3]), int(log.time[-1]) + 1)
        given = replace(history, user=np.array([-1], np.int32))
        item = np.array([[0, len(log.items), 10_000]])

        for requests in (nobody, first, given):
            every = np.repeat(item, len(requests), axis=0)
            assert np.isfinite(self.read(requests, every)).all()

    def test_what_is_saved_reads_the_same_bits(self, tmp_path: Path):
        learn, _, judge = split_examples(self.log())
        features = Features.fit(learn, groups=(self.feature,))
        save(features, tmp_path / "model")

        kinds = [type(self.feature)]
        back = cast(Features, load(tmp_path / "model", FITTED, kinds=kinds))

        np.testing.assert_array_equal(
            features.of(judge.requests, judge.candidates),
            back.of(judge.requests, judge.candidates),
        )
