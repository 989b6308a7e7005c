"""Every configuration by its name, and every fitted value by its class."""

import os
from collections.abc import Mapping
from typing import Any, cast

from tidegraph import artifact
from tidegraph.arguments import checked
from tidegraph.artifact import Rebuilds
from tidegraph.config import build, did_you_mean
from tidegraph.data.vocabulary import Vocabulary
from tidegraph.errors import ArtifactError, ConfigError
from tidegraph.features.columns import Features
from tidegraph.graph.snapshot import Snapshot
from tidegraph.pipeline import FittedPipeline
from tidegraph.ranking.din import DIN, FittedDIN
from tidegraph.ranking.recency import FittedRecencyLogit, RecencyLogit
from tidegraph.reranking.diversity import DPP, MMR, FittedDPP, FittedMMR
from tidegraph.reranking.similarity import Cosines, SharedTags
from tidegraph.retrieval.blend import FittedBlend
from tidegraph.retrieval.ease import EASE, FittedEASE
from tidegraph.retrieval.heuristics import (
    AdamicAdar,
    CommonNeighbors,
    Katz,
    PersonalizedPageRank,
)
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.item_model import FittedItemModel
from tidegraph.retrieval.popular import FittedPopular, Popular
from tidegraph.retrieval.repeat import FittedRepeat, Repeat
from tidegraph.retrieval.rp3beta import RP3beta
from tidegraph.retrieval.similarity import BM25, TFIDF, Cosine, Jaccard, Pearson
from tidegraph.retrieval.slim import SLIM
from tidegraph.retrieval.user_knn import FittedUserKNN, UserKNN
from tidegraph.retrieval.walks import FittedWalks

RETRIEVERS: Mapping[str, type] = {
    "AdamicAdar": AdamicAdar,
    "CommonNeighbors": CommonNeighbors,
    "EASE": EASE,
    "ItemKNN": ItemKNN,
    "Katz": Katz,
    "PersonalizedPageRank": PersonalizedPageRank,
    "Popular": Popular,
    "RP3beta": RP3beta,
    "Repeat": Repeat,
    "SLIM": SLIM,
    "UserKNN": UserKNN,
}
RANKERS: Mapping[str, type] = {"DIN": DIN, "RecencyLogit": RecencyLogit}
RERANKERS: Mapping[str, type] = {"DPP": DPP, "MMR": MMR}
PARTS: Mapping[str, type] = {
    "BM25": BM25,
    "Cosine": Cosine,
    "Jaccard": Jaccard,
    "Pearson": Pearson,
    "TFIDF": TFIDF,
}
STAGES: Mapping[str, Mapping[str, type]] = {
    "retrieve": RETRIEVERS,
    "rank": RANKERS,
    "rerank": RERANKERS,
}

_FITTED: tuple[type, ...] = (
    Cosines,
    Features,
    FittedBlend,
    FittedDIN,
    FittedDPP,
    FittedEASE,
    FittedItemModel,
    FittedMMR,
    FittedPipeline,
    FittedPopular,
    FittedRecencyLogit,
    FittedRepeat,
    FittedUserKNN,
    FittedWalks,
    Snapshot,
    SharedTags,
    Vocabulary,
)
FITTED = {cls.__name__: cast(Rebuilds, cls) for cls in _FITTED}


def model(table: Mapping[str, Any], where: str, stage: str) -> Any:
    """Build the configuration that a table of a recipe describes.

    Args:
        table: ``model`` is its name, the rest are its settings; a table inside it that
            has a ``model`` too describes a part of it.
        where: File and table, for the error message.
        stage: ``retrieve``, ``rank`` or ``rerank``.

    Raises:
        ConfigError: The name or a setting is unknown, or a value has the wrong type.
    """
    return _named(table, where, STAGES[stage])


def _named(table: Mapping[str, Any], where: str, known: Mapping[str, type]) -> Any:
    name = table.get("model")
    if not isinstance(name, str):
        raise ConfigError(
            f'[{where}] does not say which model. Add model = "...", one of: '
            f"{', '.join(sorted(known))}."
        )
    if name not in known:
        raise ConfigError(
            f"[{where}] names the model {name!r}, which does not exist."
            f"{did_you_mean(name, known)} There are: {', '.join(sorted(known))}."
        )
    settings: dict[str, Any] = {
        key: _named(cast(Mapping[str, Any], value), f"{where}.{key}", PARTS)
        if isinstance(value, Mapping) and "model" in value
        else value
        for key, value in table.items()
        if key != "model"
    }
    return build(cast(type[Any], known[name]), settings, f"{where}.{name}")


@checked(ArtifactError)
def load(folder: str | os.PathLike[str]) -> FittedPipeline:
    """Return the pipeline that was saved in a folder.

    Raises:
        ArtifactError: The folder is not a whole, unchanged model of this version.
    """
    value = artifact.load(folder, FITTED)
    if not isinstance(value, FittedPipeline):
        raise ArtifactError(f"{folder} holds a {type(value).__name__}, not a pipeline.")
    return value
