"""Examples to learn to rank from: past requests, what was chosen, and what was not.

Negatives are alive at the time of the request: somebody chose them strictly before it.
An item that nobody had chosen yet would give its label away by its empty past.
"""

import numpy as np
import polars as pl
from jaxtyping import Float32, Int32, Int64

from tidegraph.data.interactions import Interactions
from tidegraph.errors import DataError
from tidegraph.graph.from_log import ACTION
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage.active_nodes import ActiveNodes, nth
from tidegraph.kernels.binary_search import before
from tidegraph.kernels.jit import compiled, over_rows_in
from tidegraph.kernels.keyed_rng import bits, uniform
from tidegraph.kernels.ragged import owners, starts_where
from tidegraph.ranges import at_least, from_0_to_1
from tidegraph.rng import fresh_seed
from tidegraph.stages import NO_ITEM, Candidates, Examples, ItemSets, Requests

_ATTEMPTS = 256


def acted_on_within(requests: Requests, seconds: int) -> ItemSets:
    """Return what each user acted on from their request on, for so many seconds."""
    until = requests.graph[ACTION].before(requests.user, requests.time + seconds)
    owner = owners(until.ptr)
    later = until.time >= requests.time[owner]
    return ItemSets(starts_where(until.ptr, later), until.node[later])


