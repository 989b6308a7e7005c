import numpy as np
import torch
from torch import nn

from tidegraph.nn.dense import Dice, MaskedNorm, Tower
from tidegraph.nn.recurrent import fused


def test_dice_of_standardised_input_is_between_identity_and_slope():
    """Zhou et al. (2018), equation 5, with mean 0 and variance 1 as learnt so far."""
    dice = Dice(1).eval()
    with torch.no_grad():
        dice.slope.fill_(0.25)
        x = torch.tensor([[[2.0], [0.0], [-2.0]]])
        out = dice(x, torch.ones(1, 3, dtype=torch.bool))

    gate = 1 / (1 + np.exp(-2.0 / np.sqrt(1 + 1e-5)))
    expected = [gate * 2 + (1 - gate) * 0.5, 0.0, -(1 - gate) * 2 - gate * 0.5]
    np.testing.assert_allclose(out[0, :, 0], expected, rtol=1e-5)


def test_the_norm_is_batch_normalisation_of_the_rows_that_are_present():
    rng = np.random.default_rng(0)
    ours, theirs = MaskedNorm(3), nn.BatchNorm1d(3, affine=False)
    for _ in range(5):
        x = torch.from_numpy(rng.normal(2, 3, (4, 6, 3)).astype(np.float32))
        present = torch.from_numpy(rng.random((4, 6)) < 0.6)
        torch.testing.assert_close(ours(x, present)[present], theirs(x[present]))
    ours.eval()
    theirs.eval()

    torch.testing.assert_close(ours(x, present)[present], theirs(x[present]))


def test_the_norm_is_the_same_in_one_pass_where_all_are_present():
    rng = np.random.default_rng(0)
    plain, quick, present = MaskedNorm(3), MaskedNorm(3), torch.ones(4, 6).bool()
    for _ in range(3):
        x = torch.from_numpy(rng.normal(2, 3, (4, 6, 3)).astype(np.float32))
        x.requires_grad_()
        expected = plain(x, present)
        with fused():
            found = quick(x, present)
        slopes = (torch.autograd.grad((y**3).sum(), x) for y in (found, expected))

        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(*slopes, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(quick.state_dict(), plain.state_dict())


def test_training_leaves_out_a_share_of_what_enters_a_tower():
    """With weights of 1 a tower without layers adds up what it is given."""
    tower, present = Tower(400, ()), torch.ones(50, 1, dtype=torch.bool)
    nn.init.ones_(tower.last.weight)
    nn.init.zeros_(tower.last.bias)
    x, tower.dropout = torch.ones(50, 1, 400), 0.25
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(0)
        found = tower(x, present).detach().numpy()

    # What is kept is larger by as much: 400 in the mean, and 11.5 its deviation.
    assert abs(found.mean() - 400) < 5 * 11.5 / np.sqrt(50)
    assert 8 < found.std() < 16
    np.testing.assert_allclose(found * 0.75, np.round(found * 0.75), atol=1e-3)
    assert (tower.eval()(x, present) == 400).all()
