import numpy as np
import pytest

from conftest import draw_log
from evaluation.models import Fixed, popular, small, unpopular
from tidegraph.data.interactions import interactions
from tidegraph.errors import ConfigError, DataError
from tidegraph.evaluation import answers
from tidegraph.evaluation.protocol import at_cut, at_each_event
from tidegraph.evaluation.sampled import sampled_hits


def crowd(popularity: list[int]):
    """User "me" is new and wants item 0; popularity[i] others acted on item i."""
    item = np.repeat(np.arange(len(popularity)), popularity)
    train = [f"u{n}" for n in range(len(item))]
    log = interactions(
        [*train, "me"], [f"i{i}" for i in [*item, 0]], np.arange(len(item) + 1)
    )
    return at_cut(log.before(len(item)), log.since(len(item)), repeat=True)


def test_the_best_item_stands_first_whatever_is_drawn(rng):
    model = Fixed(np.array([3.0, 2.0, 1.0, 0.0]))
    found = sampled_hits(model, crowd([1, 1, 1, 1]), 2, negatives=2, rng=rng)

    assert found.tolist() == [[True, False]]


def test_the_rank_counts_the_drawn_items_that_score_higher(rng):
    # All three others are drawn; two score higher.
    model = Fixed(np.array([1.0, 2.0, 3.0, 0.0]))
    found = sampled_hits(model, crowd([1, 1, 1, 1]), 4, negatives=3, rng=rng)

    assert found.tolist() == [[False, False, True, False]]


def test_who_leaves_fewer_items_is_ranked_against_all_of_them(rng):
    model = Fixed(np.array([1.0, 2.0, 3.0, 0.0]))
    found = sampled_hits(model, crowd([1, 1, 1, 1]), 4, negatives=50, rng=rng)

    assert found.tolist() == [[False, False, True, False]]


def test_an_item_that_training_never_saw_is_not_drawn(rng):
    train, test = small()
    task = at_cut(train, test, repeat=True)
    # z is new: it is wanted by ana and cy, and never a rival of y, which bo wants.
    found = sampled_hits(Fixed(np.array([1.0, 2.0, 9.0])), task, 1, rng=rng)

    assert found[:, 0].tolist() == [True, True, True, True]


def test_an_item_the_model_never_answers_is_never_found(rng):
    model = Fixed(np.array([-np.inf, -np.inf, -np.inf, 0.0]))
    found = sampled_hits(model, crowd([1, 1, 1, 1]), 9, negatives=3, rng=rng)

    assert not found.any()


def test_items_beyond_the_scores_are_never_found_nor_in_the_way(rng):
    train, test = small()
    task = at_cut(train, test, repeat=True)
    found = sampled_hits(Fixed(np.array([1.0])), task, 3, rng=rng)

    # ana's x is found; z and y have no score.
    assert found.any(axis=1).tolist() == [True, False, False, False]


def test_equal_scores_are_ordered_by_chance(rng):
    model = Fixed(np.zeros(4))
    task = crowd([1, 1, 1, 1])
    first = [
        sampled_hits(model, task, 1, negatives=3, rng=rng)[0, 0] for _ in range(2000)
    ]

    # One in four; the standard error is .01.
    assert np.mean(first) == pytest.approx(0.25, abs=0.04)


def test_every_allowed_item_is_drawn_as_often_as_another(rng):
    # Of ten rivals two are drawn; only one of them scores higher than item 0.
    task = crowd([1] * 11)
    for rival in (1, 5, 10):
        score = np.full(11, -1.0)
        score[0], score[rival] = 0, 1
        beaten = [
            not sampled_hits(Fixed(score), task, 1, negatives=2, rng=rng)[0, 0]
            for _ in range(1500)
        ]

        assert np.mean(beaten) == pytest.approx(0.2, abs=0.05)


def test_the_same_rng_draws_the_same_on_any_block_of_a_larger_log():
    log = draw_log()
    cut = int(log.time[400])
    task = at_each_event(log.before(cut), log.since(cut), repeat=True)
    model = popular(log.before(cut))
    a, b = (
        sampled_hits(model, task, 10, negatives=9, rng=np.random.default_rng(3))
        for _ in range(2)
    )

    np.testing.assert_array_equal(a, b)
    assert a.any(axis=1).mean() > 0.9


def test_blocks_are_bounded_by_their_scores_and_change_no_answer(monkeypatch):
    log = draw_log()
    cut = int(log.time[400])
    task = at_each_event(log.before(cut), log.since(cut), repeat=True)
    sizes: list[int] = []

    class Counted(Fixed):
        def scores(self, requests):
            sizes.append(len(requests))
            return super().scores(requests)

    def hits() -> np.ndarray:
        model = Counted(popular(log.before(cut)).score)
        return sampled_hits(model, task, 10, rng=np.random.default_rng(3))

    whole = hits()
    monkeypatch.setattr(answers, "SCORES_HELD", 7 * len(task.items) + 1)
    sizes.clear()
    np.testing.assert_array_equal(hits(), whole)

    assert max(sizes) == 7
    assert sum(sizes) == len(task.requests)


def test_a_random_model_finds_one_in_eleven_first_among_ten(rng):
    log = draw_log()
    cut = int(log.time[300])
    task = at_each_event(log.before(cut), log.since(cut), repeat=True)
    model = Fixed(rng.random(len(log.items)))
    rates = [
        sampled_hits(
            Fixed(rng.permutation(model.score)), task, 1, negatives=10, rng=rng
        ).mean()
        for _ in range(60)
    ]

    assert np.mean(rates) == pytest.approx(1 / 11, abs=0.03)


def test_no_negatives_are_refused(rng):
    with pytest.raises(ConfigError, match="at least 1"):
        sampled_hits(Fixed(np.zeros(2)), crowd([1, 1]), 1, negatives=0, rng=rng)


def test_training_without_actions_leaves_nothing_to_draw(rng):
    train, test = small()
    task = at_cut(train.take(slice(0, 0)), test, repeat=True)

    with pytest.raises(DataError, match="no item to draw"):
        sampled_hits(unpopular(train), task, 1, rng=rng)
