import numpy as np

from conftest import draw_log
from tidegraph.data.views.matrix import Matrix
from tidegraph.retrieval.objective.pairs import Edges
from tidegraph.stages import Fold


def test_an_epoch_has_every_pair_once_with_its_newest_time():
    log = draw_log()
    newest = {}
    for user, item, time in zip(log.user, log.item, log.time, strict=True):
        newest[int(user), int(item)] = int(time)
    pairs = Edges().of(Fold.of(log, "a test"), "a test")

    batches = list(pairs.epoch(16, np.random.default_rng(0)))

    found = {
        (int(source), int(target) - pairs.graph.users): int(time)
        for batch in batches
        for source, target, time in zip(*batch, strict=True)
    }
    assert found == newest
    assert sum(len(batch.source) for batch in batches) == len(newest)
    assert max(len(batch.source) for batch in batches) == 16


def test_the_graph_of_pairs_has_both_directions_and_counts_targets():
    log = draw_log()
    pairs = Edges().of(Fold.of(log, "a test"), "a test")
    graph = pairs.graph

    edges = set(zip(graph.row.tolist(), graph.column.tolist(), strict=True))

    assert edges == {(b, a) for a, b in edges}
    assert np.all(np.diff(graph.row.numpy()) >= 0)
    degree = np.bincount(graph.row.numpy(), minlength=graph.nodes)
    degree[: graph.users] = 0
    np.testing.assert_array_equal(pairs.frequency, degree)


def test_a_matrix_has_pairs_without_times():
    pairs = Edges().of(Fold.of(Matrix.of(draw_log()), "a test"), "a test")

    batch = next(iter(pairs.epoch(8, np.random.default_rng(0))))

    assert batch.time is None
