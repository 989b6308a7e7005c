from tidegraph.ranking.din import DIN as DIN
from tidegraph.ranking.logit import (
    FittedRecencyLogit as FittedRecencyLogit,
    RecencyLogit as RecencyLogit,
)
from tidegraph.ranking.neural import (
    FittedNeuralRanker as FittedNeuralRanker,
    NeuralRanker as NeuralRanker,
)
from tidegraph.ranking.recipes import deepfm as deepfm, dsgl as dsgl
