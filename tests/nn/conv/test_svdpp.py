import numpy as np
import pytest
import torch

from retrieval.recipes_log import groups, two_groups
from tidegraph.nn.conv.svdpp import SVDPlusPlus
from tidegraph.nn.graph_inputs import GraphInputs
from tidegraph.retrieval.recipes.mf import svdpp
from tidegraph.testing.retrievers import RetrieverLaws
from tidegraph.training.optimizers import LazyAdam
from tidegraph.training.settings import Training

FEW = Training(3, 128, patience=None)


class TestSVDPlusPlus(RetrieverLaws):
    variant_of = "TestBPRMF"
    retriever = svdpp(8, training=FEW)
    seeded_by_row = True  # First weights and samples are drawn row by row.


@pytest.fixture
def network():
    """Three users, the second without an item, and four items."""
    user, item = torch.tensor([0, 0, 0, 2, 2]), torch.tensor([0, 1, 3, 1, 2])
    network = SVDPlusPlus().of_graph(GraphInputs.bipartite(3, 4, user, item), 5)
    torch.nn.init.normal_(
        network.own.weight, generator=torch.Generator().manual_seed(0)
    )
    torch.nn.init.normal_(
        network.said.weight, generator=torch.Generator().manual_seed(1)
    )
    return network


def test_a_user_is_their_own_vector_and_what_their_items_say(network):
    own, said = network.own.weight, network.said.weight
    history = {0: [0, 1, 3], 1: [], 2: [1, 2]}
    nodes = torch.tensor([2, 4, 0, 1, 0, 6])
    found = network(nodes)

    for row, node in enumerate(nodes.tolist()):
        if node >= 3:
            want = said[node - 3]
        else:
            want = own[node].clone()
            for item in history[node]:
                want = want + said[item] / len(history[node]) ** 0.5
        torch.testing.assert_close(found[row], want)


def test_renumbered_users_and_items_keep_their_vectors():
    rng = np.random.default_rng(0)
    linked = rng.random((6, 8)) < 0.4
    linked[2] = False
    user, item = rng.permutation(6), rng.permutation(8)
    order = torch.from_numpy(np.concatenate([user, item + 6]))
    network, other = (
        SVDPlusPlus().of_graph(
            GraphInputs.bipartite(6, 8, *map(torch.from_numpy, np.nonzero(pairs))), 4
        )
        for pairs in (linked, linked[user][:, item])
    )
    weights = network.state_dict()
    weights["own.weight"] = weights["own.weight"][order]
    weights["said.weight"] = weights["said.weight"][torch.from_numpy(item)]
    other.load_state_dict(weights)

    every = torch.arange(14)
    torch.testing.assert_close(other(every), network(every)[order])
    torch.testing.assert_close(other.context(every), network.context(every)[order])


def test_an_item_that_is_scored_has_a_vector_of_its_own(network):
    nodes = torch.tensor([3, 6])

    torch.testing.assert_close(network.context(nodes), network.own.weight[nodes])


@pytest.mark.parametrize("sparse", [False, True])
def test_gradients_reach_every_table_of_a_batch(network, sparse):
    network.own.sparse = network.said.sparse = sparse
    (network(torch.tensor([0])) * network.context(torch.tensor([5]))).sum().backward()
    own, said = (
        table.weight.grad.to_dense() if sparse else table.weight.grad
        for table in (network.own, network.said)
    )

    assert own.abs().sum(dim=1).nonzero()[:, 0].tolist() == [0, 5]
    assert said.abs().sum(dim=1).nonzero()[:, 0].tolist() == [0, 1, 3]


def test_the_penalty_is_on_what_makes_users_and_on_what_is_found(network):
    """Of users 0 and 2, twice 0, item 3 as a source, and items 1 and 2 to be found."""
    sources, others = torch.tensor([0, 2, 0, 6]), torch.tensor([4, 5])

    penalty = network.learnt(sources, others).square().sum()

    own, said = (t.weight.square().sum(dim=1) for t in (network.own, network.said))
    histories = 2 * (said[0] + said[1] + said[3]) + said[1] + said[2]
    torch.testing.assert_close(
        penalty, own[[0, 2, 0, 4, 5]].sum() + histories + said[3]
    )


@pytest.mark.parametrize("sparse", [False, True])
def test_the_penalty_moves_the_rows_that_a_batch_learns(network, sparse):
    network.own.sparse = network.said.sparse = sparse
    network.learnt(torch.tensor([0, 6]), torch.tensor([4])).square().sum().backward()
    own, said = (
        table.weight.grad.to_dense() if sparse else table.weight.grad
        for table in (network.own, network.said)
    )

    assert own.abs().sum(dim=1).nonzero()[:, 0].tolist() == [0, 4]
    assert said.abs().sum(dim=1).nonzero()[:, 0].tolist() == [0, 1, 3]


def test_two_groups_that_share_nothing_are_told_apart_without_a_row():
    log = two_groups()
    group = groups(len(log.items))
    training = Training(60, 128, optimizer=LazyAdam(5e-3), patience=None)
    fitted = svdpp(8, training=training).fit(log)

    for side in (0, 1):
        score = fitted.item @ fitted.given[group == side].mean(axis=0)
        assert (group[np.argsort(-score)[:10]] == side).mean() > 0.9
