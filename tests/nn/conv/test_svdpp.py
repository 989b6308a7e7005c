import numpy as np
import pytest
import torch

from tidegraph.nn.conv.svdpp import SVDPlusPlus
from tidegraph.nn.graph_inputs import GraphInputs
from tidegraph.retrieval.recipes.mf import svdpp
from tidegraph.testing.logs import draw_log
from tidegraph.testing.retrievers import RetrieverLaws
from tidegraph.training.optimizers import LazyAdam
from tidegraph.training.settings import Training

FEW = Training(3, 128, patience=None)


class TestSVDPlusPlus(RetrieverLaws):
    variant_of = "TestBPRMF"
    retriever = svdpp(8, training=FEW)
    unmoved = 0.0  # First weights and samples are drawn row by row.


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
    log = draw_log(events=900)
    item = (log.item // 2 * 2 + log.user % 2) % len(log.items)
    log = type(log)(**{**vars(log), "item": item.astype(np.int32)})
    training = Training(60, 128, optimizer=LazyAdam(5e-3), patience=None)
    fitted = svdpp(8, training=training).fit(log)

    even, odd = (fitted.given[side::2].mean(axis=0) for side in (0, 1))
    score = np.stack([even, odd]) @ fitted.item.T
    assert (np.argsort(-score[0])[:10] % 2 == 0).mean() > 0.9
    assert (np.argsort(-score[1])[:10] % 2 == 1).mean() > 0.9
