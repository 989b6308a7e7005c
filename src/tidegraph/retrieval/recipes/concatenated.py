"""Several embeddings as one: their vectors end to end."""

from dataclasses import replace
from functools import reduce

import numpy as np

from tidegraph.arguments import settings
from tidegraph.errors import ConfigError
from tidegraph.retrieval.embedded import FittedEmbedding
from tidegraph.retrieval.embedding import Embedding
from tidegraph.retrieval.index.items import of_length_1
from tidegraph.run import Curve, Run
from tidegraph.stages import Fold, Train


@settings
class Concatenated:
    """Embeddings trained apart, each vector brought to length 1, end to end.

    So the score of an item is the sum of its cosines.

    Attributes:
        name: The channel.
        parts: What is trained.
    """

    name: str
    parts: tuple[Embedding, ...]

    def __post_init__(self) -> None:
        if not self.parts:
            raise ConfigError(f"{self.name} has no parts. Name at least one embedding.")

    def fit(self, train: Train, *, run: Run | None = None) -> FittedEmbedding:
        """Learn each part from the same log.

        Raises:
            ConfigError: Some parts are of items alone and others of users too.
            DataError: ``train`` holds no action.
        """
        fold = Fold.of(train, self.name)
        run = Run(np.random.default_rng(0)) if run is None else run
        fitted = [part.fit(fold, run=run.child(part.name)) for part in self.parts]
        joined = replace(reduce(_joined_embeddings, map(_unit, fitted)), name=self.name)
        curves = zip(*(part.curve.loss for part in fitted), strict=False)
        loss = tuple(float(sum(losses)) for losses in curves)
        return replace(joined, curve=Curve(loss, (np.nan,) * len(loss)))


def _unit(fitted: FittedEmbedding) -> FittedEmbedding:
    """Return the same with vectors of length 1."""
    given = fitted.item if fitted.given is None else fitted.given
    sides = fitted.user, fitted.item, given
    user, item, given = (of_length_1(side) for side in sides)
    return replace(fitted, user=user, item=item, given=given, index=None)


def _joined_embeddings(
    left: FittedEmbedding, right: FittedEmbedding
) -> FittedEmbedding:
    if len(left.user) != len(right.user) or len(left.item) != len(right.item):
        raise ConfigError(
            f"{left.name} and {right.name} have vectors of other nodes, and cannot be "
            "one. Join embeddings that learn from the same pairs."
        )
    assert left.given is not None
    assert right.given is not None
    return replace(
        left,
        user=np.hstack([left.user, right.user]),
        item=np.hstack([left.item, right.item]),
        given=np.hstack([left.given, right.given]),
    )
