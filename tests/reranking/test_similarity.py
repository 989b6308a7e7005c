import math
from datetime import date

import numpy as np
import polars as pl
import pytest

from conftest import draw_log
from tidegraph.data.interactions import Interactions, interactions
from tidegraph.errors import DataError
from tidegraph.reranking.similarity import ItemEmbedding, SharedTags, similarity


def featured(**columns) -> Interactions:
    log = interactions([*"aaaa"], [*"wxyz"], [1, 2, 3, 4])
    table = pl.DataFrame({"item": [*"wxyz"], **columns})
    items = log.items.with_features(table, "item")
    return Interactions(
        log.user, log.item, log.time, log.label, log.weight, log.users, items
    )


def between(by, *items: int, **columns) -> np.ndarray:
    alike = similarity(featured(**columns), by, "MMR")
    return alike.between(np.array([items], np.int32))[0]


@pytest.mark.parametrize(
    "values",
    [
        ["p", "q", "p", None],
        [1, 2, 1, None],
        # As pandas has whole numbers with a gap.
        [1.0, 2.0, 1.0, math.nan],
        [True, False, True, None],
        [date(2020, 1, 1), date(2020, 1, 2), date(2020, 1, 1), None],
        pl.Series(["p", "q", "p", None], dtype=pl.Categorical),
        pl.Series(["p", "q", "p", None], dtype=pl.Enum(["q", "p"])),
        pl.Series([["p"], ["q"], ["p"], None], dtype=pl.Array(pl.String, 1)),
    ],
)
def test_items_of_one_category_are_alike_and_an_item_without_is_like_no_other(values):
    found = between("kind", 0, 1, 2, 3, kind=values)

    expected = [[1, 0, 1, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1]]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical])
def test_lists_are_alike_by_the_share_of_values_in_common(dtype):
    genres = [["war", "love", "war"], ["love", "sea"], [], ["sea", "love", "war"]]
    found = between(
        "genres", 0, 1, 2, 3, genres=pl.Series(genres, dtype=pl.List(dtype))
    )

    # {war, love}, {love, sea}, {}, {sea, love, war}; of each pair, shared over all.
    expected = [
        [1, 1 / 3, 0, 2 / 3],
        [1 / 3, 1, 0, 2 / 3],
        [0, 0, 1, 0],
        [2 / 3, 2 / 3, 0, 1],
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_vectors_are_alike_by_their_cosine():
    vectors = np.array([[3, 4], [4, 3], [-6, -8], [0, 0]], np.float32)
    found = between(ItemEmbedding(vectors), 0, 1, 2, 3)

    expected = [
        [1, 0.96, -1, 0],
        [0.96, 1, -0.96, 0],
        [-1, -0.96, 1, 0],
        [0, 0, 0, 1],
    ]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("by", ["kind", ItemEmbedding(np.ones((2, 3), np.float32))])
def test_an_item_beyond_training_and_an_empty_place_are_like_no_other(by):
    found = between(by, 0, 1, 7, -1, kind=["p", "p", "p", "p"])

    expected = np.eye(4)
    expected[0, 1] = expected[1, 0] = 1
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_missing_feature_is_refused_with_those_there_are():
    with pytest.raises(DataError, match=r"'genre'.*There are: category, price\."):
        similarity(draw_log(), "genre", "MMR")


def test_a_log_without_features_says_so():
    with pytest.raises(DataError, match="There are: none"):
        similarity(interactions(["a"], ["x"], [1]), "category", "DPP")


def test_a_number_is_no_category():
    with pytest.raises(DataError, match="Cut them into ranges"):
        similarity(draw_log(), "price", "MMR")


def test_a_list_of_numbers_is_refused_for_the_same_reason():
    with pytest.raises(DataError, match="ItemEmbedding"):
        between("spot", 0, spot=[[0.5], [0.1], [], [0.2]])


def test_an_embedding_of_too_many_rows_is_refused():
    with pytest.raises(DataError, match="41 rows for 4 items"):
        between(ItemEmbedding(np.ones((41, 2), np.float32)), 0)


def test_an_embedding_with_a_hole_names_the_row():
    vectors = np.ones((4, 2), np.float32)
    vectors[2, 1] = np.nan

    with pytest.raises(DataError, match="row 2 is not finite"):
        between(ItemEmbedding(vectors), 0)


@pytest.mark.parametrize(
    "column",
    [
        pl.Series([f"c{i % 7}" for i in range(90)]),
        pl.Series([i % 7 for i in range(90)]),
        pl.Series([[f"c{i % 7}", f"c{i % 5}"] for i in range(90)]),
    ],
    ids=["text", "numbers", "lists"],
)
def test_tags_are_numbered_alike_by_every_fit(column):
    first = SharedTags.of_column(column).state()

    for _ in range(5):
        again = SharedTags.of_column(column).state()
        np.testing.assert_array_equal(again.arrays["tag"], first.arrays["tag"])
    assert first.arrays["tag"][0] == 0


@pytest.mark.parametrize(
    "values",
    [["a", "b", "c", "d"], ["a", None, None, None], [["a"], ["b", "b"], ["c"], []]],
    ids=["names", "gaps", "lists"],
)
def test_a_column_that_tells_all_items_apart_is_refused(values):
    log = featured(title=values)

    with pytest.raises(DataError, match=r"no two items share a value of 'title'"):
        similarity(log, "title", "MMR")


def test_lists_that_share_one_value_are_taken():
    log = featured(title=[["a", "b"], ["c"], ["b", "d"], []])

    assert similarity(log, "title", "MMR").between(np.array([[0, 2]]))[0, 0, 1] > 0
