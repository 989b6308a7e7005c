"""Recommendations from a live interaction graph.

Names load on first use, so importing a room of the library loads only that room.
"""

from typing import TYPE_CHECKING

from tidegraph.lazy import Homes

if TYPE_CHECKING:
    from tidegraph.catalog import load as load
    from tidegraph.data.check import check as check
    from tidegraph.data.interactions import Interactions as Interactions
    from tidegraph.data.interactions import interactions as interactions
    from tidegraph.data.sources import read as read
    from tidegraph.data.sources import read_sql as read_sql
    from tidegraph.data.synthetic import Marketplace as Marketplace
    from tidegraph.data.views import Impressions as Impressions
    from tidegraph.data.views import Matrix as Matrix
    from tidegraph.data.views import Sequences as Sequences
    from tidegraph.ego.cluster import local_cluster as local_cluster
    from tidegraph.ego.dedup import unique as unique
    from tidegraph.ego.hard_negatives import hard as hard
    from tidegraph.ego.hops import hop as hop
    from tidegraph.ego.nearest import near as near
    from tidegraph.ego.negatives import in_batch as in_batch
    from tidegraph.ego.negatives import negatives as negatives
    from tidegraph.ego.parse import parse as parse
    from tidegraph.ego.static import fan_out as fan_out
    from tidegraph.ego.static import identity as identity
    from tidegraph.ego.static import khop as khop
    from tidegraph.ego.walks import walk as walk
    from tidegraph.evaluation.evaluate import evaluate as evaluate
    from tidegraph.graph.live import Graph as Graph
    from tidegraph.graph.negatives.distribution import distribution as distribution
    from tidegraph.graph.projection import CoOccurrence as CoOccurrence
    from tidegraph.graph.proximity.common_neighbors import adamic_adar as adamic_adar
    from tidegraph.graph.proximity.common_neighbors import (
        common_neighbors as common_neighbors,
    )
    from tidegraph.graph.proximity.common_neighbors import pagerank as pagerank
    from tidegraph.graph.proximity.common_neighbors import proximity as proximity
    from tidegraph.graph.sampling.protocol import sampler as sampler
    from tidegraph.pipeline import FittedPipeline as FittedPipeline
    from tidegraph.pipeline import Pipeline as Pipeline
    from tidegraph.pipeline.serve import recommend as recommend
    from tidegraph.ranking.din import DIN as DIN
    from tidegraph.ranking.logit import RecencyLogit as RecencyLogit
    from tidegraph.ranking.neural import NeuralRanker as NeuralRanker
    from tidegraph.ranking.recipes import deepfm as deepfm
    from tidegraph.reranking.diversity import DPP as DPP
    from tidegraph.reranking.diversity import MMR as MMR
    from tidegraph.retrieval.blend import Blend as Blend
    from tidegraph.retrieval.ease import EASE as EASE
    from tidegraph.retrieval.embedding import Embedding as Embedding
    from tidegraph.retrieval.heuristics import AdamicAdar as AdamicAdar
    from tidegraph.retrieval.heuristics import CommonNeighbors as CommonNeighbors
    from tidegraph.retrieval.heuristics import Katz as Katz
    from tidegraph.retrieval.heuristics import (
        PersonalizedPageRank as PersonalizedPageRank,
    )
    from tidegraph.retrieval.item_knn import ItemKNN as ItemKNN
    from tidegraph.retrieval.knn.similarity import BM25 as BM25
    from tidegraph.retrieval.knn.similarity import TFIDF as TFIDF
    from tidegraph.retrieval.knn.similarity import Cosine as Cosine
    from tidegraph.retrieval.knn.similarity import Jaccard as Jaccard
    from tidegraph.retrieval.knn.similarity import Pearson as Pearson
    from tidegraph.retrieval.popular import Popular as Popular
    from tidegraph.retrieval.recipes.gnn import lightgcn as lightgcn
    from tidegraph.retrieval.recipes.mf import bpr_mf as bpr_mf
    from tidegraph.retrieval.repeat import Repeat as Repeat
    from tidegraph.retrieval.rp3beta import RP3beta as RP3beta
    from tidegraph.retrieval.slim import SLIM as SLIM
    from tidegraph.retrieval.user_knn import UserKNN as UserKNN

_NAMES = Homes(
    "tidegraph",
    {
        "catalog": ("load",),
        "data.check": ("check",),
        "data.interactions": ("Interactions", "interactions"),
        "data.sources": ("read", "read_sql"),
        "data.synthetic": ("Marketplace",),
        "data.views": ("Impressions", "Matrix", "Sequences"),
        "ego.cluster": ("local_cluster",),
        "ego.hard_negatives": ("hard",),
        "ego.nearest": ("near",),
        "ego.negatives": ("in_batch", "negatives"),
        "ego.hops": ("hop",),
        "ego.static": ("fan_out", "identity", "khop"),
        "ego.parse": ("parse",),
        "ego.dedup": ("unique",),
        "ego.walks": ("walk",),
        "evaluation.evaluate": ("evaluate",),
        "graph.negatives.distribution": ("distribution",),
        "graph.projection": ("CoOccurrence",),
        "graph.proximity.common_neighbors": (
            "adamic_adar",
            "common_neighbors",
            "pagerank",
            "proximity",
        ),
        "graph.sampling.protocol": ("sampler",),
        "graph.live": ("Graph",),
        "pipeline": ("FittedPipeline", "Pipeline"),
        "pipeline.serve": ("recommend",),
        "ranking.din": ("DIN",),
        "ranking.logit": ("RecencyLogit",),
        "ranking.neural": ("NeuralRanker",),
        "ranking.recipes": ("deepfm",),
        "reranking.diversity": ("DPP", "MMR"),
        "retrieval.blend": ("Blend",),
        "retrieval.ease": ("EASE",),
        "retrieval.embedding": ("Embedding",),
        "retrieval.heuristics": (
            "AdamicAdar",
            "CommonNeighbors",
            "Katz",
            "PersonalizedPageRank",
        ),
        "retrieval.item_knn": ("ItemKNN",),
        "retrieval.popular": ("Popular",),
        "retrieval.recipes.gnn": ("lightgcn",),
        "retrieval.recipes.mf": ("bpr_mf",),
        "retrieval.repeat": ("Repeat",),
        "retrieval.rp3beta": ("RP3beta",),
        "retrieval.knn.similarity": ("BM25", "TFIDF", "Cosine", "Jaccard", "Pearson"),
        "retrieval.slim": ("SLIM",),
        "retrieval.user_knn": ("UserKNN",),
    },
)

__all__ = list(_NAMES)  # pyright: ignore[reportUnsupportedDunderAll]
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Load a public name from its home on first use."""
    if name not in _NAMES:
        raise AttributeError(f"module 'tidegraph' has no attribute {name!r}")
    return _NAMES[name]


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
