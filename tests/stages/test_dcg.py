import numpy as np

from tidegraph.stages.dcg import discounted_gains, ideal_discounted_gain


def test_a_place_is_worth_one_over_the_log_of_its_rank_and_one():
    assert discounted_gains(3).tolist() == [1.0, 1 / np.log2(3), 0.5]
    assert discounted_gains(0).tolist() == []


def test_the_best_list_has_its_hits_first_and_no_more_than_places():
    found = ideal_discounted_gain(np.array([0, 1, 3, 9]), 3)

    assert found[0] == 0.0
    assert found[1] == 1.0
    np.testing.assert_allclose(found[2:], 1.5 + 1 / np.log2(3))
