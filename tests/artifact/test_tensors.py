"""Arrays in one file: what safetensors reads, mapped and never out of bounds."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import numpy as oracle

from tidegraph.artifact.tensors import open_arrays, write_arrays

KINDS = ("bool", "int8", "uint16", "int32", "float32", "int64", "uint64", "float64")


@st.composite
def arrays(draw):
    """Some arrays of some kinds and shapes, by name."""
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    held = {}
    for place in range(draw(st.integers(0, 6))):
        shape = draw(st.lists(st.integers(0, 4), min_size=1, max_size=3))
        kind = draw(st.sampled_from(KINDS))
        held[f"{place} ä/{kind}"] = rng.integers(0, 2, shape).astype(kind)
    return held


@given(arrays())
def test_what_is_written_is_opened_and_read_by_safetensors(tmp_path_factory, held):
    path = tmp_path_factory.mktemp("tensors") / "arrays"

    write_arrays(held, path)

    read = oracle.load_file(path)
    theirs = {name: read[name] for name in read if not name.startswith("__padding")}
    for back in (open_arrays(path), theirs):
        assert set(back) == set(held)
        for name, array in held.items():
            assert back[name].dtype == array.dtype
            np.testing.assert_array_equal(back[name], array)


def test_what_safetensors_writes_is_opened(tmp_path):
    held = {"a": np.arange(5, dtype=np.int32), "b": np.ones((2, 3))}
    oracle.save_file(held, tmp_path / "arrays", {"format": "np"})

    back = open_arrays(tmp_path / "arrays")

    assert set(back) == {"a", "b"}
    np.testing.assert_array_equal(back["b"], held["b"])


def test_arrays_are_mapped_aligned_and_their_file_is_never_written(tmp_path):
    path = tmp_path / "arrays"
    write_arrays({"flag": np.ones(3, bool), "time": np.arange(4)}, path)
    before = path.read_bytes()

    back = open_arrays(path)
    back["time"][:] = 7

    # As arrays in memory do: products of matrices mind it.
    assert all(array.ctypes.data % 64 == 0 for array in back.values())
    assert back["time"].flags.writeable
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "change",
    [
        lambda held: held["a"].update(data_offsets=[0, 800]),
        lambda held: held["a"].update(data_offsets=[-8, 32]),
        lambda held: held["a"].update(shape=[9]),
        lambda held: held["a"].update(shape=[-1, -5]),
        lambda held: held["a"].update(dtype="OBJECT"),
    ],
    ids=["beyond", "before", "longer", "negative", "objects"],
)
def test_contents_that_do_not_fit_the_file_are_refused(tmp_path, change):
    path = tmp_path / "arrays"
    write_arrays({"a": np.arange(5)}, path)
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    contents = json.loads(content[8:start])
    change(contents)
    head = json.dumps(contents).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head + content[start:])

    with pytest.raises((ValueError, KeyError)):
        open_arrays(path)


def test_a_file_that_is_cut_is_refused(tmp_path):
    path = tmp_path / "arrays"
    write_arrays({"a": np.arange(5)}, path)
    path.write_bytes(path.read_bytes()[:-1])

    with pytest.raises(ValueError, match="outside the file"):
        open_arrays(path)


def test_objects_are_no_numbers(tmp_path):
    with pytest.raises(KeyError):
        write_arrays({"a": np.array([None])}, tmp_path / "arrays")
