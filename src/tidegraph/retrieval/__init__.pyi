from tidegraph.retrieval.blend import Blend as Blend
from tidegraph.retrieval.blended import FittedBlend as FittedBlend
from tidegraph.retrieval.ease import EASE as EASE, FittedEASE as FittedEASE
from tidegraph.retrieval.recipes.concatenated import Concatenated as Concatenated
from tidegraph.retrieval.embedded import FittedEmbedding as FittedEmbedding
from tidegraph.retrieval.embedding import Embedding as Embedding
from tidegraph.retrieval.factorized import Factorized as Factorized
from tidegraph.retrieval.from_log import FROM_LOG as FROM_LOG
from tidegraph.retrieval.graph_filter import (
    FittedGraphFilter as FittedGraphFilter,
    GraphFilter as GraphFilter,
)
from tidegraph.retrieval.heuristics.proximity import (
    AdamicAdar as AdamicAdar,
    CommonNeighbors as CommonNeighbors,
    Katz as Katz,
    PersonalizedPageRank as PersonalizedPageRank,
)
from tidegraph.retrieval.heuristics.meta_path import MetaPath as MetaPath
from tidegraph.retrieval.item_knn import ItemKNN as ItemKNN
from tidegraph.retrieval.item_model import FittedItemModel as FittedItemModel
from tidegraph.retrieval.objective import Objective as Objective
from tidegraph.retrieval.objective.losses import (
    BPR as BPR,
    BSL as BSL,
    BinaryCrossEntropy as BinaryCrossEntropy,
    DirectAU as DirectAU,
    GeneralisedBCE as GeneralisedBCE,
    InfoNCE as InfoNCE,
    SampledSoftmax as SampledSoftmax,
    SkipGram as SkipGram,
    TripletMargin as TripletMargin,
)
from tidegraph.retrieval.objective.negatives import (
    Curriculum as Curriculum,
    Every as Every,
    InBatch as InBatch,
    Mixed as Mixed,
    PerPair as PerPair,
    Planned as Planned,
    Queue as Queue,
    Ranked as Ranked,
    Shared as Shared,
)
from tidegraph.retrieval.objective.pairs import (
    Edges as Edges,
    SequenceWindows as SequenceWindows,
    SessionWalks as SessionWalks,
    WalkEnds as WalkEnds,
    WalkWindows as WalkWindows,
)
from tidegraph.retrieval.popular import (
    FittedPopular as FittedPopular,
    Popular as Popular,
)
from tidegraph.retrieval.recipes import *
from tidegraph.retrieval.repeat import FittedRepeat as FittedRepeat, Repeat as Repeat
from tidegraph.retrieval.rp3beta import RP3beta as RP3beta
from tidegraph.retrieval.sequence.fitted import FittedNextItem as FittedNextItem
from tidegraph.retrieval.sequence.next_item import NextItem as NextItem
from tidegraph.retrieval.slim import SLIM as SLIM
from tidegraph.retrieval.user_knn import (
    FittedUserKNN as FittedUserKNN,
    UserKNN as UserKNN,
)
