"""A marketplace that is simulated day by day, with its log and its truth."""

import math
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from jaxtyping import Float64, Int32

from tidegraph.arguments import settings
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.interactions import Interactions
from tidegraph.data.synthetic.attraction import START, Goods, People, Weights
from tidegraph.data.synthetic.population import draw_goods, draw_people
from tidegraph.data.synthetic.settings import Clicks, Lifecycle, Policy, Tastes, check
from tidegraph.data.synthetic.traffic import Events, Shelf, first_seen, show_slates
from tidegraph.data.synthetic.truth import Truth
from tidegraph.durations import DAY
from tidegraph.errors import ConfigError
from tidegraph.kernels.jit import over_rows
from tidegraph.progress import track
from tidegraph.rng import Seed, generator

LOYALTY = 1.0
"""Standard deviation of the log of how often a user visits."""


@dataclass(frozen=True, eq=False)
class World:
    """What happened in a marketplace, and what was true.

    Attributes:
        log: A row per impression, label 1 if it was clicked; its context has
            ``position`` (0 is the top) and ``propensity``, the probability with which
            the item was shown at that place. Rows of one slate follow each other.
        truth: Click probabilities, by the row numbers of the log.
    """

    log: Interactions
    truth: Truth


@settings
class Marketplace:
    """A marketplace to simulate, whose truth is known.

    Attributes:
        users: How many users there are; some visit often, many rarely.
        items: How many items are on offer on an average day. Others take the place of
            those that go, so the catalogue of all days is larger.
        days: How long it lasts. A longer one begins with the same events.
        visits: How many times a day somebody is shown a slate.
        tastes: What users like.
        lifecycle: How items come and go.
        clicks: What makes a user click.
        policy: What is shown.
    """

    users: int = 2_000
    items: int = 500
    days: int = 30
    visits: int = 2_000
    tastes: Tastes = field(default_factory=Tastes)
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    clicks: Clicks = field(default_factory=Clicks)
    policy: Policy = field(default_factory=Policy)

    def __post_init__(self) -> None:
        check("marketplace", self, ("users", "items", "days", "visits"), 1)

    @property
    def impressions(self) -> int:
        """How many events the log has."""
        return self.days * self.visits * self.policy.slate

    def simulate(self, *, rng: Seed) -> World:
        """Return the log of all days, and the truth behind it.

        The policy of a day follows the clicks of the days before it and nothing else,
        so what is popular is shown and clicked more: a feedback loop.

        Args:
            rng: Seed or generator; the same gives the same bits, on any number of
                threads.

        Raises:
            ConfigError: On some day no item is left on offer.
        """
        for_people, for_goods, for_days = generator(rng).spawn(3)
        people = draw_people(self.users, self.tastes, rng=for_people)
        goods = draw_goods(
            self.items,
            self.days,
            self.tastes,
            self.lifecycle,
            self.clicks,
            rng=for_goods,
        )
        visitors, *each_day = for_days.spawn(self.days + 1)
        loyalty = np.exp(LOYALTY * visitors.standard_normal(self.users))
        habit = np.cumsum(loyalty)
        truth = Truth(people, goods, self._weights())
        events = self._simulate_days(truth, habit / habit[-1], each_day)
        return _renumbered_as_log(truth, events)

    def _weights(self) -> Weights:
        return Weights(
            base=float(self.clicks.base),
            match=self.clicks.taste / math.sqrt(self.tastes.dimensions),
            swing=self.tastes.drift * math.sqrt(2),
            freshness=float(self.lifecycle.freshness),
            peak_days=float(self.lifecycle.peak_days),
            position=float(self.clicks.position),
        )

    def _simulate_days(
        self,
        truth: Truth,
        habit: Float64[np.ndarray, " users"],
        each_day: list[np.random.Generator],
    ) -> Events:
        """Let day follow day, each with the fame that the days before it left."""
        events = Events.blank(self.impressions)
        size = self.visits * self.policy.slate
        fame = np.zeros(len(truth.goods.born))
        fading = 0.5 ** (1 / self.policy.memory_days)
        for day, rng in enumerate(track(each_day, "simulating", self.days)):
            today = events.rows(day * size, (day + 1) * size)
            self._draw_visits(today, day, habit, rng=rng)
            shelf = self._items_shown(truth.goods, day, fame)
            _show_and_click(truth, shelf, today, rng=rng)
            clicked = today.item[today.label == 1]
            fame = fading * (fame + np.bincount(clicked, minlength=len(fame)))
        return events

    def _draw_visits(
        self,
        today: Events,
        day: int,
        habit: Float64[np.ndarray, " users"],
        *,
        rng: np.random.Generator,
    ) -> None:
        """Draw who comes when; the second of a visit is that of all its impressions."""
        second = np.sort(rng.integers(DAY, size=self.visits))
        visitor = np.searchsorted(habit, rng.random(self.visits), side="right")
        today.time[:] = np.repeat(START + day * DAY + second, self.policy.slate)
        today.user[:] = np.repeat(visitor, self.policy.slate)

    def _items_shown(
        self, goods: Goods, day: int, fame: Float64[np.ndarray, " items"]
    ) -> Shelf:
        midnight = START + day * DAY
        offered = np.flatnonzero((goods.born <= midnight) & (midnight < goods.retired))
        if not len(offered):
            raise ConfigError(
                f"[marketplace] has no item on offer on day {day}. Raise items or "
                "lifecycle.lifetime_days."
            )
        share = (1 + fame[offered]) ** self.policy.popularity
        share /= share.sum()
        first, last = self.policy.top_exploration, self.policy.bottom_exploration
        explored = np.linspace(first, last, self.policy.slate)
        return Shelf(offered.astype(np.int32), share, np.cumsum(share), explored)


