"""Laws of rankers, of click models that differ in what they ask of a ranker."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from conftest import draw_log
from tidegraph.features.columns import FeatureSet
from tidegraph.nn.around import Reads
from tidegraph.nn.click import DIEN, DSGL, TIEN, NextEvent
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.run import Run
from tidegraph.testing.rankers import RankerLaws, split_examples
from tidegraph.training.settings import Training

FEATURES = FeatureSet(category="category", history=5)
SHORT = Training(epochs=1)


class TestDIEN(RankerLaws):
    """A loss beside that of clicks."""

    variant_of = "TestDIN"
    drawn_by_row = True
    ranker = NeuralRanker(DIEN(4, (8,)), FEATURES, training=SHORT)


class TestTIEN(RankerLaws):
    """A sequence of events read from the graph on both sides."""

    variant_of = "TestDSGL"
    drawn_by_row = True
    ranker = NeuralRanker(TIEN(4, (8,), history=4), FEATURES, training=SHORT)


class TestNextEvent(RankerLaws):
    """A loss of events that are read from the graph."""

    variant_of = "TestDSGL"
    drawn_by_row = True
    ranker = NeuralRanker(
        NextEvent(DSGL(4, (8,), 1, 1, history=4)), FEATURES, training=SHORT
    )


def test_the_events_around_a_user_are_the_history_that_others_are_given():
    """Bit for bit, numbers of events and of events and candidates included."""
    learn, stop, judge = split_examples(draw_log(events=1500))
    ranker = NeuralRanker(TIEN(4, (8,), history=50), FEATURES, training=SHORT)
    model = ranker.fit(learn, stop, run=Run(np.random.default_rng(1)))
    there = model.batches
    plain = replace(there, history=50, reads=None)
    rows = np.arange(len(judge.requests))
    item, width = judge.candidates.item, len(model.features.names)
    numbers = np.zeros((*item.shape, width), np.float32)

    given = [
        one.inputs(judge.requests, rows, item, numbers, one.known(judge.requests))
        for one in (there, plain)
    ]
    found = there.around(judge.requests, rows, item).history(given[0])

    assert 0 < found.real_step.sum() < found.real_step.numel()
    for name, part in found._asdict().items():
        expected = getattr(given[1], name)
        if name in ("event", "cross"):
            torch.testing.assert_close(part, expected, rtol=1e-5, atol=1e-5)
        else:
            assert torch.equal(part, expected), name


@pytest.mark.parametrize(("user", "item"), [(2, 1), (3, 2), (0, 1), (1, 0)])
def test_the_latest_events_hop_by_hop_are_the_plans_of_dsgl(user, item):
    model = DSGL(user_depth=user, item_depth=item, history=7)

    assert Reads.latest(user, item, 7) == model.reads()
