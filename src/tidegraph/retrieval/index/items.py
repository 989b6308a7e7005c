"""Items as vectors: who asks with a vector finds those with the largest products."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32, Int32

from tidegraph.artifact.sealed import State, Storable
from tidegraph.errors import ArtifactError, DataError, type_of
from tidegraph.kernels.products import products
from tidegraph.retrieval.index import Exact, FittedExact, FittedIndex, Index
from tidegraph.retrieval.scoring.similar_items import above_zero, but_itself
from tidegraph.stages import Candidates, Requests, check_k

Side = Literal["item", "user"]
Held = tuple[Float32[np.ndarray, "rows d"], Bool[np.ndarray, " rows"]]


@runtime_checkable
class HoldsVectors(Protocol):
    """A fitted retriever with a vector for each item, and maybe for each user."""

    def held(self, of: Side) -> Held:
        """Return the vectors of items or users, and whose of them are known."""
        ...


@dataclass(frozen=True, eq=False)
class ItemVectors:
    """The vectors of items, and where the largest products are looked for.

    Attributes:
        name: The method.
        vectors: Those of items.
        known: Which items; others are not answered.
        index: Where they are looked for; exact if left out.
    """

    name: str
    vectors: Float32[np.ndarray, "items d"]
    known: Bool[np.ndarray, " items"]
    index: FittedIndex | None = None

    def scores(
        self, queries: Float32[np.ndarray, "b d"]
    ) -> Float32[np.ndarray, "b items"]:
        """Return the product with every item; ``-inf`` where training never had it."""
        score = products(queries, self.vectors)
        score[:, ~self.known] = -np.inf
        return np.where(np.isnan(score), np.float32(-np.inf), score)

    def retrieve(
        self, queries: Float32[np.ndarray, "b d"], requests: Requests, k: int
    ) -> Candidates:
        """Return the ``k`` items with the largest products with each query.

        Args:
            queries: A vector for each request; one with a nan finds nothing.
            requests: Which items each may be answered.
            k: How many.
        """
        k, choice = min(check_k(k), len(self.vectors)), requests.choice(len(self.known))
        if choice is None:
            found = self._searched.search(queries, k, requests.hidden)
            return Candidates.of_channel(*found, self.name)
        few = np.where(
            self.known[choice.item, None],
            self.vectors[choice.item],
            np.float32(np.nan),
        )
        place, score = FittedExact(few).search(queries, k, choice.excluded)
        return Candidates.of_channel(choice.at(place), score, self.name)

    def similar(self, rows: Int32[np.ndarray, " b"], k: int) -> Candidates:
        """Return the ``k`` other items whose vectors have the highest cosine."""
        unit = self._of_length_1.vectors
        known = (rows >= 0) & (rows < len(unit))
        vector = np.full((len(rows), unit.shape[1]), np.nan, np.float32)
        vector[known] = unit[rows[known]]
        found = self._of_length_1.search(vector, check_k(k), but_itself(rows))
        return above_zero(Candidates.of_channel(*found, self.name))

    def indexed(self, index: Index) -> "ItemVectors":
        """Return the same in an index."""
        if isinstance(index, Exact):
            return self  # The vectors are all it needs.
        return replace(self, index=index.over(self._searchable))

    def parts(self) -> dict[str, State]:
        """Return what a file needs to hold beside the vectors.

        Raises:
            ArtifactError: The index is one that has no state.
        """
        if self.index is None:
            return {}
        if not isinstance(self.index, Storable):
            raise ArtifactError(
                f"{self.name} cannot be saved: its index, "
                f"{type_of(self.index)}, has no method state()."
            )
        return {"index": self.index.state()}

    @cached_property
    def _searched(self) -> FittedIndex:
        return FittedExact(self._searchable) if self.index is None else self.index

    @cached_property
    def _of_length_1(self) -> FittedExact:
        """The same for cosines, for which an index of products is no use."""
        return FittedExact(unit_vectors(self._searchable))

    @property
    def _searchable(self) -> Float32[np.ndarray, "items d"]:
        """The vectors of items, nan where training had none."""
        if bool(self.known.all()):
            return self.vectors
        return np.where(self.known[:, None], self.vectors, np.float32(np.nan))


def unit_vectors(vectors: Float32[np.ndarray, "n d"]) -> Float32[np.ndarray, "n d"]:
    """Return vectors scaled to length 1; one of zeros stays."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(length, np.float32(1e-12))


def check_products(name: str, *sides: Float32[np.ndarray, "_ d"]) -> None:
    """Refuse vectors whose products may be no numbers, which would answer nobody.

    Args:
        name: The method.
        sides: Vectors of users and of items.

    Raises:
        DataError: The square of one is no number, and no product is larger than that.
    """
    for side in sides:
        with np.errstate(over="ignore", invalid="ignore"):
            square = np.einsum("vk,vk->v", side, side)
        if not np.isfinite(square).all():
            raise DataError(
                f"{name} finds vectors that are no numbers, or too long to multiply. "
                "Lower its learning rate if it has one, or look for huge numbers in "
                "the log."
            )
