import numpy as np
import pytest

from tidegraph.errors import ConfigError
from tidegraph.fitting.candidate_sampling import CandidateSampling


def test_a_sample_has_both_labels_and_what_it_leaves_out_is_accounted_for():
    rng = np.random.default_rng(0)
    there = rng.random((200, 20)) < 0.9
    label = (there & (rng.random(there.shape) < 0.3)).astype(np.float32)
    rows = np.arange(200)

    place, kept, log_odds = CandidateSampling(8).sample(there, label, rng)

    chosen = np.zeros(label.shape, bool)
    chosen[np.broadcast_to(rows[:, None], kept.shape)[kept], place[kept]] = True
    for r in rows:
        right, wrong = there[r] & (label[r] > 0), there[r] & (label[r] == 0)
        positives, negatives = (int((chosen[r] & of).sum()) for of in (right, wrong))
        assert positives + negatives == min(8, there[r].sum())
        assert positives >= min(4, right.sum())
        assert negatives >= min(4, wrong.sum())
        if positives and negatives:
            # The sample's odds are the true ones times what log_odds says.
            odds = right.sum() / wrong.sum() * np.exp(log_odds[r])
            np.testing.assert_allclose(positives / negatives, odds, rtol=1e-5)
    assert (label.sum(axis=1) > 4).any()


@pytest.mark.parametrize("size", [0, 1])
def test_a_sample_without_room_for_both_labels_is_refused(size):
    with pytest.raises(ConfigError, match=f"size is {size}"):
        CandidateSampling(size)
