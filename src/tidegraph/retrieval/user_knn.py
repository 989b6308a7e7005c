"""User-based nearest neighbours."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
from jaxtyping import Float32, Int32, Int64
from scipy import sparse

from tidegraph.arguments import checked, settings
from tidegraph.artifact.sealed import State
from tidegraph.config import build, to_table
from tidegraph.errors import ConfigError, DataError
from tidegraph.kernels.distinct_numbers import Few
from tidegraph.kernels.jit import compiled, over_rows
from tidegraph.kernels.ragged import starts
from tidegraph.kernels.sparse_rows import SparseRows, find_entry
from tidegraph.ranges import at_least, span
from tidegraph.retrieval.from_log import (
    FROM_LOG,
    HALF_LIVES,
    FromLog,
    chosen_settings,
    settle_on_log,
    value_of,
)
from tidegraph.retrieval.knn.search import Searchable, nearest, nearest_of_faded
from tidegraph.retrieval.knn.similarity import BM25, TFIDF, Cosine, Jaccard, Similarity
from tidegraph.retrieval.scoring.decay import add_halved, as_key, check_half_life
from tidegraph.retrieval.scoring.describe import describe_retriever
from tidegraph.retrieval.scoring.evidence import evidence, trained_until
from tidegraph.retrieval.scoring.weighted_history import (
    WeightedHistory,
    all_scores,
    summed,
    top_k_of_sums,
)
from tidegraph.stages import NO_ITEM, Candidates, Fold, Requests, Train, remembers
from tidegraph.stages.evidence import evident_history

QUESTIONS = (
    (
        {"similarity": TFIDF(), "shrinkage": 10.0},
        {"similarity": Cosine(), "shrinkage": 10.0},
        {"similarity": BM25(), "shrinkage": 0.0},
    ),
    HALF_LIVES,
)
"""What is chosen on a log, in turn; see ``from_log``."""
BLOCK = 1024
"""Requests answered at a time, which bounds memory."""
_VISIBLE = 64  # Halvings that a similarity sees; those beyond are kept beside it.


@settings
class UserKNN:
    """Recommends what the users with the most similar histories interacted with.

    An item scores the sum of the similarities of the neighbours with that item. What is
    ``FROM_LOG`` is chosen on the log.

    Attributes:
        neighbors: How many similar users vote for a requester.
        similarity: How alike two users are, each a vector over items.
        shrinkage: Added to the similarity's denominator; makes little evidence weak.
        half_life_days: Age of an event, since the newest of the history, at which it
            counts half when a requester is compared; None where age does not matter.
            Not for Jaccard, to which values do not matter.

    Source:
        Resnick et al. (1994), for actions instead of ratings.
    """

    neighbors: int = 100
    similarity: Similarity | FromLog = FROM_LOG
    shrinkage: float | FromLog = FROM_LOG
    half_life_days: float | FromLog | None = FROM_LOG

    def __post_init__(self) -> None:
        at_least("UserKNN", 1, neighbors=self.neighbors)
        at_least("UserKNN", 0, shrinkage=self.shrinkage)
        span("UserKNN", half_life_days=self.half_life_days)
        aged = isinstance(self.half_life_days, float) and self.half_life_days < math.inf
        if aged and isinstance(self.similarity, Jaccard):
            raise ConfigError(
                "UserKNN with Jaccard compares which items users chose, not how often, "
                "so half_life_days would change nothing. Leave it out, or use Cosine."
            )

    @remembers
    @checked(DataError)
    def fit(self, train: Train) -> "FittedUserKNN":
        """Index the users of the log.

        Raises:
            DataError: ``train`` holds no action, or has no times for a half-life.
            ConfigError: The half-life is not above 0, or the similarity knows none.
        """
        fold = Fold.of(train, "UserKNN")
        method = settle_on_log(self, QUESTIONS, fold)
        days = check_half_life(method.half_life_days, fold, "UserKNN")
        pairs = evidence(fold, "UserKNN").csr()
        fixed = replace(method, half_life_days=days)
        return FittedUserKNN.of(
            fixed, pairs, trained_until(fold), chosen_settings(self, method)
        )


@dataclass(frozen=True, eq=False, repr=False)
class FittedUserKNN:
    """Compares a requester's history, as of the request, with all training users.

    So a user never seen in training is served too; one seen is not their own neighbour.
    A requester without history gets an empty answer.

    Attributes:
        settings: How neighbours are chosen.
        users: How much each training user interacted with each item, and the index
            of that, which is saved with it.
        trained_until: Time of the last training event; None for training without times.
        chosen: What the log has chosen, by setting.
    """

    settings: UserKNN
    users: Searchable
    trained_until: int | None = None
    chosen: Mapping[str, object] = field(default_factory=dict[str, object])

    @classmethod
    def of(
        cls,
        settings: UserKNN,
        interactions: sparse.csr_array,
        trained_until: int | None,
        chosen: Mapping[str, object],
    ) -> "FittedUserKNN":
        """Index the rows of a matrix of users and items."""
        users = Searchable.of(interactions, value_of(settings.similarity))
        return cls(settings, users, trained_until, chosen)

    def __repr__(self) -> str:
        users, items = len(self.users.rows), self.users.rows.width
        return describe_retriever(
            "UserKNN",
            self.trained_until,
            f"{users:,} users",
            f"{items:,} items",
            **{**self.chosen, "half_life_days": self.settings.half_life_days},
        )

    def faded(self, half_life_days: float | None) -> "FittedUserKNN":
        """Return the same with another half-life."""
        settings = replace(self.settings, half_life_days=half_life_days)
        return replace(self, settings=settings)

    def without_users(self, rows: Int32[np.ndarray, " n"]) -> "FittedUserKNN":
        """Return the same without some users among the neighbours."""
        kept = np.ones(len(self.users.rows), np.float32)
        kept[rows[rows < len(kept)]] = 0
        pairs = sparse.csr_array(sparse.diags_array(kept) @ self.users.rows.csr())
        pairs.eliminate_zeros()
        return FittedUserKNN.of(self.settings, pairs, self.trained_until, self.chosen)

    @property
    def reason(self) -> str:
        """Why it recommends."""
        return "chosen by others who chose {item}"

    def scores(self, requests: Requests) -> Float32[np.ndarray, "b items"]:
        """Return the score of every item; ``-inf`` where no neighbour has it."""
        return all_scores(*self._votes(self._voters(requests)))

    def retrieve(self, requests: Requests, k: int) -> Candidates:
        """Return the best ``k`` of the items that some neighbour has."""
        voters, votes = self._votes(self._voters(requests))
        choice, hidden = requests.choice(votes.width), requests.hidden
        return top_k_of_sums(voters, votes, hidden, k, "UserKNN", choice)

    def because(
        self, requests: Requests, item: Int32[np.ndarray, "b k"]
    ) -> Int32[np.ndarray, "b k"]:
        """Return the history item that most of an item's voters have, -1 for none.

        Voters count by their similarity; an item is no reason for itself.
        """
        out = np.full(item.shape, NO_ITEM, np.int32)
        voters, votes = self._voters(requests), self.users.rows
        history = evident_history(requests.history)
        over_rows(
            lambda a, b: _explaining_items(
                history.ptr,
                history.node,
                voters.arrays,
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
            ConfigError: The similarity is no dataclass, whose settings a file can hold.
        """
        return State(
            kind="FittedUserKNN",
            settings={
                "settings": to_table(self.settings),
                "users": self.users.table(),
                "trained_until": self.trained_until,
                "chosen": dict(self.chosen),
            },
            arrays=self.users.arrays(),
        )

    @classmethod
    def from_state(cls, state: State) -> "FittedUserKNN":
        """Rebuild from what ``state`` returned."""
        users = Searchable.from_arrays(state.arrays, state.settings["users"])
        table = cast(dict[str, Any], state.settings["settings"])
        until = cast(int | None, state.settings.get("trained_until"))
        chosen = cast(Mapping[str, object], state.settings.get("chosen", {}))
        made = build(UserKNN, table, "UserKNN", own=state.kinds)
        return cls(made, users, until, chosen)

    def _votes(self, voters: WeightedHistory) -> tuple[WeightedHistory, SparseRows]:
        """Return voters and their votes: 1 for each item of a voter's history."""
        few = Few.of(voters.row)
        own = self.users.rows.rows(few.number)
        ones = replace(own, weight=np.ones_like(own.weight))
        return replace(voters, row=few.places(voters.row)), ones

    def _voters(self, requests: Requests) -> WeightedHistory:
        """Return each requester's neighbours, weighing as they are similar."""
        parts = [
            self._neighbors(requests.rows(start, start + BLOCK))
            for start in range(0, max(len(requests), 1), BLOCK)
        ]
        size = np.concatenate([np.diff(part.ptr) for part in parts])
        count = [part.halvings for part in parts if part.halvings is not None]
        return WeightedHistory(
            starts(size),
            np.concatenate([part.row for part in parts]),
            np.concatenate([part.gain for part in parts]),
            np.concatenate(count) if count else None,
        )

    def _neighbors(self, requests: Requests) -> WeightedHistory:
        half_life = value_of(self.settings.half_life_days)
        items = self.users.rows.width
        total = summed(evident_history(requests.history), items, half_life)
        # A return that came late may weigh more than all that was taken before it.
        total = total.of(total.gain > 0)
        if half_life is not None:
            return self._faded(total, requests.user)
        vectors = sparse.csr_array(
            (total.gain, total.row, total.ptr), shape=(len(requests), items)
        )
        vectors.sort_indices()
        found, near = nearest(
            value_of(self.settings.similarity).profiles(vectors, self.users.corpus),
            self.users.index,
            neighbors=self.settings.neighbors,
            shrinkage=value_of(self.settings.shrinkage),
            skip=requests.user,
        )
        present = found != NO_ITEM
        ptr = starts(present.sum(axis=1))
        return WeightedHistory(ptr, found[present], near[present])

    def _faded(
        self, total: WeightedHistory, user: Int32[np.ndarray, " requests"]
    ) -> WeightedHistory:
        """Return the neighbours of histories that fade."""
        _, _, gain, count = total.arrays
        # What is smaller is in the linear part of every similarity, and in no norm.
        seen = np.minimum(count, _VISIBLE)
        vectors = sparse.csr_array(
            (np.ldexp(gain, -seen), total.row, total.ptr),
            shape=(len(total), self.users.rows.width),
        )
        return nearest_of_faded(
            value_of(self.settings.similarity).profiles(vectors, self.users.corpus),
            count - seen,
            self.users.index,
            neighbors=self.settings.neighbors,
            shrinkage=value_of(self.settings.shrinkage),
            skip=user,
        )


