"""Retrieval by linear filters of the history: nothing is trained."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast

import numpy as np
from jaxtyping import Float32, Int32

from tidegraph.arguments import checked, settings
from tidegraph.artifact.sealed import State
from tidegraph.config import build, to_table
from tidegraph.errors import ConfigError, DataError
from tidegraph.graph.from_log import ITEM, USER
from tidegraph.graph.static import StaticGraph
from tidegraph.kernels.distinct_numbers import Few
from tidegraph.kernels.ragged import owners
from tidegraph.kernels.sparse_rows import SparseRows
from tidegraph.ranges import at_least, span
from tidegraph.retrieval.filters import Filter
from tidegraph.retrieval.filters.columns import NUMBERS
from tidegraph.retrieval.filters.degrees import node_gains
from tidegraph.retrieval.filters.history import distinct_items, single_item_histories
from tidegraph.retrieval.filters.hop import Hop
from tidegraph.retrieval.filters.low_pass import LowPass
from tidegraph.retrieval.filters.scores import filter_scores
from tidegraph.retrieval.from_log import (
    FROM_LOG,
    HALF_LIVES,
    FromLog,
    chosen_settings,
    settle_on_log,
    value_of,
)
from tidegraph.retrieval.scoring.decay import check_half_life
from tidegraph.retrieval.scoring.describe import describe_retriever
from tidegraph.retrieval.scoring.evidence import evidence, evident_pairs, trained_until
from tidegraph.retrieval.scoring.learnt_from import seeded
from tidegraph.retrieval.scoring.similar_items import above_zero, but_itself
from tidegraph.retrieval.scoring.top_k import (
    Columns,
    best_allowed,
    count_scored,
    keep_larger_votes,
    mask_zero_scores,
    top_k,
)
from tidegraph.run import Run
from tidegraph.stages import (
    NO_ITEM,
    Candidates,
    Fold,
    Requests,
    Train,
    check_k,
    remembers,
)

QUESTIONS = (
    [
        {"filters": (one,)}
        for one in (
            Hop(0.5, 0.3, 0.3),
            Hop(0.5, 0.3, 0.4),
            Hop(0.5, 0.75, 0.4),
            Hop(0.8, 0.75, 0.2),
            Hop(0.3, 0.3, 0.1),
            LowPass(32, 0.4),
            LowPass(96, 0.4),
            LowPass(256, 0.3),
        )
    ],
    HALF_LIVES,
)
"""What is chosen on a log, in turn; see ``from_log``."""


@settings
class GraphFilter:
    """Scores items by what linear filters let through of a requester's history.

    Every distinct item of the history counts once, and so does every pair of training.
    What is ``FROM_LOG`` is chosen on the log: a hop or a low-pass filter, and how soon
    events age.

    Attributes:
        name: The channel.
        filters: What the history goes through, each on its own.
        weights: What the answer of each filter counts; 1 for each if left out.
        half_life_days: Age of an item's last event, since the newest of the history, at
            which it counts half; None where age does not matter.
    """

    name: str = "GraphFilter"
    filters: tuple[Filter, ...] | FromLog = FROM_LOG
    weights: tuple[float, ...] = ()
    half_life_days: float | FromLog | None = FROM_LOG

    def __post_init__(self) -> None:
        span(self.name, half_life_days=self.half_life_days)
        for weight in self.weights:
            at_least(self.name, 0, weights=weight)
        if isinstance(self.filters, FromLog):
            if self.weights:
                raise ConfigError(
                    f"{self.name} has weights of filters that the log is to choose. "
                    "Name the filters, or leave the weights out."
                )
            return
        if not self.filters:
            raise ConfigError(f"{self.name} has no filter. Name at least one.")
        if self.weights and len(self.weights) != len(self.filters):
            raise ConfigError(
                f"{self.name} has {len(self.filters)} filters and "
                f"{len(self.weights)} weights. Give each filter one, or none."
            )

    @remembers
    @checked(DataError)
    def fit(self, train: Train, *, run: Run | None = None) -> "FittedGraphFilter":
        """Link users and items, and work out what the filters need.

        Args:
            train: A log, a matrix, or a fold of either.
            run: Its generator, which decides what filters draw unless they have a seed;
                of seed 0 if left out.

        Raises:
            DataError: ``train`` holds no action, or has no times for a half-life.
            ConfigError: A filter does not fit the log.
        """
        fold = Fold.of(train, self.name)
        evidence(fold, self.name)  # Says whose fold it is if there is none.
        method = settle_on_log(self, QUESTIONS, fold)
        half_life = check_half_life(method.half_life_days, fold, self.name)
        graph = fold.view(_graph_to_filter)
        filters = seeded(value_of(method.filters), self.name, run)
        try:
            solved = tuple(part.precomputed(graph) for part in filters)
        except ConfigError as error:
            raise ConfigError(f"{self.name}: {error}") from error
        settings = replace(method, half_life_days=half_life)
        until, said = trained_until(fold), chosen_settings(self, method)
        return FittedGraphFilter(settings, graph, solved, until, said)


def _graph_to_filter(fold: Fold) -> StaticGraph:
    """Return the graph that is filtered: the pairs that a fit may know."""
    matrix = fold.view(evident_pairs)
    user, item = owners(matrix.ptr), matrix.item
    return StaticGraph.of_pairs(user, item, int(user.max()) + 1, int(item.max()) + 1)


@dataclass(frozen=True, eq=False, repr=False)
class FittedGraphFilter:
    """Filters the history of each request, so a user never seen is served too.

    A requester without a history of known items gets an empty answer, and an item that
    nothing comes through for is not answered.

    Attributes:
        settings: The filters.
        graph: The users and items of training, each pair once.
        solved: What each filter has worked out.
        trained_until: Time of the last training event; None for training without times.
        chosen: What the log has chosen, by setting.
    """

    settings: GraphFilter
    graph: StaticGraph
    solved: tuple[Mapping[str, np.ndarray], ...]
    trained_until: int | None = None
    chosen: Mapping[str, object] = field(default_factory=dict[str, object])

    def __repr__(self) -> str:
        return describe_retriever(
            self.name,
            self.trained_until,
            f"{self.graph.size(USER):,} users",
            f"{self.graph.size(ITEM):,} items",
            *(repr(part) for part in value_of(self.settings.filters)),
            half_life_days=self.settings.half_life_days,
        )

    def faded(self, half_life_days: float | None) -> "FittedGraphFilter":
        """Return the same with another half-life."""
        settings = replace(self.settings, half_life_days=half_life_days)
        return replace(self, settings=settings)

    @property
    def name(self) -> str:
        """What the filters are called together."""
        return self.settings.name

    @property
    def reason(self) -> str:
        """Why it recommends."""
        return "goes together with {item}"

    def scores(self, requests: Requests) -> Float32[np.ndarray, "b items"]:
        """Return the score of every item; ``-inf`` where nothing comes through."""
        return self._scores(self._histories(requests))

    def retrieve(self, requests: Requests, k: int) -> Candidates:
        """Return the ``k`` items with the highest scores."""
        check_k(k)
        items, answers = self.graph.size(ITEM), list[Candidates]()
        for block in self._blocks(requests):
            scores = partial(self._scores, self._histories(block))
            answers.append(best_allowed(scores, block, items, k, self.name))
        return Candidates.concatenated(answers)

    def similar(self, rows: Int32[np.ndarray, " b"], k: int) -> Candidates:
        """Return the ``k`` other items that come through for each item alone."""
        check_k(k)
        step = self._block
        answers = [
            top_k(
                self._scores(
                    single_item_histories(rows[a : a + step], self.graph.size(ITEM))
                ),
                but_itself(rows[a : a + step]),
                k,
                self.name,
            )
            for a in range(0, max(1, len(rows)), step)
        ]
        return above_zero(Candidates.concatenated(answers))

    def because(
        self, requests: Requests, item: Int32[np.ndarray, "b k"]
    ) -> Int32[np.ndarray, "b k"]:
        """Return the history item that lets most through for each, -1 for none.

        A filter is linear: the score of an item is the sum of what each item of the
        history lets through for it alone. Another item than itself is named.
        """
        history, items = self._histories(requests), self.graph.size(ITEM)
        owner, few = owners(history.ptr), Few.of(item[item < items])
        place = few.places(item)
        out = np.full(item.shape, NO_ITEM, np.int32)
        most = np.zeros(item.shape, np.float32)
        if not len(few):
            return out
        for start in range(0, len(history.column), self._block):
            part = slice(start, start + self._block)
            voter, weight = history.column[part], history.weight[part]
            share = self._scores(single_item_histories(voter, items), few.number)
            row = owner[part]
            wanted, at = item[row], place[row]
            vote = np.take_along_axis(share, np.maximum(at, 0), axis=1)
            vote *= weight[:, None]
            vote = np.where((at >= 0) & (wanted != voter[:, None]), vote, -np.inf)
            keep_larger_votes(row, voter, vote, out, most)
        return out

    def without_users(self, rows: Int32[np.ndarray, " n"]) -> "FittedGraphFilter":
        """Return the same without the links of some users.

        What a filter has worked out from the links of all users stays.
        """
        items, users = self.graph.size(ITEM), self.graph.size(USER)
        owner = owners(self.graph.ptr)
        mine = (owner >= items) & ~np.isin(owner - items, rows)
        pairs = (owner[mine] - items, self.graph.node[mine])
        return replace(self, graph=StaticGraph.of_pairs(*pairs, users, items))

    def state(self) -> State:
        """Return what a file needs to hold.

        Raises:
            ConfigError: A filter is no dataclass, whose settings a file can hold.
        """
        solved = {
            f"{n}.{name}": array
            for n, arrays in enumerate(self.solved)
            for name, array in arrays.items()
        }
        return State(
            kind="FittedGraphFilter",
            settings={
                "settings": to_table(self.settings),
                "items": self.graph.size(ITEM),
                "trained_until": self.trained_until,
                "chosen": dict(self.chosen),
            },
            arrays={"ptr": self.graph.ptr, "node": self.graph.node, **solved},
        )

    @classmethod
    def from_state(cls, state: State) -> "FittedGraphFilter":
        """Rebuild from what ``state`` returned."""
        arrays, kept = state.arrays, state.settings
        table = cast(dict[str, Any], kept["settings"])
        settings = build(GraphFilter, table, "GraphFilter", own=state.kinds)
        solved = tuple(
            {
                name.partition(".")[2]: array
                for name, array in arrays.items()
                if name.startswith(f"{n}.")
            }
            for n in range(len(value_of(settings.filters)))
        )
        graph = _graph_of_file(arrays["ptr"], arrays["node"], cast(int, kept["items"]))
        until = cast(int | None, kept["trained_until"])
        said = cast(Mapping[str, object], kept.get("chosen", {}))
        return cls(settings, graph, solved, until, said)

    @property
    def _block(self) -> int:
        return max(1, NUMBERS // self.graph.size(ITEM))

    def _blocks(self, requests: Requests) -> Iterator[Requests]:
        step = max(1, NUMBERS // max(1, count_scored(requests, self.graph.size(ITEM))))
        for start in range(0, max(1, len(requests)), step):
            yield requests.rows(start, start + step)

    def _histories(self, requests: Requests) -> SparseRows:
        half_life = value_of(self.settings.half_life_days)
        history = requests.positive.history
        return distinct_items(history, self.graph.size(ITEM), half_life)

    def _scores(
        self, history: SparseRows, item: Columns = None
    ) -> Float32[np.ndarray, "b some"]:
        filters = value_of(self.settings.filters)
        weights = self.settings.weights or (1.0,) * len(filters)
        # What a filter returns may be its own: it is added, and not written to.
        wide = self.graph.size(ITEM) if item is None else len(item)
        total = np.zeros((len(history), wide), np.float32)
        for part, solved, weight in zip(filters, self.solved, weights, strict=True):
            score = filter_scores(part, self.graph, solved, history, item)
            total += score if weight == 1 else np.float32(weight) * score
        degree = node_gains(self.graph, ITEM, 0.0)
        mask_zero_scores(total, (degree if item is None else degree[item]) > 0)
        return total


def _graph_of_file(ptr: np.ndarray, node: np.ndarray, items: int) -> StaticGraph:
    """Return the graph of a file, whose edges all weigh 1, without a copy."""
    one = np.broadcast_to(np.float64(1), len(node))
    strength = np.diff(ptr).astype(np.float64)
    return StaticGraph({ITEM: 0, USER: items}, ptr, node, one, strength)
