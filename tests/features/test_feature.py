"""Features of one's own, as inputs of every ranker."""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pytest

import tidegraph as tg
from conftest import draw_log
from tidegraph.data.interactions import Interactions
from tidegraph.errors import ArtifactError, ConfigError, DataError
from tidegraph.features import feature as module
from tidegraph.features.columns import Features
from tidegraph.features.edge_numbers import EdgeNumbers, Events
from tidegraph.features.groups import values_of_groups
from tidegraph.features.reading import PastView
from tidegraph.graph.snapshot import Snapshot
from tidegraph.stages import Requests, called
from tidegraph.testing import FeatureLaws
from tidegraph.testing.rankers import split_examples

DAY = 86_400


@dataclass(frozen=True)
class DaysSinceCategory:
    """Log of 1 + days since this user acted on the candidate's category."""

    name: str = "days_since_category"
    never: float = 365.0

    def read(self, past):
        asked = past.candidates("item.category")
        same = ["request", "item.category"]
        events = past.history("item.category").group_by(same)
        last = events.agg(pl.col("time").max().alias("last"))
        found = asked.join(last, on=same, how="left", maintain_order="left")
        days = (found["time"] - found["last"]) / DAY
        return days.fill_null(self.never).log1p()


@dataclass(frozen=True)
class Weekday:
    """The day of the week, Monday first."""

    name: str = "weekday"
    values: tuple[str, ...] = ("mo", "tu", "we", "th", "fr", "sa", "su")

    def read(self, past):
        # 1970 began on a Thursday.
        return (past.candidates()["time"] // DAY + 3) % 7


@dataclass(frozen=True)
class PaidMore:
    """How much more the candidate costs than what its user has paid, on average."""

    name: str = "paid_more"

    def read(self, past):
        asked = past.candidates("item.price")
        paid = past.history("event.paid").group_by("request")
        mean = paid.agg(pl.col("event.paid").mean().alias("usual"))
        found = asked.join(mean, on="request", how="left", maintain_order="left")
        return (found["item.price"] - found["usual"]).fill_null(0.0)


@dataclass(frozen=True)
class AgeOfUsers:
    """Mean age of the latest users of an item."""

    name: str = "age_of_users"

    def read(self, past):
        events = past.item_events(3, "user.age").group_by("candidate")
        mean = events.agg(pl.col("user.age").mean())
        asked = past.candidates().with_row_index("candidate")
        asked = asked.with_columns(pl.col("candidate").cast(pl.Int64))
        found = asked.join(mean, on="candidate", how="left", maintain_order="left")
        return found["user.age"].fill_null(0.0)


OWN = (DaysSinceCategory(), Weekday())


def paid_log() -> Interactions:
    """A log with a context, features of users, returns and rows shown in vain."""
    log = draw_log(events=1500)
    rng = np.random.default_rng(5)
    ages = pl.DataFrame({"user": log.users.ids, "age": np.arange(len(log.users))})
    weight = np.where(rng.random(1500) < 0.05, -1.0, 1.0).astype(np.float32)
    return replace(
        log,
        weight=weight,
        users=log.users.with_features(ages, "user"),
        context=pl.DataFrame({"paid": rng.integers(1, 20, 1500).astype(np.float64)}),
    )


class TestDaysSinceCategory(FeatureLaws):
    feature = DaysSinceCategory()


class TestWeekday(FeatureLaws):
    feature = Weekday()


class TestPaidMore(FeatureLaws):
    feature = PaidMore()

    def log(self):
        return paid_log()


class TestAgeOfUsers(FeatureLaws):
    feature = AgeOfUsers()

    def log(self):
        return paid_log()


def values(log, feature, user: str, items: list[str], at: int) -> list:
    """The unscaled columns of a feature for candidates of one request."""
    requests = Requests.of_users(
        Snapshot.of(log), np.array([log.users.row(user)], np.int32), np.array([at])
    )
    item = log.items.encode(pl.Series(items))[None, :]
    past = PastView.of(requests, item, np.zeros(0, np.int32))
    return values_of_groups(past, (feature,))[0].tolist()


def shop() -> Interactions:
    """a buys x on days 0 and 2, b buys x on day 1 and y on day 3; z is sent back."""
    log = tg.interactions(
        ["a", "b", "a", "b", "a"],
        ["x", "x", "x", "y", "z"],
        np.array([0, 1, 2, 3, 4]) * DAY,
    )
    items = {"item": list("xyz"), "category": ["food", "food", "toy"]}
    prices = pl.DataFrame(items | {"price": [3.0, 4.0, 5.0]})
    ages = pl.DataFrame({"user": ["a", "b"], "age": [20, 40]})
    return replace(
        log,
        users=log.users.with_features(ages, "user"),
        items=log.items.with_features(prices, "item"),
        context=pl.DataFrame({"paid": [1.0, 2.0, 3.0, 4.0, 9.0]}),
        weight=np.array([1, 1, 1, 1, -1], np.float32),
    )


def test_values_are_those_worked_by_hand():
    log, now = shop(), 5 * DAY

    found = values(log, DaysSinceCategory(), "a", ["x", "y", "z"], now)
    np.testing.assert_allclose(found, np.log1p([[3], [3], [365]]), rtol=1e-6)
    # The return of day 4 is no action: a has paid 1 and 3.
    assert values(log, PaidMore(), "a", ["x", "z"], now) == [[1.0], [3.0]]
    assert values(log, AgeOfUsers(), "a", ["x", "y", "z"], now) == [
        [pytest.approx(80 / 3)],
        [40.0],
        [0.0],
    ]
    # 1970-01-06 was a Tuesday.
    assert values(log, Weekday(), "a", ["x"], now) == [[0, 1, 0, 0, 0, 0, 0]]


def test_what_happens_at_the_very_second_is_the_future():
    found = values(shop(), DaysSinceCategory(), "b", ["y"], 3 * DAY)
    np.testing.assert_allclose(found, np.log1p([[2]]), rtol=1e-6)
    assert values(shop(), AgeOfUsers(), "a", ["y"], 3 * DAY) == [[0.0]]


def test_past_has_no_other_fields_than_what_a_table_is_about():
    @dataclass(frozen=True)
    class Asks:
        what: str
        name: str = "asks"

        def read(self, past):
            return past.candidates(self.what)["time"]

    for what, said in (
        ("event.paid", r'no \'event.paid\'. Ask it for "item.name" or "user.name"'),
        ("item.prices", "'prices' is no feature of items. Did you mean 'price'"),
        ("price", "no 'price'"),
    ):
        with pytest.raises(DataError, match=said):
            values(shop(), Asks(what), "a", ["x"], 5 * DAY)


def rankers():
    groups = (*tg.FeatureSet.groups, *OWN)
    few = tg.Training(epochs=1)
    for model in (tg.DIN(), tg.DSGL(), tg.MLP()):
        features = tg.FeatureSet(groups)
        yield tg.NeuralRanker(model, features=features, training=few)
    yield tg.RecencyLogit(groups=(*tg.RecencyLogit.groups, *OWN))
    yield tg.BoostedTrees(trees=5, groups=(*tg.BoostedTrees.groups, *OWN))


@pytest.mark.parametrize("rank", list(rankers()), ids=called)
def test_every_ranker_learns_from_them_and_is_saved_with_them(rank, tmp_path):
    log = draw_log(events=800)
    model = tg.Pipeline(tg.ItemKNN(), rank=rank).fit(log)
    model.save(tmp_path / "model")

    names = model.ranker.features.names
    assert names[-10:-2] == (
        "days_since_category",
        *(f"weekday {d}" for d in OWN[1].values),
    )
    with pytest.raises(ArtifactError, match=r"kinds=\[DaysSinceCategory\]"):
        tg.load(tmp_path / "model")
    back = tg.load(tmp_path / "model", kinds=[DaysSinceCategory, Weekday])
    assert back.recommend("u3", k=5).equals(model.recommend("u3", k=5))


def test_training_judging_and_serving_read_the_same_bits():
    log = draw_log(events=1500)
    learn, _, judge = split_examples(log)
    features = Features.fit(learn, groups=(*OWN, "item"))
    cut = int(judge.requests.time[0])
    graph = tg.Graph.of(log.before(cut - 20 * DAY))
    graph.observe(log.since(cut - 20 * DAY).before(cut))

    judged = features.of(judge.requests, judge.candidates)
    for row in range(0, len(judge.requests), 3):
        user = judge.requests.user[row : row + 1]
        live = Requests.of_users(graph.snapshot(), user, np.array([cut]))
        part = replace(
            judge.candidates,
            item=judge.candidates.item[row : row + 1],
            score=judge.candidates.score[row : row + 1],
            votes=judge.candidates.votes[row : row + 1],
        )
        served = features.of(live, part)
        np.testing.assert_array_equal(served[0], judged[row])
    raw = values_of_groups(
        PastView.of(judge.requests, judge.candidates.item, features.category),
        (*OWN, "item"),
    )
    there = judge.candidates.present
    trained = (raw[there] - features.mean) / features.scale
    np.testing.assert_array_equal(judged[there], trained)


def test_a_feature_is_read_in_blocks_to_bound_memory(monkeypatch):
    learn, _, _ = split_examples(draw_log(events=1500))
    past = PastView.of(learn.requests, learn.candidates.item, np.zeros(0, np.int32))
    whole = values_of_groups(past, OWN)
    sizes = []

    class Seen(tg.Past):
        def __init__(self, view):
            super().__init__(view)
            sizes.append(len(self))

    monkeypatch.setattr(module, "CELLS", 200)
    monkeypatch.setattr(module, "Past", Seen)

    np.testing.assert_array_equal(values_of_groups(past, OWN), whole)
    assert len(sizes) > 5


def test_events_of_graphs_have_them_and_a_late_event_is_read_by_later_ones():
    log = draw_log(events=1200)
    groups = (*OWN, "item", "events")
    features = Features.fit(split_examples(log)[0], groups=groups)
    graph = tg.Graph(Snapshot.of(log), late_seconds=None)
    numbers = EdgeNumbers(features)
    rows = np.arange(0, 1200, 7)
    events = Events(rows, log.user[rows], log.item[rows], log.time[rows])

    first = numbers.of(graph.snapshot(), events)
    requests = Requests.of_users(graph.snapshot(), events.user, events.time)
    past = PastView.of(requests, events.item[:, None], features.category)
    np.testing.assert_array_equal(first, features.of_events(past))

    at = int(log.time[100])
    late = replace(log.take(slice(600, 601)), time=np.array([at]))
    graph.observe(late)
    found = numbers.of(graph.snapshot(), events)
    anew = EdgeNumbers(features).of(graph.snapshot(), events)
    np.testing.assert_array_equal(found, anew)
    before = log.time[rows] <= at
    np.testing.assert_array_equal(found[before], first[before])
    assert (found[~before] != first[~before]).any()


@dataclass(frozen=True)
class Answers:
    """Answers what it is told to."""

    what: str = "ones"
    name: str = "answers"
    values: tuple[str, ...] = ()

    def read(self, past):
        count = len(past)
        return {
            "ones": np.ones(count),
            "table": np.ones((count, 1)),
            "texts": np.full(count, "a"),
            "nan": np.where(np.arange(count) == 3, np.nan, 1.0),
            "nulls": pl.Series([None] * count),
            "large": np.full(count, 1e300),
            "two": np.full(count, 2),
            "half": np.full(count, 0.5),
        }[self.what]


@pytest.mark.parametrize(
    ("what", "values", "said"),
    [
        ("table", (), r"answers with an array of shape \(\d+, 1\), and \d+ candidates"),
        ("texts", (), "answers with <U1, not with numbers"),
        ("nan", (), r"is nan for 1 of \d+ candidates, the first at row 3"),
        ("nulls", (), "is nan for"),
        ("large", (), r"is 1e\+300 for"),
        ("two", ("a", "b"), "answers 2 at row 0 .* has 2 values"),
        ("half", ("a", "b"), "answers 0.5 at row 0 .* from 0 to 1"),
    ],
)
@pytest.mark.parametrize("rank", [tg.RecencyLogit, tg.BoostedTrees, tg.FeatureSet])
def test_what_is_no_number_for_each_candidate_is_refused_first(
    rank, what, values, said
):
    method = rank(groups=("item", Answers(what, values=values)))
    if rank is tg.FeatureSet:
        method = tg.NeuralRanker(features=method)

    with pytest.raises(DataError, match=rf"the feature 'answers' {said}"):
        method.check(draw_log())


@dataclass
class Thawed:
    name: str = "thawed"

    def read(self, past):
        return np.ones(len(past))


@dataclass(frozen=True)
class Holds:
    what: object
    name: str = "holds"

    def read(self, past):
        return np.ones(len(past))


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ((Answers(name="item_gap"),), "Answers is called 'item_gap', as another input"),
        ((Answers(name="votes"),), "is called 'votes', as another"),
        ((Answers(), Answers("nan")), "is called 'answers', as another"),
        ((Answers(name=""),), "the name of the feature Answers is ''"),
        ((Answers(values=("a", "a")),), "a tuple of different texts"),
        ((Answers(values=3),), "a tuple of different texts"),
        ((Thawed(),), "Thawed is no frozen dataclass"),
        ((Holds([1]),), "Holds is no frozen dataclass of texts, numbers and"),
        ((Holds({1, 2}),), "Holds is no frozen dataclass of texts, numbers and"),
        ((Answers,), r"must be text or a value, like Answers\(\)"),
        ((object(),), "must be text or a Feature"),
        (("answers",), "of one's own is given as it is, in Python"),
    ],
)
def test_what_can_be_no_input_is_refused_as_it_is_named(groups, said):
    for made in (tg.FeatureSet, tg.RecencyLogit, tg.BoostedTrees):
        with pytest.raises(ConfigError, match=said):
            made(groups=groups)


