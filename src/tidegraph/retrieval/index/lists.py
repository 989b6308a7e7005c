"""An approximate index: only the lists of vectors nearest to a query are searched."""

import importlib
import math
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from jaxtyping import Float32, Int32

from tidegraph.arguments import settings
from tidegraph.artifact.sealed import State
from tidegraph.config import build, to_table
from tidegraph.errors import ArtifactError, ConfigError, RequestError
from tidegraph.extras import needed
from tidegraph.ranges import at_least, seed_below
from tidegraph.stages import NO_ITEM, ItemSets


@settings
class InvertedLists:
    """Finds most of the largest products at the cost of some, by ``faiss``.

    Vectors get one number more, which makes them all as long as the longest: then the
    largest products are with the nearest. They are listed by the nearest of some
    centres, and the lists of the centres nearest to a query are multiplied with it.

    Attributes:
        share: Of the lists, how many a query searches, above 0 and at most 1; more
            find more, and take longer.
        lists: How many there are; four times the root of the vectors if left out.
        seed: Seed of the centres.

    Source:
        Sivic & Zisserman, "Video Google", ICCV 2003, for the lists; Bachrach et al.,
        "Speeding Up the Xbox Recommender System Using a Euclidean Transformation for
        Inner-Product Spaces", RecSys 2014, for the number more.
    """

    share: float = 0.0625
    lists: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        at_least("InvertedLists", 1, lists=self.lists)
        at_least("InvertedLists", 0, seed=self.seed)
        seed_below("InvertedLists", 31, self.seed)
        if not 0 < self.share <= 1:
            raise ConfigError(
                f"InvertedLists share is {self.share!r}; it must be above 0 and at "
                "most 1."
            )

    def over(self, vectors: Float32[np.ndarray, "n d"]) -> "FittedInvertedLists":
        """Find centres, and list the vectors by them.

        Raises:
            MissingExtraError: The package ``faiss`` is not installed.
        """
        faiss = _faiss_library()
        some = vectors[np.isfinite(vectors).all(axis=1)]
        longest = float(np.square(some).sum(axis=1).max(initial=0.0))
        wide = _equalise_lengths(some, longest)
        lists = self.lists or 4 * math.isqrt(max(1, len(some)))
        lists = max(1, min(lists, len(some)))
        centres = faiss.IndexFlatIP(wide.shape[1])
        index = faiss.IndexIVFFlat(
            centres, wide.shape[1], lists, faiss.METRIC_INNER_PRODUCT
        )
        index.cp.seed, index.cp.max_points_per_centroid = self.seed, 64
        index.cp.min_points_per_centroid = 1  # It would print a warning.
        if len(wide):
            with _use_one_thread(faiss):
                index.train(wide)
        return FittedInvertedLists(self, index, longest, 0).added(vectors)


