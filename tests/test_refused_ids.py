"""What can be no id is refused at every door, whatever stands beside it."""

import datetime as dt
import json
import sqlite3
from contextlib import closing
from decimal import Decimal
from functools import cache

import numpy as np
import pandas as pd
import polars as pl
import pytest

from tidegraph import (
    Graph,
    Matrix,
    Pipeline,
    Popular,
    evaluate,
    interactions,
    read,
    read_sql,
)
from tidegraph.errors import DataError, RequestError, TidegraphError

NO_IDS = {
    "truth": True,
    "truth of NumPy": np.True_,
    "float without its last digits": 2.0**53,
    "float of 32 bits": np.float32(2**24),
    "no number": float("inf"),
    "list": [1],
    "record": {"a": 1},
    "moment": dt.datetime(2024, 1, 1),
    "moment of NumPy": np.datetime64("2024-01-01"),
    "clock": dt.time(12),
    "bytes": b"\xff",
    "half a character": "\ud83d",
    "complex number": 1j,
    "infinite decimal": Decimal("Infinity"),
}


def columns(values) -> dict:
    rows = len(values)
    return {"user": values, "item": [1] * rows, "time": [5] * rows}


def objects(values) -> pd.Series:
    return pd.Series(values, dtype=object)


def known():
    return read(columns([7, "a"]))


@cache
def model():
    """One for all, since whatever it is shown is refused."""
    return Pipeline(retrieve=(Popular(),)).fit(known())


def graph() -> Graph:
    made = Graph().nodes("user", {"user": [0]}, key="user")
    return made.nodes("item", {"item": [1]}, key="item")


ends = "user -> item"
DOORS = {
    "columns": lambda v: read(columns(v)),
    "items": lambda v: read({**columns(v), "user": [1] * len(v), "item": v}),
    "array": lambda v: read(columns(objects(v).to_numpy())),
    "pandas": lambda v: read(pd.DataFrame(columns(objects(v)))),
    "polars": lambda v: read(pl.DataFrame(columns(pl.Series(v, dtype=pl.Object)))),
    "interactions": lambda v: interactions(v, [1] * len(v), [1] * len(v)),
    "matrix": lambda v: Matrix.from_pairs(objects(v), [1] * len(v)),
    "features": lambda v: read(columns([7]), users={"user": v, "x": [1] * len(v)}),
    "recommend_all": lambda v: model().recommend_all(v, k=1),
    "recommend_all of pandas": lambda v: model().recommend_all(objects(v), k=1),
    "recommend": lambda v: model().recommend(v[-1], k=1),
    "exclude": lambda v: model().recommend(7, k=1, exclude=v),
    "history": lambda v: model().recommend(history=v, k=1),
    "observe": lambda v: model().observe([(one, 1, 9) for one in v]),
    "observe of a frame": lambda v: model().observe(columns(v)),
    "nodes": lambda v: graph().nodes("user", {"user": v}, key="user"),
    "edges": lambda v: graph().edges("click", {"user": v, "item": [1] * len(v)}, ends),
    "start": lambda v: graph().V("user", v).ids(),
    "lists": lambda v: evaluate({"user": v, "item": [1] * len(v)}, known()),
}


@pytest.mark.parametrize("kind", NO_IDS)
@pytest.mark.parametrize("door", DOORS)
def test_what_can_be_no_id_is_refused(door, kind):
    for beside in (["a"], [7], [7, "a"]):
        with pytest.raises((DataError, RequestError)):
            DOORS[door]([*beside, NO_IDS[kind]])


@pytest.mark.parametrize("door", ["columns", "array", "pandas", "polars"])
def test_its_row_and_column_are_named(door):
    with pytest.raises(DataError, match=r"row 3: column 'user' holds no ids: True is"):
        DOORS[door]([7, "a", True])


@pytest.mark.parametrize("array", [False, True])
@pytest.mark.parametrize("value", [True, [1], {"a": 1}], ids=repr)
def test_json_has_values_that_can_be_no_id(value, array, tmp_path):
    rows = [{"who": who, "item": 1, "time": 5} for who in ("a", value)]
    path = tmp_path / "log.json"
    text = json.dumps(rows) if array else "\n".join(map(json.dumps, rows))
    path.write_text(text)

    with pytest.raises(DataError, match=r"log.json, row 2: column 'who' holds no ids"):
        read(path, user="who")
    log = read(path, user="item", context=["who"])
    assert log.context["who"].to_list() == ["a", str(value).lower().replace("'", '"')]


def test_literals_of_python_keep_whole_numbers_and_refuse_lost_digits(tmp_path):
    path = tmp_path / "log.json"
    rows = [f"{{'user': {u}, 'item': 1, 'time': 5}}" for u in ("9" * 18, "'a'")]
    path.write_text("\n".join(rows))

    assert read(path).users.ids.to_list() == ["9" * 18, "a"]

    path.write_text("\n".join([*rows, rows[0].replace("9" * 18, "1e20")]))
    with pytest.raises(DataError, match=r"row 3: .* lost digits"):
        read(path)


def test_a_database_has_bytes_that_can_be_no_id():
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("create table t (user, item, time)")
        rows = [(1, 1, 1), ("a", 1, 2), (b"\xff", 1, 3)]
        connection.executemany("insert into t values (?, ?, ?)", rows)
        with pytest.raises(DataError, match="the query, row 3: column 'user' holds no"):
            read_sql("select * from t", connection)


def test_other_columns_keep_what_a_mixture_holds():
    odd = [True, "x", [1, "y"], None, Decimal("2.50"), 2.0**53]
    log = read({**columns(list(range(6))), "odd": odd}, context=["odd"])

    held = ["true", "x", '[1, "y"]', None, "2.5", "9007199254740992.0"]
    assert log.context["odd"].to_list() == held


def test_a_row_to_drop_may_hold_what_can_be_no_id():
    with pytest.raises(DataError, match="row 3: column 'user' holds no ids: True"):
        read(columns(["NULL", "a", True]), missing="drop")
    table = {"user": [True, "a"], "item": [None, 1], "time": [1, 2]}
    assert read(table, missing="drop").dropped == 1


def test_every_refusal_is_one_sentence_of_ours():
    for value in NO_IDS.values():
        with pytest.raises(TidegraphError) as refused:
            read(columns(["a", value]))
        assert "\n" not in str(refused.value)
