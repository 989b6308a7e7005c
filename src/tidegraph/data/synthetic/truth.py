"""What a simulated marketplace knows and no log tells: true click probabilities."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64, Integer

from tidegraph.artifact.sealed import State
from tidegraph.data.synthetic.attraction import (
    Goods,
    People,
    Weights,
    attract_offer,
    attract_pairs,
)
from tidegraph.errors import RequestError
from tidegraph.kernels.jit import over_rows

BLOCK = 512
"""Requests whose whole offer is held in memory at once."""


@dataclass(frozen=True, eq=False)
class Truth:
    """The true preferences of a marketplace, by the row numbers of its log.

    P(click) = attraction(user, item, time) * examination(position) while the item is on
    offer, else 0; clicks on the places of one slate are independent. See
    ``tidegraph.data.synthetic.attraction`` for the formula of the first factor.

    Attributes:
        people: The users, in the order of the log's vocabulary.
        goods: The items, in the order of the log's vocabulary.
        weights: The numbers of the formula.
    """

    people: People
    goods: Goods
    weights: Weights

    def attraction(
        self,
        user: Int32[np.ndarray, "*#b"],
        item: Int32[np.ndarray, "*#b"],
        time: Int64[np.ndarray, "*#b"],
    ) -> Float64[np.ndarray, "..."]:
        """Return the probability of a click on an item looked at, on offer or not.

        Args:
            user: Rows of users; the three shapes are broadcast.
            item: Rows of items; -1 attracts nobody.
            time: Unix seconds.

        Raises:
            RequestError: A row is not one of the marketplace.
        """
        _check_rows("user", user, 0, len(self.people.profile))
        _check_rows("item", item, -1, len(self.goods.category))
        shape = np.broadcast_shapes(user.shape, item.shape, time.shape)
        who, what, when = (
            np.broadcast_to(column, shape).ravel() for column in (user, item, time)
        )
        out = np.empty(len(who))
        over_rows(
            lambda a, b: attract_pairs(
                self.people, self.goods, self.weights, who, what, when, out, a, b
            ),
            len(who),
            grain=4096,
        )
        return out.reshape(shape)

    def examination(
        self, position: Integer[np.ndarray, "*b"]
    ) -> Float64[np.ndarray, "*b"]:
        """Return the probability that a place is looked at; place 0 always is."""
        return (position + 1.0) ** -self.weights.position

    def alive(
        self, item: Int32[np.ndarray, "*#b"], time: Int64[np.ndarray, "*#b"]
    ) -> Bool[np.ndarray, "..."]:
        """Return whether each item is on offer; -1 never is."""
        _check_rows("item", item, -1, len(self.goods.category))
        born, retired = self.goods.born[item], self.goods.retired[item]
        return (item >= 0) & (born <= time) & (time < retired)

    def click_probability(
        self,
        user: Int32[np.ndarray, "*#b"],
        item: Int32[np.ndarray, "*#b"],
        time: Int64[np.ndarray, "*#b"],
    ) -> Float64[np.ndarray, "..."]:
        """Return P(click) at the first place of a slate; 0 where not on offer.

        Multiply by ``examination(position)`` for another place.

        Raises:
            RequestError: A row is not one of the marketplace.
        """
        return self.attraction(user, item, time) * self.alive(item, time)

    def click_probabilities(
        self, user: Int32[np.ndarray, " b"], time: Int64[np.ndarray, " b"]
    ) -> Float64[np.ndarray, "b items"]:
        """Return P(click) of every item at the first place; 0 where not on offer."""
        _check_rows("user", user, 0, len(self.people.profile))
        out = np.empty((len(user), len(self.goods.category)))
        over_rows(
            lambda a, b: attract_offer(
                self.people, self.goods, self.weights, user, time, out, a, b
            ),
            len(user),
            grain=16,
        )
        return out

    def best(
        self, user: Int32[np.ndarray, " b"], time: Int64[np.ndarray, " b"], k: int
    ) -> Int32[np.ndarray, "b k"]:
        """Return the list of different items with the most expected clicks.

        Examination falls down the list, so by the rearrangement inequality it is the k
        most attractive items on offer, most attractive first; -1 where fewer are.

        Raises:
            RequestError: ``k`` is below 1, or a user is not one of the marketplace.
        """
        if k < 1:
            raise RequestError(f"k is {k}, but a list has at least 1 item. Ask for 1.")
        items = np.full((len(user), k), -1, np.int32)
        for start in range(0, len(user), BLOCK):
            rows = slice(start, start + BLOCK)
            chance = self.click_probabilities(user[rows], time[rows])
            order = np.argsort(-chance, axis=1, kind="stable")[:, :k]
            there = np.take_along_axis(chance, order, axis=1) > 0
            items[rows, : order.shape[1]] = np.where(there, order, -1)
        return items

    def expected_clicks(
        self,
        user: Int32[np.ndarray, " b"],
        item: Int32[np.ndarray, "b k"],
        time: Int64[np.ndarray, " b"],
    ) -> Float64[np.ndarray, " b"]:
        """Return how many clicks each list would get: sum of P(click) over places.

        Args:
            user: Who is shown the list.
            item: Different items, best first; -1 and items not on offer get no click.
            time: When.

        Raises:
            RequestError: A list holds an item twice, which no best list does.
        """
        line = np.sort(item, axis=1)
        twice = (line[:, 1:] == line[:, :-1]) & (line[:, 1:] >= 0)
        if twice.any():
            row, place = np.argwhere(twice)[0]
            raise RequestError(
                f"list {row} holds item {line[row, place]} twice. Give different items."
            )
        chance = self.click_probability(user[:, None], item, time[:, None])
        return chance @ self.examination(np.arange(item.shape[1], dtype=np.int64))

    def state(self) -> State:
        """Return what a file needs to hold."""
        arrays = {f"people.{name}": a for name, a in self.people._asdict().items()}
        arrays |= {f"goods.{name}": a for name, a in self.goods._asdict().items()}
        return State("Truth", settings=self.weights._asdict(), arrays=arrays)

    @classmethod
    def from_state(cls, state: State) -> "Truth":
        """Rebuild from what ``state`` returned."""
        return cls(
            People(*(state.arrays[f"people.{name}"] for name in People._fields)),
            Goods(*(state.arrays[f"goods.{name}"] for name in Goods._fields)),
            Weights(*(float(state.settings[name]) for name in Weights._fields)),
        )


def _check_rows(name: str, rows: Int32[np.ndarray, "*b"], low: int, high: int) -> None:
    if rows.size and not low <= int(rows.min()) <= int(rows.max()) < high:
        raise RequestError(
            f"{name} rows run from {rows.min()} to {rows.max()}, but the marketplace "
            f"has rows {low} to {high - 1}. Use the row numbers of its log."
        )
