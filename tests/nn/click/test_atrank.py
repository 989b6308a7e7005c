import math

import torch

from nn.click.sequences import answered, assert_ends_in, candidate_of, events_of
from tidegraph.nn.click import ATRank


def literal_block(block, queries, keys, bias):
    """Heads one by one, products through ReLU; then the two dense layers."""
    attention, found = block.attention, []
    part = block.first.in_features // attention.heads
    for n, x in enumerate(queries):
        heads = [torch.zeros(0)]
        for head in range(attention.heads):
            at = slice(head * part, (head + 1) * part)
            q = torch.relu(attention.query(x))[at]
            k = [torch.relu(attention.key(one))[at] for one in keys]
            v = [torch.relu(attention.value(one))[at] for one in keys]
            scores = [q @ one / math.sqrt(part) + bias(n, m) for m, one in enumerate(k)]
            total = sum(math.exp(score) for score in scores)
            shares = [math.exp(score) / total for score in scores]
            zero = torch.zeros(part)
            heads.append(sum((s * one for s, one in zip(shares, v, strict=True)), zero))
        x = block.norms[0](x + attention.out(torch.cat(heads)))
        found.append(block.norms[1](x + block.second(torch.relu(block.first(x)))))
    return found


@torch.no_grad()
def test_the_interest_is_a_candidate_s_attention_to_events_after_their_own():
    """Zhou et al. (2018), self-attention and vanilla attention, head by head."""
    net, inputs, given = answered(ATRank(4, (6,), heads=2))

    def interest(b, k):
        events = [net.project(event) for event in events_of(net.vectors, inputs, b)]
        events = literal_block(net.among, events, events, lambda n, m: 0.0)
        candidate, last = candidate_of(net.vectors, inputs, b, k), len(events) - 1
        line = net.cross.line.weight[0]

        def bias(_, m):
            return float(line @ inputs.cross[b, k, last - m])

        return literal_block(net.towards, [candidate], events, bias)[0]

    assert_ends_in(net, inputs, given, net.vectors, interest)
