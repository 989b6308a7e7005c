"""What is around the nodes of a batch, as one graph of states."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int32, Int64

from tidegraph.ego.hops import Hops
from tidegraph.ego.walks import VisitCount
from tidegraph.errors import ConfigError, LeakageError
from tidegraph.graph.sampling.seeds import Seeds
from tidegraph.graph.snapshot import Snapshot, reverse
from tidegraph.graph.storage.tcsr import NOW
from tidegraph.kernels.hash_table import number_by_appearance
from tidegraph.kernels.keyed_rng import Keys, mixed_keys
from tidegraph.kernels.ragged import starts


class Surroundings(NamedTuple):
    """Nodes as of moments, each once, and which of them are neighbours of which.

    The states of the batch come first, then those that the first hop reached, and so
    on, so that what is within any number of hops is the first few of all.

    Attributes:
        seat: The state of each node that was asked about.
        node: The node of each state, types end to end.
        clock: The moment of each: its neighbours are those it had strictly before.
        ptr: Where the neighbours of each state start; the outermost have none.
        column: State of each neighbour.
        weight: What it counts for; those of a state add up to its strength.
        strength: How many edges each state has, sampled or not.
        sizes: How many states are within all hops, all but one, and so on.
    """

    seat: Int32[np.ndarray, " b"]
    node: Int64[np.ndarray, " states"]
    clock: Int64[np.ndarray, " states"]
    ptr: Int64[np.ndarray, " starts"]
    column: Int32[np.ndarray, " edges"]
    weight: Float32[np.ndarray, " edges"]
    strength: Float32[np.ndarray, " states"]
    sizes: tuple[int, ...]


class _Neighbors(NamedTuple):
    """What one hop brings some states: their neighbours, and how many edges there are.

    Attributes:
        node: Neighbours in the numbering of all types, -1 for none.
        clock: The moment of each.
        weight: What each counts for.
        strength: How many edges each state has.
    """

    node: Int64[np.ndarray, "q k"]
    clock: Int64[np.ndarray, "q k"]
    weight: Float32[np.ndarray, "q k"]
    strength: Float32[np.ndarray, " q"]


@dataclass(frozen=True, eq=False)
class Surveyor:
    """Finds the surroundings of nodes of the types that one plan's edges join.

    A plan starts from one type of node; from a node at the other end of its edges it
    goes against each of them.

    Attributes:
        graph: Where to look.
        plan: Hops, one for each layer; or walks, taken anew at each layer.
        layers: How many layers there are.
        first: The number of the first node of each type.
    """

    graph: Snapshot
    plan: Hops | VisitCount
    layers: int
    first: Mapping[str, int]

    def __post_init__(self) -> None:
        plan = self.plan
        if isinstance(plan, Hops):
            if len(plan.steps) != self.layers:
                raise ConfigError(
                    f"{plan} has {len(plan.steps)} hops and the encoder "
                    f"{self.layers} layers. Take one hop for each layer."
                )
            if len({step.rewind for step in plan.steps}) > 1:
                raise ConfigError(
                    f"{plan} looks at the clock of the root in some hops alone. Say "
                    "rewind() in all of them or in none."
                )
        if isinstance(plan, VisitCount) and list(self.first) == [
            plan.start(self.graph)
        ]:
            return  # Walks only pass through nodes of other types.
        for edge in self._edges_of_plan():
            check_types_numbered(plan, self.graph.ends(edge), self.first)

    @property
    def needs_clocks(self) -> bool:
        """Do surroundings depend on a moment?"""
        timed = any(self.graph[edge].is_timed for edge in self._edges_of_plan())
        if isinstance(self.plan, Hops):
            return timed and not all(step.all_time for step in self.plan.steps)
        return timed and not self.plan.ever

    def around(
        self,
        nodes: Int64[np.ndarray, " b"],
        clocks: Int64[np.ndarray, " b"] | None,
        seed: int,
    ) -> Surroundings:
        """Return the surroundings of nodes as of moments.

        Args:
            nodes: In the numbering of all types.
            clocks: The moment of each; only what is strictly before it is seen.
            seed: For samplers that draw.

        Raises:
            LeakageError: Edges have times, and there are no clocks.
        """
        if clocks is None and self.needs_clocks:
            raise LeakageError(
                f"{self.plan} needs clocks: its edges have times. Pass some, or say "
                "all_time() to see every edge."
            )
        known = np.full(len(nodes), NOW, np.int64) if clocks is None else clocks
        seat, node, clock = distinct_states(nodes, known)
        at, sizes = 0, [len(node)]
        hops: list[_Neighbors] = []
        places: list[np.ndarray] = []
        for depth in range(self.layers):
            found = self._neighbors(depth, node[at:], clock[at:], seed)
            there, at = found.node >= 0, len(node)
            node = np.concatenate([node, found.node[there]])
            clock = np.concatenate([clock, found.clock[there]])
            place, node, clock = distinct_states(node, clock)
            hops.append(found)
            places.append(place[at:])
            sizes.append(len(node))
        outermost = self._neighbors(self.layers - 1, node[at:], clock[at:], seed)
        count = [(found.node >= 0).sum(axis=1) for found in hops]
        weight = [found.weight[found.node >= 0] for found in hops]
        return Surroundings(
            seat,
            node,
            clock,
            starts(np.concatenate([*count, np.zeros(len(node) - at, np.int64)])),
            np.concatenate(places),
            np.concatenate(weight),
            np.concatenate([*(found.strength for found in hops), outermost.strength]),
            tuple(sizes[::-1]),
        )

    def _neighbors(
        self,
        depth: int,
        node: Int64[np.ndarray, " q"],
        clock: Int64[np.ndarray, " q"],
        seed: int,
    ) -> _Neighbors:
        """Return the neighbours of states, whatever the types of their nodes."""
        rows = np.array(list(self.first.values()))
        kind = np.searchsorted(rows, node, side="right") - 1
        salt = (seed * 0x9E3779B1 + depth + 1) % 2**64
        key = mixed_keys((clock * 0x9E3779B1 + node).astype(np.uint64), salt)
        parts: list[tuple[np.ndarray, _Neighbors]] = []
        for number, (name, first) in enumerate(self.first.items()):
            mine = np.flatnonzero(kind == number)
            if len(mine):
                row = (node[mine] - first).astype(np.int32)
                parts.append(
                    (
                        mine,
                        self._neighbors_of_type(
                            name, depth, row, clock[mine], key[mine]
                        ),
                    )
                )
        width = max((part.node.shape[1] for _, part in parts), default=0)
        shape = len(node), width
        out = _Neighbors(
            np.full(shape, -1, np.int64),
            np.zeros(shape, np.int64),
            np.zeros(shape, np.float32),
            np.zeros(len(node), np.float32),
        )
        for mine, part in parts:
            for whole, some in zip(out[:3], part[:3], strict=True):
                whole[mine, : some.shape[1]] = some
            out.strength[mine] = part.strength
        return out

    def _neighbors_of_type(
        self,
        name: str,
        depth: int,
        row: Int32[np.ndarray, " q"],
        clock: Int64[np.ndarray, " q"],
        key: Keys,
    ) -> _Neighbors:
        """Return the neighbours of nodes of one type."""
        graph, plan = self.graph, self.plan
        if isinstance(plan, VisitCount):
            if graph.ends(plan.walk.path[0])[0] != name:
                path = tuple(reverse(edge) for edge in plan.walk.path)
                plan = replace(plan, walk=replace(plan.walk, path=path))
            field = plan.sample(graph, Seeds(row, clock, key))
            node = _shifted_numbers(field.ids[1], self.first[name])
            moment = np.broadcast_to(clock[:, None], node.shape)
            return _Neighbors(
                node, moment, field.weight[1], np.ones(len(row), np.float32)
            )
        step = plan.steps[depth]
        if graph.ends(step.edge)[0] != name:
            step = replace(step, edge=reverse(step.edge))
        edges = graph.along(step.edge, step.by)
        past = step.past(edges, row, clock, key, graph.tick)
        found, strength = step.sampler(past), past.stop - past.start
        keeps = step.rewind or step.keeps_clock(edges)
        moment = (
            np.broadcast_to(clock[:, None], found.ids.shape) if keeps else found.time
        )
        total = found.weight.sum(axis=1, keepdims=True)
        weight = found.weight * (strength[:, None] / np.where(total > 0, total, 1))
        node = _shifted_numbers(found.ids, self.first[graph.ends(step.edge)[1]])
        return _Neighbors(
            node, moment, weight.astype(np.float32), strength.astype(np.float32)
        )

    def _edges_of_plan(self) -> tuple[str, ...]:
        if isinstance(self.plan, VisitCount):
            return self.plan.walk.path
        return tuple(step.edge for step in self.plan.steps)


def check_types_numbered(
    plan: object, ends: Iterable[str], first: Mapping[str, int]
) -> None:
    """Raise ConfigError if edges join other types of node than those with numbers."""
    ends, types = set(ends), "s and ".join(first)
    if strange := ends - set(first):
        raise ConfigError(
            f"{plan} comes to nodes {min(strange)!r}, which have no vectors. Stay "
            f"among {types}s."
        )
    if missing := set(first) - ends:
        raise ConfigError(
            f"{plan} has no way from nodes {min(missing)!r}, which have vectors, too. "
            f"Take edges between {types}s."
        )


def _shifted_numbers(
    ids: Int32[np.ndarray, "q k"], first: int
) -> Int64[np.ndarray, "q k"]:
    """Return nodes of a type in the numbering of all types."""
    return np.where(ids >= 0, ids.astype(np.int64) + first, -1)


def distinct_states(
    node: Int64[np.ndarray, " n"], clock: Int64[np.ndarray, " n"]
) -> tuple[
    Int32[np.ndarray, " n"], Int64[np.ndarray, " states"], Int64[np.ndarray, " states"]
]:
    """Return the state of each node as of a moment, and node and moment of each state.

    Each is there once, in the order of the first that has it.
    """
    _, moment = np.unique(clock, return_inverse=True)
    key = moment.astype(np.int64) * (int(node.max(initial=0)) + 1) + node
    place, first = number_by_appearance(key)
    return place, node[first], clock[first]
