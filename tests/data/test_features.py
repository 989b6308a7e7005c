"""Which column of a feature table holds the ids, and how many ids it knows."""

import sqlite3

import pandas as pd
import polars as pl
import pytest

from tidegraph.cli import run
from tidegraph.data.check import check
from tidegraph.data.sources import read, read_sql
from tidegraph.errors import DataError, GuessedColumnWarning

LOG = {"user": ["a", "b", "a"], "code": [1, 2, 3], "time": [1, 2, 3]}
NUMBERED = "number,product,kind\n0,3,k3\n1,1,k1\n2,2,k2\n3,7,k7\n"
"""What ``frame.reset_index().to_csv()`` writes: row numbers that read like ids."""


def through_sql(items):
    connection = sqlite3.connect(":memory:")
    pl.DataFrame(LOG).to_pandas().to_sql("e", connection, index=False)
    log = read_sql("select * from e", connection, item="code", items=items)
    connection.close()
    return log


def through_file(items):
    return read(LOG, item="code", items=items)


def through_frame(items):
    return read(LOG, item="code", items=pd.read_csv(items))


@pytest.fixture(params=[through_sql, through_file, through_frame])
def door(request):
    return request.param


@pytest.fixture
def write(tmp_path):
    def write_text(text, name="items.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write_text


def kinds(log):
    return dict(zip(log.items.ids, log.items.features["kind"], strict=True))


def test_a_first_column_is_refused_where_another_holds_as_many_ids(door, write):
    with pytest.raises(
        DataError,
        match="no column 'code', and of the log's 3 ids 3 stand in its first column, "
        "'number', and 3 in 'product'",
    ):
        door(write(NUMBERED))


def test_a_first_column_is_refused_where_another_holds_more_ids(door, write):
    path = write("number,product,kind\n0,3,x\n1,1,y\n2,2,z\n2,2,z\n")

    with pytest.raises(DataError, match=r"2 stand in its first .* 3 in 'product'"):
        door(path)


def test_a_first_column_that_alone_holds_ids_is_taken_and_said(door, write):
    path = write("product,kind\n3,k3\n1,k1\n8,k8\n")

    with pytest.warns(
        GuessedColumnWarning,
        match="'product', is taken for the ids: it holds 2 of the log's 3",
    ):
        log = door(path)

    assert kinds(log) == {1: "k1", 2: None, 3: "k3", 8: "k8"}


def test_a_column_called_as_in_the_log_is_taken_wherever_it_stands(door, write):
    assert kinds(door(write(NUMBERED.replace("product", "code"))))[3] == "k3"


def test_row_numbers_without_a_name_are_passed_over(write):
    log = through_file(write(",code,kind\n0,3,k3\n1,1,k1\n2,2,k2\n"))

    assert kinds(log) == {1: "k1", 2: "k2", 3: "k3"}
    assert log.items.features.columns == ["kind"]
    with pytest.warns(GuessedColumnWarning, match=r"items\.csv .* 'product', is taken"):
        log = through_file(write(",product,kind\n0,3,k3\n1,1,k1\n2,2,k2\n"))
    assert kinds(log) == {1: "k1", 2: "k2", 3: "k3"}


def test_a_table_whose_columns_have_no_name_is_refused(write):
    with pytest.raises(DataError, match=r"items\.csv has no named columns"):
        through_file(write(",\u200b\n0,3\n"))


def test_a_place_in_a_log_is_no_place_in_a_feature_table(write):
    log = write("a,1,5\nb,2,6\na,3,7\n", "log.csv")
    items = write("3,1\n1,2\n2,3\n")

    found = read(log, user=1, item=2, time=3, time_unit="s", items=items).items

    assert found.features["2"].to_list() == [2, 3, 1]


def test_a_report_counts_the_ids_with_events_that_have_features(write):
    with pytest.warns(GuessedColumnWarning):
        log = through_file(write("product,kind\n3,k3\n1,\n8,k8\n"))

    (items,) = check(log).features

    assert (items.side, items.columns, items.known, items.ids) == (
        "item",
        ("kind",),
        1,
        3,
    )
    assert check(read(LOG, item="code")).features == ()


def test_check_and_training_say_how_many_items_have_features(tmp_path, write, capsys):
    rows = [f"u{k % 7},{k % 3},{1_700_000_000 + k}" for k in range(60)]
    log = write("user,item,time\n" + "\n".join(rows), "log.csv")
    items = write("product,kind\n0,a\n1,b\n9,c\n")
    recipe = write(
        '[data]\npath = "log.csv"\nitems = "items.csv"\n\n'
        '[[retrieve]]\nmodel = "Popular"\n',
        "recipe.toml",
    )

    for command in (
        ["check", str(log), "--items", str(items)],
        ["train", str(recipe), "-o", str(tmp_path / "model")],
    ):
        assert run(command) == 0
        said = capsys.readouterr()
        assert "item features (kind): 2 of 3 items with events have some" in said.out
        assert "tidegraph: items.csv has no column 'item', so its first" in said.err


FIVE_CORE = (
    "user,item,rating,timestamp,category,country\n"
    "a,1,5,30,toys,fr\nb,2,4,20,books,\na,2,3,10,books,fr\nb,3,1,40,,\n"
)
"""A log that holds what is known of its items and users itself."""


def five_core_of(door, path):
    features = {"item_features": ["category"], "user_features": ["country"]}
    named = {"time": "timestamp", "time_unit": "s", "context": ["rating"]}
    if door == "file":
        return read(path, **named, **features)
    if door == "frame":
        return read(pd.read_csv(path), **named, **features)
    connection = sqlite3.connect(":memory:")
    pd.read_csv(path).to_sql("e", connection, index=False)
    log = read_sql("select * from e", connection, **named, **features)
    connection.close()
    return log


@pytest.mark.parametrize("door", ["file", "frame", "sql"])
def test_columns_of_the_log_are_features_of_its_items_and_users(door, write):
    log = five_core_of(door, write(FIVE_CORE, "log.csv"))

    assert dict(zip(log.items.ids, log.items.features["category"], strict=True)) == {
        1: "toys",
        2: "books",
        3: None,
    }
    assert log.items.ids.to_list() == [2, 1, 3]
    assert log.users.features.to_dict(as_series=False) == {"country": ["fr", None]}
    assert log.context.columns == ["rating"]
    assert "item_features" not in log.reading.table()


@pytest.mark.parametrize("door", ["file", "frame", "sql"])
def test_an_item_with_two_values_is_refused_by_both_rows(door, write):
    path = write(FIVE_CORE.replace("10,books", "10,films"), "log.csv")

    with pytest.raises(
        DataError,
        match="row 3: item 2 has category 'films', and 'books' in row 2, but a feature "
        "is one value for all time",
    ):
        five_core_of(door, path)


def test_features_of_many_batches_are_typed_by_all_of_them():
    codes = [str(n % 500) for n in range(120_000)]
    log = read(
        {
            "user": codes,
            "item": codes,
            "time": range(120_000),
            "weight": [n % 500 / 4 for n in range(120_000)],
        },
        item_features=["weight"],
    )

    found = dict(zip(log.items.ids, log.items.features["weight"], strict=True))
    assert found == {n: n / 4 for n in range(500)}


def test_features_of_the_log_stand_beside_those_of_a_table(write):
    log = write(FIVE_CORE, "log.csv")
    named = {"time": "timestamp", "time_unit": "s", "item_features": ["category"]}

    items = read(log, items=write("item,price\n2,7\n9,8\n"), **named).items

    assert items.ids.to_list() == [2, 1, 3, 9]
    assert items.features["category"].to_list() == ["books", "toys", None, None]
    assert items.features["price"].to_list() == [7, None, None, 8]
    with pytest.raises(
        DataError, match=r"'category' is a column of items\.csv and one"
    ):
        read(log, items=write("item,category\n2,x\n"), **named)


def test_a_feature_that_the_log_lacks_is_asked_for_by_its_setting(write):
    with pytest.raises(DataError, match="with item_features=,"):
        read(
            write(FIVE_CORE, "log.csv"), time="timestamp", item_features=["categories"]
        )


def test_each_command_takes_features_from_the_log(tmp_path, write, capsys):
    rows = [f"u{k % 7},{k % 3},{1_700_000_000 + k},c{k % 3 % 2}" for k in range(60)]
    log = write("user,item,time,category\n" + "\n".join(rows), "log.csv")
    recipe = write(
        '[data]\npath = "log.csv"\nitem_features = ["category"]\n\n'
        '[[retrieve]]\nmodel = "Popular"\n\n'
        '[rerank]\nmodel = "MMR"\nby = "category"\n',
        "recipe.toml",
    )

    for command in (
        ["check", str(log), "--item-features", "category"],
        ["train", str(recipe), "-o", str(tmp_path / "model")],
    ):
        assert run(command) == 0
        said = capsys.readouterr().out
        assert "item features (category): 3 of 3 items with events have some" in said
    # Later events need no features, since the model has them.
    log.write_text("user,item,time\n" + "\n".join(r.rpartition(",")[0] for r in rows))
    assert run(["evaluate", str(tmp_path / "model"), str(log)]) == 0
    capsys.readouterr()
    asked = ["bench", "ctr", "--data", str(log), "--category", "category"]
    assert run(asked) == 2
    assert "the columns of the log that hold some with --item-feat" in (
        capsys.readouterr().err
    )
    assert run([*asked, "--item-features", "category"]) == 2
    assert "no column 'category'" in capsys.readouterr().err
