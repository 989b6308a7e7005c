"""What shows nothing around a value is none of it, in every column of a log."""

import numpy as np
import polars as pl
import pytest

from tidegraph import Pipeline, Popular, read
from tidegraph.data.ids.id_list import read_ids
from tidegraph.errors import DataError

MARKS = ["\ufeff", "\u200b", "\xa0", "\u2060", "\u200e", "\u202c", "\xad"]


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_around_any_cell_or_name_changes_no_log(tmp_path, mark):
    plain = "user,item,time,label,weight,part\nu1,7,1000,1,2.5,train\n"
    plain += "u2,8,2000,true,1,test\n"
    path, twin = tmp_path / "log.csv", tmp_path / "twin.csv"
    path.write_text(plain, encoding="utf-8")
    marked = "\n".join(
        ",".join(f"{mark}{cell}{mark}" for cell in row.split(","))
        for row in plain.splitlines()
    )
    twin.write_text(f"{marked}\n", encoding="utf-8")
    roles = {"label": "label", "weight": "weight", "split": "part"}

    log, found = (read(each, **roles) for each in (path, twin))

    for name in ("user", "item", "time", "label", "weight"):
        assert np.array_equal(getattr(log, name), getattr(found, name)), name
    assert log.users.ids.equals(found.users.ids)
    assert log.items.ids.equals(found.items.ids)
    assert len(found.split(by="split")) == len(log.split(by="split"))


def test_files_that_each_begin_with_a_mark_may_be_laid_end_to_end(tmp_path):
    path = tmp_path / "both.csv"
    path.write_bytes("\ufeff1,7,1000\n\ufeff1,8,2000\n".encode())

    log = read(path, user=1, item=2, time=3)

    assert log.users.ids.to_list() == [1]
    assert log.items.ids.to_list() == [7, 8]


def test_a_time_in_text_may_have_marks_around_it():
    times = ["\u200e2020-01-02T00:00:00Z", "2020-01-01 \ufeff"]

    log = read({"user": ["a", "b"], "item": [1, 2], "time": times})

    assert log.time.tolist() == [1_577_836_800, 1_577_923_200]


def test_an_id_of_marks_alone_is_none():
    with pytest.raises(DataError, match="row 2: column 'user' has no id"):
        read({"user": ["a", "\u200b\ufeff"], "item": [1, 2], "time": [1, 2]})


def test_bytes_with_marks_are_one_id_in_a_column_and_in_a_list():
    column = pl.Series([b"\xef\xbb\xbfab", b"ab"])
    model = Pipeline(retrieve=Popular()).fit(
        read({"user": column, "item": [1, 2], "time": [1, 2]})
    )

    model.observe([(b"\xef\xbb\xbfab", 1, 10), ("ab\u2060", 2, 11)])

    assert model.graph.users.ids.to_list() == ["ab"]
    assert set(model.recommend(b"\xef\xbb\xbfab", k=2)["user"]) == {"ab"}


def test_a_file_of_users_may_hold_marks(tmp_path):
    log = read({"user": ["ab", "c"], "item": [1, 2], "time": [1, 2]})
    path = tmp_path / "users.txt"
    path.write_text("\ufeffab\u200b\n\ufeffc\n", encoding="utf-8")

    assert read_ids(path, ["user"], log.users).to_list() == ["ab", "c"]
