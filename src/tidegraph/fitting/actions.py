"""The actions of a log as examples: of what each was chosen."""

from dataclasses import replace

import numpy as np
import polars as pl

from tidegraph.data.interactions import Interactions
from tidegraph.durations import DAY
from tidegraph.fitting.examples import examples, items_acted_on_within
from tidegraph.fitting.shown import from_log
from tidegraph.graph.snapshot import Snapshot
from tidegraph.stages import Candidates, Examples, ItemSets, Requests


def actions_or_shown(
    graph: Snapshot,
    log: Interactions,
    negatives: int,
    *,
    power: float = 0.0,
    repeat: bool = True,
    rng: np.random.Generator,
) -> Examples:
    """Return the requests of a log by time: as shown, or actions among others.

    Each moment of a user is looked at by itself, so that what a log shows later changes
    nothing of what was drawn before.

    Args:
        graph: Everything that happened; a request reads it before its own time.
        log: Actions, and what was shown in vain, numbered as the graph.
        negatives: How many others are drawn for an action where nothing was in vain.
        power: Draw in proportion to earlier actions to this power, 0 to 1.
        repeat: May an item that is drawn be one that the user acted on before?
        rng: Draws them.
    """
    rows = pl.DataFrame({"user": log.user, "time": log.time, "label": log.label})
    in_vain = rows.select(pl.col("label").min().over("user", "time") == 0)
    told = in_vain.to_series().to_numpy()
    parts = list[Examples]()
    if told.any():
        parts.append(from_log(log.take(np.flatnonzero(told)), graph))
    if not told.all():
        parts.append(
            actions_among_others(
                graph,
                log.take(np.flatnonzero(~told)),
                negatives,
                power=power,
                repeat=repeat,
                rng=rng,
            )
        )
    return parts[0] if len(parts) == 1 else _sorted_by_time(graph, parts)


def _sorted_by_time(graph: Snapshot, parts: list[Examples]) -> Examples:
    """Return the requests of some examples together, the earliest first."""
    whole = Examples.concatenated(parts)
    user, time = whole.requests.user, whole.requests.time
    order = np.lexsort((user, time))
    assert whole.until is not None
    return Examples(
        Requests.of_users(graph, user[order], time[order]),
        Candidates(whole.candidates.item[order], whole.candidates.score[order]),
        whole.label[order],
        until=whole.until[order],
    )


def actions_among_others(
    graph: Snapshot,
    log: Interactions,
    negatives: int,
    *,
    power: float = 0.0,
    repeat: bool = True,
    rng: np.random.Generator,
) -> Examples:
    """Return a request for each action of a log, with others drawn beside its item.

    The window of each is the second of the action.

    Args:
        graph: Everything that happened; a request reads it before its own time.
        log: Actions, numbered as the graph.
        negatives: How many other items are drawn, of those alive then.
        power: Draw in proportion to earlier actions to this power, 0 to 1.
        repeat: May an item be one that the user acted on before?
        rng: Draws them.
    """
    # In the order of time, so that what is drawn of one depends on no later one.
    order = np.lexsort((log.item, log.user, log.time))
    user, time, item = (part[order] for part in (log.user, log.time, log.item))
    requests = Requests.of_users(graph, user, time, repeat=repeat)
    moment = items_acted_on_within(requests, 1 / DAY)
    none = np.zeros((len(order), 0))
    found = examples(
        # Whatever else the user acted on in the very second is no other.
        requests.excluding(moment.where(moment.item != item[moment.row])),
        ItemSets.of_pairs(np.arange(len(order)), item, len(order)),
        Candidates(none.astype(np.int32), none.astype(np.float32)),
        negatives=negatives,
        power=power,
        missed=1,
        rng=rng,
    )
    return replace(found, until=time + 1)
