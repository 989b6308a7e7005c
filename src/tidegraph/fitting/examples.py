"""Examples to learn to rank from: past requests, what was chosen, and what was not.

Negatives are alive at the time of the request: somebody chose them strictly before it.
An item that nobody had chosen yet would give its label away by its empty past.
"""

import numpy as np
from jaxtyping import Float32, Int32, Int64

from tidegraph.durations import whole_seconds
from tidegraph.graph.from_log import ACTION
from tidegraph.graph.negatives.alive import (
    ATTEMPTS,
    Alive,
    Clocks,
    alive_weights,
    degree_before,
    draw_alive,
    running_sums,
)
from tidegraph.graph.storage.active_nodes import nth_node
from tidegraph.kernels.jit import compiled, over_rows_in
from tidegraph.kernels.keyed_rng import after, mixed, root_keys
from tidegraph.kernels.ragged import owners
from tidegraph.kernels.weighted_draw import by_sum
from tidegraph.ranges import at_least, from_0_to_1
from tidegraph.rng import fresh_seed
from tidegraph.stages import NO_ITEM, Candidates, Examples, ItemSets, Requests
from tidegraph.stages.evidence import events_where, positive_history


def items_acted_on_within(requests: Requests, days: int | float) -> ItemSets:
    """Return what each user acted on from their request on, for so many days.

    Returns and dislikes are no such actions, nor is what was sent back in these days.
    """
    end = requests.time + whole_seconds(days)
    until = requests.graph[ACTION].histories(requests.user, end)
    owner = owners(until.ptr)
    window = positive_history(events_where(until, until.time >= requests.time[owner]))
    return ItemSets(window.ptr, window.node)


def examples(
    requests: Requests,
    relevant: ItemSets,
    candidates: Candidates,
    *,
    negatives: int = 20,
    power: float = 0.0,
    missed: int = 0,
    rng: np.random.Generator,
) -> Examples:
    """Return past requests with retrieval's candidates, more negatives, and labels.

    The extra negatives are drawn without replacement from the items alive at the time
    of the request that are neither relevant, excluded nor candidates already. They
    stand after the candidates, with the row's lowest score and no votes.

    Args:
        requests: Requests of the past.
        relevant: What was acted on afterwards.
        candidates: What retrieval answers; items not relevant are negatives as well.
        negatives: How many more to draw per request; fewer where there are no more.
        power: Draw in proportion to (actions before t) to this power, 0 to 1.
        missed: Add up to this many relevant items per request that retrieval missed.
            None by default: a ranker scores retrieval's candidates only, and
            items added for being relevant teach it that having no votes is a merit.
        rng: Draws the negatives.

    Raises:
        ConfigError: A count is below 0, or the power is outside 0 to 1.
    """
    at_least("examples", 0, negatives=negatives, missed=missed)
    from_0_to_1("examples", power=power)
    shape = (len(requests), candidates.item.shape[1] + missed + negatives)
    item = np.full(shape, NO_ITEM, np.int32)
    place = np.full(shape, -1, np.int64)
    label = np.zeros(shape, np.float32)
    alive = Alive.of(requests.graph[f"~{ACTION}"])
    clocks = alive.before(requests.time)
    keys = root_keys(fresh_seed(rng), 0, len(requests))
    limits = np.array([missed, negatives], np.int64)
    size = len(requests.graph[f"~{ACTION}"])
    over_rows_in(
        lambda: (np.full(size, -1, np.int64), np.full(size, -1, np.int64)),
        lambda room, a, b: _assemble_examples(
            room,
            (requests.excluded.ptr, requests.excluded.item),
            (relevant.ptr, relevant.item),
            candidates.item,
            (alive, clocks),
            power,
            limits,
            keys,
            (item, place, label),
            a,
            b,
        ),
        len(requests),
        grain=64,
    )
    return Examples(requests, _candidates_at(candidates, item, place), label)