@dataclass(frozen=True, eq=False)
class FittedInvertedLists:
    """Searches the lists nearest to each query.

    It does not find all: a row may have fewer than there are, the rest -1.

    Attributes:
        settings: How.
        index: The lists, with the vectors.
        longest: The square of the longest vector it was built of.
        rows: How many vectors there are, those with a nan too.
    """

    settings: InvertedLists
    index: Any
    longest: float
    rows: int

    def added(self, vectors: Float32[np.ndarray, "n d"]) -> "FittedInvertedLists":
        """Return an index that has these too, in the rows after; this one stays.

        It costs a copy of the index, and no other vector is listed anew. One longer
        than the longest is found a little less often.
        """
        faiss = _faiss_library()
        index = faiss.clone_index(self.index)
        some = np.flatnonzero(np.isfinite(vectors).all(axis=1))
        if len(some):
            wide = _equalise_lengths(vectors[some], self.longest)
            with _use_one_thread(faiss):
                index.add_with_ids(wide, some + self.rows)
        rows = self.rows + len(vectors)
        return FittedInvertedLists(self.settings, index, self.longest, rows)

    def search(
        self, queries: Float32[np.ndarray, "b d"], k: int, excluded: ItemSets
    ) -> tuple[Int32[np.ndarray, "b k"], Float32[np.ndarray, "b k"]]:
        """Return the rows and products of the largest products that are found.

        As many more are looked for as a query excludes.

        Raises:
            RequestError: There are fewer than ``k`` vectors.
        """
        if k > self.rows:
            raise RequestError(
                f"the index was asked for {k:,} of its {self.rows:,} vectors. Ask for "
                "at most those."
            )
        item = np.full((len(queries), k), NO_ITEM, np.int32)
        score = np.full((len(queries), k), -np.inf, np.float32)
        held = int(self.index.ntotal)
        wanted = k + np.diff(excluded.ptr)
        # Queries that exclude about as many are searched together.
        size = np.minimum(2 ** np.ceil(np.log2(np.maximum(wanted, 1))), held)
        size[~np.isfinite(queries).all(axis=1)] = 0
        for count in np.unique(size[size > 0]).astype(int).tolist():
            rows = np.flatnonzero(size == count)
            self._search(queries, rows, count, excluded, item, score)
        return item, score

    def _search(
        self,
        queries: np.ndarray,
        rows: np.ndarray,
        count: int,
        excluded: ItemSets,
        item: np.ndarray,
        score: np.ndarray,
    ) -> None:
        """Write what some queries find among their ``count`` nearest."""
        lists = int(self.index.nlist)
        # At least so many lists as hold twice what is looked for, as lists go.
        enough = 2 * count * lists / int(self.index.ntotal)
        probes = min(lists, math.ceil(max(self.settings.share * lists, enough)))
        zero = np.zeros((len(rows), 1), np.float32)
        product, key = self.index.search(
            np.column_stack([queries[rows], zero]),
            count,
            params=_faiss_library().SearchParametersIVF(nprobe=probes),
        )
        kept = (key >= 0) & ~excluded.at(rows).holds(key.astype(np.int32))
        place = kept.cumsum(axis=1) - 1
        row, column = np.nonzero(kept & (place < item.shape[1]))
        to = rows[row], place[row, column]
        item[to], score[to] = key[row, column], product[row, column]

    def state(self) -> State:
        """Return what a file needs to hold: the lists as faiss writes them."""
        return State(
            kind="FittedInvertedLists",
            settings={
                "settings": to_table(self.settings),
                "longest": self.longest,
                "rows": self.rows,
            },
            arrays={"lists": _faiss_library().serialize_index(self.index)},
        )

    @classmethod
    def from_state(cls, state: State) -> "FittedInvertedLists":
        """Rebuild from what ``state`` returned.

        Raises:
            MissingExtraError: The package ``faiss`` is not installed.
            ArtifactError: The lists are none that faiss reads.
        """
        kept, faiss = state.settings, _faiss_library()
        try:
            index = faiss.deserialize_index(np.array(state.arrays["lists"]))
        except RuntimeError as error:
            raise ArtifactError(
                "the saved index is none that this version of faiss reads. Fit anew."
            ) from error
        table = cast(dict[str, Any], kept["settings"])
        settings = build(InvertedLists, table, "InvertedLists", own=state.kinds)
        longest, rows = cast(float, kept["longest"]), cast(int, kept["rows"])
        return cls(settings, index, longest, rows)


def _equalise_lengths(vectors: np.ndarray, longest: float) -> np.ndarray:
    """Add a number to each vector so that all are as long as the longest."""
    more = np.sqrt(np.maximum(longest - np.square(vectors).sum(axis=1), 0))
    return np.column_stack([vectors, more]).astype(np.float32)


def _faiss_library() -> Any:
    with needed("faiss-cpu", "index", "an approximate index"):
        return cast(Any, importlib.import_module("faiss"))


@contextmanager
def _use_one_thread(faiss: Any) -> Generator[None]:
    """Let no number of threads change a bit of what is built."""
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)
