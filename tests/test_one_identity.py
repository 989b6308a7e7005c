"""At every door two values are one id exactly if the rule of ids says so."""

import csv
import json
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from data.id_rule import VALUES, rule
from tidegraph import Graph, Interactions, Pipeline, Popular, read, read_sql
from tidegraph.data.features import with_feature_table
from tidegraph.data.ids.absent import MARKERS
from tidegraph.data.ids.id_list import read_ids

IDS = VALUES.filter(lambda v: rule(v) and rule(v) not in MARKERS)
LISTS = st.lists(IDS, min_size=1, max_size=6)
KEEP = {"missing": "keep"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("doors")


def texts(log: Interactions) -> list[str]:
    return log.users.decode(log.user).cast(pl.String).to_list()


def columns(values: list) -> dict[str, list]:
    rows = len(values)
    return {"user": values, "item": [1] * rows, "time": list(range(rows))}


def written(value) -> str:
    """As a tool writes a value into text; a fraction without zeros at its end."""
    fraction = isinstance(value, Decimal) and value != int(value)
    return format(value.normalize(), "f") if fraction else str(value)


def by_frame(values, folder):
    objects = pl.Series(values, dtype=pl.Object)
    return texts(read(pl.DataFrame(columns(objects)), **KEEP))


def by_arrow(values, folder):
    return texts(read(pa.table(columns([written(v) for v in values])), **KEEP))


def by_csv(values, folder):
    path = folder / "log.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["user", "item", "time"])
        spelt = columns([written(v) for v in values])
        writer.writerows(zip(*spelt.values(), strict=True))
    return texts(read(path, sep=",", header=True, **KEEP))


def by_json(values, folder):
    path = folder / "log.jsonl"
    rows = zip(*columns(values).values(), strict=True)
    with path.open("w", encoding="utf-8") as file:
        for user, item, time in rows:
            plain = user if isinstance(user, int | float) else written(user)
            row = {"user": plain, "item": item, "time": time}
            file.write(json.dumps(row) + "\n")
    return texts(read(path, **KEEP))


def by_sql(values, folder):
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("create table log (user, item, time)")
        rows = zip(*columns([_sqlite(v) for v in values]).values(), strict=True)
        connection.executemany("insert into log values (?, ?, ?)", rows)
        return texts(read_sql("select * from log order by time", connection, **KEEP))


def _sqlite(value):
    small = isinstance(value, int) and abs(value) < 2**63
    return value if small or isinstance(value, float) else written(value)


def by_features(values, folder):
    """Each value alone as the key of a table for the log of all."""
    users = read(columns([rule(v) for v in values]), **KEEP).users
    out = []
    for value in values:
        table = {"user": pl.Series([value], dtype=pl.Object), "x": [1]}
        with_table = with_feature_table(users, pl.DataFrame(table), "user", "keep")
        assert len(with_table) == len(users)
        row = with_table.features["x"].arg_max()
        out.append(str(with_table.ids[row]))
    return out


def by_recommend(values, folder):
    log = read(columns([rule(v) for v in values]), **KEEP)
    model = Pipeline(retrieve=(Popular(),)).fit(log)
    # An id that is not held would warn, and a warning is an error here.
    lists = [model.recommend(value, k=1) for value in values]
    assert model.recommend_all(values, k=1).height == len(log.users)
    return [str(one["user"][0]) for one in lists]


def by_observe(values, folder):
    model = Pipeline(retrieve=(Popular(),)).fit(read(columns([1, "x"])))
    model.observe([(value, 1, 100 + k) for k, value in enumerate(values)])
    users = model.graph.users
    return [str(users.ids[users.row(value)]) for value in values]


def by_users_file(values, folder):
    known = read(columns([rule(v) for v in values]), **KEEP).users
    path = folder / "users.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([["user", "n"], *([written(v), 1] for v in values)])
    return read_ids(path, ("user",), known).cast(pl.String).to_list()


def by_graph(values, folder):
    graph = Graph().nodes("user", {"user": [0]}, key="user")
    graph.nodes("item", {"item": [1]}, key="item")
    rows = {"user": pl.Series(values, dtype=pl.Object), "item": [1] * len(values)}
    graph.edges("click", pl.DataFrame(rows), "user -> item")
    found = graph.V("user", values).ids()
    return found.cast(pl.String).to_list()


FILES = (by_csv, by_users_file)
DOORS = [
    *(by_frame, by_arrow, by_csv, by_json, by_sql, by_features, by_recommend),
    *(by_observe, by_users_file, by_graph),
]


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=LISTS)
def test_an_id_is_its_text_at_every_door(door, folder, values):
    # A file with a zero byte is no text, and is refused as a whole.
    assume(door not in FILES or "\0" not in "".join(written(v) for v in values))
    assert door(values, folder) == [rule(value) for value in values]


def test_columns_of_each_type_hold_the_ids_of_their_text():
    for typed, text in (
        (pl.Series([1, 300], dtype=pl.UInt16), ["1.0", "300"]),
        (pl.Series([1.0, 2.5]), ["1", "2.5"]),
        (pl.Series([Decimal("1.00"), Decimal("2.50")]), ["1", "2.5"]),
    ):
        users = read(columns(typed)).users
        assert users.encode(pl.Series(text)).tolist() == [0, 1]
        assert users.numbers_as(read(columns(text)).users)
