from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tidegraph.data.times.ticks import TimeColumn, check_unit
from tidegraph.errors import ConfigError, DataError


def seconds(texts, batch=3, **settings) -> list[int]:
    """The whole seconds of a column that comes in small batches."""
    column = TimeColumn("ts", "log.csv", **settings)
    values = pl.Series(texts)
    for start in range(0, len(values), batch):
        part = values[start : start + batch]
        column.add(part, range(start + 1, start + 1 + len(part)))
    ticks = column.finish()
    return (ticks.when // ticks.per_second).astype(int).tolist()


moments = st.datetimes(datetime(1970, 1, 2), datetime(2199, 12, 30)).map(
    lambda moment: moment.replace(microsecond=0)
)
SPELLINGS = {
    "basic": "%Y%m%dT%H%M%SZ",
    "dot": "%d.%m.%Y %H:%M:%S",
    "year first": "%Y/%m/%d %H:%M:%S",
    "name": "%d %b %Y %H:%M:%S",
    "long name": "%B %d, %Y %I:%M:%S %p",
    "oracle": "%d-%b-%Y %H:%M:%S",
    "apache": "%d/%b/%Y:%H:%M:%S +0000",
    "rfc 2822": "%a, %d %b %Y %H:%M:%S +0000",
    "http": "%a, %d %b %Y %H:%M:%S GMT",
    "twitter": "%a %b %d %H:%M:%S +0000 %Y",
    "ctime": "%a %b %d %H:%M:%S %Y",
    "iso week": "%G-W%V-%u %H:%M:%S",
    "ordinal": "%Y-%jT%H:%M:%S",
}


@pytest.mark.parametrize("pattern", SPELLINGS.values(), ids=SPELLINGS)
@given(st.lists(moments, min_size=1, max_size=8))
def test_a_spelling_reads_as_python_wrote_it(pattern, times):
    texts = [time.strftime(pattern) for time in times]

    assert seconds(texts) == [int(t.replace(tzinfo=UTC).timestamp()) for t in times]


@given(
    st.datetimes(datetime(1970, 1, 3), datetime(2199, 12, 30)),
    st.integers(-14 * 60, 14 * 60),
    st.sampled_from("T "),
    st.sampled_from(".,"),
    st.booleans(),
)
def test_iso_8601_reads_as_python_reads_it(moment, offset, gap, point, colon):
    time = moment.replace(tzinfo=timezone(timedelta(minutes=offset)))
    text = time.isoformat(gap).replace(".", point)
    if not colon:
        text = text[:-3] + text[-2:]

    expected = datetime.fromisoformat(text)

    assert seconds([text]) == [int(expected.timestamp() // 1)]


slashed = st.lists(moments, min_size=1, max_size=12)
clocks = st.sampled_from(["", " %H:%M", " %H:%M:%S", " %I:%M:%S %p", " %I:%M%p"])


@given(slashed, st.booleans(), clocks, st.sampled_from("/-"))
def test_the_whole_column_says_if_the_day_comes_first(times, day_first, clock, mark):
    date = ("%d/%m/%Y" if day_first else "%m/%d/%Y").replace("/", mark)
    texts = [time.strftime(date + clock) for time in times]
    wanted = [datetime.strptime(text, date + clock) for text in texts]
    if all(t.day <= 12 for t in times) and any(t.day != t.month for t in times):
        doubtful = next(row for row, t in enumerate(times, 1) if t.day != t.month)
        with pytest.raises(DataError, match=f"in row {doubtful} .* time_format="):
            seconds(texts)
        return

    assert seconds(texts) == [int(t.replace(tzinfo=UTC).timestamp()) for t in wanted]


@given(slashed)
def test_a_column_with_both_orders_is_refused_with_a_row_of_each(times):
    rows = [row for row, time in enumerate(times, 1) if time.day > 12]
    assume(len(rows) > 1)
    texts = [time.strftime("%d/%m/%Y") for time in times]
    texts[rows[-1] - 1] = times[rows[-1] - 1].strftime("%m/%d/%Y")

    with pytest.raises(DataError) as found:
        seconds(texts)

    assert f"the day first in row {rows[0]} " in str(found.value)
    assert f"the month first in row {rows[-1]} " in str(found.value)


def test_dates_with_and_without_a_clock_may_stand_in_one_column():
    texts = ["1/2/2020", "1/2/2020 8:05", "1/31/2020 8:05:07", "2020-01-31"]

    days = [datetime(2020, 1, d, tzinfo=UTC).timestamp() for d in (2, 2, 31, 31)]
    assert seconds(texts) == [days[0], days[1] + 29100, days[2] + 29107, days[3]]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2020-W53-4", datetime(2020, 12, 31)),
        ("2020W534", datetime(2020, 12, 31)),
        ("2020-366", datetime(2020, 12, 31)),
        ("31.12.2020", datetime(2020, 12, 31)),
        ("31.12.2020 8:05", datetime(2020, 12, 31, 8, 5)),
        ("2020/12/31", datetime(2020, 12, 31)),
        ("12/31/2020, 8:05:09 PM", datetime(2020, 12, 31, 20, 5, 9)),
        ("11/19/2019 9:05:58 AM", datetime(2019, 11, 19, 9, 5, 58)),
        ("11/11/2019 9:05:58 AM", datetime(2019, 11, 11, 9, 5, 58)),
        ("09 13, 2009", datetime(2009, 9, 13)),
        ("09 1, 2009", datetime(2009, 9, 1)),
        ("12 Mar 2020", datetime(2020, 3, 12)),
        ("Mar 12, 2020", datetime(2020, 3, 12)),
        ("march 2 2020 8:05", datetime(2020, 3, 2, 8, 5)),
        ("Wed Aug 27 13:08:45 UTC 2008", datetime(2008, 8, 27, 13, 8, 45)),
        ("2020-12-31T08:05:09,5+01", datetime(2020, 12, 31, 7, 5, 9)),
        ("2020-12-31 08:05:09 GMT", datetime(2020, 12, 31, 8, 5, 9)),
        ("20201231T0805", datetime(2020, 12, 31, 8, 5)),
        (" 2020-12-31t08:05z ", datetime(2020, 12, 31, 8, 5)),
    ],
)
def test_the_spellings_of_the_literature_are_read(text, moment):
    assert seconds([text]) == [moment.replace(tzinfo=UTC).timestamp()]


@pytest.mark.parametrize(
    "text",
    [
        "31/12/20",
        "2020-W54-1",
        "2020-02-30",
        "31/31/2020",
        "30.2.2020",
        "12 Foo 2020",
        "Thu Aug 27 13:08:45 +0000 2008",
        "13:05 PM",
        "2020-12-31 25:00",
        "soon",
        "()",
    ],
)
def test_what_is_no_date_is_shown_with_its_row(text):
    with pytest.raises(DataError) as found:
        seconds(["31.12.2020", text])

    assert f"log.csv, row 2: the time in column 'ts' is {text!r}" in str(found.value)


given_patterns = st.sampled_from(
    [
        "%d/%m/%Y %H:%M:%S",
        "%Y%m%d%H%M%S",
        "%d%b%Y:%H:%M:%S",
        "%Y-%m-%d %I:%M:%S%p",
        "%H:%M:%S %d.%m.%Y",
        "on %A, %d %B %Y at %H:%M:%S",
        "%m-%d-%Y %T %z",
    ]
)


@given(st.lists(moments, min_size=1, max_size=6), given_patterns)
def test_a_given_pattern_reads_as_pythons_strptime(times, pattern):
    texts = [time.replace(tzinfo=UTC).strftime(pattern) for time in times]

    read = seconds(texts, spelt=pattern)

    assert read == [int(time.replace(tzinfo=UTC).timestamp()) for time in times]


def test_a_given_pattern_reads_fractions_hours_and_whole_numbers():
    noon = datetime(2024, 5, 1, 12, tzinfo=UTC).timestamp()

    assert seconds(["1.5.2024 12:00:00,75"], spelt="%d.%m.%Y %H:%M:%S,%f") == [noon]
    assert seconds(["2024-05-01 12"], spelt="%Y-%m-%d %H") == [noon]
    assert seconds([20240501, 20240502], spelt="%Y%m%d")[0] == noon - 43200
    assert seconds([20240501.0], spelt="%Y%m%d") == [noon - 43200]
    assert seconds(["5/1/24"], spelt="%m/%d/%y") == [noon - 43200]


def test_a_value_that_does_not_fit_the_pattern_is_shown_with_both():
    with pytest.raises(DataError, match=r"row 4: .* is '2020', which does not fit ti"):
        seconds(["1.5.2024"] * 3 + ["2020"], spelt="%d.%m.%Y")
    with pytest.raises(DataError, match="holds Date, and time_format= is for text"):
        seconds([datetime(2024, 5, 1).date()], spelt="%d.%m.%Y")


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("%Y-%m", "does not tell a time"),
        ("%H:%M", "does not tell a time"),
        ("dd.mm.yyyy", "does not tell a time"),
        ("", "does not tell a time"),
        ("%d.%m.%Y %I:%M", "does not tell a time"),
        ("%d.%m.%Y %Q", "has %Q, which is not read"),
        ("%d.%m.%Y %H:%M %Z", "has %Z, which is the name of a zone"),
        ("%d.%m.%Y %H:%M:%S%f", "has %f, which is read after a dot or a comma"),
        ("%d.%m.%Y %", "has %, which is not read"),
    ],
)
def test_a_pattern_that_tells_no_time_is_refused_at_once(pattern, sentence):
    with pytest.raises(ConfigError, match=sentence):
        TimeColumn("ts", "log.csv", spelt=pattern)


