"""What one day of a simulated marketplace shows, and what is clicked."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int8, Int16, Int32, Int64

from tidegraph.data.synthetic.attraction import (
    Goods,
    People,
    Weights,
    attracted,
    taste_at,
)
from tidegraph.kernels.jit import compiled


class Shelf(NamedTuple):
    """What a day's policy shows.

    Attributes:
        item: The items on offer.
        share: Their probabilities among the draws that follow past clicks.
        below: Running sums of ``share``.
        explored: For each place of a slate, the share of uniform draws.
    """

    item: Int32[np.ndarray, " offered"]
    share: Float64[np.ndarray, " offered"]
    below: Float64[np.ndarray, " offered"]
    explored: Float64[np.ndarray, " slate"]


class Events(NamedTuple):
    """Columns of impressions to fill, 23 bytes each; slates lie end to end."""

    user: Int32[np.ndarray, " n"]
    item: Int32[np.ndarray, " n"]
    time: Int64[np.ndarray, " n"]
    label: Int8[np.ndarray, " n"]
    position: Int16[np.ndarray, " n"]
    propensity: Float32[np.ndarray, " n"]

    @classmethod
    def blank(cls, size: int) -> "Events":
        """Return room for ``size`` impressions."""
        types = (np.int32, np.int32, np.int64, np.int8, np.int16, np.float32)
        return cls(*(np.zeros(size, dtype) for dtype in types))

    def rows(self, start: int, stop: int) -> "Events":
        """Return a view of consecutive impressions."""
        return Events(*(column[start:stop] for column in self))


@compiled
def show_slates(
    people: People,
    goods: Goods,
    weights: Weights,
    shelf: Shelf,
    looked: Float64[np.ndarray, " slate"],
    chance: Float64[np.ndarray, "n two"],
    events: Events,
    first: int,
    last: int,
) -> None:
    """Draw the items and the clicks of slates ``first`` to ``last``.

    Args:
        people: The users.
        goods: The items.
        weights: The numbers of the formula.
        shelf: What the policy shows.
        looked: Probability that each place is looked at.
        chance: Two uniform numbers per impression: which item, and whether clicked.
        events: Users and times are given; the other columns are filled.
        first: The first slate.
        last: Where to stop.
    """
    taste = np.empty(people.taste.shape[1])
    slate = looked.size
    for visit in range(first, last):
        top = visit * slate
        taste_at(people, weights, events.user[top], events.time[top], taste)
        for place in range(slate):
            e = top + place
            explored = shelf.explored[place]
            at = _draw_item(shelf.below, explored, chance[e, 0])
            item = shelf.item[at]
            uniform = explored / shelf.item.size
            click = attracted(taste, goods, weights, item, events.time[e])
            events.item[e] = item
            events.position[e] = place
            events.propensity[e] = (1 - explored) * shelf.share[at] + uniform
            events.label[e] = chance[e, 1] < click * looked[place]


@compiled
def _draw_item(
    below: Float64[np.ndarray, " offered"], explored: float, chance: float
) -> int:
    """Return the item that ``chance`` falls on in a mixture with the uniform."""
    low, high = 0, below.size - 1
    while low < high:
        middle = (low + high) >> 1
        mixed = (1 - explored) * below[middle]
        mixed += explored * (middle + 1) / below.size
        if mixed <= chance:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def first_seen(codes: Int32[np.ndarray, " n"], size: int) -> Int32[np.ndarray, " size"]:
    """Return the codes below ``size`` by first appearance, unseen ones last."""
    seen = np.zeros(size, np.bool_)
    order = np.empty(size, np.int32)
    found = 0
    for code in codes:
        if not seen[code]:
            seen[code] = True
            order[found] = code
            found += 1
    for code in range(size):
        if not seen[code]:
            order[found] = code
            found += 1
    return order
