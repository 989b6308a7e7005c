import torch

from nn.click.sequences import answered, assert_ends_in
from nn.click.test_sasrec import placed, torch_layer
from tidegraph.nn.click import BERT4Rec


@torch.no_grad()
def test_the_interest_is_the_token_after_torch_s_layers_over_all_events():
    """Sun et al. (2019), section 3: post-norm, GELU, four times the width between."""
    net, inputs, given = answered(BERT4Rec(4, (6,), positions=4))
    layers = [torch_layer(block, 8, 32, activation="gelu") for block in net.blocks]

    def interest(b):
        x = torch.stack([*placed(net.events, inputs, b), net.token.weight[0]])[None]
        for layer in layers:
            x = layer(x)
        return x[0, -1]

    assert_ends_in(net, inputs, given, net.events.vectors, interest)
