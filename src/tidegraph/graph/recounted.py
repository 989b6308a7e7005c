"""Edges whose times are counted in other ticks."""

from dataclasses import replace

import numpy as np

from tidegraph.data.times.ticks import PER_SECOND
from tidegraph.graph.revisions import Revisions
from tidegraph.graph.storage.build import base_of, narrowest
from tidegraph.graph.storage.edge_store import EdgeStore
from tidegraph.graph.storage.kept_index import Indexes
from tidegraph.graph.storage.tcsr import TemporalCSR
from tidegraph.graph.times import Tick, ticks_of


def recounted(edges: EdgeStore, held: Tick, tick: Tick) -> EdgeStore:
    """Return the same edges, in the same order, with times in other ticks.

    What is finer than a tick falls to the one before it. That shows nothing earlier:
    with clocks that fall so too, what is not before a clock does not come before it.

    Args:
        edges: The edges, which do not change.
        held: What their times count in.
        tick: What they are to count in.
    """
    if edges.time is None:
        return edges
    whole = edges.compacted()
    latest = whole.latest
    if whole.count:
        latest = int(ticks_of(np.array([latest]), PER_SECOND[held], tick)[0])
    sides = (_csr_in_ticks(side, held, tick) for side in (whole.out, whole.back))
    out, back = sides
    new = Revisions(whole.count)
    return replace(whole, out=out, back=back, latest=latest, revisions=new)


def _csr_in_ticks(side: TemporalCSR, held: Tick, tick: Tick) -> TemporalCSR:
    when = ticks_of(side.time.astype(np.int64) + side.base, PER_SECOND[held], tick)
    base, span = base_of(when)
    time = (when - base).astype(narrowest(span))
    alone = {"arena": None, "version": 0, "indexes": Indexes()}
    return replace(side, time=time, base=base, **alone)
