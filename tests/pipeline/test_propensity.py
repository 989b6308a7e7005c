"""What was rarely shown counts more in a pipeline, as it does in examples of a log."""

import math
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pytest

from tidegraph.data.interactions import Interactions, interactions
from tidegraph.durations import DAY
from tidegraph.errors import DataError
from tidegraph.features.past import Past
from tidegraph.fitting.shown import from_log
from tidegraph.graph.snapshot import Snapshot
from tidegraph.pipeline import Pipeline, Windows
from tidegraph.ranking.logit import RecencyLogit
from tidegraph.retrieval.popular import Popular
from tidegraph.run import Run
from tidegraph.stages import Examples, Requests

USERS, ITEMS, DAYS = 60, 8, 30
HELD = 20 * DAY
PIPE = Pipeline(
    Popular(),
    candidates=ITEMS,
    windows=Windows(2, days=1.0, negatives=0, propensity="chance"),
)


@dataclass(frozen=True)
class UserIsEven:
    """Nothing that says how liked an item is."""

    name: str = "user_is_even"

    def read(self, past: Past) -> np.ndarray:
        return past.candidates()["user"].to_numpy() % 2


RANKER = RecencyLogit(groups=(UserIsEven(),))


def biased(days: int = DAYS) -> Interactions:
    """At the first second of each day items are shown: the first half of them often.

    These are acted on by eight users in ten, the others by two in ten.
    """
    rng = np.random.default_rng(0)
    day, user, item = (part.ravel() for part in np.mgrid[:days, :USERS, :ITEMS])
    liked = item < ITEMS // 2
    chance = np.where(liked, 0.9, 0.1)
    acts = rng.random(len(day)) < np.where(liked, 0.8, 0.2)
    # On the first day all is acted on, so that every item is known.
    shown = (rng.random(len(day)) < chance) | (day == 0)
    return interactions(
        user[shown],
        item[shown],
        day[shown] * DAY,
        label=(acts | (day == 0))[shown].astype(np.int8),
        context=pl.DataFrame({"chance": chance[shown], "alike": 1.0}),
    )


def parts(log: Interactions) -> tuple[Interactions, Interactions]:
    return log.before(HELD), log.since(HELD).before(HELD + DAY)


class Kept:
    """A ranker that keeps what it learns from."""

    name = "kept"

    def fit(self, train: Examples, valid: Examples, *, run: Run) -> object:
        self.learnt = train, valid
        return RANKER.fit(train, valid, run=run)


def rows_of(examples: Examples) -> list[tuple[int, int, int, float, float]]:
    assert examples.weight is not None
    time, user = examples.requests.time, examples.requests.user
    return sorted(
        (
            int(time[row]),
            int(user[row]),
            int(examples.candidates.item[row, place]),
            float(examples.label[row, place]),
            float(examples.weight[row, place]),
        )
        for row, place in np.argwhere(examples.candidates.present)
    )


def test_a_pipeline_learns_from_the_rows_and_the_weights_of_examples_of_the_log():
    log, kept = biased(), Kept()
    train, valid = parts(log)

    model = replace(PIPE, rank=kept).fit(train, valid)

    # Of each day there is one moment, which is both the request's and the session's.
    graph = Snapshot.of(train.followed_by(valid))
    learn = train.since(train.time[-1] - DAY)
    wanted = [from_log(part, graph, propensity="chance") for part in (learn, valid)]
    assert len(rows_of(wanted[0])) > 400
    # A window ends with the second of the last event, and begins a day before.
    assert rows_of(_at(kept.learnt[0], learn)) == rows_of(wanted[0])
    assert rows_of(_at(kept.learnt[1], valid)) == rows_of(wanted[1])
    run = Run(np.random.default_rng(0))
    asked = wanted[1].requests, wanted[1].candidates
    by_hand = RANKER.fit(*wanted, run=run).score(*asked)
    np.testing.assert_allclose(model.ranker.score(*asked), by_hand, rtol=1e-5)


def _at(examples: Examples, log: Interactions) -> Examples:
    """Return examples as of the moment of the log that follows each request."""
    times = np.unique(log.time)
    moment = times[np.searchsorted(times, examples.requests.time)]
    requests = examples.requests
    return replace(
        examples, requests=Requests.of_users(requests.graph, requests.user, moment)
    )


def test_what_is_rarely_shown_is_learnt_from_as_if_all_were_shown_alike():
    log = biased()

    pipes = [
        replace(PIPE, rank=RANKER, windows=Windows(8, 1.0, (), 0, propensity=column))
        for column in ("chance", "alike")
    ]

    models = [pipe.fit(*parts(log)) for pipe in pipes]

    means = [model.recommend_all(k=ITEMS)["score"].mean() for model in models]
    # Of all items, half are acted on; of what is shown, .9 of it liked, three in four.
    assert means == pytest.approx([0.5, 0.74], abs=0.03)


@pytest.mark.parametrize(
    ("row", "wrong"), [(5, 0.0), (5, 1.5), (5, math.nan), (5, None), (-3, 2.0)]
)
def test_a_chance_that_is_none_is_named_before_anything_is_fitted(row, wrong):
    train, valid = parts(biased())
    part, name = (train, "the log") if row < 0 else (valid, "valid")
    chance = part.context["chance"].to_list()
    chance[row] = wrong
    bad = replace(part, context=part.context.with_columns(chance=pl.Series(chance)))
    where = row if row >= 0 else len(part) + row
    found = "nan" if wrong is None else wrong

    with pytest.raises(DataError, match=f"row {where} of {name} has chance={found}"):
        replace(PIPE, rank=RANKER).fit(*((bad, valid) if row < 0 else (train, bad)))


def test_rows_before_the_windows_need_no_chance():
    train, valid = parts(biased())
    chance = train.context["chance"].to_list()
    chance[0] = None
    old = replace(train, context=train.context.with_columns(chance=pl.Series(chance)))

    replace(PIPE, rank=RANKER).fit(old, valid)


def test_a_log_without_the_column_or_without_what_was_shown_is_refused():
    train, valid = parts(biased())
    pipe = replace(PIPE, rank=RANKER)
    misspelt = replace(pipe, windows=replace(PIPE.windows, propensity="chances"))

    with pytest.raises(DataError, match=r"carries no column 'chances'.*context="):
        misspelt.fit(train, valid)
    with pytest.raises(DataError, match=r"propensity='chance' is said of what was"):
        pipe.fit(train.actions(), valid.actions())
