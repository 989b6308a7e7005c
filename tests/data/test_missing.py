import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.data.missing import KeptRows
from tidegraph.data.sources import read
from tidegraph.errors import DataError

ids = st.sampled_from(["a", "b", "", " NULL ", None, "7"])
EVENTS = st.lists(st.tuples(ids, ids), max_size=12)


@given(st.lists(EVENTS, min_size=1, max_size=4))
def test_rows_without_an_id_are_left_out_of_every_column_and_counted(parts):
    rows = KeptRows(("user", "item"), "drop")
    place, seen, found = 0, 0, []
    for part in parts:
        batch = pl.DataFrame(
            {"row": range(place, place + len(part))} | _columns(part),
            schema_overrides={"user": pl.String, "item": pl.String, "row": pl.Int64},
        )
        filled, first = rows.filled(batch, place)
        # A row keeps its number, so what is wrong with it is named where it stands.
        assert first + len(filled) == place + len(part) or not len(filled)
        found += filled["row"].to_list()
        place, seen = place + len(part), seen + len(filled)

    everything = [event for part in parts for event in part]
    there = [all(i is not None and i in "ab7" and i for i in e) for e in everything]
    kept = [row for row, is_kept in zip(found, rows.mask, strict=True) if is_kept]
    assert kept == [row for row, is_there in enumerate(there) if is_there]
    assert rows.dropped == there.count(False)


def _columns(part):
    user, item = zip(*part, strict=True) if part else ((), ())
    return {"user": list(user), "item": list(item)}


def test_a_log_leaves_out_rows_without_an_id_whatever_else_they_hold(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(
        "user,item,time,clicked,price\n"
        "NULL,x,never,maybe,1\n"
        "a,x,10,1,2\n"
        "a,NA,nor now,,3\n"
        ",,,,4\n"
        "b,y,20,0,5\n"
    )

    log = read(path, label="clicked", context=["price"], missing="drop")

    assert log.dropped == 3
    assert log.frame().select("user", "item", "time", "label", "price").rows() == [
        ("a", "x", 10, 1, 2),
        ("b", "y", 20, 0, 5),
    ]


def test_what_is_wrong_in_a_kept_row_is_named_where_it_stands(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("user,item,time\nNA,x,1\na,x,1\n,x,x\na,x,soon\n")

    with pytest.raises(DataError, match=r"row 4: .*soon"):
        read(path, missing="drop")


def test_a_log_of_which_nothing_is_left_is_refused():
    with pytest.raises(DataError, match="has no row with ids"):
        read({"user": [None], "item": ["a"], "time": [1]}, missing="drop")


def test_markers_are_refused_by_name_or_kept_as_ids():
    table = {"user": ["a", "NULL"], "item": [1, 2], "time": [1, 2]}

    with pytest.raises(DataError, match=r"row 2: column 'user' holds 'NULL'"):
        read(table)
    assert read(table, missing="keep").users.ids.to_list() == ["a", "NULL"]


def test_a_feature_table_treats_missing_ids_as_the_log_does():
    table = {"user": ["a", "NA"], "item": [1, 2], "time": [1, 2]}
    users = {"user": ["NA", "a", None], "age": [1, 2, 3]}

    dropped = read(table, users=users, missing="drop")
    kept = read(table, users={k: v[:2] for k, v in users.items()}, missing="keep")

    assert dropped.users.features["age"].to_list() == [2]
    assert kept.users.features["age"].to_list() == [2, 1]
    with pytest.raises(DataError, match=r"row 3: column 'user' has no id"):
        read({k: v[:1] for k, v in table.items()}, users=users)
