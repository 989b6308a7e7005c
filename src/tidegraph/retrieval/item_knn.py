"""Item-based nearest neighbours."""

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from tidegraph.data.interactions import Interactions
from tidegraph.data.views import Matrix, as_matrix
from tidegraph.retrieval.item_model import FittedItemModel
from tidegraph.retrieval.nearest import Index, as_matrix_of_neighbors, nearest
from tidegraph.retrieval.similarity import Corpus, Cosine, NamedSimilarity, Similarity
from tidegraph.retrieval.votes import checked_half_life


@dataclass(frozen=True)
class ItemKNN:
    """Recommends what is met by the same users as the items of the history.

    An item scores the sum of its similarities to those distinct items of the history
    that count it among their nearest.

    Attributes:
        neighbors: How many similar items each item keeps.
        similarity: How alike two items are, each a vector over users.
        shrinkage: Added to the similarity's denominator; makes little evidence weak.
        half_life_days: Age of an item's last event at which it counts half; None where
            age does not matter.

    Source:
        Deshpande & Karypis (2004); section 19.1.2.
    """

    neighbors: int = 50
    similarity: NamedSimilarity | Similarity = field(default_factory=Cosine)
    shrinkage: float = 0.0
    half_life_days: float | None = None

    def fit(self, train: Interactions | Matrix) -> FittedItemModel:
        """Find each item's nearest.

        Raises:
            DataError: ``train`` holds no action.
            ConfigError: A setting is out of range.
        """
        if self.half_life_days is not None:
            checked_half_life(self.half_life_days)
        met = as_matrix(train, "ItemKNN").csr()
        items = sparse.csr_array(met.T)
        index = Index.of(self.similarity.profiles(items, Corpus.of(items)))
        everyone = np.arange(len(index.profiles), dtype=np.int32)
        found, near = nearest(
            index.profiles,
            index,
            neighbors=self.neighbors,
            shrinkage=self.shrinkage,
            skip=everyone,
        )
        return FittedItemModel.of(
            "ItemKNN",
            "often chosen together with {item}",
            as_matrix_of_neighbors(found, near, len(everyone)),
            self.half_life_days,
        )
