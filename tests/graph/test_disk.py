import itertools
import json
import shutil
import tracemalloc

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tidegraph as tg
from graph.brute import EVENTS, answers, graph_of, same, table
from tidegraph.artifact.manifest import GRAPH, seal_of
from tidegraph.errors import (
    ArtifactError,
    DataError,
    TidegraphError,
)
from tidegraph.graph.join import union
from tidegraph.graph.live import Graph
from tidegraph.graph.projection import CoOccurrence

STRANGERS = Graph().nodes("user", {"user_id": [99]}, key="user_id")
"""A graph whose rows are others."""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    rng = np.random.default_rng(0)
    events = [tuple(map(int, e)) for e in rng.integers(0, [4, 5, 9, 5], (300, 4))]
    graph = graph_of(events)
    friends = {"a": [0, 1, 1], "b": [1, 0, 2]}
    graph.edges("knows", friends, "a: user -> b: user")
    folder = tmp_path_factory.mktemp("graph") / "g"
    graph.save(folder)
    return graph, folder


@given(EVENTS, st.booleans())
def test_a_graph_is_opened_as_it_was_saved(tmp_path_factory, events, grow):
    graph = graph_of(events, late_seconds=9)
    if grow:
        graph.append("click", {"user_id": [0], "item_id": [1], "ts": [9], "w": [2.0]})
    folder = tmp_path_factory.mktemp("graph") / "g"
    graph.save(folder)

    again = Graph.open(folder, late_seconds=9)

    assert again.snapshot().schema == graph.snapshot().schema
    assert all(same(a, b) for a, b in zip(answers(graph), answers(again), strict=True))
    one, other = (g.V("item").all_time().in_("click").frame() for g in (graph, again))
    assert one.equals(other)


@given(EVENTS, EVENTS, EVENTS)
def test_graphs_that_grow_from_one_folder_answer_as_built_at_once(
    tmp_path_factory, first, left, right
):
    folder = tmp_path_factory.mktemp("graph") / "g"
    graph_of(first).save(folder)
    opened = Graph.open(folder, late_seconds=None)
    base = opened.snapshot()
    lines = [Graph(base, late_seconds=None) for _ in range(2)]
    for events in itertools.zip_longest(left, right):
        for graph, event in zip(lines, events, strict=True):
            if event is not None:
                graph.append("click", table([event]))

    for graph, events in zip([*lines, opened], (left, right, []), strict=True):
        whole = graph_of([*first, *events])
        pairs = zip(answers(graph), answers(whole), strict=True)
        assert all(same(one, other) for one, other in pairs)


def test_an_empty_graph_that_was_opened_takes_nothing_and_then_something(tmp_path):
    graph_of([]).save(tmp_path / "g")
    opened = Graph.open(tmp_path / "g")
    events = [(0, 1, 5, 2), (1, 1, 6, 1)]
    opened.append("click", table([])).append("click", table(events))

    pairs = zip(answers(opened), answers(graph_of(events)), strict=True)
    assert all(same(one, other) for one, other in pairs)


def test_the_first_append_to_an_opened_graph_copies_no_edges(tmp_path):
    rng = np.random.default_rng(0)
    size, ends = 400_000, "user_id -> item_id"
    graph = Graph()
    graph.nodes("user", {"user_id": np.arange(400)}, key="user_id")
    graph.nodes("item", {"item_id": np.arange(200)}, key="item_id")
    events = {
        "user_id": rng.integers(0, 400, size),
        "item_id": rng.integers(0, 200, size),
        "ts": np.arange(size),
        "w": rng.random(size),
    }
    graph.edges("click", events, ends, time="ts", weight="w").save(tmp_path / "g")
    new = {name: column[-1:] for name, column in events.items()}
    Graph.open(tmp_path / "g").append("click", new)
    opened = Graph.open(tmp_path / "g")
    tracemalloc.start()
    opened.append("click", new)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    # A copy would take 24 bytes an edge, and the weights 4 more. What is taken, 450 kB,
    # is room for rows that are to come, whatever the edges.
    assert peak < 2 * size
    assert len(opened.snapshot().edges["click"]) == size + 1


