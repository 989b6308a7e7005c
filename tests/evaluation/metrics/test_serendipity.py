import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tidegraph.evaluation.metrics.serendipity import NEVER, popular_places, serendipity
from tidegraph.stages import NO_ITEM, ItemSets

POPULARITY = np.array([9, 7, 7, 2, 0], np.int64)
"""Items 0 1 2 3 in this order; nobody acted on 4."""


def nothing(requests: int) -> ItemSets:
    return ItemSets.none(requests)


def test_a_hit_counts_where_popularity_would_not_list_it():
    # Popularity lists 0 1. Of the hits 3 0 4, item 3 and the unknown 4 surprise.
    item = np.array([[3, 0, 4]], np.int32)
    hit = np.ones((1, 3), np.bool_)
    place = popular_places(item, hit, POPULARITY, nothing(1))

    assert place.tolist() == [[4, 1, NEVER]]
    assert serendipity(hit, place, 1).tolist() == [1.0]
    assert serendipity(hit, place, 2).tolist() == [1 / 2]
    assert serendipity(hit, place, 3).tolist() == [2 / 3]


def test_what_a_user_may_not_get_makes_room_in_the_popularity_list():
    # Without 0 and 2 the popularity list is 1 3; the history names 0 twice.
    hidden = ItemSets(np.array([0, 3]), np.array([0, 2, 0], np.int32))
    item, hit = np.array([[3, 1]], np.int32), np.ones((1, 2), np.bool_)
    place = popular_places(item, hit, POPULARITY, hidden)

    assert place.tolist() == [[2, 1]]
    assert serendipity(hit, place, 2).tolist() == [0.0]


def test_the_popularity_list_itself_never_surprises():
    item = np.array([[0, 1, 2, 3]], np.int32)
    hit = np.ones((1, 4), np.bool_)
    place = popular_places(item, hit, POPULARITY, nothing(1))

    for k in (1, 2, 3, 4):
        assert serendipity(hit, place, k).tolist() == [0.0]


def test_an_empty_place_is_no_surprise():
    item = np.array([[NO_ITEM, NO_ITEM]], np.int32)
    place = popular_places(item, np.zeros((1, 2), np.bool_), POPULARITY, nothing(1))

    assert serendipity(np.zeros((1, 2), np.bool_), place, 2).tolist() == [0.0]


@given(
    arrays.arrays(np.int64, 7, elements=st.integers(0, 4)),
    st.permutations(range(7)),
    arrays.arrays(np.bool_, (1, 5)),
    st.lists(st.integers(0, 6), max_size=6),
    st.integers(1, 5),
)
def test_it_is_what_counting_by_hand_gives(popularity, ranked, hit, hidden, k):
    item = np.array([ranked[:5]], np.int32)
    excluded = ItemSets(np.array([0, len(hidden)]), np.array(hidden, np.int32))
    place = popular_places(item, hit, popularity, excluded)

    listed = sorted(
        (i for i in range(7) if popularity[i] > 0 and i not in hidden),
        key=lambda i: (-popularity[i], i),
    )[:k]
    # A hit is an item that the request allows.
    hit &= ~np.isin(item, hidden)
    by_hand = sum(
        h and i not in listed for i, h in zip(item[0, :k], hit[0], strict=False)
    )
    assert serendipity(hit, place, k)[0] == by_hand / k
