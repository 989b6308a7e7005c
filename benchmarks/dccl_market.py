"""Simulated logs of ``benchmarks/dccl.py``, and what nobody can beat on them.

``the truth`` is a list by the true probability of a click, ``mean of users`` by its
mean over 150 users. What lies between them is what knowing a user is worth, but a log
does not tell all of it. So ``what the log tells`` knows how items are, what ages them,
and how often each place is looked at, and of a user what the rows before the test say:
the posterior of a taste that is a Gaussian process (its mean that of all users, its
waves of unknown phase and period), by Laplace's approximation (Rasmussen & Williams,
2006, 3.4).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.special import expit

import tidegraph as tg
from tidegraph.data.interactions import Interactions
from tidegraph.data.synthetic.attraction import Weights
from tidegraph.data.synthetic.settings import Clicks, Tastes
from tidegraph.data.synthetic.truth import Truth
from tidegraph.durations import DAY
from tidegraph.stages import NO_ITEM

_MARKET = tg.Marketplace(users=800, items=300, days=60, visits=500)
_DRIFT = Tastes(spread=1.0, drift=1.5, period_days=20.0)
MARKETS = {
    "marketplace": _MARKET,
    "shown": replace(_MARKET, tastes=Tastes(spread=1.0)),
    "drift": replace(_MARKET, tastes=_DRIFT),
    "busy": replace(_MARKET, users=200, tastes=_DRIFT),
    "kinds": replace(
        _MARKET,
        users=200,
        tastes=Tastes(profiles=200, categories=30, spread=0.5, drift=0.0),
        clicks=Clicks(base=-5.0, taste=2.0, position=0.0),
    ),
    "steady": replace(_MARKET, users=200, tastes=Tastes(spread=1.5, drift=0.0)),
}
KEEP = {"busy": 1760, "kinds": 1760, "steady": 1760}
"""How many rows a device keeps, where not 440."""
_READ = 880
"""Latest rows of a user that the posterior reads."""


@dataclass(frozen=True)
class Knowing:
    """Scores by the true probability of a click, or by its mean over some users."""

    truth: Truth
    users: np.ndarray | None = None

    def score(self, requests, candidates):
        item = np.where(candidates.present, candidates.item, NO_ITEM)
        time = requests.time[:, None]
        who = requests.user[None] if self.users is None else self.users[:, None]
        each = [
            self.truth.attraction(np.broadcast_to(row, len(item))[:, None], item, time)
            for row in who
        ]
        return np.mean(each, axis=0)


@dataclass(frozen=True)
class Posterior:
    """Scores by what the rows of a user tell of a taste, all else being known."""

    truth: Truth
    tastes: Tastes
    log: Interactions

    def score(self, requests, candidates):
        item = np.where(candidates.present, candidates.item, 0)
        time = np.broadcast_to(requests.time[:, None], item.shape)
        out = self._common(item, time)
        for asked, rows in self._by_user(requests.user):
            at = item[asked].ravel(), time[asked].ravel()
            read = self.log.item[rows], self.log.time[rows]
            weight = self._weights(rows, self._covariance(read, read))
            own = self._covariance(at, read) @ weight
            out[asked] += own.reshape(out[asked].shape)
        return out

    def _by_user(self, user: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The requests of each user, and the latest of the user's rows."""
        for one in np.unique(user):
            rows = np.flatnonzero(self.log.user == one)[-_READ:]
            if len(rows):
                yield np.flatnonzero(user == one), rows

    def _common(self, item, time) -> np.ndarray:
        """The logit of whoever has the mean taste."""
        goods, numbers = self.truth.goods, self.truth.weights
        days = np.maximum(0, (time - goods.born[item]) / DAY / numbers.peak_days)
        liked = goods.vector @ self.truth.people.taste.mean(axis=0)
        logit = numbers.base + goods.quality[item] + numbers.match * liked[item]
        return logit + numbers.freshness * days * np.exp(1 - days)

    def _covariance(self, one, other) -> np.ndarray:
        """Of what a taste adds to the logits of (items, times)."""
        vector = self.truth.goods.vector.astype(np.float64)
        a, b = vector[one[0]], vector[other[0]]
        spread = self.truth.people.taste.var(axis=0, dtype=np.float64)
        days = np.abs(one[1][:, None] - other[1][None]) / DAY
        waves = np.interp(days, *self._waves) * (a @ b.T)
        return self.truth.weights.match**2 * ((a * spread) @ b.T + waves)

    @cached_property
    def _waves(self) -> tuple[np.ndarray, np.ndarray]:
        """Covariance of a wave of unknown phase and period, by days between."""
        days = np.linspace(0, 100, 2001)
        period = self.tastes.period_days * 2 ** np.linspace(-1, 1, 401)
        turned = np.cos(2 * np.pi * days[:, None] / period).mean(axis=1)
        return days, self.tastes.drift**2 * turned

    def _weights(self, rows: np.ndarray, covariance: np.ndarray) -> np.ndarray:
        """What each row adds, as of the most likely taste, by Newton's method."""
        log, numbers = self.log, self.truth.weights
        common = self._common(log.item[rows], log.time[rows])
        looked = _looked_at(log, rows, numbers)
        acted = log.label[rows].astype(np.float64)

        def lost(weight: np.ndarray) -> float:
            own = covariance @ weight
            chance = np.clip(looked * expit(common + own), 1e-12, 1 - 1e-12)
            told = acted * np.log(chance) + (1 - acted) * np.log1p(-chance)
            return float(own @ weight / 2 - told.sum())

        weight = np.zeros(len(rows))
        least = lost(weight)
        for _ in range(50):
            own = covariance @ weight
            liked = expit(common + own)
            chance = np.clip(looked * liked, 1e-12, 1 - 1e-12)
            rise, noise = looked * liked * (1 - liked), chance * (1 - chance)
            root = np.sqrt(np.maximum(rise**2 / noise, 1e-9))
            target = root * own + (acted - chance) / noise * rise / root
            system = np.eye(len(rows)) + root[:, None] * covariance * root
            step = root * np.linalg.solve(system, target) - weight
            # A whole step may lead too far where clicks surprise.
            shares = 0.5 ** np.arange(12)
            tried = [lost(weight + share * step) for share in shares]
            best = int(np.argmin(tried))
            if tried[best] > least - 1e-6:
                break
            weight, least = weight + shares[best] * step, tried[best]
        return weight


def _looked_at(log: Interactions, rows: np.ndarray, numbers: Weights) -> np.ndarray:
    place = np.asarray(log.context["position"])[rows]
    return (place + 1.0) ** -numbers.position


def ceilings(name: str, before: int, seed: int) -> dict[str, Knowing | Posterior]:
    """What nobody can beat but by chance, and what rows before a time tell."""
    if name not in MARKETS:
        return {}
    world = MARKETS[name].simulate(rng=np.random.default_rng(seed))
    users = len(world.log.users)
    some = np.random.default_rng(1).permutation(users)[:150].astype(np.int32)
    past = world.log.before(before)
    return {
        "the truth": Knowing(world.truth),
        "what the log tells": Posterior(world.truth, MARKETS[name].tastes, past),
        "the truth, mean of users": Knowing(world.truth, some),
    }
