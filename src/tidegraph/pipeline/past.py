"""What a pipeline learns from: its parts, and requests of the past with answers."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from tidegraph.arguments import settings
from tidegraph.data.interactions import Interactions
from tidegraph.data.views.evidence import positive_actions
from tidegraph.data.views.matrix import Matrix
from tidegraph.durations import DAY, whole_seconds
from tidegraph.errors import DataError
from tidegraph.fitting.examples import examples
from tidegraph.fitting.propensity import check_propensities
from tidegraph.fitting.shown import weights_in_window, with_shown_negatives
from tidegraph.graph.snapshot import Snapshot
from tidegraph.pipeline.checks import check_order, check_order_per_user
from tidegraph.pipeline.graph_beside_log import (
    fold_with_edges,
    graph_beside_log,
    with_node_features,
)
from tidegraph.progress import track
from tidegraph.ranges import above, at_least, from_0_to_1
from tidegraph.retrieval.blend import Blend
from tidegraph.retrieval.blended import FittedBlend
from tidegraph.run import Run
from tidegraph.stages import Examples, Fold, ItemSets, Requests, Train


@settings
class Windows:
    """Which requests of the past a ranker learns from.

    Attributes:
        count: How many past cuts.
        days: Length of the window after a cut; by default that of ``valid``.
        fit_once: Names of channels that are too costly to be fitted before each cut:
            they are fitted before the oldest one, for all, and once more for serving.
        negatives: How many items that retrieval did not answer are drawn for each
            request to learn from, beside those that it did.
        power: They are drawn in proportion to (actions before) to this power, 0 to 1.
        propensity: Column of the log's context that says how probable it was that each
            row would be shown: what was shown counts one over it, and of what was not
            shown nothing is learnt.
    """

    count: int = 3
    days: float | None = None
    fit_once: tuple[str, ...] = ()
    negatives: int = 20
    power: float = 0.0
    propensity: str | None = None

    def __post_init__(self) -> None:
        at_least("windows", 1, count=self.count)
        at_least("windows", 0, negatives=self.negatives)
        above("windows", 0, days=self.days)
        from_0_to_1("windows", power=self.power)


@dataclass(frozen=True, eq=False)
class Parts:
    """What a pipeline learns from.

    Attributes:
        train: What to learn from.
        valid: What decides when the ranker stops, if it is given.
        known: Both together, which is what is served.
        per_user: Were they split user by user, so that they overlap in time?
        further: Nodes and edges beside the log, whatever their time, if there are any.
    """

    train: Fold
    valid: Interactions | None
    known: Fold
    per_user: bool
    further: Snapshot | None

    @classmethod
    def of(
        cls,
        train: Train,
        valid: Train | None,
        per_user: bool,
    ) -> "Parts":
        """Return the parts of what was passed to ``fit``.

        Raises:
            LeakageError: ``valid`` begins no later than ``train`` ends.
        """
        fold = Fold.of(train, "Pipeline")
        log = fold.events
        valid = fold.valid if valid is None else valid
        if valid is None:
            return cls(fold, None, fold, per_user, fold.edges)
        held = Fold.of(valid, "Pipeline").log
        later = held.log(part=1) if isinstance(held, Matrix) else held
        known = log.followed_by(later)
        if per_user:
            check_order_per_user(log, later)
        else:
            check_order(log, later)
        whole = Fold(known, edges=fold.edges)
        return cls(fold, later, whole, per_user, fold.edges)

    def beside(self, graph: Snapshot) -> "Parts":
        """Return the parts with further nodes and edges beside them.

        What is learned from ends with the log; what is served goes on.

        Raises:
            DataError: The graph and the log do not fit one another.
        """
        if self.further is not None:
            raise DataError(
                "the fold has further edges of its own. Pass the log with graph=."
            )
        log = self.known.events
        whole = self.train.view(graph_beside_log, log.users, log.items, graph)
        train, known = (
            fold.view(fold_with_edges, whole) for fold in (self.train, self.known)
        )
        valid = None if self.valid is None else with_node_features(self.valid, whole)
        return Parts(train, valid, known, self.per_user, whole)

    @cached_property
    def graph(self) -> Snapshot:
        """Everything known, which is served."""
        if self.further is self.known.edges:
            return self.known.graph
        return Snapshot.of(self.known.events, self.further)

    def window_seconds(self, days: float | None) -> int:
        """Return the length of a window, by default the span of ``valid``."""
        log = self.train.events
        first, last = int(log.time[0]), int(log.time[-1])
        if days is not None:
            return whole_seconds(days)
        if self.valid is not None and len(self.valid) and not self.per_user:
            return max(1, int(self.valid.time[-1]) - last)
        return max(1, (last - first) // 20)


@dataclass(frozen=True, eq=False)
class Past:
    """How examples are made of requests of the past.

    Attributes:
        blend: The retrieval method, fitted anew before each cut.
        windows: Which channels are fitted before the oldest cut only, what is drawn
            beside retrieval's answers, and what counts how much.
        graph: Every event known; each request reads it before its own time only.
        candidates: How many items retrieval answers.
        repeat: May the answer hold items of the user's history?
        run: In what circumstances channels train; draws the negatives.
    """

    blend: Blend
    windows: Windows
    graph: Snapshot
    candidates: int
    repeat: bool
    run: Run

    def fit(
        self, known: Fold, cut: int, older: FittedBlend | None = None
    ) -> FittedBlend:
        """Fit retrieval on what was known at ``cut``, in part perhaps much earlier.

        Args:
            known: What was known.
            cut: The moment.
            older: What was fitted for an earlier cut; nothing learnt then can know of
                later events, so its channels that are fitted once are taken over.
        """
        given = {} if older is None else older.only(self.windows.fit_once)
        # Weights of channels are learnt before the oldest cut, for all.
        run = self.run.child(f"before-{cut}")
        return self.blend.fit(
            known, run=run, given=given, like=older, repeat=self.repeat
        )

    def examples(
        self, retriever: FittedBlend, window: Interactions, cut: int
    ) -> Examples:
        """Return a request at ``cut`` for each user of ``window``, labelled by it.

        What was sent back in it, or disliked, is no answer, and who did nothing else
        makes no request. Who acted on nothing that they were shown makes one, of
        negatives alone. Where the window says what was shown to a user in vain, that
        is what the user's actions are told from; of other items nothing is known.
        """
        acted, vain = positive_actions(window), window.take(window.label == 0)
        users = np.union1d(acted.user, vain.user)
        requests = Requests.of_users(
            self.graph,
            users,
            np.full(len(users), cut, np.int64),
            repeat=self.repeat,
        )
        answer = retriever.retrieve(requests, self.candidates)
        relevant, in_vain = (
            ItemSets.of_pairs(np.searchsorted(users, part.user), part.item, len(users))
            for part in (acted, vain)
        )
        found = examples(
            requests,
            relevant,
            answer,
            negatives=self.windows.negatives,
            power=self.windows.power,
            rng=self.run.rng,
        )
        until = max(cut, int(window.time.max(initial=cut)) + 1)
        found = replace(found, until=np.full(len(users), until, np.int64))
        weight, propensity = None, self.windows.propensity
        if propensity is not None:
            weight = weights_in_window(window, requests, found.candidates, propensity)
        elif not len(vain):
            return found
        return with_shown_negatives(found, relevant, in_vain, weight)


def check_windows(
    train: Interactions, valid: Interactions | None, windows: int, seconds: int
) -> list[int]:
    """Return the cuts at which requests of the past are made, oldest first.

    Raises:
        DataError: ``train`` has no events before the first window.
    """
    end = int(train.time[-1]) + 1
    held = 1 if valid is None else 0
    cuts = [end - (w + held) * seconds for w in range(windows, 0, -1)]
    if cuts[0] <= int(train.time[0]):
        raise DataError(
            f"the log spans {(end - int(train.time[0])) / DAY:.1f} days, too short "
            f"for {windows + held} windows of {seconds / DAY:.1f} days to learn to "
            "rank from. Lower the count or the days of the windows."
        )
    return cuts


def check_propensity(windows: Windows, parts: Parts, cut: int) -> None:
    """Refuse propensities that are none, of what is learnt from.

    Args:
        windows: Names their column, if there is one.
        parts: The log.
        cut: The oldest, before which no label is read.

    Raises:
        DataError: There is no such column, it says no propensity of a row, or nothing
            was shown in vain.
    """
    log, valid = parts.train.events, parts.valid
    if windows.propensity is None:
        return
    if log.label.all() and (valid is None or valid.label.all()):
        raise DataError(
            f"propensity={windows.propensity!r} is said of what was shown, and the log "
            "has no impression without action (label 0). Read it with label=, or leave "
            "the propensity out."
        )
    since = int(np.searchsorted(log.time, cut))
    check_propensities(log, windows.propensity, since=since)
    if valid is not None:
        check_propensities(valid, windows.propensity, part="valid")


def past_examples(
    past: Past,
    train: Fold,
    valid: Interactions | None,
    windows: int,
    seconds: int,
    *,
    per_user: bool = False,
) -> tuple[Examples, Examples]:
    """Return examples to learn from and, later in time, examples to stop by.

    Args:
        past: How to make requests.
        train: What to learn from; its last ``windows`` windows give labels.
        valid: The log after ``train``, which gives labels as a whole; without it the
            last window of ``train`` does.
        windows: How many windows to learn from.
        seconds: Length of a window.
        per_user: Does ``valid`` overlap with ``train`` in time? Its requests are
            at the end of ``train`` then, of which alone the answer may know.

    Raises:
        DataError: ``train`` has no events before the first window.
    """
    log = train.events
    cuts = check_windows(log, valid, windows, seconds)
    if per_user:
        past = replace(past, graph=train.graph)
    labelled, fitted = list[Examples](), None
    for cut in track(cuts, "requests of the past"):
        fitted = past.fit(train.before(cut), cut, fitted)
        window = log.since(cut).before(cut + seconds)
        labelled.append(past.examples(fitted, window, cut))
    learn, end = Examples.concatenated(labelled), int(log.time[-1]) + 1
    if valid is None:
        cut = end - seconds
        known, window = train.before(cut), log.since(cut)
    else:
        cut = end if per_user else max(end, int(valid.time[0]))
        known, window = train, valid
    check = past.examples(past.fit(known, cut, fitted), window, cut)
    # What is held out user by user is no window of time, and not in the graph.
    return learn, replace(check, until=None) if per_user else check
