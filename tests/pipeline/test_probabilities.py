"""Probabilities of a pipeline's ranker come true, of what it is asked about."""

from dataclasses import dataclass

import numpy as np
import pytest

from tidegraph.data.interactions import interactions
from tidegraph.durations import DAY
from tidegraph.evaluation.metrics.classification import calibration_error
from tidegraph.features.past import Past
from tidegraph.pipeline import Pipeline, Windows
from tidegraph.ranking.calibration import Calibrated
from tidegraph.ranking.logit import RecencyLogit
from tidegraph.ranking.retrieved import RetrieverLogit
from tidegraph.retrieval.popular import Popular


@dataclass(frozen=True)
class UserIsEven:
    """Nothing that would tell a candidate from what is drawn beside it."""

    name: str = "user_is_even"

    def read(self, past: Past) -> np.ndarray:
        return past.candidates()["user"].to_numpy() % 2


BLIND = RecencyLogit(groups=(UserIsEven(),))


def planted(users: int = 200, items: int = 80, days: int = 30):
    """Each user acts once a day on an item, each by a chance of its own."""
    rng = np.random.default_rng(0)
    day, user = (part.ravel() for part in np.mgrid[:days, :users])
    item = rng.choice(items, len(user), p=rng.dirichlet(np.full(items, 0.4)))
    return interactions(user, item, day * DAY + rng.integers(0, DAY, len(user)))


def said_and_came_true(ranker, windows: Windows):
    """Return what is said of each of ten candidates, and what came true later."""
    log = planted()
    cut, now = 20 * DAY, 25 * DAY
    pipe = Pipeline(Popular(), rank=ranker, candidates=10, windows=windows)

    model = pipe.fit(log.before(cut), log.since(cut).before(now))

    said, later = model.recommend_all(k=10), log.since(now)
    user, item = log.users.decode(later.user), log.items.decode(later.item)
    did = set(zip(user.to_list(), item.to_list(), strict=True))
    pairs = zip(said["user"].to_list(), said["item"].to_list(), strict=True)
    return said["score"].to_numpy(), np.array([pair in did for pair in pairs])


@pytest.mark.parametrize(
    "ranker",
    [
        Calibrated(BLIND),
        Calibrated(BLIND, "isotonic"),
        Calibrated(RecencyLogit()),
        RetrieverLogit(Popular()),
    ],
)
@pytest.mark.parametrize("negatives", [0, 20])
def test_what_is_calibrated_comes_true_whatever_was_drawn_beside(ranker, negatives):
    windows = Windows(2, days=5.0, negatives=negatives)

    said, came = said_and_came_true(ranker, windows)

    assert said.mean() == pytest.approx(came.mean(), rel=0.06)
    assert calibration_error(came, said) < 0.04


def test_without_what_is_drawn_a_bare_probability_comes_true():
    said, came = said_and_came_true(BLIND, Windows(2, days=5.0, negatives=0))
    mixed, _ = said_and_came_true(BLIND, Windows(2, days=5.0))

    assert said.mean() == pytest.approx(came.mean(), rel=0.06)
    # Thirty candidates of which ten were retrieval's.
    assert mixed.mean() == pytest.approx(came.mean() / 3, rel=0.06)
