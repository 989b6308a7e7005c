"""A dynamic sequential graph as unique states: each interaction once per depth.

A child's past ends at the edge that led to it, so its state depends on that edge and
the side alone, however many parents share it. An encoder that computes each state once
does 2 |E| of them per layer at most, not one per path.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int, Int32, Int64

from tidegraph.arguments import checked
from tidegraph.ego.hop_sampling import (
    Step,
    given_edges,
    past_of_hop,
    sample_step,
    strengths_taken,
)
from tidegraph.ego.hops import Hops
from tidegraph.ego.seeding import sampled_by_rows
from tidegraph.ego.tree import ages_of_edges
from tidegraph.errors import ConfigError
from tidegraph.graph.sampling.distinct import DistinctSlots, distinct_slots
from tidegraph.graph.sampling.distinct_picks import distinct_picks
from tidegraph.graph.sampling.gather import Run, gathered
from tidegraph.graph.sampling.seeds import Seeds
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage.tcsr import TemporalCSR
from tidegraph.kernels.hash_table import number_by_appearance
from tidegraph.kernels.jit import compiled
from tidegraph.kernels.keyed_rng import Keys, mixed_keys


class EgoStates(NamedTuple):
    """The different states of a batch by depth, and who are whose children.

    Attributes:
        ids: Rows of the nodes of each state; depth 0 is the batch, one for each row.
        time: Clock of each state.
        weight: Strength of the edge that led to it.
        edge: Number of that edge; each stands once per depth.
        child: For each state of depth n, the places of its neighbours among those of
            depth n + 1, as many as the hop is wide, -1 where there is none.
        dt: Ticks from each child's edge to the clock of this state; 0 where none.
        share: What each child counts for here; another than the strength of its edge
            where the sampler says so.
    """

    ids: tuple[Int32[np.ndarray, " _"], ...]
    time: tuple[Int64[np.ndarray, " _"], ...]
    weight: tuple[Float32[np.ndarray, " _"], ...]
    edge: tuple[Int[np.ndarray, " _"], ...]
    child: tuple[Int32[np.ndarray, "_ _"], ...]
    dt: tuple[Int64[np.ndarray, "_ _"], ...]
    share: tuple[Float32[np.ndarray, "_ _"], ...]


@dataclass(frozen=True)
class Unique:
    """A plan whose batches come as unique states.

    Samplers that draw are asked once per state: their key is made of both ends of the
    edge and its time, so that a state is the same in whatever batch it stands, and
    whatever else the graph holds. In which order states of one depth stand follows
    where their edges lie, which another graph of the same edges may do otherwise.

    Attributes:
        hops: The plan.
    """

    hops: Hops

    def start(self, graph: Snapshot) -> str | None:
        """Return the type of node that the plan starts from."""
        return self.hops.start(graph)

    @sampled_by_rows
    def sample(self, graph: Snapshot, seeds: Seeds) -> EgoStates:
        """Return the unique states around the seeds.

        Raises:
            ConfigError: A child's clock is not the time of its edge.
        """
        return self.states(graph, seeds)

    def states(
        self, graph: Snapshot, seeds: Seeds, *, evident: bool = False
    ) -> EgoStates:
        """Return the unique states around the seeds.

        Args:
            graph: Where to look.
            seeds: Nodes, each with its clock.
            evident: Go along no action that says that nobody wanted an item, nor from
                a user to what was sent back before the clock. What is given stays.

        Raises:
            ConfigError: A child's clock is not the time of its edge.
        """
        self.hops.check(graph, seeds)
        if seeds.clock is None or any(
            step.rewind or step.keeps_clock(graph[step.edge])
            for step in self.hops.steps
        ):
            raise ConfigError(
                "unique states need hops over timed edges, with a clock and without "
                "all_time() or rewind()."
            )
        ids, time = [seeds.node], [seeds.clock]
        weight = [(seeds.node >= 0).astype(np.float32)]
        edge: list[np.ndarray] = [np.full(len(seeds.node), -1, np.int32)]
        child: list[np.ndarray] = []
        gap: list[np.ndarray] = []
        share: list[np.ndarray] = []
        key = seeds.key
        for depth, step in enumerate(self.hops.steps):
            given = given_edges(seeds, step) if depth == 0 else None
            found = _next_depth(graph, step, ids[-1], time[-1], key, given, evident)
            child.append(found.child)
            gap.append(found.gap)
            share.append(found.share)
            ids.append(found.ids)
            time.append(found.time)
            edge.append(found.edge)
            weight.append(strengths_taken(graph, step, edge[-1], given))
            if depth + 1 == len(self.hops.steps):
                break
            epoch = (seeds.seed * 0x9E3779B1 + depth + 1) % 2**64
            key = _keys_of_states(ids[-2], found, epoch)
        return EgoStates(
            tuple(ids),
            tuple(time),
            tuple(weight),
            tuple(edge),
            tuple(child),
            tuple(gap),
            tuple(share),
        )

    def __str__(self) -> str:
        return f"unique({self.hops})"


@checked(ConfigError)
def unique(hops: Hops) -> Unique:
    """Let the batches of a plan come as unique states.

    Raises:
        ConfigError: It is no plan of hops.
    """
    if not isinstance(hops, Hops):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ConfigError(
            f"unique() takes hops that say which neighbours they take, not {hops!r}."
        )
    return Unique(hops)


def _next_depth(
    graph: Snapshot,
    step: Step,
    nodes: Int32[np.ndarray, " n"],
    clocks: Int64[np.ndarray, " n"],
    key: np.ndarray,
    given: TemporalCSR | None,
    evident: bool,
) -> DistinctSlots:
    """Return the states that one hop from some states leads to, each once."""
    if given is None:
        past = past_of_hop(graph, step, nodes, clocks, key, evident)
        picked = step.sampler.picks(past)
        # Where some edges are left out, one edge may stand in several slots.
        if past.edges is graph.along(step.edge, step.by):
            if isinstance(picked, Run):
                states, strays = distinct_slots(past, picked, clocks)
            else:
                states, strays = distinct_picks(past, picked, clocks)
            step.sampler.refuse(strays, picked)
            return states
        found, strays = gathered(past, picked)
        step.sampler.refuse(strays, picked)
    else:
        found = sample_step(graph, step, nodes, clocks, key, given, evident=evident)
    place, first = number_by_appearance(found.edge.ravel())
    ids, time, edge = (
        part.ravel()[first] for part in (found.ids, found.time, found.edge)
    )
    place = place.reshape(found.edge.shape)
    gap = ages_of_edges(clocks, found)
    return DistinctSlots(ids, time, edge, place, gap, found.weight)


def _keys_of_states(
    nodes: Int32[np.ndarray, " n"], found: DistinctSlots, salt: int
) -> Keys:
    """Return the random key of each state that one hop from some nodes led to."""
    # The number of an edge would not do: later rows of a table may stand before it.
    keys = np.zeros(len(found.ids), np.uint64)
    _write_near_nodes(nodes, found.child, keys)
    for part in (found.ids, found.time):
        keys = mixed_keys(keys, salt) + part.astype(np.uint64)
    return mixed_keys(keys, salt)


@compiled
def _write_near_nodes(nodes: np.ndarray, child: np.ndarray, out: np.ndarray) -> None:
    for row in range(len(child)):
        for at in child[row]:
            if at >= 0:
                out[at] = nodes[row]
