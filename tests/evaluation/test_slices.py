import numpy as np

from tidegraph.evaluation.slices import activity_groups, tail_items


def test_the_head_is_the_fewest_items_that_hold_four_fifths():
    # 5 + 3 of 10 reach .8; the third and the one never seen are tail.
    assert tail_items(np.array([3, 1, 5, 1, 0])).tolist() == [
        False,
        True,
        False,
        True,
        True,
    ]


def test_of_equally_popular_items_the_earlier_is_head():
    # Three of four items hold .75, so .8 needs the fourth too; of five, four do.
    assert tail_items(np.ones(4, np.int64)).tolist() == [False] * 4
    assert tail_items(np.ones(5, np.int64)).tolist() == [False] * 4 + [True]


def test_users_without_history_are_cold_and_others_fall_into_thirds():
    groups = activity_groups(np.array([9.0, 0.0, 1.0, 5.0]))

    assert groups == ["high activity", "cold users", "low activity", "middle activity"]


def test_users_with_equally_much_history_share_a_group():
    groups = activity_groups(np.array([2.0, 2.0, 2.0, 2.0, 7.0, 8.0]))

    assert groups[:4] == ["low activity"] * 4
    assert groups[4:] == ["high activity"] * 2


def test_only_cold_users_are_all_cold():
    assert activity_groups(np.zeros(2)) == ["cold users"] * 2
