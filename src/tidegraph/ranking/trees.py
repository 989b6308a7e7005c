"""Boosted trees on the inputs that every ranker gets: the control without a network."""

import importlib
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64

from tidegraph.arguments import settings
from tidegraph.artifact.sealed import State
from tidegraph.extras import needed
from tidegraph.features.candidate_columns import CandidateColumns
from tidegraph.features.columns import Features
from tidegraph.features.groups import OF_CANDIDATES, Group
from tidegraph.fitting.labels import check_both_labels
from tidegraph.kernels.jit import compiled, over_rows
from tidegraph.ranges import above, at_least
from tidegraph.ranking.logit import sigmoid
from tidegraph.rng import fresh_seed
from tidegraph.run import Run
from tidegraph.stages import Candidates, Examples, Requests, Train

LEAF = -1
"""The input that a leaf looks at."""


@settings
class BoostedTrees:
    """Gradient-boosted trees on counts, recency, habit, co-occurrence and votes.

    They are grown by scikit-learn, and as many of them kept as make held-out clicks
    the likeliest. What is fitted needs no scikit-learn.

    Attributes:
        trees: Most trees.
        leaves: Most leaves of a tree.
        learning_rate: Share of what a tree says that is taken.
        smallest: Fewest examples in a leaf.
        category: Item feature column that groups items, if any.
        groups: Groups of inputs, of ``OF_CANDIDATES``, and features of one's own; one
            left out is off.
        fields: Further features, such as ``item.color``, ``user.age`` or
            ``event.device``.

    Source:
        Friedman, "Greedy function approximation: a gradient boosting machine", 2001;
        Ke et al., "LightGBM", NeurIPS 2017, for the histograms.
    """

    trees: int = 200
    leaves: int = 15
    learning_rate: float = 0.05
    smallest: int = 50
    category: str | None = None
    groups: tuple[Group, ...] = OF_CANDIDATES
    fields: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._columns.check_settings()
        at_least("BoostedTrees", 1, trees=self.trees, smallest=self.smallest)
        at_least("BoostedTrees", 2, leaves=self.leaves)
        above("BoostedTrees", 0, learning_rate=self.learning_rate)
        _sklearn_ensemble()

    @property
    def features_read(self) -> frozenset[str]:
        """The features of a log that it reads, the category among them."""
        return self._columns.named

    @property
    def _columns(self) -> CandidateColumns:
        settings = self.category, self.groups, self.fields
        return CandidateColumns("BoostedTrees", *settings)

    def check(self, train: Train) -> None:
        """Find out before any work whether a log has the features.

        Raises:
            DataError: It lacks one.
        """
        self._columns.check(train)

    def fit(
        self, train: Examples, valid: Examples, *, run: Run
    ) -> "FittedBoostedTrees":
        """Grow trees on past requests; keep as many as are best for ``valid``.

        Args:
            train: Past requests.
            valid: Later ones; all trees are kept where they hold no candidate.
            run: How many threads, and what draws the examples of histograms.

        Raises:
            DataError: Every label is the same.
        """
        features, inputs = self._columns.fit(train)
        there = train.candidates.present
        label = train.label[there] > 0
        check_both_labels(label, "the past")
        grown = _sklearn_ensemble().HistGradientBoostingClassifier(
            learning_rate=self.learning_rate,
            max_iter=self.trees,
            max_leaf_nodes=self.leaves,
            min_samples_leaf=self.smallest,
            early_stopping=False,
            random_state=fresh_seed(run.rng) % 2**32,
        )
        inputs = inputs[there]
        # Histograms of weighed examples are cut by a percentile that is much slower.
        count = train.weights[there]
        alike = bool((count == count[0]).all())
        with importlib.import_module("threadpoolctl").threadpool_limits(run.threads):
            grown.fit(inputs, label, sample_weight=None if alike else count)
        forest = Forest.of(grown)
        held = valid.candidates.present
        if held.any():
            inputs = features.of(valid.requests, valid.candidates)[held]
            forest = forest.best(inputs, valid.label[held], valid.weights[held])
        return FittedBoostedTrees(features, forest)


