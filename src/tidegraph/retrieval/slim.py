"""Sparse linear item weights learnt by regression."""

import logging

import numpy as np
from scipy import sparse

from tidegraph.arguments import checked, settings
from tidegraph.errors import DataError
from tidegraph.kernels.jit import compiled, over_rows
from tidegraph.kernels.ragged import starts
from tidegraph.kernels.sparse_rows import SparseRows
from tidegraph.kernels.topk import offer_to_heap, stable_order
from tidegraph.progress import track
from tidegraph.ranges import at_least, span
from tidegraph.retrieval.from_log import (
    FROM_LOG,
    HALF_LIVES,
    FromLog,
    chosen_settings,
    settle_on_log,
)
from tidegraph.retrieval.item_model import FittedItemModel
from tidegraph.retrieval.scoring.decay import check_half_life
from tidegraph.retrieval.scoring.evidence import evidence, trained_until
from tidegraph.stages import Fold, Train, remembers

logger = logging.getLogger(__name__)

QUESTIONS = (HALF_LIVES,)
"""What is chosen on a log; see ``from_log``."""
GRAIN = 16
"""Items regressed in one go by one thread."""


@settings
class SLIM:
    """Recommends by the weights that best rebuild each item's column from the others'.

    For each item j, with X the matrix of users and items, the weights w minimise, over
    w >= 0 with w_j = 0::

        |x_j - X w|^2 / 2 + l1 |w|_1 + l2 |w|_2^2 / 2

    which, for n users, is scikit-learn's ``ElasticNet(alpha=(l1 + l2) / n, l1_ratio=l1
    / (l1 + l2), positive=True, fit_intercept=False)``. So both penalties are counted in
    users, however many there are: items that no more than ``l1`` users share do not
    vote for each other. Memory is 8 bytes for each pair of items that some user
    has both, and the weights. What is ``FROM_LOG`` is chosen on the log.

    Attributes:
        l1: Strength of the penalty that makes weights zero.
        l2: Strength of the penalty that makes weights small, as in EASE.
        tolerance: Stop when no weight moved more than this part of the largest.
        sweeps: Stop after this many rounds over the weights in any case.
        candidates: Regress each item on only this many items, those most often seen
            together with it; None for all.
        half_life_days: Age of an item's last event, since the newest of the history, at
            which it counts half; None where age does not matter.

    Source:
        Ning & Karypis (2011), equation 3, by coordinate descent with covariance updates
        (Friedman et al. 2010).

    Departs: Weights are learnt from sums of weights, so that repeated events count, and
        a history is answered with each of its items once, weighed by age alone. Where
        ``candidates`` is given, the others' weights are 0 untried.
    """

    l1: float = 0.2
    l2: float = 50.0
    tolerance: float = 1e-6
    sweeps: int = 1000
    candidates: int | None = None
    half_life_days: float | FromLog | None = FROM_LOG

    def __post_init__(self) -> None:
        at_least("SLIM", 0, l1=self.l1, l2=self.l2, tolerance=self.tolerance)
        at_least("SLIM", 1, sweeps=self.sweeps, candidates=self.candidates)
        span("SLIM", half_life_days=self.half_life_days)

    @remembers
    @checked(DataError)
    def fit(self, train: Train) -> FittedItemModel:
        """Solve one regression per item, in parallel.

        Raises:
            DataError: ``train`` holds no action, or has no times for a half-life.
            ConfigError: A setting is out of range.
        """
        fold = Fold.of(train, "SLIM")
        method = settle_on_log(self, QUESTIONS, fold)
        half_life = check_half_life(method.half_life_days, fold, "SLIM")
        x = evidence(fold, "SLIM").csr()
        gram = SparseRows.of(sparse.csr_array(x.T @ x))
        return FittedItemModel.of(
            "SLIM",
            "goes together with {item}",
            self._regress(gram),
            half_life,
            trained_until(fold),
            chosen_settings(self, method),
        )

    def _regress(self, gram: SparseRows) -> sparse.csr_array:
        """Return the weights, a row per item that votes."""
        items = len(gram)
        diagonal = gram.csr().diagonal().astype(np.float64)
        solved: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray, int]] = {}

        def solve(start: int, stop: int) -> None:
            for first in range(start, stop, GRAIN):
                solved[first] = _solve(
                    (gram.ptr, gram.column, gram.weight),
                    diagonal,
                    float(self.l1),
                    float(self.l2),
                    self.tolerance,
                    self.sweeps,
                    self.candidates or items,
                    first,
                    min(stop, first + GRAIN),
                )

        step = 64 * GRAIN
        for start in track(range(0, items, step), "SLIM"):
            over_rows(
                lambda a, b, start=start: solve(start + a, start + b),
                min(step, items - start),
                grain=GRAIN,
            )
        return _assemble_matrix([solved[first] for first in sorted(solved)], items)


def _assemble_matrix(
    blocks: list[tuple[np.ndarray, np.ndarray, np.ndarray, int]], items: int
) -> sparse.csr_array:
    """Return blocks of solved columns as one matrix by rows."""
    unfinished = sum(block[3] for block in blocks)
    if unfinished:
        logger.warning(
            "SLIM stopped before %d of %d items converged. Raise sweeps or l2.",
            unfinished,
            items,
        )
    sizes, rows, weights = (
        np.concatenate([block[part] for block in blocks]) for part in range(3)
    )
    ptr = starts(sizes)
    columns = sparse.csc_array((weights, rows, ptr), shape=(items, items))
    return sparse.csr_array(columns)


