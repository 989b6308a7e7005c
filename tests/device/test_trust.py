"""Who is answered by the model of their own device."""

import numpy as np

from tidegraph.device.fleet import Losses
from tidegraph.device.trust import Trust


def judged(own, model, weight):
    parts = (own, model, weight)
    return Losses(*(np.array(part, np.float32) for part in parts))


def test_nobody_is_trusted_before_anything_is_judged():
    trust = Trust.none(3)

    assert trust.mean == 0
    assert not trust.own().any()


def test_what_a_device_saved_stands_beside_what_all_save():
    """Of 100 rows that save .01, 10 that lose .05, and one without rows."""
    trust = Trust.none(3).after(
        judged([0.49, 0.55, 0.0], [0.5, 0.5, 0.0], [100, 10, 0])
    )

    mean = (100 * 0.01 - 10 * 0.05) / 110
    np.testing.assert_allclose(trust.mean, mean, rtol=1e-4)
    expected = [
        (1 + 200 * mean) / 300,
        (-0.5 + 200 * mean) / 210,
        mean,
    ]
    assert trust.own().tolist() == [e > 0 for e in expected] == [True, True, True]
    # With fewer rows beside its own, the one that lost is told apart.
    assert trust.own(rows=50.0).tolist() == [True, False, True]


def test_where_all_lose_only_strong_evidence_counts():
    trust = Trust.none(3).after(
        judged([0.6, 0.49, 0.49], [0.5, 0.5, 0.5], [1000, 10, 10_000])
    )
    more = trust.after(judged([0.6, 0, 0], [0.5, 0, 0], [1000, 0, 0]))

    assert trust.mean < 0.001
    assert trust.own().tolist() == [False, trust.saved[1] + 200 * trust.mean > 0, True]
    np.testing.assert_allclose(more.saved, [-180, 0.08, 80], rtol=1e-3)
    np.testing.assert_allclose(more.weight, [1800, 8, 8000], rtol=1e-5)
    assert more.own().tolist() == [False, False, True]


def test_a_loss_that_is_no_number_tells_of_no_device():
    trust = Trust.none(3).after(
        judged([0.4, np.nan, np.inf], [0.5, 0.5, 0.5], [10, 10, 10])
    )

    np.testing.assert_allclose(trust.saved, [1, 0, 0], rtol=1e-5)
    assert trust.own().all()
