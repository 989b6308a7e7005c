import json
import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest

from tidegraph.artifact import writing
from tidegraph.artifact.sealed import State, load, save
from tidegraph.artifact.writing import new_secret, replaced, replaced_folder
from tidegraph.errors import ArtifactError


@dataclass(frozen=True)
class Leaf:
    values: np.ndarray

    def state(self) -> State:
        return State("Leaf", arrays={"values": self.values})

    @classmethod
    def from_state(cls, state: State) -> "Leaf":
        return cls(state.arrays["values"])


@dataclass(frozen=True)
class Tree:
    name: str
    table: pl.DataFrame
    leaf: Leaf

    def state(self) -> State:
        return State(
            "Tree",
            settings={"name": self.name},
            tables={"table": self.table},
            parts={"leaf": self.leaf.state()},
        )

    @classmethod
    def from_state(cls, state: State) -> "Tree":
        return cls(
            state.settings["name"], state.tables["table"], state.part("leaf", Leaf)
        )


CLASSES = {"Leaf": Leaf, "Tree": Tree}
TREE = Tree("oak", pl.DataFrame({"id": ["a", "ß"]}), Leaf(np.array([1.5, -0.0])))


def test_what_was_saved_comes_back(tmp_path):
    save(TREE, tmp_path / "model")

    back = load(tmp_path / "model", CLASSES)

    assert back.name == "oak"
    assert back.table.equals(TREE.table)
    np.testing.assert_array_equal(back.leaf.values, TREE.leaf.values)


def test_saving_again_replaces_the_old_model_and_leaves_nothing_else(tmp_path):
    save(TREE, tmp_path / "model")
    save(Leaf(np.arange(3)), tmp_path / "model")

    back = load(tmp_path / "model", CLASSES)

    assert isinstance(back, Leaf)
    assert os.listdir(tmp_path) == ["model"]


@pytest.mark.parametrize("name", ["manifest.json", "arrays.safetensors"])
@pytest.mark.parametrize("damage", ["cut", "flip", "delete"])
def test_a_damaged_folder_is_refused(tmp_path, name, damage):
    save(TREE, tmp_path / "model")
    file = tmp_path / "model" / name
    content = bytearray(file.read_bytes())
    if damage == "delete":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    else:
        content[len(content) // 2] ^= 1
        file.write_bytes(content)

    with pytest.raises(ArtifactError):
        load(tmp_path / "model", CLASSES)


def test_a_changed_setting_is_refused(tmp_path):
    save(TREE, tmp_path / "model")
    file = tmp_path / "model" / "manifest.json"
    file.write_text(file.read_text().replace("oak", "elm"))

    with pytest.raises(ArtifactError, match="was changed or cut short"):
        load(tmp_path / "model", CLASSES)


def test_a_manifest_cannot_reach_outside_its_folder(tmp_path):
    save(TREE, tmp_path / "model")
    (tmp_path / "secret").write_text("x")
    file = tmp_path / "model" / "manifest.json"
    manifest = json.loads(file.read_text())
    manifest["files"]["../secret"] = "0"
    file.write_text(json.dumps(manifest))

    with pytest.raises(ArtifactError):
        load(tmp_path / "model", CLASSES)


@pytest.mark.parametrize("damage", ["deep", "endless"])
def test_a_manifest_that_is_deep_or_endless_is_refused(tmp_path, damage):
    save(TREE, tmp_path / "model")
    file = tmp_path / "model" / "manifest.json"
    text = file.read_text()
    endless = re.sub(r"\[\s*[0-9]+,", "[Infinity,", text)
    assert endless != text
    file.write_text("[" * 100_000 if damage == "deep" else endless)

    with pytest.raises(ArtifactError, match=r"cannot be read|was changed"):
        load(tmp_path / "model", CLASSES)


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (99, r"format 99, and this version reads format 3\. Open it with a newer"),
        (2, r"format 2, and this version reads format 3\. Make it again"),
        (0, "format 0, which there never was: it was changed"),
        ("x", "format 'x', which there never was"),
        (None, "format None, which there never was"),
        (True, "format True, which there never was"),
    ],
)
def test_another_version_is_named_with_its_mend(tmp_path, found, sentence):
    save(TREE, tmp_path / "model")
    file = tmp_path / "model" / "manifest.json"
    file.write_text(json.dumps({"format": found}))

    with pytest.raises(ArtifactError, match=sentence):
        load(tmp_path / "model", CLASSES)