def test_an_opened_graph_is_mapped_and_can_grow_without_touching_its_file(saved):
    graph, folder = saved
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    opened = Graph.open(folder)
    held = opened["click"].node
    while isinstance(held.base, np.ndarray):
        held = held.base

    opened.append("click", {"user_id": [0], "item_id": [1], "ts": [9], "w": [2.0]})

    assert isinstance(held, np.memmap)
    assert len(opened.snapshot().edges["click"]) == 301
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert len(graph.snapshot().edges["knows"]) == 3


def test_an_edge_takes_twelve_bytes_a_direction_and_eight_without_time(saved):
    graph = saved[0]
    assert graph["click"].bytes_per_edge == 12
    assert graph["~click"].bytes_per_edge == 12
    assert graph["knows"].bytes_per_edge == 8
    arrays = (graph["click"].node, graph["click"].time, graph["click"].edge)
    assert sum(a.nbytes for a in arrays) == 12 * 300


def test_saving_replaces_a_graph_and_nothing_else(saved, tmp_path):
    graph, _ = saved
    (tmp_path / "notes.txt").write_text("mine")

    with pytest.raises(ArtifactError, match="is not a saved graph"):
        graph.save(tmp_path)
    graph.save(tmp_path / "g")
    graph.save(tmp_path / "g")

    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["g", "notes.txt"]


@given(data=st.data())
def test_a_damaged_file_is_one_clear_error(saved, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("bad") / "g"
    shutil.copytree(saved[1], folder)
    files = sorted(p for p in folder.iterdir() if p.stat().st_size)
    path = files[data.draw(st.integers(0, len(files) - 1))]
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    how = data.draw(st.sampled_from(["flip", "cut", "grow", "gone"]))
    if how == "flip":
        content[at] ^= 1 << data.draw(st.integers(0, 7))
    elif how == "cut":
        del content[at:]
    else:
        content += b"\0"
    path.write_bytes(content)
    if how == "gone":
        path.unlink()

    with pytest.raises(ArtifactError) as found:
        Graph.open(folder)

    assert str(folder) in str(found.value)


@given(data=st.data())
def test_a_large_graph_that_is_not_checked_whole_never_crashes(
    saved, tmp_path_factory, data
):
    folder = tmp_path_factory.mktemp("bad") / "g"
    shutil.copytree(saved[1], folder)
    files = sorted(p for p in folder.iterdir() if p.suffix == ".safetensors")
    path = files[data.draw(st.integers(0, len(files) - 1))]
    content = bytearray(path.read_bytes())
    if content:
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)

    # It is refused, or answers within its arrays; a wrong id may be found later.
    try:
        damaged = Graph.open(folder, verify=False)
        answers(damaged)
        CoOccurrence(via="click").induced(damaged)
        walk = tg.walk("click", "~click", times=3, length=2).weighted("w").top(2)
        damaged.V("user").before(9).with_(
            w=walk, n=tg.negatives("item", 3, by="degree", avoid="click")
        )
        union(STRANGERS.snapshot(), damaged.snapshot())
        damaged.erase("user", [0])
    except (TidegraphError, IndexError, pl.exceptions.PolarsError):
        return


def test_a_damaged_end_of_an_edge_is_refused_before_edges_are_sorted(saved, tmp_path):
    shutil.copytree(saved[1], tmp_path / "g")
    path = tmp_path / "g" / "arrays.safetensors"
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    tensors = json.loads(content[8 : 8 + size])
    name = next(n for n in tensors if "click" in n and n.endswith("out.node"))
    at = 8 + size + tensors[name]["data_offsets"][0]
    path.write_bytes(content[:at] + b"\xff\xff\xff\x7f" + content[at + 4 :])

    damaged = Graph.open(tmp_path / "g", verify=False)

    with pytest.raises(DataError, match="open it with verify=True"):
        damaged.erase("user", [0])
    with pytest.raises(DataError, match="open it with verify=True"):
        union(STRANGERS.snapshot(), damaged.snapshot())


