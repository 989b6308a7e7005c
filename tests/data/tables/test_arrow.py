"""Columns of Arrow's extension types are what their database holds."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.data.sources import read
from tidegraph.errors import DataError


def table(**columns) -> pa.Table:
    rows = len(next(iter(columns.values())))
    plain = {"user": pa.array(range(rows)), "item": pa.array(range(rows))}
    return pa.table({**plain, "time": pa.array(range(rows)), **columns})


def opaque(values, kind, storage):
    of = pa.opaque(storage, kind, "PostgreSQL")
    return pa.ExtensionArray.from_storage(of, pa.array(values, storage))


decimals = st.decimals(-(10**12), 10**12, places=3) | st.decimals(0, 1, places=18)


@given(st.lists(decimals, min_size=1, max_size=8))
def test_a_numeric_is_the_id_and_the_number_that_it_is(values):
    column = opaque([format(v, "f") for v in values], "numeric", pa.string())

    log = read(table(user=column, x=column), context=["x"], weight="x")

    plain = read(
        {**dict.fromkeys(("item", "time"), range(len(values))), "user": values}
    )
    assert log.users.ids.equals(plain.users.ids)
    assert log.weight.tolist() == [np.float32(v) for v in values]
    assert [Decimal(str(v)) for v in log.context["x"].to_list()] == values


def test_a_numeric_keeps_the_digits_that_no_number_holds():
    long = ["12345678901234567890", "0.10", None]

    log = read(table(x=opaque(long, "numeric", pa.string())), context=["x"])

    assert log.context["x"].to_list() == ["12345678901234567890", "0.1", None]


def test_a_uuid_is_its_text_also_where_its_bytes_are_text():
    someone = UUID(bytes=b"abcdefghijklmnop")
    kind = pa.uuid()
    column = pa.ExtensionArray.from_storage(
        kind, pa.array([someone.bytes], kind.storage_type)
    )

    for given_ in (table(user=column), table(user=pa.chunked_array([column]))):
        assert read(given_).users.ids.to_list() == [str(someone)]
    assert read(table(user=column).to_reader()).users.ids.to_list() == [str(someone)]


def test_a_value_of_json_is_an_id_by_the_rule_and_a_record_is_none():
    kind = pa.json_()

    def column(values):
        texts = pa.array([json.dumps(v) for v in values], kind.storage_type)
        return pa.ExtensionArray.from_storage(kind, texts)

    log = read(table(user=column(["u1", 7, "7"])))
    assert log.users.ids.to_list() == ["u1", "7"]
    with pytest.raises(DataError, match=r"row 2: .* holds no ids: {'a': 1}"):
        read(table(user=column(["u1", {"a": 1}])))
    odd = read(table(x=column([{"a": 1}, {"b": [2]}])), context=["x"])
    assert odd.context["x"].to_list() == ['{"a": 1}', '{"b": [2]}']


def test_a_type_that_only_the_database_knows_is_text_or_refused():
    mood = opaque([b"sad", "fröhlich".encode()], "mood", pa.binary())
    address = opaque([b"\x02 \x00\x04\n\x00\x00\x01"], "inet", pa.binary())

    assert read(table(user=mood)).users.ids.to_list() == ["sad", "fröhlich"]
    assert len(read(table(x=address))) == 1
    with pytest.raises(DataError, match="column 'x' holds inet, which cannot be read"):
        read(table(x=address), context=["x"])


def test_money_which_the_driver_gives_in_hundredths_is_refused():
    field = pa.field("x", pa.int64(), metadata={"POSTGRESQL:type": "money"})
    schema = pa.schema([*table(user=[1]).schema, field])
    given_ = pa.table([[1], [1], [1], [700]], schema=schema)

    assert len(read(given_)) == 1
    with pytest.raises(DataError, match="column 'x' holds money, which cannot be read"):
        read(given_, weight="x")


MOMENT = datetime(2024, 5, 1, tzinfo=UTC)
NO_NUMBERS = {
    "moment": [MOMENT],
    "date": [MOMENT.date()],
    "span": [timedelta(1)],
    "clock": [MOMENT.time()],
    "bytes": [b"1"],
    "list": [[1]],
    "record": [{"a": 1}],
}


@pytest.mark.parametrize("role", ["weight", "label"])
@pytest.mark.parametrize("kind", NO_NUMBERS)
def test_a_weight_or_label_of_a_type_that_is_no_number_is_refused(kind, role):
    values = table(x=pa.array(NO_NUMBERS[kind]))

    with pytest.raises(
        DataError, match=r"column 'x' holds .*, and a (weight|label) is"
    ):
        read(values, **{role: "x"})


def test_labels_and_weights_of_every_number_are_read():
    for values in (
        pa.array([Decimal("1.00"), Decimal("0.00")]),
        pa.array(["1.000", " 0"]),
        pa.array([True, False]),
        pa.array(["TRUE", "false"]),
        pa.array(["1", "0"]).dictionary_encode(),
        pa.array([1, 0], pa.uint8()),
        pa.array([1, 0], pa.float16()),
    ):
        assert read(table(x=values), label="x").label.tolist() == [1, 0]
    text = pa.array(["0.5", "1e3"]).dictionary_encode()
    assert read(table(x=text), weight="x").weight.tolist() == [0.5, 1000.0]


def test_a_moment_beyond_the_calendar_is_refused_by_row():
    far = pl.Series("time", [0, 2**63 - 1]).cast(pl.Datetime("us", "UTC"))
    frame = pl.DataFrame([pl.Series("user", [1, 2]), pl.Series("item", [1, 2]), far])

    with pytest.raises(DataError, match=r"row 2: the time .* is 294247-01-10 04"):
        read(frame)


def test_decimals_of_256_bits_are_ids_and_numbers():
    long = [Decimal("1.00"), Decimal("2.50"), Decimal("1e60")]
    column = pa.array(long, pa.decimal256(70, 2))

    log = read(table(user=column))
    assert log.users.ids.to_list() == ["1", "2.5", "1" + "0" * 60]
    assert read(table(x=column[:2]), weight="x").weight.tolist() == [1.0, 2.5]


def test_an_infinite_date_is_refused_by_row():
    days = pa.array([19_844, -(2**31) + 2], pa.int32()).cast(pa.date32())

    with pytest.raises(DataError, match=r"row 2: the time in column 'time' is beyond"):
        read(table(user=pa.array([1, 2])).set_column(2, "time", days))
    with pytest.raises(
        DataError, match=r"row 2: column 'user' holds no ids: a date is"
    ):
        read(table(user=days))
