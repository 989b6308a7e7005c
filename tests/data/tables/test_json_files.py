"""JSON is told by content, keeps its digits, and reads no other key."""

import bz2
import gzip
import json
import lzma
from pathlib import Path

import pyarrow as pa
import pytest

from tidegraph.data.sources import read
from tidegraph.errors import DataError

ROW = {"user": "u1", "item": 7, "time": 1700000000}


@pytest.fixture
def write(tmp_path: Path):
    def write_text(text: str, name: str = "events.dat") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write_text


@pytest.mark.parametrize("name", ["a.json", "a.dat", "a.data", "a.txt", "a"])
@pytest.mark.parametrize(
    "text",
    [
        "\n".join(json.dumps(ROW) for _ in range(3)),
        json.dumps([ROW] * 3),
        json.dumps([ROW] * 3, indent=2),
        "\n\n".join(json.dumps(ROW, indent=2) for _ in range(3)) + "\n",
        "\n".join(repr(ROW) for _ in range(3)),
    ],
    ids=["lines", "array", "spread array", "spread objects", "literals"],
)
def test_json_is_told_by_its_content(write, text, name):
    log = read(write(text, name))

    assert (
        log.frame().select("user", "item", "time").rows() == [("u1", 7, 1700000000)] * 3
    )


def test_digits_of_ids_are_kept(write):
    text = '{"user": 123456789012345678901234567890, "item": 20001.0, "time": 1}'

    log = read(write(text))

    assert log.users.ids.to_list() == ["123456789012345678901234567890"]
    assert log.items.ids.to_list() == [20001]


def test_a_key_that_is_read_may_not_stand_twice_in_a_row(write):
    fine = json.dumps(ROW)
    twice = '{"user": 1, "item": 2, "time": 1700000000, "time": 5}'
    other = (
        '{"user": 1, "item": 2, "time": 5, "note": {"a": 1, "a": 2}, "x": 1, "x": 2}'
    )

    assert len(read(write(f"{fine}\n{other}"))) == 2
    with pytest.raises(DataError, match="row 2: the key 'time' stands there twice"):
        read(write(f"{fine}\n{twice}"))
    with pytest.raises(DataError, match="row 2: the key 'x' stands there twice"):
        read(write(f"{fine}\n{other}"), context=["x"])


def test_keys_may_come_late_and_types_may_change(write):
    rows = [ROW | {"other": n} for n in range(1500)]
    rows += [ROW | {"user": 5, "other": {"deep": [1]}, "part": "test"}]

    log = read(write("\n".join(map(json.dumps, rows))), split="part")

    assert len(log) == 1501
    assert log.users.ids.to_list() == ["u1", "5"]
    assert log.context["split"].null_count() == 1500


def test_a_row_longer_than_what_is_read_at_once_is_read(write):
    rows = [ROW | {"text": "x" * (3 << 20)}, ROW]

    assert len(read(write("\n".join(map(json.dumps, rows))))) == 2


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (json.dumps(ROW) + '\n{"user": 1,\n', "row 2 is not JSON"),
        (json.dumps([ROW])[:-1], "ends within its array"),
        (json.dumps([ROW, ROW])[:-9], "row 2 is not JSON"),
        ("[[1, 2]]", "row 1 is a list, not an object"),
        (repr(ROW) + "\n{'user': open('x')}\n", "row 2 is neither JSON nor a Python"),
        (
            '{"user": 1, "x": ' + "[" * 100_000 + "]" * 100_000 + "}",
            "row 1 is not JSON",
        ),
        (json.dumps(ROW | {"item": None}), "row 1: column 'item' has no id"),
        (json.dumps({"usr": 1}), "Did you mean 'usr'"),
    ],
)
def test_what_is_no_row_is_named(write, text, sentence):
    with pytest.raises(DataError, match=sentence):
        read(write(text))


def zstandard(data: bytes) -> bytes:
    return pa.compress(data, codec="zstd", asbytes=True)


@pytest.mark.parametrize(
    "pack",
    [gzip.compress, bz2.compress, lzma.compress, zstandard],
    ids=["gzip", "bzip2", "xz", "zstandard"],
)
@pytest.mark.parametrize("text", [json.dumps(ROW), "user,item,time\nu1,7,1700000000\n"])
def test_packed_files_are_told_by_content_and_refused_when_cut(tmp_path, pack, text):
    path = tmp_path / "events"
    packed = pack(text.encode())
    path.write_bytes(packed)

    assert read(path).frame().row(0)[:3] == ("u1", 7, 1700000000)

    path.write_bytes(packed[:-9])
    with pytest.raises(DataError, match="cannot be unpacked"):
        read(path)


def test_half_a_character_is_no_id_and_is_spelt_elsewhere(tmp_path):
    path = tmp_path / "log.json"
    torn = '{"user": "a", "item": 1, "time": 5, "x": "\\ud83d!"}\n'
    path.write_text(torn * 2)

    with pytest.raises(DataError, match=r"row 1: column 'x' holds no ids: .* half a"):
        read(path, user="x")
    assert read(path, context=["x"]).context["x"].to_list() == ["\\ud83d!"] * 2


def test_rows_may_be_parted_by_commas(tmp_path):
    path = tmp_path / "log.json"
    row = '{"user": "a", "item": 1, "time": 5}'
    path.write_text(f"{row},\n{row},\n")

    assert len(read(path)) == 2
