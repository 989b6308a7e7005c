from collections import Counter

import numpy as np
import pytest

from tidegraph.kernels.jit import use_threads
from tidegraph.kernels.tables.grid import MOST_PARTS, Grid, parts_for
from tidegraph.kernels.tables.noise import Noise


def drawn(nodes, pairs=5000, seed=0):
    rng = np.random.default_rng(seed)
    source, target, pool = rng.integers(0, nodes, (3, pairs)).astype(np.int32)
    return Grid.of(source, target, pool, nodes, seed), source, target, pool


def test_a_part_has_room_for_a_choice_of_negatives():
    assert [parts_for(n) for n in (1, 127, 128, 255, 256)] == [1, 1, 2, 2, 4]
    assert parts_for(10**6) == MOST_PARTS


@pytest.mark.parametrize(
    ("sources", "targets", "negatives", "parts"),
    [(3000, 20, 10_000, 1), (0, 3000, 20, 1), (0, 3000, 320, 4), (0, 3000, 9000, 16)],
)
def test_there_are_no_more_parts_than_targets_and_drawn_negatives_fill(
    sources, targets, negatives, parts
):
    rng = np.random.default_rng(0)
    noise = Noise.of(np.repeat([0.0, 1.0], [sources, targets]), 0.75)
    source = rng.integers(0, sources or targets, 500).astype(np.int32)
    target = rng.integers(sources, sources + targets, 500).astype(np.int32)

    grid = Grid.drawn(source, target, noise, negatives, 3)

    assert grid.parts == parts
    # On average 64 or more, of deviation 8.
    assert np.diff(grid.pool_ptr).min() >= min(negatives, 30)


@pytest.mark.parametrize("nodes", [10, 300, 5000])
def test_every_pair_is_in_one_cell_in_the_order_given(nodes):
    grid, source, target, _ = drawn(nodes)
    place = {}
    for i in range(grid.parts):
        for j in range(grid.parts):
            (sources, targets), _ = grid.cell(i, j)
            place[i, j] = list(zip(sources.tolist(), targets.tolist(), strict=True))
    part = {s: i for (i, _), pairs in place.items() for s, _ in pairs}
    part_of_target = {t: j for (_, j), pairs in place.items() for _, t in pairs}

    want = {cell: [] for cell in place}
    for s, t in zip(source.tolist(), target.tolist(), strict=True):
        want[part[s], part_of_target[t]].append((s, t))
    assert place == want
    # A node is of the same part as a source and as a target.
    assert all(
        part[n] == part_of_target[n] for n in part.keys() & part_of_target.keys()
    )


def test_a_shuffle_keeps_pairs_and_cells_and_goes_by_its_key():
    found = []
    for key, threads in ((1, 1), (1, 3), (2, 1)):
        grid, *_ = drawn(5000)
        was = [grid.cell(i, 3)[0] for i in range(grid.parts)]
        was = [sorted(zip(*(side.tolist() for side in c), strict=True)) for c in was]
        with use_threads(threads=threads, grain=1):
            grid.shuffle(key)
        now = [grid.cell(i, 3)[0] for i in range(grid.parts)]
        now = [sorted(zip(*(side.tolist() for side in c), strict=True)) for c in now]
        assert now == was
        found.append(grid.source.copy())

    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_each_order_of_a_cell_is_as_likely():
    orders = Counter()
    for key in range(3000):
        nodes = np.arange(3, dtype=np.int32)
        grid = Grid.of(nodes.copy(), nodes.copy(), nodes, 3, 0)
        grid.shuffle(key)
        orders[tuple(grid.source.tolist())] += 1

    assert len(orders) == 6
    # 500 each, of deviation 20.4.
    assert all(abs(n - 500) < 100 for n in orders.values())


def test_the_negatives_of_a_part_are_nodes_of_it():
    grid, _, _, pool = drawn(5000)
    kept = [grid.cell(0, j)[1] for j in range(grid.parts)]
    targets = [
        np.concatenate([grid.cell(i, j)[0][1] for i in range(grid.parts)])
        for j in range(grid.parts)
    ]

    np.testing.assert_array_equal(np.sort(np.concatenate(kept)), np.sort(pool))
    for j in range(grid.parts):
        others = np.concatenate([t for n, t in enumerate(targets) if n != j])
        assert not np.isin(kept[j], others).any()


def test_parts_are_about_as_large_and_drawn_anew_by_the_key():
    nodes = np.arange(16_000, dtype=np.int32)
    one, other = (Grid.of(nodes, nodes, nodes, 16_000, key) for key in (1, 2))

    sizes = np.diff(one.pool_ptr)
    # Binomial: a sixteenth of 16,000, of deviation 30.6.
    assert abs(sizes - 1000).max() < 150
    assert not np.array_equal(one.pool_ptr, other.pool_ptr)


@pytest.mark.parametrize("one_table", [False, True])
def test_cells_of_a_round_share_no_part_and_every_cell_comes_once(one_table):
    grid, *_ = drawn(5000)
    rounds, seen = {}, []

    def cell(i, j):
        rounds.setdefault((i + j) % grid.parts, []).append((i, j))
        seen.append((i, j))

    with use_threads(threads=1, grain=1):
        grid.go_through(cell, one_table=one_table)

    every = [(i, j) for i in range(grid.parts) for j in range(grid.parts)]
    assert sorted(seen) == every
    for cells in rounds.values():
        if one_table:
            groups = {frozenset(c) for c in cells}
            parts = [p for group in groups for p in group]
            assert len(parts) == len(set(parts))
        else:
            assert (
                len({i for i, _ in cells}) == len({j for _, j in cells}) == len(cells)
            )
