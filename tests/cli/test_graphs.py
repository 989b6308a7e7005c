import xml.etree.ElementTree as ET

import numpy as np
import polars as pl
import pytest

import tidegraph as tg
from tidegraph.cli import run
from tidegraph.graph.live import Graph

COLUMNS = ["--user", "uid", "--item", "sku", "--time", "ts"]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log.csv"
    table = {
        "uid": ["ana", "bo", "bo", "ana", "<cy>"],
        "sku": ["tea", "tea", "jam", "jam", "tea"],
        "ts": [100_000, 200_000, 300_000, 400_000, 50_000],
    }
    pl.DataFrame(table).write_csv(path)
    return path


def test_a_picture_has_what_was_met_before_left_of_who_met_it(log, tmp_path, capsys):
    out = tmp_path / "g.svg"
    words = [*COLUMNS, "-o", str(out)]
    status = run(
        ["graph", "draw", str(log), "--around", "ana", "--at", "500000", *words]
    )

    drawn = ET.parse(out).getroot()
    labels = [text.text for text in drawn.iter(f"{SVG}text")]
    places = [float(dot.get("cx")) for dot in drawn.iter(f"{SVG}circle")]
    # ana has tea and jam; <cy> had tea before, bo jam.
    assert status == 0
    assert sorted(labels[-5:]) == ["<cy>", "ana", "bo", "jam", "tea"]
    assert places[0] == max(places)
    assert len(set(places)) == 5
    assert "4 events before 1970-01-06T18:53:20Z." in capsys.readouterr().out


def test_an_earlier_moment_shows_less(log, tmp_path):
    out = tmp_path / "g.svg"
    words = ["graph", "draw", str(log), "--around", "ana", *COLUMNS]

    assert run([*words, "--at", "1970-01-02T12:00:00Z", "-o", str(out)]) == 0

    labels = [text.text for text in ET.parse(out).getroot().iter(f"{SVG}text")]
    assert "tea" in labels
    assert "jam" not in labels


def test_a_graph_without_times_is_drawn_for_all_time(tmp_path, capsys):
    graph = Graph().nodes("item", {"item": ["tea", "jam"]}, key="item")
    graph.nodes("brand", {"brand": ["b"]}, key="brand")
    made = {"item": ["tea", "jam"], "brand": ["b", "b"]}
    graph.edges("made_by", made, "item -> brand").save(tmp_path / "g")
    out = tmp_path / "g.svg"
    words = ["graph", "draw", str(tmp_path / "g"), "--around", "tea"]
    words += ["--edge", "made_by", "-o", str(out)]

    assert run(words) == 0

    assert capsys.readouterr().out == f"{out}: 3 events.\n"
    drawn = ET.parse(out).getroot()
    labels = [text.text for text in drawn.iter(f"{SVG}text")]
    places = [float(dot.get("cx")) for dot in drawn.iter(f"{SVG}circle")]
    assert "for all time" in labels
    assert sorted(labels[-4:]) == ["b", "jam", "tea", "tea"]
    assert places[0] > places[1] > places[2]
    assert run([*words, "--at", "2024-01-01"]) == 2
    assert "no times, so all are drawn. Leave --at out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--around", "zoe"], "user 'zoe' is not in the graph"),
        (["--around", "ana", "--edge", "likes"], "the graph has no edge 'likes'"),
        (["--around", "ana", "--widths", "3,x"], "--widths is '3,x'"),
        (["--around", "ana", "--user", "who"], "has no column 'who'"),
        (["--around", "ana", "--time-unit", "h"], "--time-unit"),
        (["--around", "ana", "--at", "soon"], "is 'soon', not a time"),
        (["--around", "ana", "-o", "/proc/x/y.svg"], "cannot write"),
    ],
)
def test_mistakes_are_answered_with_one_sentence(log, capsys, words, sentence):
    assert run(["graph", "draw", str(log), *COLUMNS, *words]) == 2

    assert sentence in capsys.readouterr().err


def test_a_log_of_positions_is_drawn_without_dates(log, tmp_path, capsys):
    out = tmp_path / "g.svg"
    words = ["graph", "draw", str(log), "--around", "ana", *COLUMNS, "-o", str(out)]
    words += ["--time-unit", "order"]

    assert run([*words, "--at", "250000"]) == 0
    assert "events before position 250000." in capsys.readouterr().out
    labels = [text.text for text in ET.parse(out).getroot().iter(f"{SVG}text")]
    assert "as of position 250000" in labels
    assert not any("1970" in label or "day" in label for label in labels)
    assert run([*words, "--at", "2024-01-01"]) == 2
    assert "the log has positions" in capsys.readouterr().err


