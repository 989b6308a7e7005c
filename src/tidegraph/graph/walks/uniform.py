"""Uniform walks: whole walks in one kernel, a few hundred walkers at a time.

Each step is three short loops over the walkers: draw; find the slot and ask for it;
read it. The first has no memory to wait for, the second reads a table of rows that
mostly fits the cache, and by the third what was asked for has come.
"""

import numpy as np
from jaxtyping import Int32, Int64, UInt64

from tidegraph.kernels.intrinsics import prefetch
from tidegraph.kernels.jit import compiled, inlined, sealed
from tidegraph.kernels.keyed_rng import GAMMA, Keys, mixed, unit

Rows = UInt64[np.ndarray, " rows"]
_WALKERS = 512
_LOW = 0xFFFFFFFF


def packed_rows(
    start: Int64[np.ndarray, " nodes"], stop: Int64[np.ndarray, " nodes"], slots: int
) -> Rows | None:
    """Return where each row starts and its length in one number, a cache line for 8.

    The upper half is the start and the lower the length. Rows without edges start where
    no slot is; so does one more row at the end, for walkers that are nowhere.

    Returns:
        None if the slots are too many for half a number.
    """
    if slots >= _LOW:
        return None
    rows = np.full(len(start) + 1, _LOW << 32, np.uint64)
    _pack_bounds(start, stop, rows)
    return rows


def uniform_walks(
    rows: tuple[UInt64[np.ndarray, " _"], ...],
    nodes: tuple[Int32[np.ndarray, " _"], ...],
    restart: float,
    starts: Int32[np.ndarray, " w"],
    keys: Keys,
    out: Int32[np.ndarray, "w steps"],
) -> None:
    """Write walks that take each edge of a node as likely, a row per walk.

    Args:
        rows: The packed rows of each edge of the path.
        nodes: The other ends of each edge of the path.
        restart: Probability to begin again at the start, each time the path is through.
        starts: Where each walk begins.
        keys: Random key of each walk.
        out: Receives the nodes, the starts first; -1 from where a walk cannot go on.
    """
    _walk_uniformly(sealed(*rows), sealed(*nodes), restart, starts, keys, out)


@compiled
def _pack_bounds(start: np.ndarray, stop: np.ndarray, rows: np.ndarray) -> None:
    for v in range(start.size):
        if stop[v] > start[v]:
            length = np.uint64(stop[v] - start[v])
            rows[v] = (np.uint64(start[v]) << np.uint64(32)) | length


@compiled
def _walk_uniformly(
    rows: tuple[np.ndarray, ...],
    nodes: tuple[np.ndarray, ...],
    restart: float,
    starts: np.ndarray,
    keys: np.ndarray,
    out: np.ndarray,
) -> None:
    drawn = np.empty(_WALKERS, np.uint32)
    slot = np.empty(_WALKERS, np.uint32)
    steps = np.empty((out.shape[1], _WALKERS), np.int32)
    for first in range(0, starts.size, _WALKERS):
        size = min(_WALKERS, starts.size - first)
        key, home = keys[first : first + size], starts[first : first + size]
        # As one slice, numba would compile a message for one of another length.
        for w in range(size):
            steps[0, w] = home[w]
        draws = np.uint64(0)
        for step in range(out.shape[1] - 1):
            way, here, there = step % len(rows), steps[step], steps[step + 1]
            if restart > 0 and step > 0 and way == 0:
                # What is written stays; who begins again is only read elsewhere.
                draws += np.uint64(1)
                here = there
                for w in range(size):
                    back = unit(mixed(key[w] + GAMMA * draws)) < restart
                    here[w] = home[w] if back else steps[step, w]
            draws += np.uint64(1)
            for w in range(size):
                drawn[w] = mixed(key[w] + GAMMA * draws) >> np.uint64(32)
            _draw_slots(rows[way], nodes[way], here, drawn, slot, size)
            _read_nodes(nodes[way], slot, there, size)
        for w in range(size):
            for step in range(out.shape[1]):
                out[first + w, step] = steps[step, w]


@inlined
def _draw_slots(
    rows: np.ndarray,
    node: np.ndarray,
    here: np.ndarray,
    drawn: np.ndarray,
    slot: np.ndarray,
    size: int,
) -> None:
    """Draw a slot of the row of each walker, and begin to fetch it."""
    nowhere = np.uint32(rows.size - 1)
    for w in range(size):
        # As a number without sign, -1 is beyond all rows.
        row = rows[np.uint64(min(np.uint32(here[w]), nowhere))]
        # Lemire's one of 0 .. length - 1; the length 0 leaves the start as it is.
        among = (np.uint64(drawn[w]) * (row & np.uint64(_LOW))) >> np.uint64(32)
        slot[w] = (row >> np.uint64(32)) + among
        prefetch(node, int(slot[w]))


@inlined
def _read_nodes(
    node: np.ndarray, slot: np.ndarray, there: np.ndarray, size: int
) -> None:
    """Write what stands in the slots; -1 for a slot that there is not."""
    slots = np.uint64(node.size)
    for w in range(size):
        at = np.uint64(slot[w])
        there[w] = node[at] if at < slots else np.int32(-1)
