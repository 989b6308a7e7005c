"""States of the events of a log, layer by layer, each once for many requests.

A state below the root of a request is of an event and a side, whoever asks, so requests
that are answered some at a time would make the same ones again and again. Here those
that any request needs are found first, from the roots down; then each layer is made of
the one before: O(layers x events x neighbours) for any number of requests, each of
which makes its root alone.
"""

import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int, Int32

from tidegraph.ego.dedup import Unique
from tidegraph.errors import RequestError
from tidegraph.extras import needed
from tidegraph.features.edge_numbers import Events
from tidegraph.graph.from_log import ACTION
from tidegraph.graph.sampling.seeds import Seeds
from tidegraph.nn.around import States
from tidegraph.nn.propagation import OTHER, Side
from tidegraph.nn.wide import Wide
from tidegraph.ranking.read_side import ReadSide, hop_of_each_side
from tidegraph.ranking.receptive_fields import Reader
from tidegraph.stages import Requests
from tidegraph.training.weights import tensor

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor

logger = logging.getLogger(__name__)

BLOCK = 1 << 12
"""States that are made together."""
MOST = 1 << 30
"""Bytes of states that are kept in memory; more are in a file that is mapped."""
SIDES: tuple[Side, Side] = ("user", "item")
NOBODY = np.zeros(0, np.int64)
"""No row of the requests."""


@dataclass(frozen=True, eq=False)
class LogStates:
    """What events are at each layer, as far as some requests need it.

    Attributes:
        place: By side and number of an event, one more than its row; 0 where it has
            none.
        layers: By side, what the first rows are at each layer above their own vectors.
    """

    place: Mapping[Side, Int32[np.ndarray, " edges"]]
    layers: Mapping[Side, list[Float32[np.ndarray, "_ width"]]]

    @classmethod
    @torch.inference_mode()
    def of(
        cls,
        network: Wide,
        reader: Reader,
        requests: Requests,
        item: Int32[np.ndarray, "b k"],
        size: int,
    ) -> "LogStates | None":
        """Return the states that requests need; none if they share nothing.

        That is so where they are answered at once, where no neighbour has neighbours
        that are read, and where a state is not of its event alone.

        Args:
            network: Makes the states, by weights that do not change.
            reader: Reads its plans.
            requests: Users and clocks.
            item: Candidates of each.
            size: How many requests are answered at once.

        Raises:
            RequestError: There is no room for them, neither in memory nor on disk.
        """
        layered, top = network.layered, max(reader.depth.values()) - 1
        if layered is None or top < 1 or len(requests) <= size:
            return None
        hops = hop_of_each_side(reader.user, reader.item)
        if len(hops) < len(SIDES):
            return None
        log = _Log(network, reader, requests.positive, hops)
        events = log.events_needed(item, size, top)
        room = _room_for(
            [
                (events[one].ends[top - n], layered.width)
                for one in SIDES
                for n in range(top)
            ]
        )
        layers: dict[Side, list[Float32[np.ndarray, "_ width"]]] = {
            "user": room[:top],
            "item": room[top:],
        }
        states = cls({side: events[side].place for side in SIDES}, layers)
        for number in range(top):
            for side in SIDES:
                log.make_layer(states, events[side], side, number)
        return states

    def rows(
        self, side: Side, layer: int, edge: Int[np.ndarray, " n"]
    ) -> Float[Tensor, "n width"]:
        """Return what some events are at a layer, counted from 1."""
        return tensor(self.layers[side][layer - 1][self.place[side][edge] - 1])

    def around(self, states: States, side: Side, read: ReadSide, depth: int) -> States:
        """Return the first hop around roots with what its events are at each layer.

        Args:
            states: The first hop.
            side: What the roots are.
            read: What brought it.
            depth: How many hops the roots read.
        """
        return states._replace(
            layers=tuple(
                self.rows(OTHER[side], layer, read.found.edge[1])
                for layer in range(1, depth)
            )
        )


