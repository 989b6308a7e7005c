"""Random walks of three steps with a correction for popularity."""

import numpy as np
from scipy import sparse

from tidegraph.arguments import checked, settings
from tidegraph.errors import DataError
from tidegraph.ranges import at_least, span
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
from tidegraph.retrieval.knn.similarity import Profiles
from tidegraph.retrieval.scoring.decay import check_half_life
from tidegraph.retrieval.scoring.evidence import evidence, trained_until, users_of_items
from tidegraph.stages import Fold, Train, remembers

QUESTIONS = (
    (
        {"alpha": 0.4, "beta": 0.2},
        {"alpha": 0.4, "beta": 0.0},
        {"alpha": 0.4, "beta": 0.4},
        {"alpha": 0.4, "beta": 0.6},
        {"alpha": 0.8, "beta": 0.6},
        {"alpha": 1.0, "beta": 0.4},
    ),
    HALF_LIVES,
)
"""What is chosen on a log, in turn; see ``from_log``."""


@settings
class RP3beta:
    """Recommends where three random steps from the user end, popular ends discounted.

    The weight of history item h for item i is the chance to walk from h over a user to
    i, each step's probability raised to ``alpha``, over popularity(i)^``beta``. What is
    ``FROM_LOG`` is chosen on the log.

    Attributes:
        neighbors: How many items each item keeps.
        alpha: Exponent of each step's probability.
        beta: Exponent of the popularity that divides; 0 gives P3alpha.
        half_life_days: Age of an item's last event, since the newest of the history, at
            which it counts half; None where age does not matter.

    Source:
        Paudel et al. (2017), "Updatable, accurate, diverse, and scalable
        recommendations for interactive applications".

    Departs: The first step, from the user to an item of the history, is the same for
        all of them: every distinct item counts once. Popularity is the sum of weights.
    """

    neighbors: int = 100
    alpha: float | FromLog = FROM_LOG
    beta: float | FromLog = FROM_LOG
    half_life_days: float | FromLog | None = FROM_LOG

    def __post_init__(self) -> None:
        at_least("RP3beta", 1, neighbors=self.neighbors)
        at_least("RP3beta", 0, alpha=self.alpha, beta=self.beta)
        span("RP3beta", half_life_days=self.half_life_days)

    @remembers
    @checked(DataError)
    def fit(self, train: Train) -> FittedItemModel:
        """Find each item's likeliest ends.

        Raises:
            DataError: ``train`` holds no action, or has no times for a half-life.
            ConfigError: A setting is out of range.
        """
        fold = Fold.of(train, "RP3beta")
        method = settle_on_log(self, QUESTIONS, fold)
        alpha, beta = value_of(method.alpha), value_of(method.beta)
        half_life = check_half_life(method.half_life_days, fold, "RP3beta")
        pairs = evidence(fold, "RP3beta").csr()
        popularity = np.bincount(pairs.indices, pairs.data, minlength=pairs.shape[1])
        from_user = _probabilities_to_power(pairs, alpha)
        from_item = _probabilities_to_power(users_of_items(fold, "RP3beta"), alpha)
        discount = np.power(np.maximum(popularity, 1e-12), beta)
        found, near = nearest(
            Profiles.of(from_item, scale=1.0),
            Index.of(Profiles.of(sparse.csr_array(from_user.T), scale=discount)),
            neighbors=self.neighbors,
            shrinkage=0.0,
            skip=np.arange(len(popularity), dtype=np.int32),
        )
        model = as_matrix_of_neighbors(found, near, len(popularity))
        return FittedItemModel.of(
            "RP3beta",
            "a short walk from {item}",
            model,
            half_life,
            trained_until(fold),
            chosen_settings(self, method),
        )


def _probabilities_to_power(steps: sparse.csr_array, alpha: float) -> sparse.csr_array:
    """Return each row's probabilities raised to ``alpha``."""
    owner = np.repeat(np.arange(steps.shape[0]), np.diff(steps.indptr))
    total = np.bincount(owner, steps.data, minlength=steps.shape[0])
    chance = np.divide(
        steps.data, total[owner], out=np.zeros(steps.nnz), where=total[owner] > 0
    )
    value = np.power(chance, alpha).astype(np.float32)
    return sparse.csr_array((value, steps.indices, steps.indptr), shape=steps.shape)
