"""What a network gets of some requests: the shared inputs, as tensors."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64

from tidegraph.durations import DAY
from tidegraph.features.columns import Features
from tidegraph.features.events import StepNumbers
from tidegraph.features.neighbors import CROSS, cross_with_history
from tidegraph.features.reading import PastView, latest_history_items
from tidegraph.features.tables import Tables
from tidegraph.kernels.ragged import latest_places, values_at
from tidegraph.nn.around import Around, Reads
from tidegraph.nn.inputs import HISTORY_NUMBERS, Inputs
from tidegraph.nn.sequence.ages import age_bucket
from tidegraph.nn.wide import Wide
from tidegraph.ranking.log_states import LogStates
from tidegraph.ranking.receptive_fields import Reader, Shown
from tidegraph.stages import NO_ITEM, Requests
from tidegraph.training.weights import tensor

BLOCK, CELLS = 64, 2048
"""Requests that are answered together; more, where they have few candidates."""


class Block(NamedTuple):
    """What a network gets of some requests.

    Attributes:
        rows: Which requests.
        inputs: What every click model gets.
        around: What the network's plans bring, if it has any.
    """

    rows: Int64[np.ndarray, " b"]
    inputs: Inputs
    around: Around | None


@dataclass(frozen=True, eq=False)
class Batches:
    """Reads batches from the graph, strictly before the clock of each request.

    Attributes:
        features: The shared inputs.
        tables: How users and items become rows of tables.
        history: How many of the latest events are looked at one by one.
        reads: The plans of a model that reads the graph, if it does.
        numbers: Which of ``HISTORY_NUMBERS`` the model reads.
    """

    features: Features
    tables: Tables
    history: int
    reads: Reads | None
    numbers: tuple[str, ...] = HISTORY_NUMBERS

    def known(self, requests: Requests) -> StepNumbers:
        """Return what was known of the events of some requests before each."""
        if "event" not in self.numbers:
            return StepNumbers.none(len(requests), self.history)
        return StepNumbers.of(self.features, requests, self.history)

    def blocks(
        self,
        requests: Requests,
        item: Int32[np.ndarray, "b k"],
        numbers: Float32[np.ndarray, "b k n"],
        known: StepNumbers | None = None,
        network: Wide | None = None,
    ) -> Iterator[Block]:
        """Yield what the network gets of all requests, some at a time.

        Args:
            requests: Users, clocks and histories.
            item: Candidates of each.
            numbers: The shared inputs of these.
            known: What was known of the events of the requests, where it is at hand.
            network: Where its weights do not change, states that several blocks need
                are made by it once, in advance.
        """
        known = self.known(requests) if known is None else known
        size, log = max(BLOCK, CELLS // max(item.shape[1], 1)), None
        order = np.arange(len(requests))
        if network is not None and self.reader is not None:
            log = LogStates.of(network, self.reader, requests, item, size)
            # Histories in place of users have events of their own: these stand apart.
            order = np.argsort(requests.user < 0, kind="stable")
        for start in range(0, len(requests), size):
            rows = order[start : start + size]
            inputs = self.inputs(requests, rows, item[rows], numbers[rows], known)
            around = self.around(requests, rows, item[rows], log=log)
            yield Block(rows, inputs, around)

    def inputs(
        self,
        requests: Requests,
        rows: Int64[np.ndarray, " b"],
        item: Int32[np.ndarray, "b k"],
        numbers: Float32[np.ndarray, "b k n"],
        known: StepNumbers,
    ) -> Inputs:
        """Return what the network gets for some of the requests.

        Args:
            requests: Users, clocks and histories.
            rows: Which of them.
            item: Candidates of each.
            numbers: The shared inputs of these.
            known: What was known of the events of all requests.
        """
        past, age, there = latest_events(requests, rows, self.history)
        step = self.tables.item.rows(past)
        if self.tables.event.columns:
            said = self.tables.event.of_history(requests, rows, self.history)
            step = np.concatenate([step, said], axis=2)
        return Inputs(
            item=tensor(self.tables.item.rows(item)),
            user=tensor(self.tables.user.rows(requests.user[rows])),
            numbers=tensor(numbers),
            present=tensor(item != NO_ITEM),
            step=tensor(step),
            event=tensor(known.rows(rows)),
            cross=tensor(self._cross_columns(requests, rows, item)),
            age=tensor(age),
            real_step=tensor(there),
        )

    def _cross_columns(
        self,
        requests: Requests,
        rows: Int64[np.ndarray, " b"],
        item: Int32[np.ndarray, "b k"],
    ) -> Float32[np.ndarray, "b k h c"]:
        """Return what candidates and events have in common, if that is on and read."""
        on = "cross" in self.features.groups and "cross" in self.numbers
        if not on or not self.history:
            width = len(CROSS) if on else 0
            return np.zeros((*item.shape, self.history, width), np.float32)
        past = PastView.of(requests, item, self.features.category, rows)
        return cross_with_history(
            past, latest_history_items(past.history, self.history)
        ).cross

    def nodes(
        self, requests: Requests, item: Int32[np.ndarray, "b k"]
    ) -> tuple[Int32[np.ndarray, " n"], Int32[np.ndarray, " m"]]:
        """Return the items and the users that the network reads, -1 for none.

        Args:
            requests: Users, clocks and histories.
            item: Candidates of each.
        """
        past, user = requests.positive.history, requests.user
        age = np.repeat(past.ptr[1:], np.diff(past.ptr)) - np.arange(len(past.node))
        items, users = [item.ravel(), past.node[age <= self.history]], [user]
        if self.reader is not None:
            for start in range(0, len(requests), BLOCK):
                rows = np.arange(start, min(len(requests), start + BLOCK))
                near = self.reader.nodes(requests, rows, item[rows])
                items.append(near[0])
                users.append(near[1])
        return np.concatenate(items), np.concatenate(users)

    @property
    def reads_others(self) -> bool:
        """Does it read events of others than who asks, batch by batch?"""
        read = {"event": "events", "cross": "cross"}
        on = any(read[one] in self.features.groups for one in self.numbers)
        return self.reads is not None or on

    @cached_property
    def reader(self) -> Reader | None:
        """What reads the graph around users and candidates, if the model wants that."""
        if self.reads is None:
            return None
        return Reader.of(self.reads, self.tables, self.features, self.numbers)

    def around(
        self,
        requests: Requests,
        rows: Int64[np.ndarray, " b"],
        item: Int32[np.ndarray, "b k"],
        shown: Shown | None = None,
        log: LogStates | None = None,
    ) -> Around | None:
        """Return what the network's plans bring, if it has any.

        Args:
            requests: Users, clocks and histories.
            rows: Which of them.
            item: Candidates of each.
            shown: Whose ids are not hidden; all if left out.
            log: What the events around them are at each layer, where it is at hand.
        """
        if self.reader is None:
            return None
        return self.reader.around(requests, rows, item, shown, log)


def latest_events(
    requests: Requests, rows: Int64[np.ndarray, " b"], count: int
) -> tuple[Int32[np.ndarray, "b h"], Int64[np.ndarray, "b h"], Bool[np.ndarray, "b h"]]:
    """Return the latest events of some requests, without returns, the latest first.

    Returns:
        The item of each, ``NO_ITEM`` where there is none; the bucket of its age; and
        where there is an event.
    """
    history = requests.positive.history
    place = latest_places(history.ptr[rows], history.ptr[rows + 1], count)
    there = place >= 0
    time = np.broadcast_to(requests.time[rows][:, None], place.shape)
    days = np.zeros(place.shape)
    days[there] = (time[there] - history.time[place[there]]) / DAY
    return values_at(history.node, place, NO_ITEM), age_bucket(days), there
