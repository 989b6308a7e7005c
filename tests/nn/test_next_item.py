"""The auxiliary loss of DIEN, against its formula and against what it draws from."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.nn.sequence.next_item import (
    Foretold,
    discrimination_loss,
    draw_other_events,
)


def events(rng, histories, length, kinds):
    """Histories of items of two fields, some of them empty, and states before each."""
    real = np.arange(length) < rng.integers(0, length + 1, histories)[:, None]
    predicted = real & (rng.random(real.shape) < 0.7)
    rows = rng.integers(0, kinds, (*real.shape, 2))
    # An item is what its fields are.
    vector = rng.normal(size=(kinds, kinds, 3))[rows[..., 0], rows[..., 1]]
    state = rng.normal(size=(*real.shape, 3))
    parts = (state, predicted, vector * real[..., None], rows * real[..., None], real)
    return Foretold(*map(torch.from_numpy, parts))


def start_from(seed):
    """Let torch draw from a seed, as training does from its generator."""
    torch.set_rng_state(torch.Generator().manual_seed(seed).get_state())


@given(
    st.integers(0, 2**32), st.integers(1, 8), st.integers(1, 6), st.sampled_from([1, 2])
)
def test_every_positive_has_one_real_negative_of_another_item(
    seed, histories, length, kinds
):
    known = events(np.random.default_rng(seed), histories, length, kinds)

    predicted, other = draw_other_events(known)

    assert len(predicted) == len(other)
    real, rows = known.real.flatten(), known.rows.flatten(0, 1)
    assert bool(real[other].all())
    assert bool((rows[predicted] != rows[other]).any(dim=1).all())
    # Every event is predicted once that there is another item for.
    different = {tuple(row) for row in rows[real].tolist()}
    expected = known.predicted.flatten().nonzero()[:, 0] if len(different) > 1 else []
    assert predicted.tolist() == list(expected)


def test_each_event_of_another_item_is_drawn_as_often():
    known = events(np.random.default_rng(5), 6, 5, 2)
    real = known.real.flatten().nonzero()[:, 0].tolist()
    rows = known.rows.flatten(0, 1).tolist()
    start_from(0)

    draws = [draw_other_events(known) for _ in range(4000)]

    drawn = torch.stack([other for _, other in draws])
    for n, own in enumerate(draws[0][0].tolist()):
        others = [place for place in real if rows[place] != rows[own]]
        counts = drawn[:, n].bincount(minlength=30)[others].double()
        mean = len(draws) / len(others)
        assert counts.sum() == len(draws)
        assert float(((counts - mean) ** 2 / mean).sum()) < 3 * len(others)


def test_the_seed_decides_what_is_drawn():
    known = events(np.random.default_rng(6), 8, 6, 4)

    def drawn(seed):
        start_from(seed)
        return draw_other_events(known)[1].tolist()

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


@pytest.mark.parametrize("seed", range(5))
def test_the_loss_is_that_of_the_paper(seed):
    """Zhou et al. (2019): the mean of -log s(h e) - log(1 - s(h e')), by a loop.

    Of two items the other one is all that can be drawn.
    """
    known = events(np.random.default_rng(seed), 7, 5, 2)
    first = known.rows[known.real][0]
    rest = torch.stack([first[0], 1 - first[1]])
    rows = torch.where((known.rows == first).all(dim=2)[..., None], first, rest)
    vectors = torch.from_numpy(np.random.default_rng(seed).normal(size=(2, 2, 3)))
    known = known._replace(rows=rows, item=vectors[rows[..., 0], rows[..., 1]])
    items = [first.tolist(), rest.tolist()]

    terms = []
    for history in range(7):
        for place in range(5):
            if known.predicted[history, place]:
                (other,) = (i for i in items if i != rows[history, place].tolist())
                h = known.state[history, place]
                yes = torch.sigmoid(h @ known.item[history, place])
                no = torch.sigmoid(h @ vectors[other[0], other[1]])
                terms.append(-math.log(yes) - math.log(1 - no))

    assert len(terms) > 5
    found = discrimination_loss(known)
    torch.testing.assert_close(float(found), sum(terms) / len(terms))


def test_what_cannot_be_told_apart_is_not_asked():
    known = events(np.random.default_rng(7), 6, 5, 1)
    assert bool(known.predicted.any())

    state = known.state.requires_grad_()
    loss = discrimination_loss(known._replace(state=state))
    loss.backward()

    assert loss == 0
    assert not state.grad.any()


def test_no_event_has_no_loss():
    known = events(np.random.default_rng(8), 3, 4, 2)
    none = torch.zeros_like(known.real)

    assert discrimination_loss(known._replace(real=none, predicted=none)) == 0
