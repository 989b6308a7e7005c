from tidegraph.nn.click import *
from tidegraph.ranking.calibration import (
    Calibrated as Calibrated,
    FittedCalibrated as FittedCalibrated,
)
from tidegraph.ranking.logit import (
    FittedRecencyLogit as FittedRecencyLogit,
    RecencyLogit as RecencyLogit,
)
from tidegraph.ranking.neural import (
    FittedNeuralRanker as FittedNeuralRanker,
    NeuralRanker as NeuralRanker,
)
from tidegraph.ranking.retrieved import (
    FittedRetrieverLogit as FittedRetrieverLogit,
    RetrieverLogit as RetrieverLogit,
)
from tidegraph.ranking.trees import (
    BoostedTrees as BoostedTrees,
    FittedBoostedTrees as FittedBoostedTrees,
)
