"""A table in several files is read like the same rows in one, at every door."""

import polars as pl
import pytest

import tidegraph as tg
from tidegraph.cli import run
from tidegraph.data.ids.id_list import read_ids
from tidegraph.errors import DataError

EVENTS = pl.DataFrame(
    {
        "user": ["a", "b", "a", "c", "b", "a", "c"],
        "item": ["x", "y", "y", "x", "x", "z", "z"],
        "time": [1_700_000_000 + 3_600 * k for k in range(7)],
        "price": [1.5, 2.0, None, 4.0, 5.0, 6.0, 7.5],
    }
)
WRITERS = {
    "parquet": pl.DataFrame.write_parquet,
    "csv": pl.DataFrame.write_csv,
    "jsonl": pl.DataFrame.write_ndjson,
}


@pytest.fixture(params=WRITERS)
def parts(request, tmp_path):
    """A folder of three parts of the events, as Spark writes one."""
    folder = tmp_path / "events"
    folder.mkdir()
    for number, rows in enumerate((slice(0, 3), slice(3, 4), slice(4, 7))):
        path = folder / f"part-{number}.{request.param}"
        WRITERS[request.param](EVENTS[rows], path)
    (folder / "_SUCCESS").touch()
    (folder / ".part-0.crc").write_bytes(b"\0\1")
    (folder / f"part-3.{request.param}").touch()
    return folder


@pytest.mark.parametrize("pattern", ["", "*", "part-[0-2].*"])
def test_parts_are_read_as_one_log(parts, pattern):
    log = tg.read(parts / pattern, context=["price"])

    whole = tg.read(EVENTS, context=["price"])
    assert log.frame().equals(whole.frame())


def test_a_folder_of_parts_is_a_table_of_features_and_of_users_too(parts, tmp_path):
    features = tmp_path / "items"
    features.mkdir()
    for item, kind in (("x", "toy"), ("y", "book"), ("z", "toy")):
        table = pl.DataFrame({"item": [item], "category": [kind]})
        table.write_csv(features / f"{item}.csv")

    log = tg.read(parts, items=features)

    assert log.items.features["category"].to_list() == ["toy", "book", "toy"]
    ids = read_ids(parts, ["user"], log.users)
    assert ids.to_list() == EVENTS["user"].to_list()


def test_the_command_line_reads_a_folder_and_a_pattern(parts, capsys):
    assert run(["check", str(parts)]) == 0
    folder = capsys.readouterr().out
    assert run(["check", str(parts / "part-*")]) == 0

    assert folder.startswith("7 events of 3 users on 3 items\n")
    assert capsys.readouterr().out == folder


def test_rows_are_counted_through_the_parts(tmp_path):
    for number, time in enumerate(["2024-01-01", "soon"]):
        (tmp_path / f"{number}.csv").write_text(f"user,item,time\na,x,{time}\n")

    with pytest.raises(DataError, match=r"row 2: .*'soon'"):
        tg.read(tmp_path)


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ("user,item\na,x\n", "1.csv has no column 'time', and 0.csv has one"),
        ("user,item,time,ip\na,x,1,2\n", "0.csv has no column 'ip', and 1.csv has one"),
        (
            '{"user": 1, "item": 2, "time": 3}\n',
            "1.csv is JSON lines, and 0.csv is comma",
        ),
    ],
)
def test_parts_that_are_no_one_table_are_refused(tmp_path, other, says):
    (tmp_path / "0.csv").write_text("user,item,time\na,x,1700000000\n")
    (tmp_path / "1.csv").write_text(other)

    with pytest.raises(DataError, match=says):
        tg.read(tmp_path)


def test_a_folder_without_a_table_says_what_it_holds(tmp_path):
    with pytest.raises(DataError, match=r"holds no file. Name a file, or a pattern"):
        tg.read(tmp_path)
    (tmp_path / "a.csv").write_text("x")
    (tmp_path / "b.json").write_text("x")
    with pytest.raises(DataError, match=r"several kinds \(\.csv, \.json\)"):
        tg.read(tmp_path)
    with pytest.raises(DataError, match=r"no file. Name a file, or a pattern"):
        tg.read(tmp_path / "*.parquet")