def resealed(folder, change) -> None:
    path = folder / GRAPH.manifest
    body = json.loads(path.read_text())
    change(body)
    body["seal"] = seal_of(body)
    path.write_text(json.dumps(body))


def clicks(body):
    return body["value"]["parts"]["edges click"]["settings"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b.update(format=99), "saved in format 99"),
        (lambda b: clicks(b).update(source="shop"), "is complete"),
        (lambda b: b["value"]["parts"].pop("nodes item"), "no part"),
        (lambda b: clicks(b).update(target="user"), "do not fit"),
        (lambda b: clicks(b).update(timed=[False, True]), "do not fit"),
        (lambda b: b.pop("files"), "changed"),
        (lambda b: b["files"].update({"../x": [0, ""]}), "changed"),
        (lambda b: b["tables"].update({"x": "../x"}), "changed"),
    ],
    ids=["format", "source", "nodes", "target", "timed", "files", "path", "table"],
)
def test_a_schema_that_does_not_fit_is_refused(saved, tmp_path, change, message):
    shutil.copytree(saved[1], tmp_path / "g")
    resealed(tmp_path / "g", change)

    with pytest.raises(ArtifactError, match=message):
        Graph.open(tmp_path / "g")


def test_what_is_no_graph_is_said(tmp_path):
    with pytest.raises(ArtifactError, match="is not a saved graph"):
        Graph.open(tmp_path / "nowhere")
    (tmp_path / GRAPH.manifest).write_text("[1, 2]")
    with pytest.raises(ArtifactError, match="cannot be read"):
        Graph.open(tmp_path)


def test_features_of_every_kind_come_back(tmp_path):
    graph = Graph()
    table = pl.DataFrame(
        {"id": ["a", "b"], "tags": [["x"], []], "name": ["Ü", None], "n": [1, 2]}
    )
    graph.nodes("item", table, key="id")
    graph.save(tmp_path / "g")

    assert (
        Graph.open(tmp_path / "g")
        .V("item")
        .frame("id", "tags", "name", "n")
        .equals(table)
    )


def test_a_graph_keeps_the_columns_and_unit_of_its_tables(tmp_path):
    people = tg.Graph().nodes("user", {"user": ["a", "b", "c"]}, key="user")
    first = {"from": ["a"], "to": ["b"], "at": [5_000]}
    people.edges("follows", first, "from: user -> to: user", time="at", time_unit="ms")
    people.save(tmp_path / "g")
    again = tg.Graph.open(tmp_path / "g")

    again.append("follows", {"from": ["b"], "to": ["c"], "at": [7_000]})

    assert again.V("user", "b").before(9).out("follows").frame("user", "at").rows() == [
        ("c", 7)
    ]


def test_a_view_of_the_past_can_be_saved(tmp_path):
    events = [(0, 0, 9, 1), (0, 1, 1, 7), (1, 1, 2, 5)]
    Graph(graph_of(events).snapshot().before(5)).save(tmp_path / "g")

    again = Graph.open(tmp_path / "g")

    found = again.V("user").all_time().out("click").frame("item_id", "ts", "w")
    assert sorted(found.rows()) == [(1, 1, 7.0), (1, 2, 5.0)]


def test_the_graph_of_a_saved_model_is_opened_as_one_saved_alone(tmp_path):
    log = tg.interactions(["a", "a", "b"], ["x", "y", "x"], [1, 2, 3])
    model = tg.Pipeline(tg.Popular()).fit(log)
    model.save(tmp_path / "model")
    model.live.save(tmp_path / "graph")

    whole, alone = (
        Graph.open(tmp_path / name).snapshot() for name in ("model", "graph")
    )

    assert whole.schema == alone.schema
    told = (g.V("user").all_time().out("action").frame() for g in (whole, alone))
    assert next(told).equals(next(told))
    assert Graph.open(tmp_path / "model", verify=True).snapshot().schema == whole.schema
    with pytest.raises(ArtifactError, match=r"Open it with tg\.Graph\.open"):
        tg.load(tmp_path / "graph")
