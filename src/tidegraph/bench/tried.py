"""What is tried of each model, of which validation chooses one.

All have equally many settings to be chosen among, and networks that live on the same
inputs the same ones, so that none is ahead for having been looked at longer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, cast

from tidegraph.arguments import checked, no_unknown
from tidegraph.errors import ConfigError
from tidegraph.features.columns import FeatureSet
from tidegraph.fitting.candidate_sampling import CandidateSampling
from tidegraph.graph.from_log import ACTION
from tidegraph.nn.click import (
    FM,
    MF,
    NGCF,
    SRGNN,
    ClickModel,
    LightGCN,
    ReadsGraph,
    SVDpp,
    TopoLSTM,
)
from tidegraph.ranking.logit import RecencyLogit
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.ranking.trees import BoostedTrees
from tidegraph.stages import Ranker, features_read_by, label_answered
from tidegraph.stages.kinds import RANKS, check_kind
from tidegraph.training.optimizers import AdamW
from tidegraph.training.settings import Training

CONTROLS: Mapping[type, tuple[dict[str, Any], ...]] = {
    RecencyLogit: ({"l2": 1e-4}, {"l2": 1e-2}, {"l2": 1.0}, {"l2": 0.1}),
    BoostedTrees: ({"leaves": 15}, {"leaves": 31}, {"leaves": 7}, {"leaves": 63}),
}
"""What is tried of each ranker without a network."""


class Tried(NamedTuple):
    """What is tried of a network.

    Attributes:
        learning_rate: Length of a step.
        ids: Are users and items told apart by who they are?
        dropout: Share of what enters the layers that training leaves out.
        weight_decay: Share of a weight, times the step length, taken off each step.
    """

    learning_rate: float
    ids: bool | Literal["item"] = True
    dropout: float = 0.0
    weight_decay: float = AdamW().weight_decay


NETWORKS = (
    Tried(1e-3),
    Tried(1e-3, ids=False),
    Tried(3e-3, ids=False),
    Tried(3e-3, ids=False, dropout=0.2),
)
"""Tried of a network with hidden layers."""
BY_ITEM = (
    Tried(1e-3),
    Tried(1e-3, ids="item"),
    Tried(3e-3, ids="item"),
    Tried(3e-3, ids="item", dropout=0.2),
)
"""The same of one whose graph is of which events are of one item."""
NO_LAYERS = (
    Tried(1e-3),
    Tried(1e-3, ids=False),
    Tried(3e-3, ids=False),
    Tried(3e-3, ids=False, weight_decay=1.0),
)
"""The same of one without layers that could be left out."""
BY_ID = (
    Tried(1e-3),
    Tried(1e-3, weight_decay=1.0),
    Tried(3e-3),
    Tried(3e-3, weight_decay=1.0),
)
"""Tried of one that is nothing but vectors of who is who."""
GRIDS: Mapping[type, tuple[Tried, ...]] = {
    FM: NO_LAYERS,
    LightGCN: BY_ID,
    MF: BY_ID,
    NGCF: BY_ID,
    SRGNN: BY_ITEM,
    SVDpp: BY_ID,
    TopoLSTM: BY_ITEM,
}
"""What is tried of networks that ``NETWORKS`` has not four settings for."""


@no_unknown
@dataclass(frozen=True)
class Contender:
    """A model to be compared.

    Attributes:
        name: What it is called in tables.
        tried: Its settings, of which validation chooses one.
    """

    name: str
    tried: tuple[Ranker, ...]

    def __post_init__(self) -> None:
        if not self.tried:
            raise ConfigError(
                f"nothing is tried of the contender {self.name!r}. Give it a ranker."
            )
        for ranker in self.tried:
            check_kind(f"the contender {self.name!r}", (ranker,), RANKS)
            _check_answers_actions(self.name, ranker)

    @property
    def features_read(self) -> frozenset[str]:
        """The features of a log that some of its settings read."""
        return frozenset[str]().union(*map(features_read_by, self.tried))


def _check_answers_actions(name: str, ranker: Ranker) -> None:
    """Refuse a ranker whose score is no probability of what all are judged by.

    Raises:
        ConfigError: It answers a further label.
    """
    label = label_answered(ranker)
    if label != ACTION:
        raise ConfigError(
            f"the contender {name!r} answers {label!r}, and all are judged by the "
            "label of the log. Leave answer out of its tasks, which it learns all the "
            f"same, or tasks, and read a log whose label is {label!r}."
        )


@checked(ConfigError)
def network(
    name: str,
    click_model: ClickModel | ReadsGraph,
    features: FeatureSet,
    epochs: int = 30,
) -> Contender:
    """Return a click model with what is tried of such a network.

    Args:
        name: What it is called in tables.
        click_model: The network.
        features: What it knows.
        epochs: Most passes over the examples.
    """
    tried = [
        NeuralRanker(
            click_model,
            replace(features, ids=one.ids),
            # A positive and a negative a pass, each time another one.
            CandidateSampling(2),
            Training(
                epochs=epochs,
                batch_size=256,
                optimizer=AdamW(one.learning_rate, one.weight_decay),
                average=0.99,
            ),
            dropout=one.dropout,
        )
        for one in GRIDS.get(type(cast(object, click_model)), NETWORKS)
    ]
    return Contender(name, tuple(tried))
