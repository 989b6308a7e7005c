from dataclasses import replace

import pytest

import tidegraph as tg
from conftest import draw_log
from tidegraph.errors import ConfigError
from tidegraph.retrieval.objective import memory_needed
from tidegraph.retrieval.objective.memory_needed import check_fits
from tidegraph.retrieval.popular import Popular
from tidegraph.retrieval.scoring import memory
from tidegraph.training.optimizers import Adam, LazyAdam, PairSGD
from tidegraph.training.settings import Training

FEW = Training(2, 64, optimizer=Adam(), patience=None)


def bytes_of(monkeypatch, *args):
    """What a check asks for."""
    asked = []
    monkeypatch.setattr(
        memory_needed, "check_memory", lambda what, n, way: asked.append(n)
    )
    check_fits("x", *args)
    return asked[0]


@pytest.mark.parametrize(
    ("optimizer", "encoder", "copies"),
    [
        (Adam(), tg.encoders.Identity(), 6),
        (LazyAdam(), tg.encoders.Identity(), 5),
        (PairSGD(), tg.encoders.TwoTables(), 6),
    ],
)
def test_tables_and_what_their_optimiser_keeps(optimizer, encoder, copies, monkeypatch):
    training = replace(FEW, optimizer=optimizer)
    asked = bytes_of(monkeypatch, (30, 20), 8, encoder, training, tg.Shared(256))

    assert asked == copies * 50 * 8 * 4


def test_negatives_that_hold_much_say_so(monkeypatch):
    def drawn(negatives):
        args = (1000, 200), 0, None, FEW, negatives
        return bytes_of(monkeypatch, *args)

    # Item and score of each rank, and a copy of the window: 1,000 users, 30 ranks.
    ranked = 1000 * (30 * 8 + 20 * 4)
    assert drawn(tg.Ranked(1, (10, 30))) == ranked
    assert drawn(tg.Curriculum(tg.Shared(5), (10, 30))) == ranked
    every = 64 * 200 * 4 * 4
    assert drawn(tg.Every()) == every
    assert drawn(tg.Curriculum(tg.Every(), (10, 30))) == ranked + every
    assert drawn(tg.Mixed((tg.Every(), tg.Ranked(2, (10, 30))))) == ranked + every
    assert drawn(tg.InBatch()) == 0


@pytest.mark.parametrize(
    ("method", "said"),
    [
        (
            tg.bpr_mf(64),
            "BPR-MF on .* users and .* items needs .* Lower embedding_size",
        ),
        (tg.bpr_mf(1, tg.BPR(tg.Ranked(1, (0, 9)))), "Ranked takes most of it"),
        (tg.bpr_mf(1, tg.BPR(tg.Curriculum(ranks=(0, 9)))), "Curriculum takes most"),
        (tg.bpr_mf(1, tg.SampledSoftmax(None, tg.Every())), "Every takes most of it"),
        (tg.sasrec(), "SASRec on 0 users and .* items needs"),
    ],
    ids=["table", "Ranked", "Curriculum", "Every", "SASRec"],
)
def test_what_does_not_fit_is_said_before_any_channel_is_trained(
    method, said, monkeypatch
):
    trained = []

    class Watched(Popular):
        def fit(self, train):
            trained.append(train)
            return super().fit(train)

    monkeypatch.setattr(memory, "machine_bytes", lambda: 2_000.0)
    with pytest.raises(ConfigError, match=said):
        tg.Pipeline((Watched(), method)).fit(draw_log())
    assert not trained
    with pytest.raises(ConfigError, match=said):
        method.fit(draw_log())


def test_what_fits_is_trained():
    method = replace(tg.bpr_mf(2, tg.SampledSoftmax(None, tg.Every())), training=FEW)

    assert len(method.fit(draw_log()).curve.loss) == 2
