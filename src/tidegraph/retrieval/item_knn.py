"""Item-based nearest neighbours."""

from dataclasses import replace

import numpy as np

from tidegraph.arguments import checked, settings
from tidegraph.errors import DataError
from tidegraph.ranges import at_least, from_0_to_1, span
from tidegraph.retrieval.from_log import (
    FROM_LOG,
    HALF_LIVES,
    FromLog,
    chosen_settings,
    settle_on_log,
    value_of,
)
from tidegraph.retrieval.item_model import FittedItemModel
from tidegraph.retrieval.knn.search import Index, as_matrix_of_neighbors, nearest
from tidegraph.retrieval.knn.similarity import BM25, Corpus, Cosine, Similarity
from tidegraph.retrieval.scoring.decay import check_half_life
from tidegraph.retrieval.scoring.evidence import trained_until, users_of_items
from tidegraph.stages import Fold, Train, remembers

QUESTIONS = (
    (
        {"similarity": Cosine(), "shrinkage": 10.0},
        {"similarity": BM25(), "shrinkage": 0.0},
    ),
    HALF_LIVES,
)
"""What is chosen on a log, in turn; see ``from_log``."""


@settings
class ItemKNN:
    """Recommends what the users of the history's items also interacted with.

    An item scores the sum of its similarities to those distinct items of the history
    that count it among their nearest. What is ``FROM_LOG`` is chosen on the log.

    Attributes:
        neighbors: How many similar items each item keeps.
        similarity: How alike two items are, each a vector over users.
        shrinkage: Added to the similarity's denominator; makes little evidence weak.
        asymmetry: Exponent of the history item's length, the other item's being one
            less this, doubled so that 0.5 is the plain similarity; above it, popular
            items come first. Concerns cosine, Pearson and TF-IDF.
        half_life_days: Age of an item's last event, since the newest of the history, at
            which it counts half; None where age does not matter.

    Source:
        Deshpande & Karypis (2004); asymmetry as in Aiolli (2013); section 19.1.2.
    """

    neighbors: int = 100
    similarity: Similarity | FromLog = FROM_LOG
    shrinkage: float | FromLog = FROM_LOG
    asymmetry: float = 0.5
    half_life_days: float | FromLog | None = FROM_LOG

    def __post_init__(self) -> None:
        at_least("ItemKNN", 1, neighbors=self.neighbors)
        at_least("ItemKNN", 0, shrinkage=self.shrinkage)
        from_0_to_1("ItemKNN", asymmetry=self.asymmetry)
        span("ItemKNN", half_life_days=self.half_life_days)

    @remembers
    @checked(DataError)
    def fit(self, train: Train) -> FittedItemModel:
        """Find each item's nearest.

        Raises:
            DataError: ``train`` holds no action, or has no times for a half-life.
            ConfigError: A setting is out of range.
        """
        fold = Fold.of(train, "ItemKNN")
        method = settle_on_log(self, QUESTIONS, fold)
        half_life = check_half_life(method.half_life_days, fold, "ItemKNN")
        items = users_of_items(fold, "ItemKNN")
        profiles = value_of(method.similarity).profiles(items, Corpus.of(items))
        own, others = 2 * self.asymmetry, 2 * (1 - self.asymmetry)
        found, near = nearest(
            replace(profiles, scale=profiles.scale**own),
            Index.of(replace(profiles, scale=profiles.scale**others)),
            neighbors=self.neighbors,
            shrinkage=value_of(method.shrinkage),
            skip=np.arange(len(profiles), dtype=np.int32),
        )
        return FittedItemModel.of(
            "ItemKNN",
            "often chosen together with {item}",
            as_matrix_of_neighbors(found, near, len(profiles)),
            half_life,
            trained_until(fold),
            chosen_settings(self, method),
        )
