"""What a policy would have earned, estimated from a log that knows its propensities.

The log shows one item per row, drawn by a policy that gave it a known probability, the
propensity. A row counts for another policy as much more or less as that one would have
shown its item.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int32

from tidegraph.arguments import checked
from tidegraph.data.context import carried_column
from tidegraph.data.ids.vocabulary import UNKNOWN
from tidegraph.data.interactions import Interactions
from tidegraph.errors import ConfigError, DataError
from tidegraph.evaluation.answers import request_blocks
from tidegraph.evaluation.comparable import check_trained_before
from tidegraph.evaluation.metrics.ranking import padded
from tidegraph.evaluation.metrics.rows import (
    check_chance,
    check_finite,
    check_lists,
    check_rows,
    check_share,
    numbers_by_row,
    places_by_row,
)
from tidegraph.evaluation.protocol import Recommender, check_vocabulary
from tidegraph.graph.snapshot import Snapshot
from tidegraph.ranges import span
from tidegraph.stages import Requests, check_k


@dataclass(frozen=True)
class PolicyValue:
    """An estimate of the reward per impression.

    Attributes:
        value: The estimate; NaN where no row supports the policy.
        standard_error: Of the estimate, rows being independent.
        effective_rows: (sum w)^2 / sum w^2: how many rows of equal weight say as much.
        clipped: Share of the rows whose weight was cut.
    """

    value: float
    standard_error: float
    effective_rows: float
    clipped: float


@checked(ConfigError)
def ips(
    reward: object, propensity: object, target: object, *, clip: float = np.inf
) -> PolicyValue:
    """Return the inverse-propensity estimate: the mean of w r, w = target / propensity.

    Unbiased where every item the policy shows had a chance to be shown, and nothing is
    clipped.

    Args:
        reward: What each row earned; a list, array, series or Arrow column, as the
            next two are.
        propensity: The chance that the log's policy showed this item.
        target: The chance that the judged policy would have.
        clip: Larger weights are cut to this; less variance, more bias.

    Raises:
        DataError: A propensity is not in (0, 1], a target is not in [0, 1], a reward is
            no number, columns differ in length, or there is no row.
        ConfigError: ``clip`` is not above 0.

    Source:
        Horvitz & Thompson (1952); clipping after Bottou et al. (2013).
    """
    span("ips", clip=clip)
    earned_by, weight = _importance_weights(reward, propensity, target)
    weight, clipped = _clip_weights(weight, clip)
    earned = weight * earned_by
    spread = earned.std(ddof=1) if len(earned) > 1 else np.nan
    return PolicyValue(
        float(earned.mean()),
        float(spread / np.sqrt(len(earned))),
        _effective_sample_size(weight),
        clipped,
    )


@checked(ConfigError)
def snips(
    reward: object, propensity: object, target: object, *, clip: float = np.inf
) -> PolicyValue:
    """Return the self-normalised estimate: sum w r / sum w, w = target / propensity.

    Slightly biased and far steadier than ``ips``; never outside the range of rewards.

    Args:
        reward: What each row earned; a list, array, series or Arrow column, as the
            next two are.
        propensity: The chance that the log's policy showed this item.
        target: The chance that the judged policy would have.
        clip: Larger weights are cut to this.

    Raises:
        DataError: A propensity is not in (0, 1], a target is not in [0, 1], a reward is
            no number, columns differ in length, or there is no row.
        ConfigError: ``clip`` is not above 0.

    Source:
        Swaminathan & Joachims (2015).
    """
    span("snips", clip=clip)
    earned, weight = _importance_weights(reward, propensity, target)
    weight, clipped = _clip_weights(weight, clip)
    total = weight.sum()
    if total == 0:
        return PolicyValue(np.nan, np.nan, 0.0, clipped)
    value = float(weight @ earned / total)
    # The delta method for a ratio of two means.
    error = float(np.sqrt((weight**2 * (earned - value) ** 2).sum()) / total)
    return PolicyValue(value, error, _effective_sample_size(weight), clipped)


def shown_by_list(
    item: Int32[np.ndarray, "n k"], shown: object
) -> Float64[np.ndarray, " n"]:
    """Return the chance of each shown item under one draw from the policy's list.

    A list of j items shows each with chance 1 / j, so the estimate is the reward of an
    impression of the policy's list, at an even place in it.

    Args:
        item: The lists, as ``logged_lists`` returns them.
        shown: Row of the item that each impression showed.

    Raises:
        DataError: There is not one shown item for each list.
    """
    check_lists(item)
    (wanted,) = numbers_by_row(shown=shown)
    check_rows(item=item, shown=wanted)
    size = (item >= 0).sum(axis=1)
    named = ((item == wanted[:, None]) & (item >= 0)).any(axis=1)
    return np.divide(named, size, out=np.zeros(len(item)), where=size > 0)


def shown_at_place(
    item: Int32[np.ndarray, "n k"], shown: object, place: object
) -> Float64[np.ndarray, " n"]:
    """Return 1 where the policy's list has the shown item in the shown place, else 0.

    For logs that know the place and its own propensity. In a place behind the end of
    the list the policy shows nothing.

    Args:
        item: The lists, as ``logged_lists`` returns them.
        shown: Row of the item that each impression showed.
        place: Where it stood, counted from 0; subtract 1 where a log counts from 1.

    Raises:
        DataError: There is not one shown item and place for each list, or a place is
            below 0.
    """
    check_lists(item)
    (wanted,), where = numbers_by_row(shown=shown), places_by_row("place", place)
    check_rows(item=item, shown=wanted, place=where)
    inside = where < item.shape[1]
    found = np.full(len(item), UNKNOWN, np.int32)
    found[inside] = item[np.flatnonzero(inside), where[inside]]
    return ((found == wanted) & (found >= 0)).astype(np.float64)


def logged_lists(
    model: Recommender, log: Interactions, train: Interactions, k: int
) -> Int32[np.ndarray, "n k"]:
    """Return what a model would have listed at each logged impression.

    Args:
        model: Who is judged.
        log: Impressions with and without action; a request is made at the time of each.
        train: What the model may know of its users.
        k: Length of the lists.

    Raises:
        LeakageError: The model was trained on the log, and so on its own reward.
        DataError: The two logs number their ids differently.
        RequestError: ``k`` is no length of a list.
    """
    k = check_k(k)
    if len(log):
        begin = int(log.time.min())
        check_trained_before(type(model).__name__, model, begin, log.clock)
    check_vocabulary("item", train.items, log.items)
    check_vocabulary("user", train.users, log.users)
    known = log.user < len(train.users)
    user = np.where(known, log.user, UNKNOWN).astype(np.int32)
    requests = Requests.of_users(Snapshot.of(train), user, log.time)
    found = [
        padded(model.retrieve(block, k).item, k)
        for block in request_blocks(requests, "answering each impression")
    ]
    return np.concatenate(found) if found else np.zeros((0, k), np.int32)


def propensities(
    log: Interactions, column: str = "propensity"
) -> Float64[np.ndarray, " n"]:
    """Return the propensity of every row of a log.

    Raises:
        DataError: The log has no such column, or not one of numbers.
    """
    values = carried_column(log.context, column, "of propensities")
    return numbers_by_row(**{column: values})[0]


def _importance_weights(
    reward: object, propensity: object, target: object
) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
    """Return what each row earned, and its weight target / propensity."""
    earned, shown, wanted = numbers_by_row(
        reward=reward, propensity=propensity, target=target
    )
    if not len(shown):
        raise DataError("there is no row to estimate from. Pass at least one.")
    check_finite("reward", earned)
    check_chance("propensity", shown)
    check_share("target", wanted)
    return earned, wanted / shown


def _clip_weights(
    weight: Float64[np.ndarray, " n"], clip: float
) -> tuple[Float64[np.ndarray, " n"], float]:
    return np.minimum(weight, clip), float((weight > clip).mean())


def _effective_sample_size(weight: Float64[np.ndarray, " n"]) -> float:
    square = float((weight**2).sum())
    return float(weight.sum()) ** 2 / square if square else 0.0
