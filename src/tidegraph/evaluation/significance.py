"""How sure a mean over users is: bootstrap intervals and a paired test.

A column holds one metric (or difference of two models) for every user; NaN means that
the user has no such value and is left out of that column.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float64, Int32

from tidegraph.evaluation.pvalues import PValues
from tidegraph.kernels.jit import compiled, over_rows

BLOCK_BYTES = 1 << 26
"""Resamples are worked through in blocks of about this size."""
NEWTON_STEPS = 8
SMALLEST = 1e-300
"""No bound is smaller, so that none is ever 0."""


def bootstrap_means(
    values: Float64[np.ndarray, "users m"],
    *,
    resamples: int = 2000,
    rng: np.random.Generator,
) -> Float64[np.ndarray, "resamples m"]:
    """Return the mean of every column in each of many resamples of the users.

    A resample draws as many users as there are, with replacement; all columns see the
    same draws, so differences between columns are paired. NaN where a resample holds
    no value of a column.

    Args:
        values: One row per user.
        resamples: How many to draw.
        rng: Where randomness comes from.

    Source:
        Efron & Tibshirani (1993), chapter 13.
    """
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    some_miss = ~known.all(axis=0)
    holding = known[:, some_miss].astype(np.float64)
    means = np.empty((resamples, values.shape[1]))
    start = 0
    for weights in user_weights(len(values), resamples, rng):
        stop = start + len(weights)
        size = np.full((len(weights), values.shape[1]), float(len(values)))
        size[:, some_miss] = weights @ holding
        blank = np.full(size.shape, np.nan)
        means[start:stop] = np.divide(weights @ filled, size, out=blank, where=size > 0)
        start = stop
    return means


def user_weights(
    users: int, resamples: int, rng: np.random.Generator
) -> Iterator[Float64[np.ndarray, "resamples users"]]:
    """Yield blocks of resamples: how often each user was drawn, a row per resample."""
    block = max(1, BLOCK_BYTES // (8 * max(users, 1)))
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        yield _resample_counts(rng.integers(users, size=(rows, users), dtype=np.int32))


def _resample_counts(
    drawn: Int32[np.ndarray, "resamples users"],
) -> Float64[np.ndarray, "resamples users"]:
    counts = np.zeros(drawn.shape)
    over_rows(lambda a, b: _count_resamples(drawn, counts, a, b), len(drawn), grain=128)
    return counts


@compiled
def _count_resamples(
    drawn: np.ndarray, counts: np.ndarray, first: int, last: int
) -> None:
    for r in range(first, last):
        for n in range(drawn.shape[1]):
            counts[r, drawn[r, n]] += 1.0


def percentile_interval(
    draws: Float64[np.ndarray, "resamples m"], level: float = 0.95
) -> tuple[Float64[np.ndarray, " m"], Float64[np.ndarray, " m"]]:
    """Return the percentile interval of each column: its lower and its upper end.

    Columns with a NaN among their draws are measured by the others.
    """
    low = np.full(draws.shape[1], np.nan)
    high = low.copy()
    missing = np.isnan(draws).sum(axis=0)
    whole, some = missing == 0, (missing > 0) & (missing < len(draws))
    ends = [(1 - level) / 2, (1 + level) / 2]
    if whole.any():
        low[whole], high[whole] = np.quantile(draws[:, whole], ends, axis=0)
    if some.any():
        # Far slower: it looks at one column after the other.
        low[some], high[some] = np.nanquantile(draws[:, some], ends, axis=0)
    return low, high


def paired_test(
    difference: Float64[np.ndarray, "users m"],
    *,
    resamples: int = 9999,
    rng: np.random.Generator,
) -> PValues:
    """Return how often chance alone would give a mean difference as large, per column.

    If two models were exchangeable, each user's difference could as well have the
    other sign. Two-sided: the share of sign patterns whose absolute sum reaches the
    one seen. All 2^users patterns are tried where that is no more than ``resamples``;
    else p = (1 + patterns that reach it) / (1 + resamples). Where none reaches it, p
    is at most that, and at most ``tail_bound``: the smaller of the two is given, as a
    bound. Each is valid at every level, since below the floor of the resampling only
    the bound decides. NaN for a column without values.

    Args:
        difference: One model's score less the other's, a row per user.
        resamples: How many sign patterns to draw.
        rng: Where randomness comes from.

    Source:
        Fisher's randomisation test; Phipson & Smyth (2010) for the added one.
    """
    users = len(difference)
    known = ~np.isnan(difference)
    filled = np.where(known, difference, 0.0)
    # Sums in another order differ in their last bits; ties must still be ties.
    slack = 1e-12 * np.abs(filled).sum(axis=0)
    seen = np.abs(filled.sum(axis=0)) - slack
    exact = users < 63 and 2**users <= resamples
    reached = np.zeros(difference.shape[1])
    total = filled.sum(axis=0)
    for turned in (
        _all_sign_patterns(users)
        if exact
        else _random_sign_patterns(users, resamples, rng)
    ):
        reached += (np.abs(total - 2 * (turned @ filled)) >= seen).sum(axis=0)
    p = reached / 2**users if exact else (1 + reached) / (1 + resamples)
    at_floor = (reached == 0) & known.any(axis=0)
    p[at_floor] = np.minimum(p[at_floor], tail_bound(filled[:, at_floor]))
    return PValues(np.where(known.any(axis=0), p, np.nan), at_floor)


def tail_bound(difference: Float64[np.ndarray, "users m"]) -> Float64[np.ndarray, " m"]:
    """Return a bound from above on the exact p of the paired test, per column.

    Of all 2^users sign patterns of the differences d, the share whose absolute sum
    reaches s = |sum d| is at most 2 exp(-t s) prod cosh(t d_u), for every t > 0. Newton
    steps from t = s / sum d^2 come near the best t; any would do. Never below 1e-300.

    Args:
        difference: One model's score less the other's, a row per user.

    Source:
        Chernoff (1952); with the first t alone it is at most Hoeffding's (1963)
        2 exp(-s^2 / (2 sum d^2)).
    """
    size = np.abs(difference)
    seen = np.abs(difference.sum(axis=0)) - 1e-12 * size.sum(axis=0)
    square = (size**2).sum(axis=0)
    some = (square > 0) & (seen > 0)
    size, seen = size[:, some], seen[some]
    t = seen / square[some]
    for _ in range(NEWTON_STEPS):
        slope = np.tanh(t * size)
        curve = (size**2 * (1 - slope**2)).sum(axis=0)
        missing = seen - (size * slope).sum(axis=0)
        # From the left of the root of a concave function, no step passes it.
        t = t + np.divide(missing, curve, out=np.zeros_like(t), where=curve > 1e-300)
    spread = t * size
    log_cosh = spread + np.log1p(np.exp(-2 * spread)) - np.log(2)
    bound = np.ones(difference.shape[1])
    exponent = np.log(2) + log_cosh.sum(axis=0) - t * seen
    bound[some] = np.exp(np.clip(exponent, np.log(SMALLEST), 0.0))
    return bound


def _all_sign_patterns(users: int) -> Iterator[Float64[np.ndarray, "patterns users"]]:
    """Yield all patterns: 1 where a user's difference has the other sign, else 0."""
    pattern = np.arange(2**users, dtype=np.int64)[:, None]
    yield ((pattern >> np.arange(users, dtype=np.int64)) % 2).astype(np.float64)


