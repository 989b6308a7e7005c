"""What a training of vectors learns from, for a checkpoint to tell it from another."""

from collections.abc import Iterator

from tidegraph.retrieval.scoring.evidence import evident_actions
from tidegraph.retrieval.scoring.held_out import HeldOut
from tidegraph.stages import Fold


def learnt_from(known: Fold, held: HeldOut | None) -> Iterator[object]:
    """Yield the events, further edges, and what is held out.

    Args:
        known: What training learns from.
        held: What it is judged by, if it is.
    """
    log = known.view(evident_actions)
    yield from (log.user, log.item, log.time, log.weight)
    if known.edges is not None:
        for name, edges in known.edges.edges.items():
            yield from (name, *edges.columns())
            if edges.strength is not None:
                yield edges.strength.values[: len(edges)]
    if held is not None:
        yield from (held.requests.user, held.item)
