"""Buckets of the age of an event."""

import numpy as np
import torch

from tidegraph.nn.sequence.ages import GAPS, age_bucket


def test_a_bucket_ends_where_days_and_one_are_a_power_of_two():
    days = np.array([-1.0, 0.0, 0.99, 1.0, 2.99, 3.0, 6.9, 7.0, 2046.9, 2047.0, 1e9])

    assert age_bucket(days).tolist() == [0, 0, 0, 1, 1, 2, 2, 3, 10, 11, 11]


def test_arrays_and_tensors_have_the_buckets_of_the_logarithm():
    rng = np.random.default_rng(0)
    seconds = rng.integers(0, 3000 * 86_400, 200_000)
    around = (2 ** np.arange(12) - 1)[:, None] * 86_400 + np.array([-1, 0, 1])
    days = np.concatenate([seconds, np.maximum(around.ravel(), 0)]) / 86_400
    wanted = np.minimum(np.floor(np.log2(days + 1)), GAPS - 1)

    np.testing.assert_array_equal(age_bucket(days), wanted)
    for kind in (torch.float64, torch.float32):
        few = torch.from_numpy(days).to(kind)
        log = torch.log2(few.double() + 1).floor().clamp(max=GAPS - 1).long()
        assert torch.equal(age_bucket(few), log)
