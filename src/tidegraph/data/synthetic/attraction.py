r"""How much an item attracts a user at a time, as compiled functions.

logit(u, i, t) = base + <taste_u(t), v_i> clicks.taste / sqrt(dimensions)
                 + quality_i + freshness * x exp(1 - x)

with x = the item's age over its peak age, 0 before it is born, and per dimension d

taste_ud(t) = mean_ud + drift * sqrt(2) * sin(2 pi (t / period_ud + phase_ud)),

which is smooth, known at every time, and has the standard deviation ``drift``.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64

from tidegraph.durations import DAY
from tidegraph.kernels.jit import compiled

START = 1_704_067_200
"""The first midnight of every simulated marketplace: 2024-01-01 00:00 UTC."""


class People(NamedTuple):
    """The users, one row each.

    Attributes:
        profile: Which kind of user.
        taste: What she likes in the long run.
        period: Days after which a dimension of her taste comes back.
        phase: Where in its period each dimension stands at the start, 0 to 1.
    """

    profile: Int32[np.ndarray, " users"]
    taste: Float32[np.ndarray, "users d"]
    period: Float32[np.ndarray, "users d"]
    phase: Float32[np.ndarray, "users d"]


class Goods(NamedTuple):
    """The items, one row each.

    Attributes:
        category: Which kind of item.
        vector: What it is like.
        quality: Logit that every user adds.
        price: A positive number; good items tend to be dear.
        born: Unix seconds of the midnight it comes.
        retired: Unix seconds of the midnight it goes.
    """

    category: Int32[np.ndarray, " items"]
    vector: Float32[np.ndarray, "items d"]
    quality: Float32[np.ndarray, " items"]
    price: Float64[np.ndarray, " items"]
    born: Int64[np.ndarray, " items"]
    retired: Int64[np.ndarray, " items"]


class Weights(NamedTuple):
    """The numbers of the formula.

    Attributes:
        base: Logit of a click before any other effect.
        match: Weight of the inner product: clicks.taste / sqrt(dimensions).
        swing: Height of the waves of taste: drift * sqrt(2).
        freshness: Logit at the peak of an item's life.
        peak_days: Age of that peak.
        position: Power of the position bias.
    """

    base: float
    match: float
    swing: float
    freshness: float
    peak_days: float
    position: float


@compiled
def taste_at(
    people: People,
    weights: Weights,
    user: int,
    time: int,
    out: Float64[np.ndarray, " d"],
) -> None:
    """Write the taste of a user at a time into ``out``."""
    day = (time - START) / DAY
    for d in range(out.size):
        turn = day / people.period[user, d] + people.phase[user, d]
        wave = math.sin(2 * math.pi * turn)
        out[d] = people.taste[user, d] + weights.swing * wave


@compiled
def attracted(
    taste: Float64[np.ndarray, " d"],
    goods: Goods,
    weights: Weights,
    item: int,
    time: int,
) -> float:
    """Return the probability that a taste clicks an item it looks at."""
    match = 0.0
    for d in range(taste.size):
        match += taste[d] * goods.vector[item, d]
    logit = weights.base + weights.match * match + goods.quality[item]
    age = max(0.0, (time - goods.born[item]) / DAY / weights.peak_days)
    logit += weights.freshness * age * math.exp(1 - age)
    return 1 / (1 + math.exp(-logit))


@compiled
def attract_pairs(
    people: People,
    goods: Goods,
    weights: Weights,
    user: Int32[np.ndarray, " n"],
    item: Int32[np.ndarray, " n"],
    time: Int64[np.ndarray, " n"],
    out: Float64[np.ndarray, " n"],
    first: int,
    last: int,
) -> None:
    """Write the attraction of each (user, item, time); 0 where the item is -1."""
    taste = np.empty(people.taste.shape[1])
    for row in range(first, last):
        new = row == first or user[row] != user[row - 1] or time[row] != time[row - 1]
        if new:
            taste_at(people, weights, user[row], time[row], taste)
        out[row] = 0.0
        if item[row] >= 0:
            out[row] = attracted(taste, goods, weights, item[row], time[row])


@compiled
def attract_offer(
    people: People,
    goods: Goods,
    weights: Weights,
    user: Int32[np.ndarray, " b"],
    time: Int64[np.ndarray, " b"],
    out: Float64[np.ndarray, "b items"],
    first: int,
    last: int,
) -> None:
    """Write the attraction of every item on offer; 0 where it is not."""
    taste = np.empty(people.taste.shape[1])
    for row in range(first, last):
        taste_at(people, weights, user[row], time[row], taste)
        for item in range(out.shape[1]):
            out[row, item] = 0.0
            if goods.born[item] <= time[row] < goods.retired[item]:
                out[row, item] = attracted(taste, goods, weights, item, time[row])
