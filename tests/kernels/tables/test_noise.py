import numpy as np
import pytest

from tidegraph.kernels.jit import use_threads
from tidegraph.kernels.tables.noise import Noise


@pytest.mark.parametrize("power", [0.0, 0.75, 1.0])
def test_nodes_are_as_likely_as_a_power_of_their_frequency(power):
    frequency = np.array([4.0, 0.0, 1.0, 9.0, 0.0])
    drawn = Noise.of(frequency, power).draw(200_000, 3)

    weight = np.where(frequency > 0, np.maximum(frequency, 1) ** power, 0)
    share = np.bincount(drawn, minlength=5) / len(drawn)
    # Deviation of a share is at most 0.0012.
    np.testing.assert_allclose(share, weight / weight.sum(), atol=0.006)
    assert share[[1, 4]].tolist() == [0, 0]


def test_a_seed_decides_the_draws_on_any_number_of_threads():
    noise = Noise.of(np.arange(1.0, 100.0), 0.75)
    found = noise.draw(50_000, 7)

    with use_threads(threads=3, grain=1):
        np.testing.assert_array_equal(noise.draw(50_000, 7), found)
    assert not np.array_equal(noise.draw(50_000, 8), found)
    assert len(noise.draw(0, 7)) == 0


def test_the_log_of_a_count_is_that_of_many_draws():
    noise = Noise.of(np.array([4.0, 0.0, 1.0, 9.0, 0.0]), 0.5)
    drawn = noise.draw((20_000, 6), 3)
    count = (drawn[:, :, None] == np.arange(5)).sum(axis=1).mean(axis=0)

    # Weights 2, 1 and 3 of 6, six times.
    np.testing.assert_allclose(
        np.exp(noise.log_count(np.arange(5), 6)), [2, 0, 1, 3, 0]
    )
    np.testing.assert_allclose(count, [2, 0, 1, 3, 0], atol=0.05)
    even = Noise.of(np.array([4.0, 0.0, 1.0, 9.0, 0.0]), 0.0)
    np.testing.assert_allclose(np.exp(even.log_count(np.arange(5), 6)), [2])