def test_positions_are_numbers_of_any_size():
    assert seconds([3, -1, 20240501], unit="order") == [3, -1, 20240501]
    assert seconds(["10", "9"], unit="order") == [10, 9]
    assert seconds([2.0, 1.0], unit="order") == [2, 1]
    for broken in ([1.0, 2.5], ["1", "2.5"], [1.5, 1.25]):
        with pytest.raises(
            DataError, match=r"\.5'?, no whole position\. .* the rank of"
        ):
            seconds(broken, unit="order")
    with pytest.raises(DataError, match="holds '2024-05-01', and positions are numb"):
        seconds(["2024-05-01"], unit="order")
    with pytest.raises(ConfigError, match="time_unit is 'days'; it can be s, ms"):
        check_unit("days")


@pytest.mark.parametrize(
    "value",
    ["1965-01-01", "01.01.1965", datetime(1965, 1, 1), datetime(1965, 1, 1).date()],
    ids=repr,
)
def test_a_date_before_1970_is_read(value):
    assert seconds([value]) == [-157766400]


@pytest.mark.parametrize("value", [-1, -157766400, "-1", -0.5], ids=repr)
def test_a_number_below_zero_is_no_time(value):
    shown = repr(value).replace(".", r"\.")
    with pytest.raises(DataError, match=rf"is {shown}, before 1970\. .* as dates\."):
        seconds([value])
    assert seconds([1, -1], historic=True) == [1, -1]
