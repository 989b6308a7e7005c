import numpy as np
import pytest

from conftest import draw_log
from tidegraph.data.views.matrix import Matrix
from tidegraph.retrieval.rp3beta import RP3beta
from tidegraph.testing.retrievers import RetrieverLaws


class TestRP3beta(RetrieverLaws):
    retriever = RP3beta()


class TestP3alpha(RetrieverLaws):
    variant_of = "TestRP3beta"
    unmoved = 0.9
    retriever = RP3beta(neighbors=5, alpha=1.5, beta=0.0)


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 0.0), (0.7, 0.4), (2.0, 1.0)])
def test_weights_are_powers_of_two_steps_over_popularity_to_the_beta(alpha, beta):
    log = draw_log()
    dense = Matrix.of(log).csr().toarray().astype(float)
    from_user = (dense / dense.sum(1, keepdims=True)) ** alpha
    from_item = (dense.T / dense.T.sum(1, keepdims=True)) ** alpha
    expected = from_item @ from_user / dense.sum(0) ** beta
    np.fill_diagonal(expected, 0)

    model = RP3beta(neighbors=1000, alpha=alpha, beta=beta).fit(log).csr()

    np.testing.assert_allclose(model.toarray(), expected, rtol=1e-4)


def test_each_item_keeps_its_likeliest_ends():
    log = draw_log()
    whole = RP3beta(neighbors=1000).fit(log).csr().toarray()
    kept = np.sort(whole, axis=1)[:, -4:].sum(1)

    few = RP3beta(neighbors=4).fit(log).csr()

    np.testing.assert_array_equal(
        np.diff(few.indptr), np.minimum(4, (whole > 0).sum(1))
    )
    np.testing.assert_allclose(few.toarray().sum(1), kept, rtol=1e-5)
