"""How a plan is asked: rows of nodes and moments, or the seeds that they make."""

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Int32, Shaped

from tidegraph.errors import RequestError
from tidegraph.graph.live import Graph
from tidegraph.graph.sampling.seeds import Seeds
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage.histories import Histories
from tidegraph.graph.times import moments


@runtime_checkable
class _Begins(Protocol):
    def start(self, graph: Snapshot) -> str | None: ...


P = TypeVar("P", bound=_Begins)
R = TypeVar("R")


def sampled_by_rows(sample: Callable[[P, Snapshot, Seeds], R]):
    """Let ``sample`` of a plan take rows of nodes and their clocks, too.

    Every plan is asked so, and by ``Seeds``, which say all but the graph.

    Args:
        sample: What a plan takes from a snapshot for seeds.

    Returns:
        A method ``sample(graph, seeds, clocks=None, *, seed=0, first=0, given=None)``:
        ``graph`` is where to look; ``seeds`` are rows of nodes of the type that the
        plan starts from, -1 for nobody; ``clocks`` are Unix seconds, datetimes or ISO
        text, one for each or one for all, and only strictly earlier edges are seen;
        ``seed`` is for what draws; ``first`` is the number of the first node in the
        epoch, so that a batch that is cut in parts draws the same; ``given`` are the
        edges of nodes that the graph does not hold, by edge type, a row for each node,
        which hops take where the node is -1.

    Raises:
        RequestError: A row is none of the graph, or nodes, clocks and given rows differ
            in number.
    """

    def asked(
        self: P,
        graph: Snapshot | Graph,
        seeds: object,
        clocks: object = None,
        *,
        seed: int = 0,
        first: int = 0,
        given: Mapping[str, Histories] | None = None,
    ) -> R:
        now = graph.snapshot()
        if isinstance(seeds, Seeds):
            # Rows of these may be of nodes that came after an older snapshot.
            return sample(self, now, seeds)
        node = np.asarray(seeds)
        rows = _checked_rows(now, self.start(now), node)
        clock = None if clocks is None else moments(clocks, len(node), now.tick)
        return sample(
            self, now, Seeds.of(rows, clock, seed=seed, first=first, given=given)
        )

    asked.__doc__, asked.__name__ = sample.__doc__, sample.__name__
    asked.__qualname__, asked.__module__ = sample.__qualname__, sample.__module__
    return asked


def _checked_rows(
    graph: Snapshot, type: str | None, node: Shaped[np.ndarray, "..."]
) -> Int32[np.ndarray, " b"]:
    """Return rows of nodes of a type, of whatever type if the plan takes any.

    Raises:
        RequestError: They are no list of rows, or one is not in the graph.
    """
    if node.ndim != 1 or (len(node) and node.dtype.kind not in "iu"):
        raise RequestError(
            f"nodes are {node.dtype} of shape {node.shape}, not a list of rows."
            f"{_how_to_encode(type)}"
        )
    size = 2**31 - 1 if type is None else len(graph.typed(type))
    outside = (node < -1) | (node >= size)
    if bool(outside.any()):
        place = int(outside.argmax())
        what = "nodes" if type is None else f"nodes {type!r}"
        raise RequestError(
            f"node {place} is {node[place]}, and there are {size:,} {what}: rows from "
            f"0, or -1 for nobody.{_how_to_encode(type)}"
        )
    return node.astype(np.int32)


def _how_to_encode(type: str | None) -> str:
    if type is None:
        return ""
    of = f"graph.snapshot().nodes[{type!r}].vocabulary"
    return f" Rows of raw ids are {of}.encode(pl.Series(ids))."