def _candidates_at(
    candidates: Candidates,
    item: Int32[np.ndarray, "b k2"],
    place: Int64[np.ndarray, "b k2"],
) -> Candidates:
    """Return ``item`` with the scores and votes of ``candidates`` at ``place``."""
    known = place >= 0
    at = np.where(known, place, 0)
    present = candidates.present
    lowest = np.min(candidates.score, axis=1, initial=np.inf, where=present)
    lowest = np.where(np.isfinite(lowest), lowest, 0)[:, None]
    score: Float32[np.ndarray, "b k2"] = np.broadcast_to(lowest, item.shape)
    votes = np.zeros((*item.shape, len(candidates.channels)), np.float32)
    if candidates.item.shape[1]:
        score = np.where(known, np.take_along_axis(candidates.score, at, 1), score)
        if candidates.votes.size:
            votes = np.take_along_axis(candidates.votes, at[:, :, None], axis=1)
            votes = votes * known[:, :, None]
    score = np.where(item == NO_ITEM, -np.inf, score).astype(np.float32)
    return Candidates(item, score, candidates.channels, votes)


@compiled
def _assemble_examples(
    room: tuple[np.ndarray, np.ndarray],
    excluded: tuple[np.ndarray, np.ndarray],
    relevant: tuple[np.ndarray, np.ndarray],
    proposed: np.ndarray,
    graph: tuple[Alive, Clocks],
    power: float,
    limits: np.ndarray,
    keys: np.ndarray,
    out: tuple[np.ndarray, np.ndarray, np.ndarray],
    first: int,
    last: int,
) -> None:
    item, place, label = out
    # Who was taken or wanted in which row; no row comes twice.
    (taken, wanted), (alive, clocks) = room, graph
    rows, time, base = alive.rows, alive.time, alive.base
    for row in range(first, last):
        for e in range(relevant[0][row], relevant[0][row + 1]):
            wanted[relevant[1][e]] = row
        found = 0
        for j in range(proposed.shape[1]):
            i = proposed[row, j]
            if i >= 0:
                item[row, found], place[row, found] = i, j
                label[row, found] = 1 if wanted[i] == row else 0
                taken[i] = row
                found += 1
        for e in range(excluded[0][row], excluded[0][row + 1]):
            if 0 <= excluded[1][e] < taken.size:
                taken[excluded[1][e]] = row
        until = found + limits[0]
        for e in range(relevant[0][row], relevant[0][row + 1]):
            i = relevant[1][e]
            fresh = found < until and taken[i] != row
            if fresh and degree_before(rows, time, base, i, clocks.tick[row]) > 0:
                item[row, found], label[row, found] = i, 1
                found += 1
            taken[i] = row
        more = item[row, found : found + limits[1]]
        _draw_fresh_items(more, taken, alive, clocks, row, power, keys[row])


@compiled
def _draw_fresh_items(
    out: np.ndarray,
    taken: np.ndarray,
    alive: Alive,
    clocks: Clocks,
    row: int,
    power: float,
    state: np.uint64,
) -> None:
    """Draw items of a row that are not taken, none twice, while there are any."""
    found = 0
    for _ in range(ATTEMPTS if clocks.nodes[row] > 0 else 0):
        state = draw_alive(alive, clocks, row, power, state, out[found:])
        for n in range(found, out.size):
            i = out[n]
            if i >= 0 and taken[i] != row:
                out[found], taken[i] = i, row
                found += 1
        if found == out.size:
            return
    out[found:] = NO_ITEM
    # Nearly everything is taken: weigh what is left.
    left = alive_weights(alive, clocks, row, power)
    for a in range(left.size):
        if taken[nth_node(alive.births, a)] == row:
            left[a] = 0
    for n in range(found, out.size):
        state = after(state)
        at = by_sum(running_sums(left), 0, left.size, mixed(state))
        if at < 0:
            return
        out[n], left[at] = nth_node(alive.births, at), 0
