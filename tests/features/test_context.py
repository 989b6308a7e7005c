"""What a log says of its events, as rows of tables."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from conftest import draw_log
from tidegraph.artifact.sealed import load, save
from tidegraph.catalog import FITTED
from tidegraph.data.interactions import interactions
from tidegraph.errors import ConfigError, DataError
from tidegraph.features.columns import FeatureSet
from tidegraph.features.context import EventFields
from tidegraph.features.tables import Tables
from tidegraph.graph.snapshot import Snapshot
from tidegraph.stages import Requests

CONTEXT = pl.DataFrame(
    {
        "device": ["web", "app", "app", None, "web", "tv", "app"],
        "paid": [1.5, 2.0, float("nan"), 4.0, 5.0, None, 7.0],
        "rooms": [1.0, 2.0, float("nan"), 1.0, 2.0, None, 3.0],
        "sale": [True, False, True, True, False, True, None],
        "ticket": ["a", "b", "c", "d", "e", "f", "g"],
        "never": pl.Series([None] * 7, dtype=pl.String),
        "tags": [["x"]] * 7,
    }
)


def log_of(context=CONTEXT):
    return interactions(
        ["u", "v", "u", "u", "v", "u", "v"],
        ["p", "p", "q", "p", "q", "q", "p"],
        [1, 2, 3, 4, 5, 6, 7],
        context=context,
    )


def requests_at(time, log=None):
    user = np.array([0, 1, -1], np.int32)
    return Requests.of_users(
        Snapshot.of(log_of() if log is None else log), user, np.full(3, time)
    )


def test_the_latest_events_have_the_values_of_their_rows():
    requests = requests_at(6)
    fields = EventFields.of(requests, ("device", "sale"))

    found = fields.of_history(requests, np.arange(3), 3)

    # Of what came before 6, app and web come twice; true three times, false twice.
    assert fields.counts == (2, 2)
    app, web, false, true = 1, 2, 1, 2
    assert found.tolist() == [
        [[0, true], [app, true], [web, true]],
        [[web, false], [app, false], [0, 0]],
        [[0, 0], [0, 0], [0, 0]],
    ]


def test_a_fraction_is_cut_into_ranges_and_no_number_is_in_none():
    requests = requests_at(8)
    fields = EventFields.of(requests, ("paid",))

    found = fields.of_history(requests, np.arange(2), 4)[:, :, 0]

    # Of u: None, 4, nan, 1.5; of v: 7, 5, 2, and no fourth event.
    assert found[0, [0, 2]].tolist() == [0, 0]
    assert found[0, 3] == 1 < found[0, 1] < found[1, 1] < found[1, 0]
    assert found[1, 3] == 0


def test_whole_numbers_with_gaps_that_came_as_floats_are_kinds():
    requests = requests_at(8)
    fields = EventFields.of(requests, ("rooms",))

    # 1 and 2 are of two events each, 3 of one alone.
    assert fields.counts == (2,)
    found = fields.of_history(requests, np.arange(2), 4)[:, :, 0]
    assert found.tolist() == [[0, 1, 0, 1], [0, 2, 2, 0]]


def test_a_value_of_one_event_and_a_column_of_nothing_have_no_kind():
    fields = EventFields.of(requests_at(8), ("ticket", "never"))

    assert fields.counts == (0, 0)
    assert not fields.of_history(requests_at(8), np.arange(3), 4).any()


def test_what_came_later_changes_no_kind_and_is_read_when_it_is_there():
    later = np.arange(7) >= 5
    other = CONTEXT.with_columns(
        device=pl.Series(np.where(later, "web", CONTEXT["device"].to_numpy())),
        paid=pl.Series(np.where(later, 99.0, CONTEXT["paid"].to_numpy())),
    )
    names = ("device", "paid")
    fields, twin = (
        EventFields.of(requests_at(6, log_of(one)), names) for one in (CONTEXT, other)
    )

    assert fields.counts == twin.counts
    requests = requests_at(6)
    np.testing.assert_array_equal(
        fields.of_history(requests, np.arange(3), 4),
        twin.of_history(requests_at(6, log_of(other)), np.arange(3), 4),
    )
    # tv was not known; app of the last event was.
    assert fields.of_history(requests_at(8), np.arange(2), 1)[:, 0, 0].tolist() == [
        0,
        1,
    ]


def test_before_1970_what_came_later_is_not_learned_either():
    shift = np.int64(250_000_000)
    log = replace(log_of(), time=log_of().time - shift)

    early = EventFields.of(requests_at(4 - shift, log), ("ticket", "device"))
    today = EventFields.of(requests_at(4), ("ticket", "device"))

    assert early.counts == today.counts
    assert early.of_history(requests_at(4 - shift, log), np.arange(3), 3).tolist() == (
        today.of_history(requests_at(4), np.arange(3), 3).tolist()
    )


def test_an_event_that_is_observed_says_what_it_is():
    requests = requests_at(6)
    fields = EventFields.of(requests, ("device",))
    now = interactions(["u"], ["p"], [8], context=pl.DataFrame({"device": ["web"]}))
    graph = requests.graph.observed(requests.graph.numbered(now))

    later = Requests.of_users(graph, np.array([0], np.int32), np.array([9]))

    assert fields.of_history(later, np.arange(1), 1).tolist() == [[[2]]]


def test_ten_million_values_of_one_event_each_take_no_memory():
    # Text of half a million is enough to see that none of them has a row.
    count = 500_000
    ids = pl.Series(np.arange(count)).cast(pl.String)
    log = interactions(
        np.zeros(count, np.int64),
        np.zeros(count, np.int64),
        np.arange(count),
        context=pl.DataFrame({"ticket": ids}),
    )
    requests = Requests.of_users(
        Snapshot.of(log), np.zeros(1, np.int32), np.array([count])
    )

    assert EventFields.of(requests, ("ticket",)).counts == (0,)


def test_fields_of_events_are_saved(tmp_path):
    requests = requests_at(8)
    tables = Tables.of(requests, ("event.device", "event.paid", "event.sale"))
    save(tables, tmp_path / "tables")

    back = load(tmp_path / "tables", FITTED)

    assert back.event.counts == tables.event.counts
    np.testing.assert_array_equal(
        *(one.event.of_history(requests, np.arange(3), 4) for one in (tables, back))
    )


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("devices", r"no column 'devices'.*Did you mean 'device'"),
        ("tags", r"'tags'.*one value"),
    ],
)
def test_a_column_that_is_no_field_is_refused(name, wanted):
    with pytest.raises(DataError, match=wanted):
        EventFields.of(requests_at(8), (name,))


def test_a_field_without_an_owner_is_told_of_all_three():
    with pytest.raises(ConfigError, match=r'"event.device" for a column'):
        FeatureSet(fields=("device",))


def test_a_whole_number_is_one_kind_whether_the_column_has_gaps_or_not():
    log = draw_log(events=600)
    shop = pl.Series("shop", np.arange(600) % 7, dtype=pl.Int64)
    plain, gaps = (
        Snapshot.of(replace(log, context=pl.DataFrame({"shop": column})))
        for column in (shop, shop.cast(pl.Float64).set(shop == 6, None))
    )
    user, end = np.array([0], np.int32), np.array([log.time[-1] + 1])

    found = EventFields.of(Requests.of_users(gaps, user, end), ("shop",))

    edge = np.flatnonzero(np.arange(600) % 7 != 6)
    assert found.counts == (6,)
    np.testing.assert_array_equal(found.rows(plain, edge), found.rows(gaps, edge))
    assert (found.rows(plain, edge) > 0).all()