def test_a_name_that_a_channel_takes_is_refused():
    learn, _, _ = split_examples(draw_log(events=1500))
    voted = f"{learn.candidates.channels[0]} voted"

    with pytest.raises(DataError, match=f"two inputs are called '{voted}'"):
        Features.fit(learn, groups=("votes", Answers(name=voted)))


@pytest.mark.parametrize("group", ['"Weekday"', '{type = "Weekday"}'])
def test_a_recipe_says_that_features_of_ones_own_are_given_in_python(tmp_path, group):
    recipe = tmp_path / "own.toml"
    recipe.write_text(
        '[data]\npath = "x.csv"\n[[retrieve]]\nmodel = "ItemKNN"\n'
        f'[rank]\nmodel = "DIN"\nfeatures = {{groups = ["item", {group}]}}\n'
    )

    with pytest.raises(ConfigError, match=r"own is given .*in Python"):
        tg.read_recipe(recipe)


def test_features_that_are_left_out_cost_and_change_nothing():
    learn, _, judge = split_examples(draw_log(events=1500))
    ours = Features.fit(learn, groups=("item", "pair", "votes"))
    both = Features.fit(learn, groups=("item", *OWN, "pair", "votes"))
    kept = [both.names.index(name) for name in ours.names]

    np.testing.assert_array_equal(
        both.of(judge.requests, judge.candidates)[:, :, kept],
        ours.of(judge.requests, judge.candidates),
    )
    # What a file holds of models without features of one's own is as it was.
    assert ours.state().settings["groups"] == ["item", "pair", "votes"]
