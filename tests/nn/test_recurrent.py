import numpy as np
import pytest
import torch

from tidegraph.nn.recurrent import GRU, LSTM
from tidegraph.training.weights import initialised


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(LSTM, torch.nn.LSTM), (GRU, torch.nn.GRU)],
    ids=["lstm", "gru"],
)
def test_a_recurrent_layer_is_that_of_torch(ours, theirs):
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(4, 6, 5))).float()
    layer = initialised(lambda: ours(5, 3), np.random.default_rng(1))
    for weights in layer.parameters():
        torch.nn.init.normal_(weights)
    twin = theirs(5, 3, batch_first=True)
    with torch.no_grad():
        twin.weight_ih_l0.copy_(layer.input.weight)
        twin.weight_hh_l0.copy_(layer.state.weight)
        twin.bias_ih_l0.copy_(layer.input.bias)
        twin.bias_hh_l0.zero_()
        if layer.state.bias is not None:
            twin.bias_hh_l0.copy_(layer.state.bias)

    torch.testing.assert_close(layer(x), twin(x)[0])
