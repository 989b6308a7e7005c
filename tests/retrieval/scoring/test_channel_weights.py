import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.evaluation.metrics.ranking import hits, ndcg
from tidegraph.retrieval.scoring.channel_weights import _Judge, learned_weights
from tidegraph.retrieval.scoring.fusion import FILLS, fuse, kept_places
from tidegraph.stages import ItemSets


def drawn(rng, channels=3, requests=40, width=8, items=20):
    lists = np.stack(
        [
            np.stack([rng.permutation(items)[:width] for _ in range(requests)])
            for _ in range(channels)
        ]
    ).astype(np.int32)
    lists[rng.random(lists.shape) < 0.1] = -1
    gain = rng.random(lists.shape) + 0.01
    return lists, gain, drawn_items(rng, requests, items)


def drawn_items(rng, requests, items):
    """One to three items for each request."""
    row = np.repeat(np.arange(requests), rng.integers(1, 4, requests))
    return ItemSets.of_pairs(
        row, rng.integers(0, items, len(row)).astype(np.int32), requests
    )


def alone(item):
    """One item for each request."""
    return ItemSets(np.arange(len(item) + 1, dtype=np.int64), item.astype(np.int32))


def served(lists, gain, relevant, weight, at_least):
    """The NDCG of the lists that a blend would answer."""
    places = kept_places(weight, at_least, 20)
    worth = np.maximum(weight, FILLS)[:, None, None] * gain
    item, _ = fuse(lists, worth, places, 20, 50)
    return ndcg(hits(item, relevant), relevant.count, 20)


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.5, 1.0]))
def test_lists_are_judged_as_they_are_served(seed, at_least):
    rng = np.random.default_rng(seed)
    lists, gain, item = drawn(rng, width=12, items=50)
    weight = rng.random(3)
    weight[rng.random(3) < 0.3] = 0
    weight = weight / weight.sum() if weight.any() else np.eye(3)[0]
    judge = _Judge.of(lists, gain, item, at_least)

    want = served(lists, gain, item, weight, at_least)
    np.testing.assert_allclose(judge.each(weight), want)


def test_requests_that_one_channel_alone_answers_say_nothing():
    # The second channel is silent on nine of ten, and right where the first is not.
    lists = np.tile(np.arange(10, dtype=np.int32), (2, 200, 1))
    lists[1, 20:] = -1
    lists[1, :20, 0] = 10
    lists[0, :20, 5:] += 20
    item = np.where(np.arange(200) < 20, 10, 0)
    gain = np.broadcast_to(1 / np.arange(2, 12), lists.shape)

    weight, lead = learned_weights(lists, gain, alone(item), at_least=0.5)

    np.testing.assert_array_equal(weight, [0, 1])
    assert lead == 0


def least_lead(judge, weight):
    """The lower bound of the lead over the channel where it is least, by the book."""
    found = judge.each(weight)
    bounds = []
    for channel in np.eye(len(weight)):
        lead = found - judge.each(channel)
        bounds.append(lead.mean() - 1.645 * lead.std() / len(lead) ** 0.5)
    return min(bounds)


@given(st.integers(0, 10_000))
def test_no_channel_alone_and_no_equal_parts_are_surer(seed):
    lists, gain, item = drawn(np.random.default_rng(seed))
    judge = _Judge.of(lists, gain, item)

    weight, lead = learned_weights(lists, gain, item)

    assert lead == pytest.approx(least_lead(judge, weight))
    assert weight.sum() == pytest.approx(1)
    assert (weight >= 0).all()
    for other in (*np.eye(3), np.full(3, 1 / 3)):
        assert lead >= least_lead(judge, other) - 1e-12


def test_a_channel_of_noise_gets_next_to_nothing():
    rng = np.random.default_rng(0)
    lists, gain, _ = drawn(rng, channels=2, requests=400, width=10, items=400)
    gain = np.broadcast_to(1 / np.arange(2, 12), lists.shape)
    item = rng.integers(0, 400, 400)
    lists[0, :, 2] = item

    weight = learned_weights(lists, gain, alone(item)).share

    assert weight[0] > 0.8


def test_two_channels_that_know_half_each_are_combined():
    rng = np.random.default_rng(0)
    lists, _, _ = drawn(rng, channels=2, requests=400, width=10, items=4000)
    gain = np.broadcast_to(1 / np.arange(2, 12), lists.shape)
    item = rng.integers(0, 4000, 400)
    lists[0, ::2, 0], lists[1, 1::2, 0] = item[::2], item[1::2]
    judge = _Judge.of(lists, gain, alone(item))

    weight = learned_weights(lists, gain, alone(item)).share

    best = max(judge.each(one).mean() for one in np.eye(2))
    assert judge.each(weight).mean() > 1.25 * best


def test_where_nothing_is_found_all_are_alike():
    lists = np.full((3, 5, 4), -1, np.int32)

    weight = learned_weights(lists, lists.astype(float), alone(np.zeros(5))).share

    np.testing.assert_allclose(weight, 1 / 3)


def test_a_channel_that_is_surely_best_has_all_the_weight():
    rng = np.random.default_rng(0)
    lists, _, _ = drawn(rng, channels=2, requests=400, width=10, items=4000)
    gain = np.broadcast_to(1 / np.arange(2, 12), lists.shape)
    item = rng.integers(0, 4000, 400)
    # The second finds but one that the first does not.
    lists[0, :, 0], lists[1, :, 0] = item, 0
    lists[0, 0, 0], lists[1, 0, 0] = 1, item[0]

    weight, lead = learned_weights(lists, gain, alone(item))

    np.testing.assert_array_equal(weight, [1, 0])
    assert lead == 0


def test_channels_that_cannot_be_told_apart_are_combined():
    # Of 100 requests each finds three that the other does not, at its first place, and
    # both halves put them at the second. So halves lead, and not surely: by (3 * .63 -
    # 3 * .37) / 100 = .008 with a standard error of .013; one leads the other by 0 with
    # .024, so to take one is the larger risk.
    lists = np.stack([np.arange(20), np.arange(20, 40)])[:, None].repeat(100, axis=1)
    gain = np.broadcast_to(1 / np.arange(2, 22), lists.shape)
    item = np.full(100, 99)
    item[:6] = [0, 0, 0, 20, 20, 20]

    weight = learned_weights(lists.astype(np.int32), gain, alone(item)).share

    assert weight.min() > 0.3