@compiled
def _explaining_items(
    history_ptr: Int64[np.ndarray, " starts"],
    history_item: np.ndarray,
    voters: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    votes: tuple[np.ndarray, np.ndarray],
    width: int,
    item: np.ndarray,
    out: np.ndarray,
    first: int,
    last: int,
) -> None:
    ptr, user, gain, halvings = voters
    vote_ptr, vote_item = votes
    shared, block = np.zeros(width), np.zeros(width, np.int64)
    for request in range(first, last):
        for place in range(item.shape[1]):
            wanted = item[request, place]
            for n in range(ptr[request], ptr[request + 1]):
                v = user[n]
                if find_entry(vote_ptr, vote_item, v, wanted) >= 0:
                    for e in range(vote_ptr[v], vote_ptr[v + 1]):
                        add_halved(shared, block, vote_item[e], gain[n], halvings[n])
            most = 0
            for h in range(history_ptr[request], history_ptr[request + 1]):
                i = history_item[h]
                if not 0 <= i < width or i == wanted:
                    continue
                amount = as_key(shared[i], block[i])
                if amount > most:
                    most = amount
                    out[request, place] = i
            for v in user[ptr[request] : ptr[request + 1]]:
                for e in range(vote_ptr[v], vote_ptr[v + 1]):
                    shared[vote_item[e]] = 0