def _show_and_click(
    truth: Truth, shelf: Shelf, today: Events, *, rng: np.random.Generator
) -> None:
    """Show every visitor of a day a slate, and note what is clicked."""
    looked = truth.examination(np.arange(len(shelf.explored), dtype=np.int64))
    chance = rng.random((len(today.time), 2))
    people, goods, weights = truth.people, truth.goods, truth.weights
    over_rows(
        lambda a, b: show_slates(
            people, goods, weights, shelf, looked, chance, today, a, b
        ),
        len(today.time) // len(looked),
    )


def _renumbered_as_log(truth: Truth, events: Events) -> World:
    """Number users and items as a reader of the log would: by first appearance."""
    user_order = first_seen(events.user, len(truth.people.profile))
    item_order = first_seen(events.item, len(truth.goods.category))
    people = People(*(column[user_order] for column in truth.people))
    goods = Goods(*(column[item_order] for column in truth.goods))
    log = Interactions(
        user=_inverse_order(user_order)[events.user],
        item=_inverse_order(item_order)[events.item],
        time=events.time,
        label=events.label,
        weight=np.ones(len(events.time), np.float32),
        users=Vocabulary(
            _lettered_ids("u", user_order),
            pl.DataFrame({"profile": _lettered_ids("p", people.profile)}),
        ),
        items=Vocabulary(
            _lettered_ids("i", item_order),
            pl.DataFrame(
                {
                    "category": _lettered_ids("c", goods.category),
                    "price": goods.price,
                    "born": goods.born,
                }
            ),
        ),
        context=pl.DataFrame(
            {"position": events.position, "propensity": events.propensity}
        ),
    )
    return World(log, Truth(people, goods, truth.weights))


def _inverse_order(order: Int32[np.ndarray, " n"]) -> Int32[np.ndarray, " n"]:
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return rank


def _lettered_ids(letter: str, numbers: Int32[np.ndarray, " n"]) -> pl.Series:
    return letter + pl.Series(numbers).cast(pl.String)
