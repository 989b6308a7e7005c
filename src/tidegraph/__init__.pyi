from tidegraph.catalog import load as load
from tidegraph.data import synthetic as synthetic
from tidegraph.data.check import check as check
from tidegraph.data.interactions import (
    Interactions as Interactions,
    interactions as interactions,
)
from tidegraph.data.sources import read as read, read_sql as read_sql
from tidegraph.data.synthetic import Marketplace as Marketplace
from tidegraph.data.views.matrix import Matrix as Matrix
from tidegraph.dccl import *
from tidegraph.device import *
from tidegraph.ego.cluster import local_cluster as local_cluster
from tidegraph.ego.dedup import unique as unique
from tidegraph.ego.hard_negative_plans import hard as hard
from tidegraph.ego.hops import hop as hop
from tidegraph.ego.nearest import near as near
from tidegraph.ego.negative_plans import in_batch as in_batch, negatives as negatives
from tidegraph.ego.parse import parse as parse
from tidegraph.ego.static import fan_out as fan_out, identity as identity, khop as khop
from tidegraph.ego.walks import walk as walk
from tidegraph.errors import (
    ArtifactError as ArtifactError,
    ConfigError as ConfigError,
    DataError as DataError,
    LeakageError as LeakageError,
    MissingExtraError as MissingExtraError,
    RefusedError as RefusedError,
    RequestError as RequestError,
    TidegraphError as TidegraphError,
)
from tidegraph.evaluation.evaluate import evaluate as evaluate
from tidegraph.evaluation.judging import judge_sampled as judge_sampled
from tidegraph.evaluation.metrics import off_policy as off_policy
from tidegraph.evaluation.protocol import (
    at_cut as at_cut,
    at_each_event as at_each_event,
    at_first_event as at_first_event,
)
from tidegraph.evaluation.rankers import (
    evaluate_ranker as evaluate_ranker,
    evaluate_runs as evaluate_runs,
)
from tidegraph.evaluation.resampling import Impressions as Impressions
from tidegraph.features.columns import FeatureSet as FeatureSet
from tidegraph.features.feature import Feature as Feature
from tidegraph.features.past import Past as Past
from tidegraph.fitting.candidate_sampling import CandidateSampling as CandidateSampling
from tidegraph.graph.live import Graph as Graph
from tidegraph.graph.negatives.distribution import distribution as distribution
from tidegraph.graph.projection import CoOccurrence as CoOccurrence
from tidegraph.graph.proximity.proximities import (
    adamic_adar as adamic_adar,
    common_neighbors as common_neighbors,
    pagerank as pagerank,
    proximity as proximity,
)
from tidegraph.graph.sampling.protocol import sampler as sampler
from tidegraph.nn.click.dsgl_layer import SequenceLayer as SequenceLayer
from tidegraph.pipeline import *
from tidegraph.pipeline.serve import recommend as recommend
from tidegraph.ranking import *
from tidegraph.ranking.tasks import Tasks as Tasks
from tidegraph.recipe_file.recipe import read_recipe as read_recipe
from tidegraph.reranking import *
from tidegraph.reranking.similarity import ItemEmbedding as ItemEmbedding
from tidegraph.retrieval import *
from tidegraph.retrieval import (
    encoders as encoders,
    filters as filters,
    index as index,
    recipes as recipes,
    solvers as solvers,
)
from tidegraph.retrieval.knn.similarity import (
    BM25 as BM25,
    TFIDF as TFIDF,
    Cosine as Cosine,
    Jaccard as Jaccard,
    Pearson as Pearson,
)
from tidegraph.run import Run as Run
from tidegraph.stages.candidates import Examples as Examples
from tidegraph.stages.fold import Fold as Fold
from tidegraph.training import optimizers as optimizers, schedules as schedules
from tidegraph.training.settings import Training as Training
from tidegraph.training.tensorboard import TensorBoard as TensorBoard

__version__: str
