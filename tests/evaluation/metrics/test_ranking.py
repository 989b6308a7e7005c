import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from tidegraph.errors import ConfigError
from tidegraph.evaluation.metrics.ranking import (
    ItemSets,
    check_cutoffs,
    hit_rate,
    hits,
    list_metrics,
    ndcg,
    padded,
    precision,
    recall,
    reciprocal_rank,
)
from tidegraph.stages import NO_ITEM

# The list of docs/evaluation.md: hits at ranks 2 and 4 of five, three items relevant.
LIST = np.array([[7, 1, 8, 2, 9]], np.int32)
WANTED = ItemSets(np.array([0, 3]), np.array([1, 2, 3], np.int32))
HIT = hits(LIST, WANTED)


def test_hits_mark_the_places_of_relevant_items():
    assert HIT.tolist() == [[False, True, False, True, False]]


def test_an_item_named_twice_is_found_once():
    hit = hits(np.array([[1, 1, 2]], np.int32), WANTED)

    assert hit.tolist() == [[True, False, True]]


def test_the_filling_of_a_short_list_is_never_a_hit():
    assert not hits(np.full((1, 4), NO_ITEM, np.int32), WANTED).any()


def test_hit_rate_needs_one_hit():
    assert hit_rate(HIT, 1).tolist() == [0.0]
    assert hit_rate(HIT, 2).tolist() == [1.0]


def test_recall_divides_by_all_relevant_items():
    assert recall(HIT, WANTED.count, 2).tolist() == [1 / 3]
    assert recall(HIT, WANTED.count, 5).tolist() == [2 / 3]


def test_precision_divides_by_k_even_where_the_list_is_shorter():
    assert precision(HIT, 5).tolist() == [2 / 5]
    assert precision(HIT, 10).tolist() == [2 / 10]


def test_ndcg_is_the_discounted_gain_over_that_of_the_best_list():
    # Hits at 2 and 4; the best list of five has its three hits at 1, 2, 3.
    gain = 1 / math.log2(3) + 1 / math.log2(5)
    best = 1 + 1 / math.log2(3) + 1 / math.log2(4)

    assert ndcg(HIT, WANTED.count, 5) == pytest.approx([gain / best])


def test_the_best_list_of_ndcg_is_no_longer_than_k():
    gain = 1 / math.log2(3)
    best = 1 + 1 / math.log2(3)

    assert ndcg(HIT, WANTED.count, 2) == pytest.approx([gain / best])


def test_reciprocal_rank_is_that_of_the_first_hit_within_k():
    assert reciprocal_rank(HIT, 5).tolist() == [1 / 2]
    assert reciprocal_rank(HIT, 1).tolist() == [0.0]


def test_average_precision_divides_by_what_a_list_of_k_could_hold_or_by_all():
    scores = list_metrics(HIT, WANTED.count, (2, 5))

    # Precision 1/2 at the hit at rank 2, and 2/4 at rank 4; three items.
    assert scores["map@5"] == pytest.approx([(1 / 2 + 2 / 4) / 3])
    assert scores["map@2"] == pytest.approx([(1 / 2) / 2])
    assert scores["map_n@5"] == pytest.approx([(1 / 2 + 2 / 4) / 3])
    assert scores["map_n@2"] == pytest.approx([(1 / 2) / 3])


def test_without_a_relevant_item_shares_of_them_are_unknown():
    none = np.zeros(1, np.int64)
    scores = list_metrics(np.zeros((1, 5), np.bool_), none, (5,))

    unknown = [name for name, value in scores.items() if np.isnan(value[0])]
    assert unknown == ["recall@5", "ndcg@5", "map@5", "map_n@5"]


def test_relevant_items_are_sorted_and_kept_once():
    wanted = ItemSets.of_pairs(
        np.array([2, 0, 2, 2]), np.array([5, 9, 3, 5], np.int32), 3
    )

    assert wanted.ptr.tolist() == [0, 1, 1, 3]
    assert wanted.item.tolist() == [9, 3, 5]
    assert wanted.row.tolist() == [0, 2, 2]
    assert wanted.where(wanted.item > 4).ptr.tolist() == [0, 1, 1, 2]


