"""User-based nearest neighbours."""

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from jaxtyping import Float32, Int32, Int64
from scipy import sparse

from tidegraph.artifact import State
from tidegraph.compiled import compiled, over_rows
from tidegraph.config import build, to_table
from tidegraph.data.interactions import Interactions
from tidegraph.data.views import Matrix, as_matrix
from tidegraph.errors import ArtifactError
from tidegraph.graph.histories import Histories
from tidegraph.retrieval.nearest import Index, nearest
from tidegraph.retrieval.rows import SparseRows, find
from tidegraph.retrieval.similarity import Corpus, Cosine, NamedSimilarity, Similarity
from tidegraph.retrieval.votes import Speakers, all_scores, elected
from tidegraph.stages import NO_ITEM, Candidates, Requests

BLOCK = 1024
"""Requests answered at a time, which bounds memory."""


@dataclass(frozen=True)
class UserKNN:
    """Recommends what the users with the most similar histories have met.

    An item scores the sum of the similarities of the neighbours that met it.

    Attributes:
        neighbors: How many similar users speak for a requester.
        similarity: How alike two users are, each a vector over items.
        shrinkage: Added to the similarity's denominator; makes little evidence weak.

    Source:
        Resnick et al. (1994), for actions instead of ratings.
    """

    neighbors: int = 100
    similarity: NamedSimilarity | Similarity = field(default_factory=Cosine)
    shrinkage: float = 0.0

    def fit(self, train: Interactions | Matrix) -> "FittedUserKNN":
        """Index the users of the log.

        Raises:
            DataError: ``train`` holds no action.
        """
        return FittedUserKNN.of(self, as_matrix(train, "UserKNN").csr())


