import os
import sys
import tracemalloc

import numpy as np
import pytest

from tidegraph.artifact import room
from tidegraph.artifact.room import is_mapped, with_room
from tidegraph.artifact.tensors import open_arrays, write_arrays

SIZE = 300_000


@pytest.fixture
def file(tmp_path):
    arrays = {
        "long": np.arange(SIZE),
        "short": np.arange(SIZE, dtype=np.int32),
        "odd": np.arange(7, dtype=np.float32),
        "none": np.zeros(0, np.int32),
    }
    write_arrays(arrays, tmp_path / "a")
    return tmp_path / "a", arrays


@pytest.mark.parametrize("name", ["long", "short", "odd", "none"])
def test_a_longer_array_begins_with_the_one_in_the_file(file, name):
    path, arrays = file
    before = path.read_bytes()
    held = open_arrays(path)[name]
    longer = with_room(held, 2 * SIZE)
    longer[len(held) :] = 5
    longer[: min(3, len(held))] = 9

    assert is_mapped(held)
    assert not is_mapped(longer)
    assert longer.dtype == held.dtype
    np.testing.assert_array_equal(longer[3 : len(held)], arrays[name][3:])
    assert (longer[len(held) :] == 5).all()
    np.testing.assert_array_equal(held, arrays[name])
    assert path.read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="copies there")
def test_room_behind_a_mapped_array_is_no_copy(file):
    held = open_arrays(file[0])["long"]
    tracemalloc.start()
    longer = with_room(held, 2 * SIZE)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(longer) == 2 * SIZE
    assert peak < SIZE


def test_a_file_that_was_replaced_remains_what_it_was(file, tmp_path):
    path, arrays = file
    held = open_arrays(path)["long"]
    write_arrays({"long": np.full(SIZE, 3)}, tmp_path / "b")
    os.replace(tmp_path / "b", path)

    np.testing.assert_array_equal(with_room(held, SIZE + 1)[:SIZE], arrays["long"])


def test_where_the_system_cannot_map_twice_the_array_is_copied(file, monkeypatch):
    monkeypatch.setattr(room, "_map_call", lambda: None)
    held = open_arrays(file[0])["short"]

    np.testing.assert_array_equal(with_room(held, SIZE + 1)[:SIZE], held)


def test_a_file_is_closed_with_the_last_array_of_it(file):
    def numbers() -> int:
        return len(os.listdir("/proc/self/fd"))

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("the system does not list open files")
    before = numbers()
    arrays = open_arrays(file[0])
    longer = with_room(arrays["long"], 2 * SIZE)
    del arrays
    assert numbers() == before

    assert longer[SIZE - 1] == SIZE - 1
