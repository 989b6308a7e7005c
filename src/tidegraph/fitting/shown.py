"""Examples of a log that knows what was shown, whether it was acted on or not."""

from dataclasses import replace

import numpy as np
import polars as pl
from jaxtyping import Float32

from tidegraph.data.context import carried_column
from tidegraph.data.interactions import Interactions
from tidegraph.data.views.evidence import is_positive, is_shown
from tidegraph.errors import DataError
from tidegraph.fitting.propensity import MOST, inverse_propensities
from tidegraph.graph.snapshot import Snapshot
from tidegraph.ranges import at_least
from tidegraph.small_arrays import places_among
from tidegraph.stages import NO_ITEM, Candidates, Examples, ItemSets, Requests


def with_shown_negatives(
    examples: Examples,
    relevant: ItemSets,
    shown: ItemSets,
    weight: Float32[np.ndarray, "b k"] | None = None,
) -> Examples:
    """Return the same requests, whose negatives are candidates that were shown.

    A candidate that was neither acted on nor shown is left out: nothing is known of it.
    A request of which no candidate was shown in vain keeps its own negatives.

    Args:
        examples: Past requests with candidates.
        relevant: What was acted on afterwards.
        shown: What was shown in vain then, perhaps acted on another time.
        weight: How much each candidate counts, as inverse propensities; of what was
            neither acted on nor shown none is known, and no request keeps it then.
    """
    item, right = examples.candidates.item, examples.label > 0
    seen = shown.holds(item) & ~relevant.holds(item)
    told = seen.any(axis=1, keepdims=True) | (weight is not None)
    kept = (item != NO_ITEM) & (right | seen | ~told)
    order = np.argsort(~kept, axis=1, kind="stable")
    width = int(kept.sum(axis=1).max(initial=0))
    score = np.where(kept, examples.candidates.score, -np.inf).astype(np.float32)
    candidates = replace(
        examples.candidates, item=np.where(kept, item, np.int32(NO_ITEM))
    ).reordered(order, score)
    order = order[:, :width]
    label = np.take_along_axis(np.where(kept, examples.label, 0), order, axis=1)
    weight = examples.weight if weight is None else weight
    if weight is not None:
        weight = np.take_along_axis(weight, order, axis=1)
    return replace(
        examples,
        candidates=candidates.top(width),
        label=label.astype(np.float32),
        weight=weight,
    )


def weights_in_window(
    window: Interactions, requests: Requests, candidates: Candidates, propensity: str
) -> Float32[np.ndarray, "b k"]:
    """Return one over the propensity of each candidate; 0 of what was not shown.

    A candidate that was acted on counts as much as the first row that says so, one that
    was shown in vain alone as much as the first of these.

    Args:
        window: What was shown, and acted on, from the requests on.
        requests: Whom it was shown to.
        candidates: What is weighed.
        propensity: Column of the window's context; see ``from_log``.

    Raises:
        DataError: There is no such column, or it says no propensity of a row.
    """
    acted, inverse = is_positive(window), inverse_propensities(window, propensity)
    size = np.int64(len(requests.graph.items))
    rows = np.flatnonzero(acted | (window.label == 0))
    if not len(rows):
        return np.zeros(candidates.item.shape, np.float32)
    pair = window.user[rows] * size + window.item[rows]
    order = np.lexsort((~acted[rows], pair))
    known, first = np.unique(pair[order], return_index=True)
    asked = requests.user[:, None] * size + candidates.item
    place = places_among(known, asked)
    found = candidates.present & (place >= 0)
    return np.where(found, inverse[rows[order[first]]][place], np.float32(0))


def from_log(
    log: Interactions,
    graph: Snapshot | None = None,
    *,
    session: str | None = None,
    propensity: str | None = None,
    most: float = MOST,
) -> Examples:
    """Return one request per session of an impression log, with the items it showed.

    The request has the time of the session's first row, so nothing that happened in
    the session is in its history. An item shown several times counts once; it is
    positive if it was acted on once, and counts as much as the first row that says what
    it is; an action of a weight of 0 or below, such as a return, is no row. Its window
    ends with the session's last row.

    Args:
        log: Rows with label 1 and 0.
        graph: Everything that happened, this log included; the log if left out.
        session: Column of ``log.context`` that tells a user's sessions apart; rows of
            one user at one second, if left out, or where it says nothing.
        propensity: Column of ``log.context`` that says how probable it was that each
            row would be shown, above 0 and at most 1. A row counts one over it, so that
            what was rarely shown is learnt from as if all were shown alike; all rows
            count alike if left out.
        most: No row counts more than so many times the least.

    Raises:
        ConfigError: ``most`` is below 1.
        DataError: The log shows nothing in vain, has no such column, or a propensity
            is none.

    Source:
        Schnabel et al., "Recommendations as Treatments: Debiasing Learning and
        Evaluation", ICML 2016, equation 5.
    """
    at_least("examples", 1, most=most)
    graph = Snapshot.of(log) if graph is None else graph
    if not len(log) or bool(log.label.all()):
        raise DataError(
            "the log has no impression without action (label 0). Read it with label=, "
            "or build examples from retrieval's candidates with examples()."
        )
    weight, kept = inverse_propensities(log, propensity, most), is_shown(log)
    if not kept.all():
        log, weight = log.take(kept), weight[kept]
    shown = _items_shown(log, session, weight)
    item = _dense_column(shown, "item", np.int32(NO_ITEM))
    label = _dense_column(shown, "label", np.float32(0))
    weight = (
        None if propensity is None else _dense_column(shown, "weight", np.float32(1))
    )
    shown_at = 1 / np.arange(1, item.shape[1] + 1, dtype=np.float32)
    score = np.where(item == NO_ITEM, -np.inf, shown_at).astype(np.float32)
    heads = shown.unique("row", keep="first").sort("row")
    requests = Requests.of_users(
        graph, heads["user"].to_numpy(), heads["time"].to_numpy()
    )
    until = heads["until"].to_numpy()
    return Examples(requests, Candidates(item, score), label, weight, until)


def _dense_column(shown: pl.DataFrame, column: str, blank: np.generic) -> np.ndarray:
    """Return a column as a table of requests and places, ``blank`` where is none."""
    row, place = shown["row"].to_numpy(), shown["place"].to_numpy()
    out = np.full((int(row.max()) + 1, int(place.max()) + 1), blank)
    out[row, place] = shown[column].to_numpy()
    return out


def _items_shown(
    log: Interactions, session: str | None, weight: Float32[np.ndarray, " n"]
) -> pl.DataFrame:
    """Return each item of each session once, with its request and its place there."""
    nothing = pl.repeat(None, len(log), eager=True)
    known = nothing
    if session is not None:
        known = carried_column(log.context, session, "of sessions")
    visit = ("session", "second")
    shown = pl.DataFrame(
        {
            "user": log.user,
            "session": known,
            "second": np.where(known.is_null(), log.time, 0),
            "item": log.item,
            "time": log.time,
            "label": log.label,
            "weight": weight,
        }
    ).with_columns(
        time=pl.col("time").min().over("user", *visit),
        until=pl.col("time").max().over("user", *visit) + 1,
    )
    return (
        shown.group_by("user", *visit, "item", "time", maintain_order=True)
        .agg(
            pl.col("label").max(),
            # Of a row that was acted on, if one was: its propensity is that of an item
            # at another place.
            pl.col("weight").filter(pl.col("label") == pl.col("label").max()).first(),
            pl.col("until").first(),
        )
        .with_columns(row=pl.struct("time", "user", *visit).rank("dense") - 1)
        .with_columns(place=pl.int_range(pl.len()).over("row"))
    )
