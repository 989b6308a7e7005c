"""Receptive fields without a clock of their own: the plans of section 19.1.1.

Each is a plan like any other: over timed edges it takes a clock, or ``all_time()``.
"""

from tidegraph.arguments import checked
from tidegraph.ego.hops import Hop, Hops
from tidegraph.errors import ConfigError


@checked(ConfigError)
def identity() -> Hops:
    """Take the node itself and nothing around it, as matrix factorisation does."""
    return Hops(())


@checked(ConfigError)
def khop(*edges: str, limit: int = 2**31 - 1, all_time: bool = False) -> Hops:
    """Take every neighbour along each edge in turn, as a GCN of that depth sees.

    Args:
        edges: Edge types, nearest first.
        limit: An error where a node has more neighbours than this.
        all_time: Whatever the times of edges; if not, every hop sees only what is
            before the clock of the node in the middle.
    """
    plan = identity()
    for edge in edges:
        step = plan.hop(edge)
        plan = (step.all_time() if all_time else step.rewind()).all(limit)
    return plan


@checked(ConfigError)
def fan_out(
    *edges: str, counts: tuple[int, ...], by: str | None = None, all_time: bool = False
) -> Hops:
    """Draw ``counts[n]`` neighbours along the n-th edge, as GraphSAGE does.

    Args:
        edges: Edge types, nearest first.
        counts: How many to draw along each.
        by: Feature of the edges to draw in proportion to; each as likely if left out.
        all_time: Whatever the times of edges; if not, every hop sees only what is
            before the clock of the node in the middle.

    Source:
        Hamilton, Ying & Leskovec, "Inductive representation learning on large graphs"
        (2017), algorithm 2.
    """
    if len(edges) != len(counts):
        raise ConfigError(
            f"{len(edges)} edges but {len(counts)} counts. Say how many along each."
        )
    plan = identity()
    for edge, count in zip(edges, counts, strict=True):
        step: Hop = plan.hop(edge)
        step = step.all_time() if all_time else step.rewind()
        plan = step.sample(count, by=by)
    return plan
