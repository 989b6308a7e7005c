"""Several embeddings as one: their vectors end to end."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import field, replace
from functools import reduce

import numpy as np

from tidegraph.arguments import settings
from tidegraph.errors import ConfigError
from tidegraph.retrieval.embedded import FittedEmbedding
from tidegraph.retrieval.embedding import Embedding
from tidegraph.retrieval.index import Exact, Index
from tidegraph.retrieval.index.items import unit_vectors
from tidegraph.retrieval.scoring.evidence import trained_until
from tidegraph.retrieval.scoring.learnt_from import drawing, parted
from tidegraph.run import Curve, Run
from tidegraph.stages import Fold, Train, remembers


@settings
class Concatenated:
    """Embeddings trained apart, each vector brought to length 1, end to end.

    So the score of an item is the sum of its cosines.

    Attributes:
        name: The channel.
        parts: What is trained; where one stops by what is held out, none learns it.
        index: Where the largest products are looked for.
    """

    name: str
    parts: tuple[Embedding, ...]
    index: Index = field(default_factory=Exact)

    def __post_init__(self) -> None:
        if not self.parts:
            raise ConfigError(f"{self.name} has no parts. Name at least one embedding.")
        for part in self.parts:
            if part.index != Exact():
                raise ConfigError(
                    f"{part.name} in {self.name} has an index, and only whole vectors "
                    f"are looked for. Say index of {self.name} instead."
                )

    @remembers
    def fit(self, train: Train, *, run: Run | None = None) -> FittedEmbedding:
        """Learn each part from the same log.

        Raises:
            ConfigError: Some parts are of items alone and others of users too.
            DataError: ``train`` holds no action.
        """
        fold = Fold.of(train, self.name)
        rng = drawing(self.name, None, run).rng
        stops_early = any(part.training.stops_early for part in self.parts)
        known, held = parted(fold, self.name, rng, stops_early=stops_early)
        fitted = [
            part.learnt(
                known,
                held if part.training.stops_early else None,
                drawing(name, part.seed, run).child(name),
            )
            for name, part in self._named()
        ]
        joined = replace(
            reduce(_joined_embeddings, map(_with_unit_vectors, fitted)), name=self.name
        )
        curves = zip(*(part.curve.loss for part in fitted), strict=False)
        loss = tuple(float(sum(losses)) for losses in curves)
        return replace(
            joined.indexed(self.index),
            trained_until=trained_until(fold),
            curve=Curve(loss, (np.nan,) * len(loss)),
        )

    def _named(self) -> Iterator[tuple[str, Embedding]]:
        """Yield the parts by names of their own; the second of a name is numbered."""
        seen = Counter[str]()
        for part in self.parts:
            seen[part.name] += 1
            count = seen[part.name]
            yield part.name if count == 1 else f"{part.name} {count}", part


def _with_unit_vectors(fitted: FittedEmbedding) -> FittedEmbedding:
    """Return the same with vectors of length 1."""
    given = fitted.item if fitted.given is None else fitted.given
    sides = fitted.user, fitted.item, given
    user, item, given = (unit_vectors(side) for side in sides)
    return replace(fitted, user=user, item=item, given=given, index=None)


def _joined_embeddings(
    left: FittedEmbedding, right: FittedEmbedding
) -> FittedEmbedding:
    if len(left.user) != len(right.user):
        raise ConfigError(
            f"{left.name} and {right.name} have vectors of other nodes, and cannot be "
            "one. Join embeddings that learn from the same pairs."
        )
    assert left.given is not None
    assert right.given is not None
    # One that reads features knows items without an event, too.
    items = min(len(left.item), len(right.item))
    return replace(
        left,
        user=np.hstack([left.user, right.user]),
        item=np.hstack([left.item[:items], right.item[:items]]),
        user_known=left.user_known & right.user_known,
        item_known=left.item_known[:items] & right.item_known[:items],
        given=np.hstack([left.given[:items], right.given[:items]]),
    )
