"""The numbers in docs/evaluation.md are those of the code."""

import math
from pathlib import Path

import numpy as np
from scipy import sparse

from tidegraph.evaluation.metrics.catalogue import intra_list_diversity
from tidegraph.evaluation.metrics.classification import log_loss
from tidegraph.evaluation.metrics.ranking import hits, list_metrics
from tidegraph.evaluation.metrics.serendipity import popular_places, serendipity
from tidegraph.stages import ItemSets

PAGE = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text("utf-8")


def test_the_page_gives_the_ndcg_of_its_example():
    relevant = ItemSets(np.array([0, 3]), np.array([1, 2, 3], np.int32))
    hit = hits(np.array([[7, 1, 8, 2, 9]], np.int32), relevant)
    scores = list_metrics(hit, relevant.count, (5,))

    assert f"= {scores['ndcg@5'][0]:.4f} |" in PAGE


def test_the_page_gives_the_diversity_of_its_example():
    vectors = sparse.csr_array(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]))
    value = intra_list_diversity(np.array([[0, 1, 2]], np.int32), vectors, 3)[0]

    assert f"= {value:.4f} |" in PAGE


def test_the_page_gives_the_log_loss_of_its_example():
    assert f"= {log_loss(np.array([1, 0]), np.array([0.8, 0.25])):.4f} |" in PAGE
    assert f"({-math.log(0.8):.4f} + {-math.log(0.75):.4f}) / 2" in PAGE


def test_the_page_names_every_metric():
    for name in list_metrics(np.zeros((1, 1), np.bool_), np.ones(1, np.int64), (1,)):
        assert f"`{name.split('@')[0]}@k`" in PAGE
    for name in (
        "serendipity",
        "coverage",
        "gini",
        "novelty",
        "diversity",
        "popularity_lift",
    ):
        assert f"`{name}@k`" in PAGE


def cell(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".")


def test_the_page_gives_what_each_convention_makes_of_its_list():
    wanted, k_hits = 3, {2: [2], 5: [2, 4], 10: [2, 4]}

    def gain(ranks):
        return sum(1 / math.log2(r + 1) for r in ranks)

    def precisions(k):
        return sum((n + 1) / r for n, r in enumerate(k_hits[k]))

    def ideal(hits):
        return gain(range(1, hits + 1))

    by_n, by_list, by_k = (
        [cell(gain(k_hits[k]) / ideal(n)) for k, n in ((2, 2), (5, 3), (10, 3))],
        [cell(1 / min(2, wanted)), cell(2 / 5)],
        [cell(gain(k_hits[k]) / ideal(k)) for k in (2, 5, 10)],
    )
    early = [
        cell(
            sum(1 / max(1, math.log2(r)) for r in k_hits[k])
            / sum(1 / max(1, math.log2(r)) for r in range(1, n + 1))
        )
        for k, n in ((2, 2), (5, 3), (10, 3))
    ]
    share = [cell(len(k_hits[k]) / wanted) for k in (2, 5)]
    rows = [
        f"| recall@2 | {share[0]} | {share[0]} | **{by_list[0]}** | {share[0]} |",
        f"| recall@5 | {' | '.join([share[1]] * 5)} |",
        f"| precision@10 | {cell(2 / 10)} | {cell(2 / 10)} | **{by_list[1]}** |",
        f"| ndcg@2 | {by_n[0]} | {by_k[0]} | **{early[0]}** |",
        f"| ndcg@5 | {by_n[1]} | **{by_k[1]}** | **{early[1]}** |",
        f"| ndcg@10 | {by_n[2]} | **{by_k[2]}** | **{early[2]}** |",
        f"| map@2 | {cell(precisions(2) / 2)} | **{cell(precisions(2) / 3)}** |",
        f"| map_n@2 | {cell(precisions(2) / 3)} |",
        f"| map@5 | {' | '.join([cell(precisions(5) / 3)] * 5)} |",
        f"| serendipity@4 | {cell(1 / 4)} | **{cell((5 - 4) / 6 / 4)}** |",
    ]

    assert [row for row in rows if row not in PAGE] == []


def test_the_serendipity_of_the_page_is_that_of_the_code():
    relevant = ItemSets(np.array([0, 3]), np.array([1, 2, 3], np.int32))
    item = np.array([[7, 1, 8, 2, 9]], np.int32)
    hit = hits(item, relevant)
    actions = np.array([0, 4, 1, 0, 0, 0, 0, 5, 3, 2])
    place = popular_places(item, hit, actions, ItemSets.none(1))

    assert [serendipity(hit, place, k)[0] for k in (2, 4, 5)] == [0, 1 / 4, 0]


def test_the_column_of_this_library_is_what_the_code_finds():
    relevant = ItemSets(np.array([0, 3]), np.array([1, 2, 3], np.int32))
    item = np.array([[7, 1, 8, 2, 9]], np.int32)
    hit = hits(item, relevant)
    actions = np.array([0, 4, 1, 0, 0, 0, 0, 5, 3, 2])
    place = popular_places(item, hit, actions, ItemSets.none(1))
    found = list_metrics(hit, relevant.count, (2, 4, 5, 10))
    found |= {"serendipity@4": serendipity(hit, place, 4)}
    table = PAGE.partition("## The same name elsewhere")[2].partition("\n\n- ")[0]
    rows = [row.strip("| ").split(" | ") for row in table.splitlines() if "@" in row]

    assert len(rows) == 13
    for name, here, *_ in rows:
        assert here == cell(found[name][0]), name
