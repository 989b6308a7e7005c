"""A penalty is on the rows that the loss of a batch moves, and on no other."""

import pytest
import torch

from tidegraph.nn.conv import Identity, SideInformation
from tidegraph.nn.conv.identity import TwoTables
from tidegraph.nn.conv.svdpp import SVDPlusPlus
from tidegraph.nn.graph_inputs import GraphInputs, NodeFeatures

# Two users, who have the items 0 to 2 and 3 to 4, and item 5 of nobody.
USER, ITEM = torch.tensor([0, 0, 0, 1, 1]), torch.tensor([0, 1, 2, 3, 4])


def moved(module, loss):
    """Return which rows of each table of nodes a loss moves."""
    module.zero_grad(set_to_none=True)
    loss.backward()
    return {
        name: table.weight.grad.abs().sum(dim=1).nonzero()[:, 0].tolist()
        for name, table in module.named_children()
        if name in ("own", "other", "said") and table.weight.grad is not None
    }


@pytest.mark.parametrize(
    "encoder",
    [Identity(), TwoTables(), SVDPlusPlus(), SideInformation(("a",))],
    ids=lambda encoder: type(encoder).__name__,
)
def test_a_penalty_is_on_the_rows_that_a_loss_moves(encoder):
    features = NodeFeatures(torch.ones(8, 1).long(), (2,), torch.zeros(8, 0))
    graph = GraphInputs.bipartite(2, 6, USER, ITEM)._replace(features=features)
    module = encoder.of_graph(graph, 3)
    for number, weight in enumerate(module.parameters()):
        torch.nn.init.normal_(weight, generator=torch.Generator().manual_seed(number))
    sources, others = torch.tensor([0]), torch.tensor([2, 7])
    found = getattr(module, "context", module)(others)

    by_loss = moved(module, (module(sources) @ found.T).sum())
    by_penalty = moved(module, module.learnt(sources, others).square().sum())

    assert by_penalty == by_loss
