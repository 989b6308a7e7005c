"""Fields as columns that every ranker reads, one without vectors, too."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import tidegraph as tg
from tidegraph.bench import ClickProtocol, click_parts
from tidegraph.data.interactions import interactions
from tidegraph.durations import DAY
from tidegraph.errors import ConfigError, DataError
from tidegraph.evaluation.metrics.classification import auc
from tidegraph.features.columns import Features
from tidegraph.features.fields import fields_of, read_fields
from tidegraph.features.groups import OF_CANDIDATES
from tidegraph.features.reading import PastView
from tidegraph.graph.snapshot import Snapshot
from tidegraph.ranking.logit import RecencyLogit
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.run import Run
from tidegraph.stages import NO_ITEM, Requests
from tidegraph.testing.logs import draw_log
from tidegraph.testing.rankers import RankerLaws

ITEMS = pl.DataFrame(
    {
        "item": list("pqrs"),
        "colour": ["red", "red", "blue", "blue"],
        "price": [1.5, None, 4.5, float("nan")],
    }
)
USERS = pl.DataFrame({"user": list("uvw"), "age": [30, 30, 40]})
DEVICES = ["web", "app", "web", "app", "web", "app"]


def log_of(time=(1, 2, 3, 4, 5, 6)):
    """Of u p, of v p, of w r, of u q, of u s, of v q; a day each."""
    log = interactions(
        list("uvwuuv"),
        list("pprqsq"),
        np.array(time) * DAY,
        context=pl.DataFrame({"device": DEVICES}),
    )
    return replace(
        log,
        items=log.items.with_features(ITEMS, "item"),
        users=log.users.with_features(USERS, "user"),
    )


def columns(log, day, user, item, *fields, groups=OF_CANDIDATES):
    """The columns of fields, by name, of one request."""
    requests = Requests.of_users(
        Snapshot.of(log), np.array([user], np.int32), np.array([day * DAY])
    )
    found = fields_of(requests, fields, groups)
    view = PastView.of(requests, np.array([item], np.int32), np.zeros(0, np.int32))
    names = [name for one in found for name in one.names]
    return dict(zip(names, read_fields(found, view)[0].T.tolist(), strict=True))


def test_a_category_of_few_values_is_a_column_each_and_how_often_it_was_chosen():
    p, q, r, s = range(4)
    p, r, q, s = 0, 1, 2, 3  # As they first appear.

    found = columns(log_of(), 6, 0, [p, q, r, s, NO_ITEM], "item.colour")

    # u had p, q and s: two of three are red.
    assert found == {
        "item.colour blue": [0, 0, 1, 1, 0],
        "item.colour red": [1, 1, 0, 0, 0],
        "item.colour share": [
            pytest.approx(share) for share in (2 / 3, 2 / 3, 1 / 3, 1 / 3, 0)
        ],
    }


def test_a_share_of_users_is_of_others_with_the_item_before_the_time():
    log = log_of()
    # On day 6 p had u and v, who are both 30; r had w, who is 40; s had u alone.
    assert columns(log, 6, 0, [0, 1, 3], "user.age")["user.age share"] == [1, 0, 0]
    # On day 2 nobody but u had p, and the action of v is of that very day.
    assert columns(log, 2, 1, [0], "user.age") == {}
    assert columns(log, 4, 1, [0], "user.age")["user.age share"] == [1]


def test_a_number_is_less_its_mean_over_its_deviation_and_the_unknown_are_told():
    found = columns(log_of(), 7, 0, [0, 1, 2, 3], "item.price")

    # p is 1.5 and r is 4.5: their mean is 3, their deviation 1.5.
    assert found == {"item.price": [-1, 1, 0, 0], "item.price unknown": [0, 0, 1, 1]}


def test_what_an_event_says_is_that_of_the_latest_before_the_time():
    log = log_of()

    # Of u: web on days 1 and 5, app on day 4.
    told = columns(log, 5, 0, [2, 3], "event.device")
    assert told["event.device app"] == [1, 1]
    assert told["event.device share"] == [0.5, 0.5]
    assert columns(log, 6, 0, [2], "event.device")["event.device web"] == [1]
    assert columns(log, 6, -1, [2], "event.device")["event.device web"] == [0]


def test_a_column_may_be_called_as_counts_are():
    log = replace(log_of(), context=pl.DataFrame({"count": DEVICES}))

    assert columns(log, 6, 0, [2], "event.count")["event.count web"] == [1]


def test_columns_are_of_the_groups_that_are_on():
    fields = ("item.colour", "user.age", "item.price")
    names = [
        list(columns(log_of(), 7, 0, [0], *fields, groups=(group,)))
        for group in ("item", "user", "category", "pair")
    ]

    assert names == [
        ["item.colour blue", "item.colour red", "item.price", "item.price unknown"],
        ["user.age 30"],
        ["item.colour share", "user.age share"],
        [],
    ]


def test_rewriting_the_future_changes_no_column():
    rng, many = np.random.default_rng(0), 600
    base = draw_log(events=many)
    device = pl.DataFrame({"device": rng.choice(["web", "app", "tv"], many)})
    ages = pl.DataFrame(
        {"user": base.users.ids, "age": rng.integers(20, 24, len(base.users))}
    )
    log = replace(base, users=base.users.with_features(ages, "user"), context=device)
    time = int(log.time[400])
    later = log.time >= time
    rows = np.arange(many)
    rows[later] = rng.permutation(rows[later])
    rewritten = replace(
        log,
        item=log.item[rows],
        user=np.where(later, rng.permutation(log.user), log.user),
        context=log.context[rows],
    )
    user = np.arange(len(log.users), dtype=np.int32)
    item = rng.integers(0, len(log.items), (len(user), 5)).astype(np.int32)
    names = ("item.category", "item.price", "user.age", "event.device")
    told = []
    for one in (log, rewritten, log.before(time)):
        graph = Snapshot.of(one)
        clock = np.full(len(user), time, np.int64)
        requests = Requests.of_users(graph, user, clock)
        fields = fields_of(requests, names, OF_CANDIDATES)
        view = PastView.of(requests, item, np.zeros(0, np.int32))
        told.append((fields, read_fields(fields, view)))

    # All but that no price is unknown.
    assert told[0][1].any(axis=(0, 1)).sum() == told[0][1].shape[2] - 1
    for fields, numbers in told[1:]:
        assert fields == told[0][0]
        np.testing.assert_array_equal(numbers, told[0][1])


def test_candidates_that_are_read_a_few_at_a_time_have_the_same_columns(monkeypatch):
    log = draw_log(events=600)
    user = np.arange(len(log.users), dtype=np.int32)
    requests = Requests.of_users(
        Snapshot.of(log), user, np.full(len(user), log.time[-1], np.int64)
    )
    item = np.random.default_rng(0).integers(0, 40, (len(user), 6)).astype(np.int32)
    fields = fields_of(requests, ("item.category", "item.price"), OF_CANDIDATES)
    view = PastView.of(requests, item, np.zeros(0, np.int32))
    whole = read_fields(fields, view)
    monkeypatch.setattr("tidegraph.features.feature.CELLS", 2000)

    np.testing.assert_array_equal(read_fields(fields, view), whole)


class TestRecencyLogitWithFields(RankerLaws):
    variant_of = "TestRecencyLogit"
    ranker = RecencyLogit(fields=("item.category", "item.price"))


class TestMLPWithFields(RankerLaws):
    variant_of = "TestDIN"
    ranker = NeuralRanker(
        tg.MLP((8,)),
        tg.FeatureSet(fields=("item.category", "item.price")),
        training=tg.Training(epochs=2),
    )


def planted(users=3000, items=80, kinds=4):
    """Who is of an age wants a colour; what they did before says nothing of it."""
    rng = np.random.default_rng(0)
    age, colour = np.arange(users) % kinds, np.arange(items) % kinds
    sure = rng.random(users) < 0.95
    wanted = np.where(sure, age, rng.integers(0, kinds, users))
    first = rng.integers(0, items, users)
    second = rng.integers(0, items // kinds, users) * kinds + wanted
    time = np.concatenate([rng.integers(0, 1000, users), 2000 + rng.permutation(users)])
    order = np.argsort(time, kind="stable")
    user = np.tile(np.arange(users), 2)[order]
    item = np.concatenate([first, second])[order]
    log = interactions(
        [f"u{u}" for u in user], [f"i{i}" for i in item], time[order] * 3600
    )
    people = {
        "user": [f"u{u}" for u in range(users)],
        "age": 20 + age,
        "years": age + 0.5,
    }
    things = {
        "item": [f"i{i}" for i in range(items)],
        "colour": [f"c{c}" for c in colour],
        "price": colour + 0.5,
    }
    return replace(
        log,
        users=log.users.with_features(pl.DataFrame(people), "user"),
        items=log.items.with_features(pl.DataFrame(things), "item"),
    )


@pytest.fixture(scope="module")
def parts():
    return click_parts(planted(), ClickProtocol(), rng=np.random.default_rng(0))


def found(parts, ranker):
    fitted = ranker.fit(parts.train, parts.valid, run=Run(np.random.default_rng(0)))
    score = fitted.score(parts.test.requests, parts.test.candidates)
    there = parts.test.candidates.present
    return auc(parts.test.label[there], score[there])


@pytest.mark.parametrize("kind", [tg.RecencyLogit, tg.BoostedTrees])
def test_a_control_finds_that_colour_and_age_decide(kind, parts):
    # At best .96 x .75 + half of what is even: .86; .8 is far from chance.
    assert found(parts, kind()) < 0.6
    assert found(parts, kind(fields=("item.colour", "user.age"))) > 0.8


def test_trees_find_that_price_and_years_decide(parts):
    assert found(parts, tg.BoostedTrees(fields=("item.price", "user.years"))) > 0.65


def test_a_network_without_vectors_finds_that_colour_and_age_decide(parts):
    network = NeuralRanker(
        tg.MLP(),
        tg.FeatureSet(fields=("item.colour", "user.age")),
        training=tg.Training(epochs=10),
    )

    assert found(parts, network) > 0.8


def test_a_value_that_no_example_has_says_nothing(parts):
    log = planted()
    rare = pl.DataFrame({"item": log.items.ids, "mark": [None] * len(log.items)})
    rare = rare.with_columns(mark=pl.Series(["x", "x", *["y"] * (len(rare) - 2)]))
    log = replace(log, items=log.items.with_features(rare, "item"))
    at = parts.test
    graph = Snapshot.of(log)
    item = np.where(at.candidates.item < 2, NO_ITEM, at.candidates.item)
    learn = replace(
        at,
        requests=replace(at.requests, graph=graph),
        candidates=replace(at.candidates, item=item.astype(np.int32)),
        label=np.where(item == NO_ITEM, 0, at.label).astype(np.float32),
    )
    features = Features.fit(learn, fields=("item.mark",))
    asked = replace(learn.candidates, item=np.zeros_like(learn.candidates.item))

    told = features.of(learn.requests, asked)

    assert features.names[-3:] == ("item.mark x", "item.mark y", "item.mark share")
    assert not told[:, :, -3:-1].any()


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (
            lambda: RecencyLogit(groups=("item",), fields=("item.colour",)),
            "RecencyLogit reads the field 'item.colour' in the group of inputs "
            "'category', which is off",
        ),
        (
            lambda: tg.BoostedTrees(groups=("item",), fields=("event.device",)),
            "'event.device' in the group of inputs 'user'",
        ),
        (
            lambda: NeuralRanker(
                tg.MLP(), tg.FeatureSet(groups=("pair",), fields=("user.age",))
            ),
            "MLP reads the field 'user.age' in the group of inputs 'user'",
        ),
        (lambda: RecencyLogit(fields=("colour",)), "Say whose feature it is"),
    ],
)
def test_a_field_that_nothing_would_read_is_refused(made, said):
    with pytest.raises(ConfigError, match=said):
        made()


def test_a_network_with_vectors_reads_fields_without_groups():
    features = tg.FeatureSet(groups=("votes",), fields=("user.age",))

    assert NeuralRanker(tg.DIN(), features).features.fields == ("user.age",)


@pytest.mark.parametrize("kind", [tg.RecencyLogit, tg.BoostedTrees])
def test_a_field_that_a_log_lacks_is_refused_before_the_work(kind):
    with pytest.raises(DataError, match="'color' is no feature of items"):
        kind(fields=("item.color",)).check(log_of())