def _random_sign_patterns(
    users: int, resamples: int, rng: np.random.Generator
) -> Iterator[Float64[np.ndarray, "patterns users"]]:
    """Yield random patterns a block at a time; each block takes the last one's place.

    Memory that is written anew takes several times as long as memory in use.
    """
    block = max(1, BLOCK_BYTES // (8 * max(users, 1)))
    turned = np.empty((min(block, resamples), users))
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        raw = np.frombuffer(rng.bytes(rows * users // 8 + 1), np.uint8)
        bits = np.unpackbits(raw, count=rows * users).reshape(rows, users)
        turned[:rows] = bits
        yield turned[:rows]


def bootstrap_p(
    difference: Float64[np.ndarray, "resamples m"],
) -> PValues:
    """Return the two-sided p-value of resampled differences, per column.

    p = 2 (1 + m) / (1 + resamples), at most 1, where m draws lie on the rarer side of
    zero (zero itself counts for both); a bound where m is 0. For statistics that are no
    mean of users, where signs cannot be flipped. NaN for a column without a draw.

    Args:
        difference: One model's statistic less the other's, in the same resamples.

    Source:
        Efron & Tibshirani (1993), section 15.4: the level at which the percentile
        interval touches zero.
    """
    known = ~np.isnan(difference)
    below = ((difference <= 0) & known).sum(axis=0)
    above = ((difference >= 0) & known).sum(axis=0)
    draws = known.sum(axis=0)
    rarer = np.minimum(below, above)
    p = np.minimum(2 * (1 + rarer) / (1 + draws), 1.0)
    return PValues(np.where(draws > 0, p, np.nan), (rarer == 0) & (draws > 0))
