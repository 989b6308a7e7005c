"""How training went, as pictures of a report."""

import math

import numpy as np
import pytest

import tidegraph as tg
from conftest import draw_log
from tidegraph.evaluation.report.html import page
from tidegraph.evaluation.report.learning import learning_section
from tidegraph.pipeline.curves import curves_of
from tidegraph.run import Curve
from tidegraph.training.settings import Training


def test_each_part_has_its_loss_and_its_validation_if_it_was_validated():
    judged = Curve((3.0, 2.0, 1.5), (0.1, 0.3, 0.2))
    section = learning_section(
        {"DIN": judged, "LightGCN": Curve((1.0, 0.5), (math.nan, math.nan))}
    )

    assert [chart.title for chart in section.charts] == [
        "DIN: loss",
        "DIN: validation",
        "LightGCN: loss",
    ]
    assert "Epoch 2 was kept." in section.charts[1].description
    assert "DIN: 3 epochs, loss 3.0000 to 1.5000; kept epoch 2" in section.text
    assert "LightGCN: 2 epochs, loss 1.0000 to 0.5000." in section.text
    assert "nan" not in page("report", [section])


@pytest.mark.parametrize("loss", [(1.0,), (2.0, 2.0), (0.0, 0.0), (5.0, math.inf)])
def test_short_and_flat_curves_are_drawn(loss):
    section = learning_section({"part": Curve(loss, (math.nan,) * len(loss))})

    assert "<svg" in section.charts[0].svg
    assert "nan" not in section.charts[0].svg


def test_without_a_part_that_trains_there_is_no_section():
    assert learning_section({}) is None


def test_the_curves_of_a_pipeline_are_those_of_its_parts(tmp_path):
    embedding = tg.bpr_mf(embedding_size=4, training=Training(epochs=2, patience=None))
    model = tg.Pipeline((tg.Popular(), embedding)).fit(draw_log())
    (name,) = curves_of(model)
    curve = curves_of(model)[name]

    assert name in model.channels()
    assert len(curve.loss) == 2
    assert np.isnan(curve.metric).all()
    model.save(tmp_path / "model")
    assert curves_of(tg.load(tmp_path / "model"))[name].loss == curve.loss