@dataclass(frozen=True, eq=False)
class _Log:
    """Finds and makes the states that requests need.

    Attributes:
        network: Makes them.
        reader: Reads what they are made of.
        requests: Who needs them.
        hops: The hop from a node of each side.
    """

    network: Wide
    reader: Reader
    requests: Requests
    hops: Mapping[str, Unique]

    def events_needed(
        self, item: Int32[np.ndarray, "b k"], size: int, top: int
    ) -> "dict[Side, _Needed]":
        """Return the events whose states are needed, by side.

        To be at a layer an event takes its neighbours, of the other side, at the one
        below.

        Args:
            item: Candidates of each request.
            size: How many requests are read at once.
            top: The highest layer.
        """
        issued = self.requests.graph.edge(ACTION).issued
        events: dict[Side, _Needed] = {side: _Needed(issued) for side in SIDES}
        for layer in range(top, 0, -1):
            for side in SIDES:
                if self.reader.depth[OTHER[side]] == layer + 1:
                    for some in self._around_roots(OTHER[side], item, size):
                        events[side].add(some)
            for side in SIDES:
                events[side].close()
            for side in SIDES if layer > 1 else ():
                for some in events[side].latest_blocks():
                    events[OTHER[side]].add(self._around(side, some).events(1))
        return events

    def make_layer(
        self, states: LogStates, events: "_Needed", side: Side, number: int
    ) -> None:
        """Make the layer after ``number`` of the states of a side, in their place."""
        out, reader = states.layers[side][number], self.reader
        for start in range(0, len(out), BLOCK):
            some = events.between(start, min(start + BLOCK, len(out)))
            read = self._around(side, some)
            parent = some.item if side == "user" else some.user
            rows = tensor(reader.table_rows(OTHER[side], parent))
            given = reader.input_states(self.requests, NOBODY, read)
            known = None
            if number:
                known = (
                    states.rows(side, number, some.number),
                    states.rows(OTHER[side], number, read.found.edge[1]),
                )
            made = self.network.next_layer(side, number, given, rows, known)
            out[start : start + BLOCK] = made.cpu().numpy()

    def _around(self, side: Side, events: Events) -> ReadSide:
        """Return the neighbours of what events were on a side, as of each."""
        node = events.user if side == "user" else events.item
        seeds = Seeds.of(node, events.time)
        return ReadSide.of(self.requests.graph, self.hops[side], side, seeds)

    def _around_roots(
        self, side: Side, item: Int32[np.ndarray, "b k"], size: int
    ) -> Iterator[Events]:
        """Yield the events around the users of all requests, or around candidates."""
        for start in range(0, len(item), size):
            rows = np.arange(start, min(start + size, len(item)))
            if side == "user":
                found = self.reader.users(self.requests, rows, whole=False)
            else:
                found, _ = self.reader.items(
                    self.requests, rows, item[rows], whole=False
                )
            yield found.events(1)


class _Needed:
    """Events of one side whose states are needed, those of the highest layers first.

    Args:
        issued: How many events have numbers.
    """

    def __init__(self, issued: int) -> None:
        # Zeros that nobody has written on take neither time nor memory.
        self.place = np.zeros(issued, np.int32)
        rows, numbers = np.zeros(0, np.int32), np.zeros(0, np.int64)
        self._events, self._new = Events(numbers, rows, rows, numbers), list[Events]()
        self.ends = [0]

    def add(self, events: Events) -> None:
        """Add events, each once in all; one that the graph does not hold has no state.

        Args:
            events: Different ones.
        """
        held = events.at(np.flatnonzero(events.number < len(self.place)))
        new = held.at(np.flatnonzero(self.place[held.number] == 0))
        self.place[new.number] = -1
        self._new.append(new)

    def close(self) -> None:
        """Give those that were added since the last time their rows."""
        parts = zip(self._events, *self._new, strict=True)
        self._events, self._new = Events(*map(np.concatenate, parts)), []
        start, stop = self.ends[-1], len(self._events.number)
        self.place[self._events.number[start:]] = np.arange(start + 1, stop + 1)
        self.ends.append(stop)

    def between(self, start: int, stop: int) -> Events:
        """Return the events of some rows."""
        return Events(*(part[start:stop] for part in self._events))

    def latest_blocks(self) -> Iterator[Events]:
        """Yield the events that were given their rows the last time."""
        first, last = self.ends[-2:]
        for start in range(first, last, BLOCK):
            yield self.between(start, min(start + BLOCK, last))


def _room_for(shapes: list[tuple[int, int]]) -> list[Float32[np.ndarray, "_ _"]]:
    """Return arrays of some shapes; above ``MOST`` bytes in all, mapped from a file.

    Raises:
        RequestError: The file would be larger than its folder has room.
    """
    size = 4 * sum(rows * width for rows, width in shapes)
    count, gib = sum(rows for rows, _ in shapes), size / 2**30
    logger.info("%d states of events are made, and take %.2f GiB", count, gib)
    if size <= MOST:
        return [np.empty(shape, np.float32) for shape in shapes]
    folder = tempfile.gettempdir()
    if (free := shutil.disk_usage(folder).free) < size:
        raise RequestError(
            f"{count:,} states of events take {gib:.1f} GiB, and {folder!r} has room "
            f"for {free / 2**30:.1f}. Let TMPDIR name a folder with more, or score "
            "fewer requests at a time."
        )
    with tempfile.TemporaryFile() as file:
        whole = np.memmap(file, np.float32, "w+", shape=(size // 4,))
    ends = np.cumsum([rows * width for rows, width in shapes])[:-1]
    parts = zip(np.split(np.asarray(whole), ends), shapes, strict=True)
    return [part.reshape(shape) for part, shape in parts]