@compiled
def _solve(
    gram: tuple[np.ndarray, np.ndarray, np.ndarray],
    diagonal: np.ndarray,
    lasso: float,
    ridge: float,
    tolerance: float,
    sweeps: int,
    limit: int,
    first: int,
    last: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return the weights of some items' regressions, end to end.

    Also how many there are of each, and how many regressions did not converge.
    """
    place = np.full(diagonal.size, -1, np.int32)
    sizes = np.zeros(last - first, np.int64)
    ids = np.empty(1024, np.int32)
    values = np.empty(1024, np.float32)
    used = unfinished = 0
    for j in range(first, last):
        candidate, slack = _screen_items(gram, lasso, limit, j)
        for p in range(candidate.size):
            place[candidate[p]] = p
        weight, converged = _coordinate_descent(
            gram, diagonal, candidate, slack, place, ridge, tolerance, sweeps
        )
        unfinished += not converged
        place[candidate] = -1
        if used + candidate.size > ids.size:
            room = 2 * (used + candidate.size)
            ids = np.concatenate((ids, np.empty(room - ids.size, np.int32)))
            values = np.concatenate((values, np.empty(room - values.size, np.float32)))
        before = used
        for p in range(candidate.size):
            if weight[p] > 0:
                ids[used] = candidate[p]
                values[used] = weight[p]
                used += 1
        sizes[j - first] = used - before
    return sizes, ids[:used].copy(), values[:used].copy(), unfinished


@compiled
def _screen_items(
    gram: tuple[np.ndarray, np.ndarray, np.ndarray], lasso: float, limit: int, j: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the items that may get a weight, and by how much each exceeds ``lasso``.

    Nothing is negative here, so weights only lower what is left to explain: an item
    whose product with the target starts at or below ``lasso`` never rises above it.
    """
    ptr, column, weight = gram
    start, stop = ptr[j], ptr[j + 1]
    width = min(limit, stop - start)
    candidate = np.empty(width, np.int32)
    product = np.empty(width, np.float32)
    found = 0
    for e in range(start, stop):
        if column[e] != j and weight[e] > lasso:
            found = offer_to_heap(candidate, product, found, column[e], weight[e])
    # The likeliest first, so that fewer take part for a while only.
    order = stable_order(-product[:found])
    return candidate[order], product[order].astype(np.float64) - lasso


@compiled
def _coordinate_descent(
    gram: tuple[np.ndarray, np.ndarray, np.ndarray],
    diagonal: np.ndarray,
    candidate: np.ndarray,
    slack: np.ndarray,
    place: np.ndarray,
    ridge: float,
    tolerance: float,
    sweeps: int,
) -> tuple[np.ndarray, bool]:
    """Return one regression's weights, and whether they converged.

    A sweep over all candidates finds who takes part; those then converge among
    themselves, which is cheap, before the next.
    """
    size = candidate.size
    weight = np.zeros(size)
    slot = np.full(size, -1, np.int32)
    active = np.empty(size, np.int32)
    rows = np.empty((16, size), np.float32)
    taking_part = 0
    for _ in range(sweeps):
        largest = moved = 0.0
        for p in range(size):
            if weight[p] == 0 and slack[p] <= 0:
                continue
            own = diagonal[candidate[p]]
            new = max(0.0, (slack[p] + own * weight[p]) / (own + ridge))
            change = new - weight[p]
            largest = max(largest, new)
            moved = max(moved, abs(change))
            if slot[p] < 0:
                if taking_part == rows.shape[0]:
                    rows = np.concatenate((rows, np.empty_like(rows)))
                _gather_products(gram, candidate[p], place, rows[taking_part])
                slot[p] = taking_part
                active[taking_part] = p
                taking_part += 1
            weight[p] = new
            _subtract_multiple(slack, change, rows[slot[p]])
        if moved <= tolerance * largest:
            return weight, True
        _sweep_until_still(
            rows, active[:taking_part], weight, slack, ridge, tolerance, sweeps
        )
    return weight, size == 0


@compiled
def _sweep_until_still(
    rows: np.ndarray,
    active: np.ndarray,
    weight: np.ndarray,
    slack: np.ndarray,
    ridge: float,
    tolerance: float,
    sweeps: int,
) -> None:
    """Sweep over the active candidates until they move no more."""
    product = np.empty((active.size, active.size), np.float32)
    for a in range(active.size):
        for b in range(active.size):
            product[a, b] = rows[a, active[b]]
    before = weight[active]
    now = before.copy()
    left = slack[active]
    for _ in range(sweeps):
        largest = moved = 0.0
        for a in range(active.size):
            if now[a] == 0 and left[a] <= 0:
                continue
            own = product[a, a]
            new = max(0.0, (left[a] + own * now[a]) / (own + ridge))
            change = new - now[a]
            largest = max(largest, new)
            moved = max(moved, abs(change))
            now[a] = new
            _subtract_multiple(left, change, product[a])
        if moved <= tolerance * largest:
            break
    weight[active] = now
    for a in range(active.size):
        if now[a] != before[a]:
            _subtract_multiple(slack, now[a] - before[a], rows[a])


@compiled
def _subtract_multiple(total: np.ndarray, factor: float, row: np.ndarray) -> None:
    for q in range(total.size):
        total[q] -= factor * row[q]


@compiled
def _gather_products(
    gram: tuple[np.ndarray, np.ndarray, np.ndarray],
    item: int,
    place: np.ndarray,
    out: np.ndarray,
) -> None:
    """Write an item's products with the candidates to ``out``."""
    ptr, column, weight = gram
    out[:] = 0
    for e in range(ptr[item], ptr[item + 1]):
        at = place[column[e]]
        if at >= 0:
            out[at] = weight[e]
