"""Random walks along a path of edge types: what the further edges of a graph say."""

import numpy as np
import scipy

from tidegraph.arguments import checked, settings
from tidegraph.errors import ConfigError, DataError
from tidegraph.graph.from_log import ITEM
from tidegraph.graph.proximity.series import invert_or_zero
from tidegraph.graph.snapshot import Snapshot
from tidegraph.kernels.sparse_rows import order_and_ranks
from tidegraph.progress import track
from tidegraph.ranges import at_least, span
from tidegraph.retrieval.item_model import FittedItemModel
from tidegraph.retrieval.scoring.decay import check_half_life
from tidegraph.retrieval.scoring.evidence import evidence, evident_graph, trained_until
from tidegraph.stages import Fold, Train, remembers

_ROWS = 256


@settings
class MetaPath:
    """Scores an item by the walks to it from the history, along a path of edges.

    score(u, i) = sum over different h in the history, h not i, of (P_1 P_2 ... P_n)_hi,
    the probability that a random walk from h along the n types of edges ends at i. Each
    edge is as likely; a pair with several is as likely as they are together. So
    ``("made_by", "~made_by")`` proposes items of the same maker, and ``("~action",
    "friend", "action")`` what friends of those took who took what the user has.

    Attributes:
        path: Types of edges, against one with ``~``, from items to items. They are
            those of the log, ``action``, and those of ``graph=`` in ``Pipeline.fit``.
        neighbors: Each item votes for this many others, those it most likely leads to;
            None for all.
        half_life_days: Age at which an item of the history counts half; see ItemKNN.

    Source:
        Lao & Cohen, "Relational retrieval using a combination of path-constrained
        random walks", Machine Learning 81 (2010), section 3.1.

    Departs:
        Walks of all items of the history are added up, where the paper's begins at one
        of them drawn evenly, which orders the items of a request alike. The walk that
        comes back to the item it began at is left out, as an item says nothing of
        itself, and so are edges without a weight above 0.
    """

    path: tuple[str, ...]
    neighbors: int | None = 200
    half_life_days: float | None = None

    def __post_init__(self) -> None:
        at_least("MetaPath", 1, neighbors=self.neighbors)
        span("MetaPath", half_life_days=self.half_life_days)
        if not self.path:
            raise ConfigError('MetaPath has no path. Name edges, such as ("made_by",).')

    def check(self, train: Fold) -> None:
        """Raise what is wrong with the path before any work.

        Raises:
            ConfigError: It does not lead from items to items, edge by edge.
            RequestError: An edge is not in the graph.
        """
        at = ITEM
        for edge in self.path:
            here, there = train.graph.ends(edge)
            if here != at:
                raise ConfigError(
                    f"MetaPath is at {at!r} when it comes to {edge!r}, which starts "
                    f"from {here!r}. Paths lead from items to items, edge by edge."
                )
            at = there
        if at != ITEM:
            raise ConfigError(
                f"MetaPath ends at {at!r}, after {self.path[-1]!r}. Lead it back to "
                "items, perhaps by the same edges with '~'."
            )

    @remembers
    @checked(DataError)
    def fit(self, train: Train) -> FittedItemModel:
        """Multiply the steps of the path, some items at a time.

        Raises:
            ConfigError: The path does not lead from items to items.
            DataError: The log has no action, or no times for a half-life.
        """
        fold = Fold.of(train, "MetaPath")
        self.check(fold)
        half_life = check_half_life(self.half_life_days, fold, "MetaPath")
        item = evidence(fold, "MetaPath").item
        known = np.bincount(item) > 0
        graph = fold.view(evident_graph)
        first, *rest = (_transition_along(graph, edge) for edge in self.path)
        blocks: list[scipy.sparse.csr_array] = []
        for start in track(range(0, len(known), _ROWS), "walks along a path"):
            found = first[start : min(start + _ROWS, len(known))]
            for step in rest:
                found = found @ step
            blocks.append(_top_items(found, start, known, self.neighbors))
        return FittedItemModel.of(
            "MetaPath",
            f"reached from {{item}} by {', '.join(self.path)}",
            scipy.sparse.csr_array(scipy.sparse.vstack(blocks, format="csr")),
            half_life,
            trained_until(fold),
        )


def _transition_along(graph: Snapshot, edge: str) -> "scipy.sparse.csr_array":
    """Return how likely a walk goes from each node to each along its edges."""
    side, ends = graph[edge], graph.ends(edge)
    slot = side.slots()
    weight = (side.strength_of(side.edge[slot]) > 0).astype(np.float64)
    pairs = weight, (side.owners(), side.node[slot])
    rows, columns = (len(graph.typed(end)) for end in ends)
    step = scipy.sparse.csr_array(pairs, shape=(rows, columns))
    step.eliminate_zeros()
    scale = scipy.sparse.diags_array(invert_or_zero(step.sum(axis=1)))
    return scipy.sparse.csr_array(scale @ step)


def _top_items(
    found: "scipy.sparse.csr_array",
    start: int,
    known: np.ndarray,
    neighbors: int | None,
) -> "scipy.sparse.csr_array":
    """Return the likeliest other known items of each row; ties break on the item."""
    table = found.tocoo()
    row, item, value = table.row, table.col, table.data.astype(np.float32)
    kept = (item < len(known)) & (item != row + start) & (value > 0)
    kept[kept] = known[item[kept]] & known[row[kept] + start]
    row, item, value = row[kept], item[kept], value[kept]
    order, rank = order_and_ranks(row, item, value)
    if neighbors is not None:
        order = order[rank < neighbors]
    pairs = value[order], (row[order], item[order])
    return scipy.sparse.csr_array(pairs, shape=(found.shape[0], len(known)))
