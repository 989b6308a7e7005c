"""Who is compared: every ranker, each with the few settings that validation tries.

All have equally many settings to be chosen among, and networks the same ones, so that
none is ahead for having been looked at longer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from tidegraph.catalog import RANKERS, model
from tidegraph.errors import MissingExtraError, RequestError, did_you_mean
from tidegraph.features.columns import FeatureSet
from tidegraph.fitting.candidate_sampling import CandidateSampling
from tidegraph.nn.click import ClickModel, ReadsGraph
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

NETWORKS = (
    (1e-3, True, 0.0),
    (1e-3, False, 0.0),
    (3e-3, False, 0.0),
    (3e-3, False, 0.2),
)
"""Learning rate, whether ids are told apart, and dropout: tried of every network."""


@dataclass(frozen=True)
class Contender:
    """A model to be compared.

    Attributes:
        name: What it is called in tables.
        tried: Its settings, of which validation chooses one.
    """

    name: str
    tried: tuple[Ranker, ...]


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
        wanted = [CONTROL, *map(_known, names)]
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


def network(
    name: str,
    click_model: ClickModel | ReadsGraph,
    features: FeatureSet,
    epochs: int = 30,
) -> Contender:
    """Return a click model with what is tried of every network.

    Args:
        name: What it is called in tables.
        click_model: The network.
        features: What it knows.
        epochs: Most passes over the examples.
    """
    tried = [
        NeuralRanker(
            click_model,
            replace(features, ids=ids),
            # A positive and a negative a pass, each time another one.
            CandidateSampling(2),
            Training(
                epochs=epochs,
                batch_size=256,
                optimizer=AdamW(rate),
                average=0.99,
            ),
            dropout=dropout,
        )
        for rate, ids, dropout in NETWORKS
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


def _known(name: str) -> str:
    """Return a ranker's name as it is written."""
    written = {known.lower(): known for known in RANKERS}
    if name.lower() not in written:
        raise RequestError(
            f"there is no ranker {name!r}.{did_you_mean(name.lower(), written)} "
            f"There are: {', '.join(RANKERS)}."
        )
    return written[name.lower()]
