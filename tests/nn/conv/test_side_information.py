import numpy as np
import pytest
import torch

from tidegraph.errors import ConfigError
from tidegraph.nn.conv import SideInformation
from tidegraph.nn.graph_inputs import GraphInputs, NodeFeatures

# Item 0 has both categories, 1 the second alone, 2 neither; 3 is past the graph.
CATEGORY = torch.tensor([[1, 2], [0, 1], [0, 0], [2, 2]])
LOG3 = float(np.log(3))


def network(features=CATEGORY, *, weighted=True, size=2):
    sizes = tuple(int(n) + 1 for n in features.max(dim=0).values)
    known = NodeFeatures(features, sizes, torch.zeros(len(features), 0))
    none = torch.zeros(0, dtype=torch.long)
    graph = GraphInputs(0, 3, none, none, torch.zeros(0), known)
    return SideInformation(("a", "b"), weighted).of_graph(graph, size)


@pytest.fixture
def hand():
    """Vectors of two numbers that are easy to add."""
    module = network()
    tables = {
        module.own: [[4, 0], [0, 4], [8, 8]],
        module.side[0]: [[99, 99], [0, 8], [1, 1]],
        module.side[1]: [[99, 99], [4, 4], [0, 0]],
        module.weight: [[0, LOG3, 0], [0, 50, LOG3], [0, 50, 50]],
    }
    for table, rows in tables.items():
        table.weight.data = torch.tensor(rows, dtype=torch.float32)
    return module


def test_a_vector_is_the_mean_of_its_parts_by_learnt_shares(hand):
    # Shares of item 0 are 1/5, 3/5, 1/5: (4, 0)/5 + 3 (0, 8)/5 + (0, 0)/5.
    # Item 1 has no first category: (0, 4)/4 + 3 (4, 4)/4. Item 2 is itself.
    want = torch.tensor([[0.8, 4.8], [3, 4], [8, 8]])

    torch.testing.assert_close(hand(torch.tensor([0, 1, 2])), want)


def test_without_weights_it_is_the_plain_mean(hand):
    hand.weight = None
    want = torch.tensor([[4 / 3, 8 / 3], [2, 4], [8, 8]])

    torch.testing.assert_close(hand(torch.tensor([0, 1, 2])), want)


def test_an_item_without_an_edge_is_the_mean_of_its_sides(hand):
    found = hand.alone(torch.tensor([3, 0, 1, 2]))

    want = torch.tensor([[0.5, 0.5], [0, 4], [4, 4]])
    torch.testing.assert_close(found[:3], want)
    assert found[3].isnan().all()


@pytest.mark.parametrize("weighted", [True, False])
def test_the_gradient_is_that_of_the_formula_one_item_at_a_time(weighted):
    module = network(weighted=weighted, size=3)
    nodes = torch.tensor([1, 0, 1, 2])
    pull = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    (module(nodes) * pull).sum().backward()
    found = [p.grad.clone() for n, p in module.named_parameters() if "other" not in n]
    module.zero_grad()

    for node, direction in zip(nodes.tolist(), pull, strict=True):
        parts, weights = [module.own.weight[node]], [0]
        for n, code in enumerate(CATEGORY[node].tolist()):
            if code:
                parts.append(module.side[n].weight[code])
                weights.append(n + 1)
        score = module.weight.weight[node] if weighted else torch.zeros(3)
        power = [score[n].exp() for n in weights]
        both = zip(power, parts, strict=True)
        vector = sum(p * part for p, part in both) / sum(power)
        (vector @ direction).backward()
    want = [p.grad for n, p in module.named_parameters() if "other" not in n]

    for one, other in zip(found, want, strict=True):
        torch.testing.assert_close(one, other)


def test_a_target_has_a_vector_of_its_own(hand):
    nodes = torch.tensor([2, 0])

    torch.testing.assert_close(hand.context(nodes), hand.other.weight[nodes])


@pytest.mark.parametrize("weighted", [True, False])
def test_renumbered_items_keep_their_vectors(weighted):
    order = torch.tensor([2, 0, 1])  # The fourth is past the graph and stays there.
    module = network(weighted=weighted, size=3)
    other = network(CATEGORY[torch.tensor([2, 0, 1, 3])], weighted=weighted, size=3)
    of_items = ("own.weight", "other.weight", "weight.weight")
    other.load_state_dict(
        {
            name: table[order] if name in of_items else table
            for name, table in module.state_dict().items()
        }
    )

    for vectors, again in (
        (module, other),
        (module.context, other.context),
        (module.alone, other.alone),
    ):
        found, renumbered = vectors(order), again(torch.arange(3))
        torch.testing.assert_close(renumbered, found, equal_nan=True)


def test_side_information_needs_a_column():
    none = torch.zeros(0, dtype=torch.long)
    graph = GraphInputs(0, 3, none, none, torch.zeros(0))

    with pytest.raises(ConfigError, match="no column to come from"):
        SideInformation().of_graph(graph, 2)
