import tracemalloc

import numpy as np

from tidegraph.retrieval.index.items import ItemVectors

ROWS = np.array([3, 7, -1], np.int32)


def test_items_alike_are_those_of_the_highest_cosines():
    vectors = np.random.default_rng(0).normal(size=(500, 8)).astype(np.float32)
    known = np.ones(500, bool)
    known[[7, 9]] = False

    found = ItemVectors("x", vectors, known).similar(ROWS, 4)

    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = np.where(known, unit @ unit[3], -np.inf)
    cosine[3] = -np.inf
    np.testing.assert_array_equal(found.item[0], np.argsort(-cosine)[:4])
    assert not found.present[1:].any()


def test_only_the_first_question_for_items_alike_copies_the_catalogue():
    vectors = np.ones((50_000, 16), np.float32)
    items = ItemVectors("x", vectors, np.ones(50_000, bool))
    items.similar(ROWS, 4)

    tracemalloc.start()
    items.similar(ROWS, 4)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert most < vectors.nbytes / 10