def test_a_log_without_times_has_no_picture(log, capsys):
    words = ["--around", "ana", *COLUMNS[:4], "--time", "none"]
    assert run(["graph", "draw", str(log), *words]) == 2

    assert "must know which event comes first" in capsys.readouterr().err


def test_a_saved_model_is_drawn_and_checked_as_its_log_is(log, tmp_path, capsys):
    read = tg.read(log, user="uid", item="sku", time="ts")
    tg.Pipeline(retrieve=tg.Popular()).fit(read).save(tmp_path / "m")
    words = ["graph", "draw", "--around", "ana", "--at", "500000", *COLUMNS]
    of_log, of_model = tmp_path / "log.svg", tmp_path / "model.svg"

    assert run([*words, str(log), "-o", str(of_log)]) == 0
    assert run([*words, str(tmp_path / "m"), "-o", str(of_model)]) == 0
    assert run(["graph", "check", str(tmp_path / "m")]) == 0

    assert of_log.read_text() == of_model.read_text()
    assert "action: user -> item, 5 edges, timed by time" in capsys.readouterr().out


def test_any_edge_of_a_saved_graph_is_drawn(tmp_path):
    graph = Graph().nodes("user", {"id": ["ana", "bo", "cy"]}, key="id")
    follows = {"a": ["ana", "cy"], "b": ["bo", "bo"], "ts": [200_000, 100_000]}
    graph.edges("follows", follows, "a: user -> b: user", time="ts").save(
        tmp_path / "g"
    )
    out = tmp_path / "g.svg"
    words = ["graph", "draw", str(tmp_path / "g"), "--edge", "follows"]

    assert run([*words, "--around", "ana", "-o", str(out)]) == 0

    labels = [text.text for text in ET.parse(out).getroot().iter(f"{SVG}text")]
    assert sorted(labels[-3:]) == ["ana", "bo", "cy"]


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ([], "3 events before 1970-01-01T00:00:05.301Z"),
        (["--at", "5.9"], "3 events before 1970-01-01T00:00:05.900Z"),
        (["--at", "1970-01-01T00:00:05.3"], "2 events before 1970-01-01T00:00:05.300Z"),
        (["--at", "5"], "0 events before 1970-01-01T00:00:05.000Z"),
    ],
)
def test_a_graph_of_clocks_below_a_second_is_drawn_in_its_own(
    tmp_path, capsys, at, said
):
    graph = Graph(tick="ms").nodes("user", {"user": ["a", "b"]}, key="user")
    graph.nodes("item", {"item": ["x", "y"]}, key="item")
    log = {"user": ["b", "a", "a"], "item": ["x", "x", "y"], "time": [5.1, 5.2, 5.3]}
    graph.edges("click", log, "user -> item", time="time").save(tmp_path / "g")
    out = tmp_path / "g.svg"
    words = ["graph", "draw", str(tmp_path / "g"), "--around", "a", "--edge", "click"]

    assert run([*words, *at, "-o", str(out)]) == 0
    assert said in capsys.readouterr().out
    places = [float(c.get("cx")) for c in ET.parse(out).getroot().iter(f"{SVG}circle")]
    # The oldest stands at the left, as far as the picture goes.
    assert at == ["--at", "5"] or (min(places), max(places)) == (30, 710)
    assert run(["graph", "check", str(tmp_path / "g")]) == 0
    assert "timed by time in milliseconds" in capsys.readouterr().out


def test_a_saved_graph_is_checked_whole(tmp_path, capsys):
    graph = Graph().nodes("user", {"id": np.arange(3)}, key="id")
    graph.edges("knows", {"a": [0], "b": [1]}, "a: user -> b: user")
    graph.save(tmp_path / "g")

    assert run(["graph", "check", str(tmp_path / "g")]) == 0
    assert "knows: user -> user, 1 edges, without time" in capsys.readouterr().out
    arrays = tmp_path / "g" / "arrays.safetensors"
    arrays.write_bytes(arrays.read_bytes()[:-1] + b"\x7f")
    assert run(["graph", "check", str(tmp_path / "g")]) == 2
    assert "was changed or cut short after it was saved" in capsys.readouterr().err
