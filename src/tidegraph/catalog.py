"""Every method by its name, and every fitted value by its class."""

import os
from collections.abc import Callable, Mapping
from typing import Any, cast

from tidegraph.arguments import checked
from tidegraph.artifact import sealed
from tidegraph.config import build, did_you_mean
from tidegraph.errors import ArtifactError, ConfigError
from tidegraph.lazy import Homes
from tidegraph.pipeline.fitted import FittedPipeline

RETRIEVERS = Homes(
    "tidegraph.retrieval",
    {
        "ease": ("EASE",),
        "embedding": ("Embedding",),
        "heuristics": (
            "AdamicAdar",
            "CommonNeighbors",
            "Katz",
            "PersonalizedPageRank",
        ),
        "item_knn": ("ItemKNN",),
        "popular": ("Popular",),
        "recipes.gnn": ("lightgcn",),
        "recipes.mf": ("bpr_mf",),
        "repeat": ("Repeat",),
        "rp3beta": ("RP3beta",),
        "slim": ("SLIM",),
        "user_knn": ("UserKNN",),
    },
)
RANKERS = Homes(
    "tidegraph.ranking",
    {"din": ("DIN",), "logit": ("RecencyLogit",), "recipes": ("deepfm",)},
)
RERANKERS = Homes("tidegraph.reranking", {"diversity": ("DPP", "MMR")})
PARTS = Homes(
    "tidegraph.retrieval",
    {"knn.similarity": ("BM25", "Cosine", "Jaccard", "Pearson", "TFIDF")},
)
STAGES: Mapping[str, Mapping[str, Callable[..., Any]]] = {
    "retrieve": RETRIEVERS,
    "rank": RANKERS,
    "rerank": RERANKERS,
}
FITTED = Homes(
    "tidegraph",
    {
        "data.ids.vocabulary": ("Vocabulary",),
        "features.columns": ("Features",),
        "graph.snapshot": ("Snapshot",),
        "pipeline.fitted": ("FittedPipeline",),
        "ranking.neural": ("FittedNeuralRanker",),
        "ranking.logit": ("FittedRecencyLogit",),
        "reranking.diversity": ("FittedDPP", "FittedMMR"),
        "reranking.similarity": ("Cosines", "SharedTags"),
        "retrieval.blend": ("FittedBlend",),
        "retrieval.ease": ("FittedEASE",),
        "retrieval.embedded": ("FittedEmbedding",),
        "retrieval.item_model": ("FittedItemModel",),
        "retrieval.popular": ("FittedPopular",),
        "retrieval.repeat": ("FittedRepeat",),
        "retrieval.user_knn": ("FittedUserKNN",),
    },
)


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


def _named(
    table: Mapping[str, Any], where: str, known: Mapping[str, Callable[..., Any]]
) -> Any:
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
    return build(known[name], settings, f"{where}.{name}")


@checked(ArtifactError)
def load(
    folder: str | os.PathLike[str], *, verify: bool | None = None
) -> FittedPipeline:
    """Open the pipeline that was saved in a folder, mapped into memory.

    Processes that open one folder share its memory, and nothing in it can run code.

    Args:
        folder: What ``save`` wrote.
        verify: Compare every byte with its checksum; of arrays over 64 MiB only the
            size is compared if left out.

    Raises:
        ArtifactError: The folder is not a whole, unchanged model of this version.
    """
    value = sealed.load(folder, FITTED, verify=verify)
    if not isinstance(value, FittedPipeline):
        raise ArtifactError(f"{folder} holds a {type(value).__name__}, not a pipeline.")
    return value
