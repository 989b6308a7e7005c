import torch

from nn.click.sequences import answered, assert_ends_in, events_of
from tidegraph.nn.click import SASRec


def torch_layer(block, width, inner, **how):
    """Torch's own layer, with the weights of a block."""
    layer = torch.nn.TransformerEncoderLayer(
        width, block.attention.heads, inner, dropout=0, batch_first=True, **how
    ).eval()
    ours = [block.attention.query, block.attention.key, block.attention.value]
    with torch.no_grad():
        layer.self_attn.in_proj_weight.copy_(torch.cat([one.weight for one in ours]))
        layer.self_attn.in_proj_bias.copy_(torch.cat([one.bias for one in ours]))
    layer.self_attn.out_proj = block.attention.out
    layer.linear1, layer.linear2 = block.first, block.second
    layer.norm1, layer.norm2 = block.norms
    return layer


def placed(placed_events, inputs, b):
    """Items, what is known of each event, and its place, counted from the latest."""
    vectors, about = placed_events.vectors, placed_events.about
    events, last = events_of(vectors, inputs, b), len(placed_events.place.weight) - 1
    return [
        event[: vectors.width]
        + about(event[vectors.width :])
        + placed_events.place.weight[min(len(events) - 1 - place, last)]
        for place, event in enumerate(events)
    ]


def test_the_interest_is_the_latest_event_after_torch_s_causal_layers():
    """Kang and McAuley (2018), section 3."""
    net, inputs, given = answered(SASRec(4, (6,), heads=2, length=4))
    vectors = net.events.vectors
    how = {"norm_first": True, "activation": torch.relu}
    layers = [torch_layer(block, 8, 8, **how) for block in net.blocks.blocks]
    with torch.no_grad():

        def interest(b):
            x = placed(net.events, inputs, b)
            if not x:
                return torch.zeros(vectors.width)
            x = torch.stack(x)[None]
            later = torch.ones(x.shape[1], x.shape[1]).triu(1).bool()
            for layer in layers:
                x = layer(x, src_mask=later)
            return net.blocks.norm(x)[0, -1]

        assert_ends_in(net, inputs, given, vectors, interest)
