import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from tidegraph.graph.storage.tcsr import TemporalCSR
from tidegraph.graph.walks.node2vec import Bias
from tidegraph.graph.walks.random_walks import Habit, walks
from tidegraph.kernels import jit
from tidegraph.kernels.jit import compiled, over_rows, over_rows_in
from tidegraph.kernels.keyed_rng import root_keys


def within_a_minute(call) -> None:
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(timeout=60)

    assert not thread.is_alive()


@compiled
def more(found: int, value: int) -> int:
    return found + value


@compiled
def added(value: np.ndarray) -> int:
    found = 0
    for at in range(value.size):
        found = more(found, value[at])
    return found


def test_what_a_loop_hands_on_from_a_number_on_is_compiled_once():
    assert added(np.arange(5)) == 10
    if hasattr(added, "recompile"):
        # What was kept on disk by an earlier run compiles nothing.
        added.recompile()
    assert len(getattr(more, "signatures", [()])) == 1


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_each_row_is_done_once(monkeypatch, threads):
    monkeypatch.setattr(jit, "cpu_count", lambda: threads)
    done = np.zeros(1000, np.int64)

    def kernel(start: int, stop: int) -> None:
        done[start:stop] += 1

    over_rows(kernel, 1000, grain=7)

    assert (done == 1).all()


def test_a_block_may_itself_go_over_rows(monkeypatch):
    monkeypatch.setattr(jit, "cpu_count", lambda: 2)
    done = np.zeros((8, 100), np.int64)

    def outer(start: int, stop: int) -> None:
        def inner(first: int, last: int) -> None:
            done[start:stop, first:last] += 1

        over_rows(inner, 100, grain=3)

    within_a_minute(lambda: over_rows(outer, 8, grain=1))

    assert (done == 1).all()


@pytest.mark.parametrize("habit", [Habit(bias=Bias(0.5, 2.0)), Habit(weighted=True)])
def test_an_index_that_is_made_while_walking_holds_nobody_up(monkeypatch, habit):
    monkeypatch.setattr(jit, "cpu_count", lambda: 2)
    rng = np.random.default_rng(0)
    source, target = rng.integers(0, 2000, (2, 20_000)).astype(np.int32)
    weight = rng.random(20_000).astype(np.float32)
    side = TemporalCSR.build(source, target, None, 2000, weight)
    starts = rng.integers(0, 2000, 20_000).astype(np.int32)
    found = []

    def call() -> None:
        found.append(walks((side,), starts, root_keys(0, 0, 20_000), 5, habit))

    within_a_minute(call)

    assert found[0].shape == (20_000, 6)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_thread_makes_its_room_once_and_every_row_is_done_in_one(
    monkeypatch, threads
):
    monkeypatch.setattr(jit, "cpu_count", lambda: threads)
    done, rooms = np.zeros(1000, np.int64), []

    def room() -> list[int]:
        rooms.append([])
        return rooms[-1]

    def kernel(held: list[int], start: int, stop: int) -> None:
        done[start:stop] += 1
        held.append(start)

    over_rows_in(room, kernel, 1000, grain=7)

    assert (done == 1).all()
    assert 1 <= len(rooms) <= threads
    assert sorted(s for held in rooms for s in held) == (
        [0] if threads == 1 else list(range(0, 1000, 7))
    )


def test_nobody_waits_for_threads_that_are_busy_elsewhere(monkeypatch):
    monkeypatch.setattr(jit, "cpu_count", lambda: 2)
    begun, go_on = threading.Event(), threading.Event()

    def stuck(start: int, stop: int) -> None:
        # Both blocks, that of the caller and that of the only helper.
        if start:
            begun.set()
        go_on.wait()

    other = threading.Thread(target=over_rows, args=(stuck, 2, 1), daemon=True)
    other.start()
    assert begun.wait(60)
    done = np.zeros(100, np.int64)

    def kernel(start: int, stop: int) -> None:
        done[start:stop] += 1

    within_a_minute(lambda: over_rows(kernel, 100, grain=1))
    go_on.set()
    other.join()

    assert (done == 1).all()


@pytest.mark.parametrize("bad", [0, 50, 99])
def test_what_goes_wrong_in_a_block_is_raised_once_no_thread_writes(monkeypatch, bad):
    monkeypatch.setattr(jit, "cpu_count", lambda: 3)
    done = np.zeros(100, np.int64)

    def kernel(start: int, stop: int) -> None:
        if start == bad:
            raise ValueError(f"row {start}")
        done[start:stop] += 1

    with pytest.raises(ValueError, match=f"row {bad}"):
        over_rows(kernel, 100, grain=1)
    held = done.copy()

    over_rows(lambda a, b: None, 100, grain=1)
    assert np.array_equal(done, held)


def test_no_block_is_begun_after_one_failed(monkeypatch):
    monkeypatch.setattr(jit, "cpu_count", lambda: 2)
    begun, both = list[int](), threading.Barrier(2, timeout=60)

    def kernel(start: int, stop: int) -> None:
        begun.append(start)
        if start < 2:
            both.wait()
        if start == 0:
            raise KeyboardInterrupt
        time.sleep(0.01)

    with pytest.raises(KeyboardInterrupt):
        over_rows(kernel, 1000, grain=1)

    assert len(begun) < 500


def test_a_thread_goes_over_rows_with_others_again_after_it_did(monkeypatch):
    monkeypatch.setattr(jit, "cpu_count", lambda: 2)
    meeting = threading.Barrier(2, timeout=60)

    def together(start: int, stop: int) -> None:
        meeting.wait()

    for _ in range(3):
        over_rows(together, 2, grain=1)


def test_a_list_of_kernels_whose_types_have_moved_is_passed_over():
    def moved() -> dict[object, object]:
        raise ModuleNotFoundError("No module named 'tidegraph.kernels.gone'")

    kept = SimpleNamespace(_cache_file=SimpleNamespace(_load_index=moved))
    jit._pass_over_what_moved(kept)

    assert kept._cache_file._load_index() == {}
