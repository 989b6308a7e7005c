"""A few plain events are looked up as they are: nothing else may tell."""

import warnings
from time import time as now

import numpy as np
import pytest

import tidegraph as tg
from tidegraph.errors import TidegraphError
from tidegraph.graph.events import events_of
from tidegraph.pipeline import Pipeline
from tidegraph.pipeline import events as door
from tidegraph.retrieval.popular import Popular

START = 1_700_000_000


def model_of(spelt, clock="seconds"):
    rng = np.random.default_rng(3)
    users, items = rng.integers(0, 30, 400).tolist(), rng.integers(0, 9, 400).tolist()
    log = tg.interactions(
        [spelt(n) for n in users],
        [spelt(n) for n in items],
        np.arange(START, START + 400),
        clock=clock,
    )
    return Pipeline(retrieve=Popular(half_life_days=None)).fit(log)


def as_text(n: int) -> str:
    return f"id{n}"


SPELT = pytest.mark.parametrize("spelt", [int, as_text], ids=["numbers", "text"])


@pytest.fixture
def by_a_log(monkeypatch):
    """Have the next events made a log of, which is looked up column by column."""
    return lambda: monkeypatch.setattr(door, "_plain_arrivals", lambda *_: None)


@SPELT
@pytest.mark.parametrize("clock", ["seconds", "order"])
def test_plain_events_are_taken_in_as_a_log_of_them_is(spelt, clock, by_a_log):
    quick, slow = model_of(spelt, clock), model_of(spelt, clock)
    rng, calls = np.random.default_rng(7), []
    for n in range(60):
        # Out of order, in ties, with impressions and weights; some ids are new.
        times = (START + 400 + n + rng.integers(-9, 9, 3)).tolist()
        ids = rng.integers(0, 34, (3, 2)).tolist()
        call = [
            (spelt(u), spelt(i % 11), t, (1, 0)[n % 3 == 0], (1, 2, 0.5)[t % 3])
            for (u, i), t in zip(ids, times, strict=True)
        ]
        calls.append(call[: 1 + n % 3] if n % 2 else [call[0][:3]])

    for call in calls:
        quick.observe(call)
    by_a_log()
    for call in calls:
        slow.observe(call)

    one, other = events_of(quick.graph, clock), events_of(slow.graph, clock)
    assert one.frame().equals(other.frame())
    assert one.users.ids.equals(other.users.ids)
    assert one.items.ids.equals(other.items.ids)


def test_known_ids_take_no_step_through_a_column(monkeypatch):
    model = model_of(as_text)

    def none(*_: object, **__: object) -> None:
        raise AssertionError("a log was made")

    monkeypatch.setattr(door, "interactions", none)
    model.observe([("id3", "id2", START + 500), ("id4", "id2", START + 499)])

    assert events_of(model.graph).time[-2:].tolist() == [START + 499, START + 500]


ODD = [
    ("id1", "id1", -5),
    ("id1", "id1", True),
    ("id1", "id1", 2e9 + 0.5),
    ("id1", "id1", int(now()) + 9 * 86_400),
    ("id1", "id1", 10**13),
    ("id1", "id1", None),
    ("id1", "id1", START + 500, 2),
    ("id1", "id1", START + 500, 0.5),
    ("id1", "id1", START + 500, "yes"),
    ("id1", "id1", START + 500, 1, float("nan")),
    ("id1", "id1", START + 500, 1, 1e39),
    ("id1", None, START + 500),
    ("NULL", "id1", START + 500),
    ("", "id1", START + 500),
    (" id1 ", "id1", START + 500),
    (True, "id1", START + 500),
    (7, "id1", START + 500),
    (7.5, "id1", START + 500),
    ("1.23E+12", "id1", START + 500),
    ("half \ud800", "id1", START + 500),
    ("7.0", "id1", START + 500),
    (2**70, "id1", START + 500),
    (["id1"], "id1", START + 500),
    ("id1", "id1"),
    "id1",
]


def said_of(model, event) -> list[str]:
    """What observing an event raises and warns, and the last event then."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            model.observe([event])
            said = str(events_of(model.graph).frame()[-1].rows())
        except TidegraphError as error:
            said = f"{type(error).__name__}: {error}"
    return [said, *(str(one.message) for one in warned)]


@SPELT
def test_what_is_said_of_an_event_is_the_same_in_either_way(spelt, by_a_log):
    quick = [said_of(model_of(spelt), event) for event in ODD]
    by_a_log()

    assert quick == [said_of(model_of(spelt), event) for event in ODD]


@SPELT
def test_a_user_who_was_erased_comes_again_as_a_new_one(spelt):
    model = model_of(spelt)
    model.observe([(spelt(3), spelt(1), START + 500), (spelt(99), spelt(1), START)])
    before, size = model.graph, len(model.graph.users)

    model.erase([spelt(3), spelt(99)])
    model.observe([(spelt(3), spelt(1), START + 501)])
    model.observe([(spelt(3), spelt(2), START + 502)])

    assert model.graph.users.row(spelt(3)) == size
    assert len(model.graph.users) == size + 1
    assert before.users.row(spelt(99)) == size - 1
    assert len(before.edges["action"]) == 402


def test_the_context_of_mappings_that_come_one_by_one_is_kept():
    context = tg.read(
        {"user": ["a", "b"], "item": ["x", "y"], "time": [1, 2], "price": [1.0, 2.0]},
        user="user",
        item="item",
        time="time",
        context=("price",),
    )
    model = Pipeline(retrieve=Popular(half_life_days=None)).fit(context)

    model.observe(iter([{"user": "a", "item": "y", "time": 3, "price": 4.0}]))

    assert events_of(model.graph).context["price"].to_list() == [1.0, 2.0, 4.0]