def test_padding_fills_with_no_item_and_cuts_what_is_longer():
    assert padded(LIST, 7)[0].tolist() == [7, 1, 8, 2, 9, NO_ITEM, NO_ITEM]
    assert padded(LIST, 2)[0].tolist() == [7, 1]


def test_cutoffs_come_out_sorted_and_once():
    assert check_cutoffs((20, 10, 20)) == (10, 20)


@pytest.mark.parametrize("at", [(), (0, 5)])
def test_a_cutoff_below_one_is_refused(at):
    with pytest.raises(ConfigError, match="at least 1"):
        check_cutoffs(at)


def brute(ranking: list[int], wanted: set[int], k: int) -> dict[str, float]:
    """The six metrics, item by item, as they are written in the papers."""
    found = [i for i in ranking[:k] if i in wanted]
    ranks = [ranking.index(i) + 1 for i in found]
    best = sum(1 / math.log2(r + 1) for r in range(1, min(k, len(wanted)) + 1))
    return {
        "hit": float(bool(found)),
        "recall": len(found) / len(wanted),
        "precision": len(found) / k,
        "ndcg": sum(1 / math.log2(r + 1) for r in ranks) / best,
        "mrr": 1 / ranks[0] if ranks else 0.0,
        "map": sum((n + 1) / r for n, r in enumerate(ranks)) / min(k, len(wanted)),
        "map_n": sum((n + 1) / r for n, r in enumerate(ranks)) / len(wanted),
    }


@given(
    st.lists(st.permutations(range(12)), min_size=1, max_size=4),
    st.sets(st.integers(0, 15), min_size=1),
    st.integers(1, 14),
)
def test_metrics_agree_with_counting_item_by_item(rankings, wanted, k):
    item = np.array(rankings, np.int32)
    row = np.repeat(np.arange(len(item)), len(wanted))
    relevant = ItemSets.of_pairs(
        row, np.tile(np.array(list(wanted), np.int32), len(item)), len(item)
    )
    scores = list_metrics(hits(item, relevant), relevant.count, (k,))

    for number, ranking in enumerate(rankings):
        for name, value in brute(ranking, wanted, k).items():
            assert math.isclose(scores[f"{name}@{k}"][number], value, abs_tol=1e-12)


def test_ndcg_agrees_with_scikit_learn(rng):
    item = np.stack([rng.permutation(30) for _ in range(20)]).astype(np.int32)
    wanted = rng.random((20, 30)) < 0.2
    wanted[:, 0] = True
    row, what = np.nonzero(wanted)
    relevant = ItemSets.of_pairs(row, what.astype(np.int32), 20)
    score = np.empty((20, 30))
    np.put_along_axis(score, item, np.arange(30, 0, -1.0)[None], axis=1)

    ours = ndcg(hits(item, relevant), relevant.count, 10)

    theirs = [
        ndcg_score(w[None], s[None], k=10) for w, s in zip(wanted, score, strict=True)
    ]
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_many_blocks_of_rows_find_the_same_as_each_row_alone(rng):
    item = rng.integers(0, 50, (3000, 10)).astype(np.int32)
    relevant = ItemSets.of_pairs(
        rng.integers(0, 3000, 9000), rng.integers(0, 50, 9000).astype(np.int32), 3000
    )
    whole = hits(item, relevant)

    for row in range(0, 3000, 499):
        span = slice(relevant.ptr[row], relevant.ptr[row + 1])
        alone = ItemSets(np.array([0, span.stop - span.start]), relevant.item[span])
        np.testing.assert_array_equal(whole[row], hits(item[row : row + 1], alone)[0])


@pytest.mark.parametrize("at", [5, [5], (5, 5), np.int32(5), np.array([5])])
def test_a_cutoff_may_be_given_alone_or_in_any_row(at):
    assert check_cutoffs(at) == (5,)


@pytest.mark.parametrize("at", ["5", 2.5, [0], [], True, None])
def test_what_is_no_cutoff_is_refused(at):
    with pytest.raises(ConfigError, match="give lengths of list of at least 1"):
        check_cutoffs(at)