def examples(
    requests: Requests,
    relevant: ItemSets,
    candidates: Candidates,
    *,
    negatives: int = 20,
    popularity: float = 0.0,
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
        popularity: Draw in proportion to (actions before t) to this power, 0 to 1.
        missed: Add up to this many relevant items per request that retrieval missed.
            None by default: a ranker scores retrieval's candidates only, and
            items added for being relevant teach it that having no votes is a merit.
        rng: Draws the negatives.

    Raises:
        ConfigError: A count is below 0, or the power is outside 0 to 1.
    """
    at_least("examples", 0, negatives=negatives, missed=missed)
    from_0_to_1("examples", popularity=popularity)
    shape = (len(requests), candidates.item.shape[1] + missed + negatives)
    item = np.full(shape, NO_ITEM, np.int32)
    place = np.full(shape, -1, np.int64)
    label = np.zeros(shape, np.float32)
    incoming = requests.graph[f"~{ACTION}"]
    pool = incoming.alive
    alive = pool.births.before(requests.time)
    events = pool.occurrences.before(requests.time)
    seed = np.uint64(fresh_seed(rng))
    limits = np.array([missed, negatives], np.int64)
    size = len(incoming)
    over_rows_in(
        lambda: (np.full(size, -1, np.int64), np.full(size, -1, np.int64)),
        lambda room, a, b: _assemble(
            room,
            (requests.time - incoming.base, alive, events),
            (requests.excluded.ptr, requests.excluded.item),
            (relevant.ptr, relevant.item),
            candidates.item,
            (incoming.start, incoming.stop, incoming.time),
            pool,
            popularity,
            limits,
            seed,
            (item, place, label),
            a,
            b,
        ),
        len(requests),
        grain=64,
    )
    return Examples(requests, _placed(candidates, item, place), label)


def from_log(
    log: Interactions, graph: Snapshot, *, session: str | None = None
) -> Examples:
    """Return one request per session of an impression log, with the items it showed.

    The request has the time of the session's first row, so nothing that happened in
    the session is in its history. An item shown several times counts once; it is
    positive if it was acted on once.

    Args:
        log: Rows with label 1 and 0.
        graph: Everything that happened, this log included.
        session: Column of ``log.context`` that tells a user's sessions apart; rows of
            one user at one second, if left out.

    Raises:
        DataError: The log shows nothing in vain, or has no such column.
    """
    if not len(log) or bool(log.label.all()):
        raise DataError(
            "the log has no impression without action (label 0). Read it with label=, "
            "or build examples from retrieval's candidates with examples()."
        )
    if session is not None and session not in log.context.columns:
        raise DataError(
            f"the log has no context column {session!r}. "
            f"It has: {', '.join(log.context.columns) or 'none'}."
        )
    shown = pl.DataFrame(
        {
            "user": log.user,
            "session": log.time if session is None else log.context[session],
            "item": log.item,
            "time": log.time,
            "label": log.label,
        }
    ).with_columns(time=pl.col("time").min().over("user", "session"))
    shown = (
        shown.group_by("user", "session", "item", "time", maintain_order=True)
        .agg(pl.col("label").max())
        .with_columns(row=pl.struct("time", "user", "session").rank("dense") - 1)
        .with_columns(place=pl.int_range(pl.len()).over("row"))
    )
    row, place = shown["row"].to_numpy(), shown["place"].to_numpy()
    shape = (int(row.max()) + 1, int(place.max()) + 1)
    item = np.full(shape, NO_ITEM, np.int32)
    item[row, place] = shown["item"].to_numpy()
    label = np.zeros(shape, np.float32)
    label[row, place] = shown["label"].to_numpy()
    heads = shown.unique("row", keep="first").sort("row")
    user, time = heads["user"].to_numpy(), heads["time"].to_numpy()
    shown_at = 1 / np.arange(1, shape[1] + 1, dtype=np.float32)
    score = np.where(item == NO_ITEM, -np.inf, shown_at).astype(np.float32)
    return Examples(
        Requests.of_users(graph, user, time), Candidates(item, score), label
    )


def _placed(
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
def _assemble(
    room: tuple[np.ndarray, np.ndarray],
    clocks: tuple[np.ndarray, np.ndarray, np.ndarray],
    excluded: tuple[np.ndarray, np.ndarray],
    relevant: tuple[np.ndarray, np.ndarray],
    proposed: np.ndarray,
    edges: tuple[np.ndarray, np.ndarray, np.ndarray],
    pool: ActiveNodes,
    power: float,
    limits: np.ndarray,
    seed: np.uint64,
    out: tuple[np.ndarray, np.ndarray, np.ndarray],
    first: int,
    last: int,
) -> None:
    time, alive, events = clocks
    item, place, label = out
    # Who was taken or wanted in which row; no row comes twice.
    (taken, wanted), size = room, edges[0].size
    state = np.empty(1, np.uint64)
    for row in range(first, last):
        state[0] = seed
        state[0] = bits(state) ^ np.uint64(row)
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
            if 0 <= excluded[1][e] < size:
                taken[excluded[1][e]] = row
        until = found + limits[0]
        for e in range(relevant[0][row], relevant[0][row + 1]):
            i = relevant[1][e]
            if found < until and taken[i] != row and _degree(edges, i, time[row]) > 0:
                item[row, found], label[row, found] = i, 1
                found += 1
            taken[i] = row
        for _ in range(limits[1]):
            i = _draw(
                taken,
                row,
                alive[row],
                events[row],
                time[row],
                edges,
                pool,
                power,
                state,
            )
            if i < 0:
                break
            item[row, found] = i
            taken[i] = row
            found += 1


@compiled
def _draw(
    taken: np.ndarray,
    row: int,
    alive: int,
    events: int,
    time: int,
    edges: tuple[np.ndarray, np.ndarray, np.ndarray],
    pool: ActiveNodes,
    power: float,
    state: np.ndarray,
) -> int:
    """Draw an item that is not taken, -1 if there is none."""
    if alive == 0:
        return -1
    for _ in range(_ATTEMPTS):
        if power == 0:
            i = nth(pool.births, int(uniform(state) * alive))
            kept = True
        else:
            # An event of the past names its item by count; thinning bends the power.
            i = nth(pool.occurrences, int(uniform(state) * events))
            kept = uniform(state) < float(_degree(edges, i, time)) ** (power - 1)
        if kept and taken[i] != row:
            return i
    # Nearly everything is taken: weigh what is left.
    total = 0.0
    for a in range(alive):
        if taken[nth(pool.births, a)] != row:
            total += float(_degree(edges, nth(pool.births, a), time)) ** power
    left, chosen = uniform(state) * total, -1
    for a in range(alive):
        if taken[nth(pool.births, a)] != row and left >= 0:
            chosen = nth(pool.births, a)
            left -= float(_degree(edges, chosen, time)) ** power
    return chosen


@compiled
def _degree(edges: tuple[np.ndarray, np.ndarray, np.ndarray], i: int, time: int) -> int:
    """Count the actions on item ``i`` strictly before ``time``."""
    start = edges[0][i]
    return before(edges[2], start, edges[1][i], time) - start
