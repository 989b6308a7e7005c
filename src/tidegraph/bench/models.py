"""Who is compared: every ranker, each with the few settings that validation tries.

All have equally many settings to be chosen among, and networks that live on the same
inputs the same ones, so that none is ahead for having been looked at longer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, cast

from tidegraph.arguments import checked, no_unknown
from tidegraph.catalog import RANKERS, model
from tidegraph.errors import ConfigError, MissingExtraError, RequestError, did_you_mean
from tidegraph.features.columns import FeatureSet
from tidegraph.fitting.candidate_sampling import CandidateSampling
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
from tidegraph.stages import Ranker
from tidegraph.training.optimizers import AdamW
from tidegraph.training.settings import Training

CONTROL = "RecencyLogit"
"""The ranker that another must beat to be worth having."""

MADE_OF_OTHERS = ("Calibrated", "RetrieverLogit")
"""Rankers that are another method's order, which somebody has to name."""

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


@checked(ConfigError)
def contenders(
    names: Iterable[str] | None = None,
    category: str | None = None,
    fields: tuple[str, ...] = (),
) -> list[Contender]:
    """Return rankers with what is tried of them, the control first.

    Args:
        names: Which, in any case of letters; every one that can be had if left out.
        category: Item feature column that groups items, for all of them.
        fields: Features that networks have vectors of, such as ``user.age``.

    Raises:
        ConfigError: A field says not whose it is.
        RequestError: There is no such ranker.
        MissingExtraError: One that is named needs a package that is not installed.
    """
    about = FeatureSet(category=category, fields=fields)
    if names is not None:
        wanted = [CONTROL, *map(_ranker_name, names)]
        return [_contender_named(name, about) for name in dict.fromkeys(wanted)]
    found = [_contender_named(CONTROL, about)]
    for name in RANKERS:
        if name in (CONTROL, *MADE_OF_OTHERS):
            continue
        try:
            found.append(_contender_named(name, about))
        except MissingExtraError:
            # Of what nobody asked for, what is there is compared.
            continue
    return found


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


def _contender_named(name: str, about: FeatureSet) -> Contender:
    made: Any = model({"model": name}, "bench", "rank")
    if isinstance(made, NeuralRanker):
        return network(name, made.model, about)
    if about.category is not None:
        made = replace(made, category=about.category)
    grid = CONTROLS.get(type(cast(object, made)), ({},))
    return Contender(name, tuple(replace(made, **settings) for settings in grid))


def _ranker_name(name: str) -> str:
    """Return a ranker's name as it is written."""
    written = {known.lower(): known for known in RANKERS}
    if name.lower() not in written:
        raise RequestError(
            f"there is no ranker {name!r}.{did_you_mean(name.lower(), written)} "
            f"There are: {', '.join(RANKERS)}."
        )
    return written[name.lower()]
