"""Events are read as the log of training was: on its clock, by its columns."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from tidegraph.data.interactions import Interactions
from tidegraph.data.reading import Reading
from tidegraph.data.sources import read
from tidegraph.errors import DataError, LeakageError, RequestError
from tidegraph.evaluation.evaluate import evaluate
from tidegraph.graph.events import events_of
from tidegraph.pipeline import FittedPipeline, Pipeline
from tidegraph.retrieval.popular import Popular

FIRST = 1_700_000_000_000
"""A position that would be milliseconds if it were a time."""
FRAME = {"user": ["a", "b", "c"], "item": ["x", "y", "x"]}
DAY = datetime(2024, 4, 5, tzinfo=UTC)


def fitted(log: Interactions, **data: str) -> FittedPipeline:
    model = Pipeline(retrieve=Popular()).fit(log)
    model.serving = replace(model.serving, reading=Reading.of(data))
    return model


def placed() -> FittedPipeline:
    times = [FIRST, FIRST + 1, FIRST + 2]
    return fitted(read(FRAME | {"time": times}, time_unit="order"))


def timed(**data: str) -> FittedPipeline:
    return fitted(read(FRAME | {"time": ["2024-01-01"] * 3}), **data)


def last(model: FittedPipeline) -> tuple[str, str, int]:
    log = events_of(model.graph)
    user, item = log.users.decode(log.user), log.items.decode(log.item)
    return user[-1], item[-1], int(log.time[-1])


@pytest.mark.parametrize(
    "events",
    [
        [("new", "y", FIRST + 9)],
        [{"user": "new", "item": "y", "time": np.int64(FIRST + 9)}],
        pl.DataFrame({"user": ["new"], "item": ["y"], "time": [FIRST + 9]}),
        read({"user": ["new"], "item": ["y"], "time": [FIRST + 9]}, time_unit="order"),
    ],
    ids=["tuple", "mapping", "frame", "log"],
)
def test_a_model_of_positions_takes_positions_as_they_are(events):
    model = placed()

    model.observe(events)

    assert last(model) == ("new", "y", FIRST + 9)
    assert model.recommend("a", k=1, at=FIRST + 10).height == 1
    with pytest.raises(LeakageError, match=f"not after position {FIRST + 2}"):
        model.recommend("a", k=1, at=FIRST + 2)


@pytest.mark.parametrize("time", [2.5, "2024-01-01", DAY, 2**63, True, None])
def test_what_is_no_position_is_refused_and_nothing_taken_in(time):
    model = placed()

    with pytest.raises(DataError, match=r"time of event 0 is .*, but this log has pos"):
        model.observe([("a", "x", time)])
    assert model.graph.latest == FIRST + 2


@pytest.mark.parametrize("at", [2.5, 2**63, True])
def test_what_is_no_position_is_no_time_of_a_request(at):
    with pytest.raises(RequestError, match=r"at is .* has positions and not seconds"):
        placed().recommend("a", k=1, at=at)


def test_a_frame_is_judged_on_the_clock_of_training():
    model, later = placed(), FRAME | {"time": [FIRST + 8, FIRST + 9, FIRST + 10]}

    result = evaluate(model, pl.DataFrame(later), k=1)

    assert f"position {FIRST + 8}" in str(result.setup)
    with pytest.raises(DataError, match="clock of training is 'order' and that of the"):
        evaluate(model, read(later | {"time": ["2025-01-01"] * 3}), k=1)


@pytest.mark.parametrize(
    ("model", "log"),
    [
        (timed, {"time": None}),
        (timed, {"time_unit": "order"}),
        (placed, {"time_unit": "s"}),
        (placed, {"time": None}),
    ],
)
def test_a_log_of_another_clock_is_refused_and_nothing_taken_in(model, log):
    fitted = model()
    before, other = fitted.graph, read(FRAME | {"time": [7, 8, 9]}, **log)

    with pytest.raises(DataError, match=r"times of one log are .* of the other"):
        fitted.observe(other)
    assert fitted.graph is before
    fitted.observe(other.take(slice(0, 0)))
    assert fitted.graph is before


@pytest.mark.parametrize(
    "events",
    [
        [("new", "y", 1_700_000_000)],
        [("new", "y", None)],
        {"user": ["new"], "item": ["y"]},
        {"user": ["new"], "item": ["y"], "time": [1_700_000_000]},
    ],
)
def test_a_model_without_times_passes_times_over(events):
    model = fitted(read(FRAME, time=None))

    model.observe(events)

    assert model.graph.latest == 0
    assert model.graph.users.row("new") >= 0


@pytest.mark.parametrize(
    "kind",
    [dict, pl.DataFrame, pd.DataFrame, pa.table],
    ids=["mapping", "polars", "pandas", "arrow"],
)
def test_a_frame_is_read_by_the_columns_and_the_format_of_training(kind):
    data = {"user": "uid", "item": "sku", "time": "ts", "time_format": "%d/%m/%Y"}
    model = timed(**data)

    model.observe(
        kind(
            {
                "uid": ["new"],
                "user": ["Anna Smith"],
                "sku": ["y"],
                "item": ["a bag"],
                "ts": ["05/04/2024"],
                "time": ["noon"],
            }
        )
    )

    assert last(model) == ("new", "y", int(DAY.timestamp()))


@pytest.mark.parametrize("when", [DAY, int(DAY.timestamp())])
def test_a_moment_needs_no_format(when):
    model = timed(time="time", time_format="%d/%m/%Y")

    model.observe(pl.DataFrame({"user": ["new"], "item": ["y"], "time": [when]}))

    assert last(model) == ("new", "y", int(DAY.timestamp()))


def test_numbers_are_of_the_unit_of_training_in_its_own_column_alone():
    log = read(FRAME | {"time": [1, 2, 3]})
    own = fitted(log, time="time", time_unit="ms")
    other = fitted(log, time="ts", time_unit="ms")
    events = pl.DataFrame({"user": ["new"], "item": ["y"], "time": [60_000]})

    own.observe(events)
    other.observe(events)

    assert (last(own)[2], last(other)[2]) == (60, 60_000)


@pytest.mark.parametrize(
    "event",
    [("new", "y"), ("new", "y", None, 1), {"user": "new", "item": "y"}],
    ids=["pair", "tuple", "mapping"],
)
def test_a_model_without_times_takes_events_without_one(event):
    model = fitted(read(FRAME, time=None))

    model.observe([event])

    assert last(model)[:2] == ("new", "y")


def test_a_model_without_times_still_wants_user_and_item():
    model = fitted(read(FRAME, time=None))

    with pytest.raises(DataError, match=r"no 'item'; .* the values user and item;"):
        model.observe([{"user": "new"}])


def test_a_mapping_of_single_values_is_one_event():
    model = timed()

    model.observe({"user": "new", "item": "y", "time": DAY})

    assert last(model)[:2] == ("new", "y")


@pytest.mark.parametrize("kind", [tuple, dict, pl.DataFrame])
def test_events_of_one_second_are_in_the_order_of_their_fractions(kind):
    moments = [DAY.replace(microsecond=n) for n in (900_000, 100_001, 100_000)]
    rows = list(zip(["new"] * 3, ["x", "y", "x"], moments, strict=True))
    named = [dict(zip(("user", "item", "time"), row, strict=True)) for row in rows]
    events = {tuple: rows, dict: named, pl.DataFrame: pl.DataFrame(named)}[kind]
    model = timed()
    model.observe(events)
    model.observe(
        [("new", "y", DAY.timestamp() + 1.5), ("new", "x", DAY.timestamp() + 1.25)]
    )

    log = events_of(model.graph)
    assert log.items.decode(log.item)[-5:].to_list() == ["x", "y", "x", "x", "y"]
    assert [int(time) - int(DAY.timestamp()) for time in log.time[-5:]] == [
        0,
        0,
        0,
        1,
        1,
    ]


@pytest.mark.parametrize("last", ["2024-01-01", "2098-01-01"])
def test_an_event_of_tomorrow_needs_a_log_that_goes_on_beyond_today(last):
    model = fitted(read(FRAME | {"time": ["2024-01-01", "2024-01-01", last]}))
    events = [("a", "x", "2024-01-02"), ("a", "y", "2099-01-01")]
    if last.startswith("2098"):
        model.observe(events)
        assert model.graph.latest == events_of(model.graph).time[-1]
        return

    for given in (events, pl.DataFrame(events, ("user", "item", "time"), orient="row")):
        with pytest.raises(
            DataError, match=r"row [12]: the time 2099-.*than a day from now"
        ):
            model.observe(given)
    assert len(events_of(model.graph)) == 3
