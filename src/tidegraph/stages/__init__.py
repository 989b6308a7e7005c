"""What the stages of a recommender say to each other.

A retriever, a ranker and a re-ranker are each a frozen configuration whose ``fit``
returns another type; only the fitted value answers. All three take ``Requests`` and
answer with ``Candidates``; every array of a request is as of that request's own clock.
"""

from tidegraph.stages.abilities import (
    AnswersLabel,
    Checks,
    ChoseOnLog,
    Explains,
    HoldsUsers,
    LearntInEpochs,
    NamesFeatures,
    SaysLabel,
    Scores,
    Trained,
    because_of,
    chosen_by,
    curve_of,
    features_read_by,
    label_answered,
    reason_of,
    right_for,
    without,
)
from tidegraph.stages.candidates import NO_ITEM, Candidates, Examples
from tidegraph.stages.choice import Choice
from tidegraph.stages.fold import Fold, Train
from tidegraph.stages.item_sets import ItemSets
from tidegraph.stages.naming import by_name, called, checked_name, ordered
from tidegraph.stages.protocols import (
    FittedRanker,
    FittedReranker,
    FittedRetriever,
    Ranker,
    Reranker,
    Retriever,
    fit_in,
)
from tidegraph.stages.requests import Requests, check_k
from tidegraph.stages.rows_of import Ids, ids_of, remembers

__all__ = [
    "NO_ITEM",
    "AnswersLabel",
    "Candidates",
    "Checks",
    "Choice",
    "ChoseOnLog",
    "Examples",
    "Explains",
    "FittedRanker",
    "FittedReranker",
    "FittedRetriever",
    "Fold",
    "HoldsUsers",
    "Ids",
    "ItemSets",
    "LearntInEpochs",
    "NamesFeatures",
    "Ranker",
    "Requests",
    "Reranker",
    "Retriever",
    "SaysLabel",
    "Scores",
    "Train",
    "Trained",
    "because_of",
    "by_name",
    "called",
    "check_k",
    "checked_name",
    "chosen_by",
    "curve_of",
    "features_read_by",
    "fit_in",
    "ids_of",
    "label_answered",
    "ordered",
    "reason_of",
    "remembers",
    "right_for",
    "without",
]