@dataclass(frozen=True, eq=False)
class FittedUserKNN:
    """Compares a requester's history, as of the request, with all training users.

    So a user never seen in training is served too; one seen is not their own neighbour.
    A requester without history gets an empty answer.

    Attributes:
        settings: How neighbours are chosen.
        met: How much each training user met each item.
        corpus: What the similarity knows of all users.
        index: The users, searchable by item.
    """

    settings: UserKNN
    met: sparse.csr_array
    corpus: Corpus
    index: Index

    @classmethod
    def of(cls, settings: UserKNN, met: sparse.csr_array) -> "FittedUserKNN":
        """Index the rows of a matrix of users and items."""
        corpus = Corpus.of(met)
        index = Index.of(settings.similarity.profiles(met, corpus))
        return cls(settings, met, corpus, index)

    @property
    def reason(self) -> str:
        """Why it recommends."""
        return "chosen by others who chose {item}"

    def scores(self, requests: Requests) -> Float32[np.ndarray, "b items"]:
        """Return the score of every item; ``-inf`` where no neighbour met it."""
        return all_scores(self._speakers(requests), self._votes)

    def retrieve(self, requests: Requests, k: int) -> Candidates:
        """Return the best ``k`` of the items that some neighbour met."""
        speakers = self._speakers(requests)
        return elected(speakers, self._votes, requests.excluded, k, "UserKNN")

    def because(
        self, requests: Requests, item: Int32[np.ndarray, "b k"]
    ) -> Int32[np.ndarray, "b k"]:
        """Return the history item that most of an item's voters met, -1 for none.

        Voters count by their similarity; an item is no reason for itself.
        """
        out = np.full(item.shape, NO_ITEM, np.int32)
        speakers, votes = self._speakers(requests), self._votes
        history = requests.history
        over_rows(
            lambda a, b: _because(
                history.ptr,
                history.node,
                (speakers.ptr, speakers.row, speakers.gain),
                (votes.ptr, votes.column),
                votes.width,
                item,
                out,
                a,
                b,
            ),
            len(requests),
            grain=16,
        )
        return out

    def state(self) -> State:
        """Return what a file needs to hold.

        Raises:
            ArtifactError: The similarity is none that a file can name.
        """
        if not isinstance(self.settings.similarity, NamedSimilarity):
            raise ArtifactError(
                f"UserKNN with a {type(self.settings.similarity).__name__} cannot be "
                "saved: only this package's similarities have names. Save ItemKNN, "
                "which needs its similarity only in fit."
            )
        rows = SparseRows.of(self.met)
        return State(
            kind="FittedUserKNN",
            settings={"settings": to_table(self.settings), "items": rows.width},
            arrays={"ptr": rows.ptr, "item": rows.column, "weight": rows.weight},
        )

    @classmethod
    def from_state(cls, state: State) -> "FittedUserKNN":
        """Rebuild from what ``state`` returned."""
        arrays = state.arrays
        rows = SparseRows(
            arrays["ptr"],
            arrays["item"],
            arrays["weight"],
            cast(int, state.settings["items"]),
        )
        table = cast(dict[str, Any], state.settings["settings"])
        return cls.of(build(UserKNN, table, "UserKNN"), rows.csr())

    @property
    def _votes(self) -> SparseRows:
        """A vote of 1 by each user for each item met."""
        rows = SparseRows.of(self.met)
        ones = np.ones(len(rows.column), np.float32)
        return SparseRows(rows.ptr, rows.column, ones, rows.width)

    def _speakers(self, requests: Requests) -> Speakers:
        """Return each requester's neighbours, as loud as they are similar."""
        ptr = np.zeros(len(requests) + 1, np.int64)
        rows: list[np.ndarray] = [np.zeros(0, np.int32)]
        gains: list[np.ndarray] = [np.zeros(0, np.float32)]
        for start in range(0, len(requests), BLOCK):
            block = requests.rows(start, start + BLOCK)
            found, near = self._neighbors(block)
            present = found != NO_ITEM
            ptr[start + 1 : start + 1 + len(block)] = present.sum(axis=1)
            rows.append(found[present])
            gains.append(near[present])
        return Speakers(np.cumsum(ptr), np.concatenate(rows), np.concatenate(gains))

    def _neighbors(
        self, requests: Requests
    ) -> tuple[Int32[np.ndarray, "b n"], Float32[np.ndarray, "b n"]]:
        vectors = _summed(requests.history, int(self.met.shape[1]))
        return nearest(
            self.settings.similarity.profiles(vectors, self.corpus),
            self.index,
            neighbors=self.settings.neighbors,
            shrinkage=self.settings.shrinkage,
            skip=requests.user,
        )


def _summed(history: Histories, num_items: int) -> sparse.csr_array:
    """Return the weight of each known item in each history, as ``Matrix`` counts."""
    owner = np.repeat(np.arange(len(history)), np.diff(history.ptr))
    known = (history.node >= 0) & (history.node < num_items)
    place = (owner[known], history.node[known])
    shape = (len(history), num_items)
    return sparse.coo_array((history.weight[known], place), shape).tocsr()


@compiled
def _because(
    history_ptr: Int64[np.ndarray, " starts"],
    history_item: np.ndarray,
    speakers: tuple[np.ndarray, np.ndarray, np.ndarray],
    votes: tuple[np.ndarray, np.ndarray],
    width: int,
    item: np.ndarray,
    out: np.ndarray,
    first: int,
    last: int,
) -> None:
    ptr, user, gain = speakers
    vote_ptr, vote_item = votes
    shared = np.zeros(width)
    for request in range(first, last):
        for place in range(item.shape[1]):
            wanted = item[request, place]
            for n in range(ptr[request], ptr[request + 1]):
                v = user[n]
                if find(vote_ptr, vote_item, v, wanted) < 0:
                    continue
                for e in range(vote_ptr[v], vote_ptr[v + 1]):
                    shared[vote_item[e]] += gain[n]
            most = 0.0
            for h in range(history_ptr[request], history_ptr[request + 1]):
                i = history_item[h]
                if 0 <= i < width and i != wanted and shared[i] > most:
                    most = shared[i]
                    out[request, place] = i
            shared[:] = 0
