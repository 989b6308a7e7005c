"""What a policy would have earned, estimated from a log that knows its propensities.

The log shows one item per row, drawn by a policy that gave it a known probability, the
propensity. A row counts for another policy as much more or less as that one would have
shown its item.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int32, Int64, Num

from tidegraph.data.ids.vocabulary import UNKNOWN
from tidegraph.data.interactions import Interactions
from tidegraph.errors import DataError
from tidegraph.evaluation.answers import blocks
from tidegraph.evaluation.comparable import check_trained_before
from tidegraph.evaluation.metrics.ranking import padded
from tidegraph.evaluation.protocol import Recommender, check_vocabulary
from tidegraph.graph.snapshot import Snapshot
from tidegraph.stages import Requests


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


def ips(
    reward: Num[np.ndarray, " n"],
    propensity: Float[np.ndarray, " n"],
    target: Float[np.ndarray, " n"],
    *,
    clip: float = np.inf,
) -> PolicyValue:
    """Return the inverse-propensity estimate: the mean of w r, w = target / propensity.

    Unbiased where every item the policy shows had a chance to be shown, and nothing is
    clipped.

    Args:
        reward: What each row earned.
        propensity: The chance that the log's policy showed this item.
        target: The chance that the judged policy would have.
        clip: Larger weights are cut to this; less variance, more bias.

    Raises:
        DataError: A propensity is not in (0, 1], or there is no row.

    Source:
        Horvitz & Thompson (1952); clipping after Bottou et al. (2013).
    """
    weight, clipped = _clipped_importance_weights(propensity, target, clip)
    earned = weight * reward
    spread = earned.std(ddof=1) if len(earned) > 1 else np.nan
    return PolicyValue(
        float(earned.mean()),
        float(spread / np.sqrt(len(earned))),
        _effective_sample_size(weight),
        clipped,
    )


def snips(
    reward: Num[np.ndarray, " n"],
    propensity: Float[np.ndarray, " n"],
    target: Float[np.ndarray, " n"],
    *,
    clip: float = np.inf,
) -> PolicyValue:
    """Return the self-normalised estimate: sum w r / sum w, w = target / propensity.

    Slightly biased and far steadier than ``ips``; never outside the range of rewards.

    Args:
        reward: What each row earned.
        propensity: The chance that the log's policy showed this item.
        target: The chance that the judged policy would have.
        clip: Larger weights are cut to this.

    Raises:
        DataError: A propensity is not in (0, 1], or there is no row.

    Source:
        Swaminathan & Joachims (2015).
    """
    weight, clipped = _clipped_importance_weights(propensity, target, clip)
    total = weight.sum()
    if total == 0:
        return PolicyValue(np.nan, np.nan, 0.0, clipped)
    value = float(weight @ reward / total)
    # The delta method for a ratio of two means.
    error = float(np.sqrt((weight**2 * (reward - value) ** 2).sum()) / total)
    return PolicyValue(value, error, _effective_sample_size(weight), clipped)


def shown_by_list(
    item: Int32[np.ndarray, "n k"], shown: Int32[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """Return the chance of each shown item under one draw from the policy's list.

    A list of j items shows each with chance 1 / j, so the estimate is the reward of an
    impression of the policy's list, at an even place in it.
    """
    size = (item >= 0).sum(axis=1)
    named = (item == shown[:, None]).any(axis=1)
    return np.divide(named, size, out=np.zeros(len(item)), where=size > 0)


def shown_at_place(
    item: Int32[np.ndarray, "n k"],
    shown: Int32[np.ndarray, " n"],
    place: Int64[np.ndarray, " n"],
) -> Float64[np.ndarray, " n"]:
    """Return 1 where the policy's list has the shown item in the shown place, else 0.

    For logs that know the place (0 is the first) and its own propensity.
    """
    inside = (place >= 0) & (place < item.shape[1])
    at = np.where(inside, place, 0)
    same = item[np.arange(len(item)), at] == shown
    return (same & inside).astype(np.float64)


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
    """
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
        for block in blocks(requests, "answering each impression")
    ]
    return np.concatenate(found) if found else np.zeros((0, k), np.int32)


def propensities(log: Interactions, column: str = "propensity") -> np.ndarray:
    """Return the propensity of every row of a log.

    Raises:
        DataError: The log has no such column.
    """
    if column not in log.context.columns:
        raise DataError(
            f"the log has no column {column!r}, so no reward can be weighed by it. "
            f"It has: {', '.join(log.context.columns) or 'none'}."
        )
    return log.context[column].to_numpy().astype(np.float64)


def _clipped_importance_weights(
    propensity: Float[np.ndarray, " n"], target: Float[np.ndarray, " n"], clip: float
) -> tuple[Float64[np.ndarray, " n"], float]:
    wrong = np.flatnonzero(~((propensity > 0) & (propensity <= 1)))
    if not len(propensity) or len(wrong):
        found = f"{propensity[wrong[0]]} in row {wrong[0]}" if len(wrong) else "no row"
        raise DataError(
            f"propensities must lie above 0 and not above 1; found {found}. "
            "Leave such rows out."
        )
    weight = target.astype(np.float64) / propensity
    return np.minimum(weight, clip), float((weight > clip).mean())


def _effective_sample_size(weight: Float64[np.ndarray, " n"]) -> float:
    square = float((weight**2).sum())
    return float(weight.sum()) ** 2 / square if square else 0.0
