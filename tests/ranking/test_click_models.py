"""Laws of rankers, of click models that differ in what they ask of a ranker."""

from tidegraph.features.columns import FeatureSet
from tidegraph.nn.click import DIEN
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.testing.rankers import RankerLaws
from tidegraph.training.settings import Training

FEATURES = FeatureSet(category="category", history=5)
SHORT = Training(epochs=1)


class TestDIEN(RankerLaws):
    """A loss beside that of clicks."""

    drawn_by_row = True
    ranker = NeuralRanker(DIEN(4, (8,)), FEATURES, training=SHORT)