@dataclass(frozen=True, eq=False)
class Forest:
    """Trees as arrays: each goes left where its input is not above the threshold.

    Attributes:
        start: The logit before any tree.
        root: First node of each tree, and where the last one ends.
        input: Column that a node looks at; ``LEAF`` in a leaf.
        threshold: What it is compared with.
        left: Where to go if not above, as a node of the tree.
        right: Where to go if above.
        value: What a leaf adds to the logit.
    """

    start: float
    root: Int64[np.ndarray, " trees1"]
    input: Int32[np.ndarray, " nodes"]
    threshold: Float64[np.ndarray, " nodes"]
    left: Int32[np.ndarray, " nodes"]
    right: Int32[np.ndarray, " nodes"]
    value: Float64[np.ndarray, " nodes"]

    @classmethod
    def of(cls, grown: Any) -> "Forest":
        """Return the trees of a fitted classifier of scikit-learn."""
        nodes = [stage[0].nodes for stage in grown._predictors]
        every = np.concatenate(nodes)
        return cls(
            float(grown._baseline_prediction[0, 0]),
            np.cumsum([0, *map(len, nodes)]).astype(np.int64),
            np.where(every["is_leaf"], LEAF, every["feature_idx"]).astype(np.int32),
            every["num_threshold"].astype(np.float64),
            every["left"].astype(np.int32),
            every["right"].astype(np.int32),
            every["value"].astype(np.float64),
        )

    def logits(self, inputs: Float32[np.ndarray, "n f"]) -> Float64[np.ndarray, " n"]:
        """Return the logit of each row."""
        out = np.full(len(inputs), self.start)
        tree = (self.root, self.input, self.threshold, self.left, self.right)
        over_rows(
            lambda a, b: _add_leaf_values(tree, self.value, inputs, out, a, b),
            len(inputs),
            grain=256,
        )
        return out

    def best(
        self,
        inputs: Float32[np.ndarray, "n f"],
        label: Float32[np.ndarray, " n"],
        count: Float32[np.ndarray, " n"],
    ) -> "Forest":
        """Return as many of the first trees as give ``label`` the least log loss.

        Args:
            inputs: Inputs of examples.
            label: What was right.
            count: How much each example counts, 1 on average.
        """
        logit = np.full(len(inputs), self.start)
        losses = [_log_loss(logit, label, count)]
        for tree in range(len(self.root) - 1):
            logit += self.some(tree, tree + 1).logits(inputs) - self.start
            losses.append(_log_loss(logit, label, count))
        return self.some(0, int(np.argmin(losses)))

    def some(self, first: int, last: int) -> "Forest":
        """Return the trees from one to before another."""
        a, b = int(self.root[first]), int(self.root[last])
        nodes = (self.input, self.threshold, self.left, self.right, self.value)
        return Forest(
            self.start,
            self.root[first : last + 1] - a,
            *(column[a:b] for column in nodes),
        )


@dataclass(frozen=True, eq=False)
class FittedBoostedTrees:
    """Scores from trees.

    Attributes:
        features: The inputs.
        forest: The trees.
    """

    features: Features
    forest: Forest

    def score(
        self, requests: Requests, candidates: Candidates
    ) -> Float32[np.ndarray, "b k"]:
        """Return the probability of an action on each candidate; 0 where no item."""
        there = candidates.present
        out = np.zeros(candidates.item.shape, np.float32)
        inputs = self.features.of(requests, candidates)[there]
        out[there] = sigmoid(self.forest.logits(inputs))
        return out

    def state(self) -> State:
        """Return what a file needs to hold."""
        forest = self.forest
        return State(
            kind="FittedBoostedTrees",
            settings={"start": forest.start},
            arrays={
                "root": forest.root,
                "input": forest.input,
                "threshold": forest.threshold,
                "left": forest.left,
                "right": forest.right,
                "value": forest.value,
            },
            parts={"features": self.features.state()},
        )

    @classmethod
    def from_state(cls, state: State) -> "FittedBoostedTrees":
        """Rebuild from what ``state`` returned."""
        start = cast(float, state.settings["start"])
        return cls(state.part("features", Features), Forest(start, **state.arrays))


def _sklearn_ensemble() -> Any:
    with needed("scikit-learn", "trees", "a ranker of boosted trees"):
        return cast(Any, importlib.import_module("sklearn.ensemble"))


def _log_loss(logit: np.ndarray, label: np.ndarray, count: np.ndarray) -> float:
    return float((count * (np.logaddexp(0, logit) - label * logit)).mean())


@compiled
def _add_leaf_values(
    tree: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    value: np.ndarray,
    inputs: np.ndarray,
    out: np.ndarray,
    first: int,
    last: int,
) -> None:
    root, column, threshold, left, right = tree
    for row in range(first, last):
        for n in range(root.size - 1):
            at = root[n]
            while column[at] >= 0:
                above = inputs[row, column[at]] > threshold[at]
                at = root[n] + (right[at] if above else left[at])
            out[row] += value[at]