def test_a_class_that_is_not_in_the_catalogue_is_refused(tmp_path):
    save(TREE, tmp_path / "model")

    with pytest.raises(ArtifactError, match="'Tree'"):
        load(tmp_path / "model", {"Leaf": Leaf})


def test_a_folder_that_is_not_a_model_is_left_alone(tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.txt").write_text("years")

    with pytest.raises(ArtifactError, match="not a saved model"):
        save(TREE, tmp_path / "precious")

    assert (tmp_path / "precious" / "thesis.txt").read_text() == "years"


def a_full_disk_keeps_the_oak(folder, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tidegraph.artifact.sealed.write_arrays", full)
    with pytest.raises(ArtifactError, match="the disk is full"):
        save(Leaf(np.arange(3)), folder / "model")

    assert load(folder / "model", CLASSES).name == "oak"
    assert os.listdir(folder) == ["model"]


def test_a_full_disk_keeps_the_old_model(tmp_path, monkeypatch):
    save(TREE, tmp_path / "model")

    a_full_disk_keeps_the_oak(tmp_path, monkeypatch)


@pytest.mark.parametrize("place", ["taken", "file/below"])
def test_a_file_that_cannot_be_put_in_place_leaves_nothing_behind(tmp_path, place):
    (tmp_path / "taken").mkdir()
    (tmp_path / "file").write_text("kept")

    with (
        pytest.raises(ArtifactError, match=f"cannot write .*{place}"),
        replaced(tmp_path / place) as aside,
    ):
        aside.write_text("new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "taken"]
    assert (tmp_path / "file").read_text() == "kept"


def test_the_folder_one_stands_in_is_no_file_to_write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ArtifactError, match=r"cannot write \."), replaced(".") as aside:
        aside.write_text("new")
    assert not list(tmp_path.iterdir())


def test_arrays_are_mapped_and_what_is_written_to_them_stays_in_the_process(tmp_path):
    save(TREE, tmp_path / "model")
    before = (tmp_path / "model" / "arrays.safetensors").read_bytes()

    values = load(tmp_path / "model", CLASSES).leaf.values
    held = values
    while isinstance(held.base, np.ndarray):
        held = held.base
    values[0] = 9.0

    assert isinstance(held, np.memmap)
    assert (tmp_path / "model" / "arrays.safetensors").read_bytes() == before


def test_of_large_arrays_the_checksum_is_compared_on_request(tmp_path, monkeypatch):
    monkeypatch.setattr("tidegraph.artifact.manifest.CHECKED_BYTES", 8)
    save(TREE, tmp_path / "model")
    path = tmp_path / "model" / "arrays.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    assert load(tmp_path / "model", CLASSES).leaf.values[0] == 1.5
    with pytest.raises(ArtifactError, match="was changed or cut short"):
        load(tmp_path / "model", CLASSES, verify=True)
    path.write_bytes(content + b"0")
    with pytest.raises(ArtifactError, match="was changed or cut short"):
        load(tmp_path / "model", CLASSES)


def test_a_model_that_is_open_stays_as_it_was_when_another_is_saved_over_it(tmp_path):
    save(Leaf(np.arange(9)), tmp_path / "model")
    held = load(tmp_path / "model", CLASSES)

    save(Leaf(np.zeros(3)), tmp_path / "model")

    np.testing.assert_array_equal(held.values, np.arange(9))


def alternating(folder, done) -> list[str]:
    """Load what others save until they are done, and return what went wrong."""
    wrong: list[str] = []
    while not done.is_set():
        try:
            back = load(folder, CLASSES)
        except (ArtifactError, OSError) as error:
            wrong.append(repr(error))
        else:
            told = {"oak": 1.5, "elm": 2.5}[back.name]
            if back.leaf.values[0] != told or back.table["id"][0] != back.name:
                wrong.append(f"{back.name} with {back.leaf.values}, {back.table}")
    return wrong


def test_who_loads_while_others_save_sees_one_value_or_the_next(tmp_path):
    trees = [
        Tree(name, pl.DataFrame({"id": [name]}), Leaf(np.array([first, -0.0])))
        for name, first in (("oak", 1.5), ("elm", 2.5))
    ]
    save(trees[0], tmp_path / "model")
    done = threading.Event()

    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(alternating, tmp_path / "model", done)
        for turn in range(150):
            save(trees[turn % 2], tmp_path / "model")
        done.set()

    assert reader.result() == []
    assert os.listdir(tmp_path) == ["model"]


def stop_at_the_new_folder(monkeypatch) -> None:
    """Interrupt the rename that would put a new folder in place of a model."""
    rename = os.rename

    def stopped(source, target) -> None:
        if target.name == "model" and source.suffix != ".old":
            raise KeyboardInterrupt
        rename(source, target)

    monkeypatch.setattr("os.rename", stopped)


@pytest.mark.skipif(sys.platform != "linux", reason="folders may not be exchanged")
def test_a_model_is_saved_over_in_one_step_that_nothing_can_stop(tmp_path, monkeypatch):
    save(TREE, tmp_path / "model")
    stop_at_the_new_folder(monkeypatch)

    save(Leaf(np.arange(3)), tmp_path / "model")

    assert isinstance(load(tmp_path / "model", CLASSES), Leaf)
    assert os.listdir(tmp_path) == ["model"]


def test_who_is_stopped_between_two_renames_keeps_the_old_model(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "_exchange", lambda *_: False)
    save(TREE, tmp_path / "model")
    stop_at_the_new_folder(monkeypatch)

    with pytest.raises(KeyboardInterrupt):
        save(Leaf(np.arange(3)), tmp_path / "model")

    assert load(tmp_path / "model", CLASSES).name == "oak"
    assert os.listdir(tmp_path) == ["model"]


def test_where_folders_cannot_be_exchanged_they_are_renamed(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "_exchange", lambda *_: False)
    save(TREE, tmp_path / "model")

    save(Leaf(np.arange(3)), tmp_path / "model")

    assert isinstance(load(tmp_path / "model", CLASSES), Leaf)
    assert os.listdir(tmp_path) == ["model"]


def test_a_file_that_goes_while_it_is_read_is_an_error_of_ours(tmp_path, monkeypatch):
    save(TREE, tmp_path / "model")

    def gone(path):
        raise FileNotFoundError(2, "No such file or directory", str(path))

    monkeypatch.setattr("tidegraph.artifact.manifest.sha256", gone)
    with pytest.raises(ArtifactError, match=r"cannot be read: .*No such file"):
        load(tmp_path / "model", CLASSES)


def test_what_a_killed_writer_put_aside_is_back_when_the_next_one_fails(
    tmp_path, monkeypatch
):
    save(TREE, tmp_path / "model")
    (tmp_path / "model").rename(tmp_path / ".model.x1.partial.old")

    a_full_disk_keeps_the_oak(tmp_path, monkeypatch)


KILLED = """
import os, sys
from pathlib import Path
import numpy as np
from tidegraph.artifact import sealed, writing

folder = Path(sys.argv[1])

class Leaf:
    def state(self):
        return sealed.State("Leaf", arrays={"values": np.arange(9)})

def killed(*_):
    os.kill(os.getpid(), 9)

match sys.argv[2]:
    case "folder":
        sealed.seal_of = killed
        sealed.save(Leaf(), folder / "model")
    case "swapped":
        writing._exchange = lambda *_: False
        Path.rename = lambda here, there: (os.rename(here, there), killed())
        sealed.save(Leaf(), folder / "model")
    case "file":
        with writing.replaced(folder / "model") as aside:
            aside.write_text("half")
            killed()
    case "secret":
        os.fsync = killed
        writing.new_secret(folder / "model", b"secret")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is removed there")
@pytest.mark.parametrize("what", ["folder", "swapped", "file", "secret"])
def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path, what):
    if what in ("folder", "swapped"):
        save(TREE, tmp_path / "model")
    command = [sys.executable, "-c", KILLED, str(tmp_path), what]
    assert subprocess.run(command, check=False).returncode == -9
    assert any(".partial" in name for name in os.listdir(tmp_path))

    if what == "file":
        with replaced(tmp_path / "model") as aside:
            aside.write_text("whole")
    elif what == "secret":
        assert new_secret(tmp_path / "model", b"another")
    else:
        save(TREE, tmp_path / "model")

    assert os.listdir(tmp_path) == ["model"]


def test_what_another_writes_at_the_same_place_is_left_alone(tmp_path):
    (tmp_path / ".model.1234.copy").mkdir()
    with replaced_folder(tmp_path / "model", "manifest.json", "a model") as aside:
        (aside / "manifest.json").write_text("late")
        save(TREE, tmp_path / "model")
    with replaced(tmp_path / "file") as slow:
        slow.write_text("late")
        with replaced(tmp_path / "file") as quick:
            quick.write_text("early")

    assert (tmp_path / "model" / "manifest.json").read_text() == "late"
    assert (tmp_path / "file").read_text() == "late"
    assert sorted(os.listdir(tmp_path)) == [".model.1234.copy", "file", "model"]
