import numpy as np
import pytest

from retrieval.objective.walking import plans
from retrieval.recipes_log import share_of_own_group, two_groups
from tidegraph.errors import ConfigError
from tidegraph.nn.conv import LightPropagation
from tidegraph.nn.conv.identity import TwoTables
from tidegraph.retrieval.embedding import Embedding
from tidegraph.retrieval.objective import Objective
from tidegraph.retrieval.objective.losses import BPR, SampledSoftmax, SkipGram
from tidegraph.retrieval.objective.negatives import PerPair
from tidegraph.retrieval.objective.pairs import WalkEnds
from tidegraph.run import Run
from tidegraph.testing.logs import draw_log
from tidegraph.testing.retrievers import RetrieverLaws, requests_at
from tidegraph.training.optimizers import SGD, PairSGD
from tidegraph.training.schedules import Linear
from tidegraph.training.settings import Training


def settings(epochs=3, rate=0.05, **rest):
    optimizer = PairSGD(rate)
    return Training(epochs, 512, optimizer, Linear(), patience=None, **rest)


class TestFusedBPR(RetrieverLaws):
    variant_of = "TestBPRMF"
    retriever = Embedding("BPR", embedding_size=8, training=settings())
    seeded_by_row = True  # First weights and samples are drawn row by row.


class TestFusedSkipGram(RetrieverLaws):
    retriever = Embedding(
        "Edges", TwoTables(), Objective(loss=SkipGram()), 8, settings()
    )
    seeded_by_row = True  # First weights and samples are drawn row by row.


def test_bpr_by_pairs_learns_what_bpr_by_batches_of_one_learns():
    """Of the same log, with the same penalty, both come near to the same order."""
    log = two_groups()
    one = Objective(loss=BPR(), l2=0.01)

    by_pairs = Embedding(
        "A", objective=one, embedding_size=8, training=settings(60, 0.1)
    ).fit(log)

    answer = by_pairs.retrieve(requests_at(log, repeat=True), 5)
    assert share_of_own_group(answer, log) > 0.9
    assert by_pairs.curve.loss[-1] < 0.3


def test_a_fit_resumes_from_its_checkpoints(tmp_path):
    log = draw_log()
    pairs = Objective(WalkEnds(plans(4, 3)), SkipGram(PerPair(5, 0.75, linked=True)))
    method = Embedding("Walks", TwoTables(), pairs, 8, settings())
    whole = method.fit(log)

    class Stopped(Exception):
        pass

    class Stopping:
        def epoch(self, number, loss, metric):
            if number == 2:
                raise Stopped

    run = Run(np.random.default_rng(0), checkpoints=tmp_path, monitor=Stopping())
    with pytest.raises(Stopped):
        method.fit(log, run=run)
    assert list(tmp_path.glob("epoch-*"))
    again = method.fit(log, run=Run(np.random.default_rng(0), checkpoints=tmp_path))

    np.testing.assert_array_equal(again.item, whole.item)
    np.testing.assert_array_equal(again.user, whole.user)
    assert again.curve == whole.curve


def test_patience_holds_items_out_and_keeps_the_best_epoch():
    training = Training(6, 512, PairSGD(0.05), patience=2)
    fitted = Embedding("BPR", embedding_size=8, training=training).fit(draw_log())

    assert np.isfinite(fitted.curve.metric).all()


def test_a_rate_that_is_too_high_is_said_with_the_step():
    with pytest.raises(ConfigError, match=r"step \d+, at a learning rate of"):
        Embedding("BPR", embedding_size=8, training=settings(20, 1e25)).fit(draw_log())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"objective": Objective(loss=SampledSoftmax())}, "SkipGram and BPR"),
        ({"objective": Objective(loss=BPR(temperature=0.1))}, "SkipGram and BPR"),
        ({"objective": Objective(loss=SkipGram(), l2=0.1)}, "without a penalty"),
        ({"objective": Objective(loss=SkipGram(PerPair(5)))}, "leaves those out"),
        ({"objective": Objective(loss=BPR(2))}, "one negative for each pair"),
        (
            {"objective": Objective(loss=BPR(PerPair(1, linked=True)))},
            "not linked with the source",
        ),
        ({"objective": Objective(WalkEnds(plans(1, 1)))}, "users and their items"),
        ({"encoder": LightPropagation(1)}, "computes them"),
    ],
    ids=str,
)
def test_what_no_kernel_knows_is_refused(changed, said):
    method = Embedding(
        **{"name": "x", "embedding_size": 8, "training": settings(), **changed}
    )

    with pytest.raises(ConfigError, match=said):
        method.fit(draw_log())


def test_other_optimisers_take_the_same_embedding():
    training = Training(15, 64, SGD(1.0), patience=None)
    objective = Objective(
        WalkEnds(plans(2, 2)), SkipGram(PerPair(5, 0.75, linked=True))
    )

    fitted = Embedding("x", TwoTables(), objective, 8, training).fit(draw_log())

    assert fitted.curve.loss[-1] < fitted.curve.loss[0]
