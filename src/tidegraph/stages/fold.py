"""What a stage may learn from: a log up to a moment, each view of it made once."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar, cast

from tidegraph.arguments import no_unknown
from tidegraph.data.interactions import Interactions
from tidegraph.data.views.matrix import Matrix, as_log, as_matrix
from tidegraph.graph.snapshot import Snapshot

T = TypeVar("T")


@no_unknown
@dataclass(frozen=True, eq=False)
class Fold:
    """A log as stages learn from it, and its views, which they share.

    A view is made when a stage first needs it and kept as long as the fold, so that
    several methods fitted on one fold build each matrix, graph or index once. Views are
    shared: nobody changes one in place.

    Attributes:
        log: What happened; of a matrix, who interacted with what.
        valid: What happened after it, if some of that decides when to stop.
        edges: Further types of nodes and edges, such as knowledge about items, whose
            users and items begin with those of the log; none timed later than it.
    """

    log: Interactions | Matrix
    valid: "Fold | None" = None
    edges: Snapshot | None = None
    _views: dict[Hashable, object] = field(
        default_factory=dict[Hashable, object], init=False, repr=False
    )

    @classmethod
    def of(cls, train: object, method: str) -> "Fold":
        """Return a fold as it is, and a log or a matrix as a fold.

        Args:
            train: What somebody passed to ``fit``.
            method: Who learns from it, for the error message.

        Raises:
            DataError: ``train`` is none of these, or it holds no action.
        """
        log = train.log if isinstance(train, Fold) else train
        log = as_matrix(log, method) if isinstance(log, Matrix) else as_log(log, method)
        return train if isinstance(train, Fold) else cls(log)

    @cached_property
    def events(self) -> Interactions:
        """The log; of a matrix, one without times."""
        return self.log.log() if isinstance(self.log, Matrix) else self.log

    @cached_property
    def matrix(self) -> Matrix:
        """How much each user interacted with each item, impressions left out."""
        return self.log if isinstance(self.log, Matrix) else Matrix.of(self.log)

    @cached_property
    def graph(self) -> Snapshot:
        """Users and items linked by the events, and the further ``edges``."""
        return Snapshot.of(self.events, self.edges)

    def view(self, make: Callable[..., T], *args: Hashable) -> T:
        """Return ``make(fold, *args)``, made at the first call.

        Args:
            make: A function of a module, which reads nothing but its arguments.
            args: What else it takes; each set of values has a view of its own.
        """
        key = (make, *args)
        if key not in self._views:
            self._views[key] = make(self, *args)
        return cast(T, self._views[key])

    def before(self, cut: int) -> "Fold":
        """Return what was known just before a moment: nothing at ``cut`` or later.

        Args:
            cut: Unix seconds, or a position if the log has positions.
        """
        edges = None if self.edges is None else self.edges.counted_in("s").before(cut)
        return Fold(self.events.before(cut), edges=edges)


Train = Interactions | Matrix | Fold
"""What ``fit`` takes of a user: a log, a matrix, or a fold of either."""
