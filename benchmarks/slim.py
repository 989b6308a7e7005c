"""SLIM against scikit-learn's ElasticNet, item by item, on MovieLens-1M.

Claims: the same coefficients to 1e-4, at least 5 times as fast per item.
Run: TIDEGRAPH_DATA=folder python benchmarks/slim.py
"""

import json
import os
import time
import warnings
from pathlib import Path

import numpy as np
from movielens import liked
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet

from tidegraph.data.views.matrix import Matrix
from tidegraph.kernels.jit import cpu_count
from tidegraph.retrieval.slim import SLIM

OUT = Path(__file__).parent / "results" / "slim.json"
SAMPLE = 40
# The 6,040 users' ElasticNet(alpha=1e-3, l1_ratio=0.1) and (alpha=1e-2, l1_ratio=0.1).
SETTINGS = [SLIM(l1=0.604, l2=5.436), SLIM(l1=6.04, l2=54.36)]


def movielens() -> Matrix:
    rows = liked()
    return Matrix.from_pairs(rows["user"], rows["item"])


def regressed(
    columns: sparse.csc_matrix, j: int, settings: SLIM, tolerance: float
) -> tuple[np.ndarray, float]:
    """Coefficients of one item's regression, and its seconds."""
    others = columns.copy()
    target = others[:, [j]].toarray().ravel()
    others.data[others.indptr[j] : others.indptr[j + 1]] = 0
    model = ElasticNet(
        alpha=(settings.l1 + settings.l2) / len(target),
        l1_ratio=settings.l1 / (settings.l1 + settings.l2),
        positive=True,
        fit_intercept=False,
        tol=tolerance,
        max_iter=20_000,
    )
    started = time.perf_counter()
    model.fit(others, target)
    return model.coef_, time.perf_counter() - started


def compared(matrix: Matrix, settings: SLIM) -> dict[str, float | int | str]:
    columns = sparse.csc_matrix(matrix.csr()).astype(np.float64)
    sample = np.random.default_rng(0).choice(len(matrix.items), SAMPLE, replace=False)
    started = time.perf_counter()
    ours = settings.fit(matrix)
    fitted = time.perf_counter() - started
    weights = ours.csr().tocsc()
    worst, theirs = 0.0, 0.0
    for j in sample:
        exact, _ = regressed(columns, int(j), settings, 1e-9)
        mine = weights[:, [int(j)]].toarray().ravel()
        worst = max(worst, float(np.abs(exact - mine).max()))
        theirs += regressed(columns, int(j), settings, 1e-4)[1]
    per_item = fitted / len(matrix.items)
    return {
        "settings": repr(settings),
        "weights_per_item": round(len(ours.weight) / len(matrix.items), 1),
        "tidegraph_fit_seconds": round(fitted, 2),
        "tidegraph_ms_per_item": round(per_item * 1e3, 3),
        "tidegraph_core_ms_per_item": round(per_item * cpu_count() * 1e3, 3),
        "sklearn_ms_per_item": round(theirs / SAMPLE * 1e3, 2),
        "speedup": round(theirs / SAMPLE / per_item, 1),
        "speedup_per_core": round(theirs / SAMPLE / per_item / cpu_count(), 1),
        "largest_difference": float(f"{worst:.2g}"),
    }


def main() -> None:
    warnings.simplefilter("ignore", ConvergenceWarning)
    matrix = movielens()
    SLIM(l1=0.1, l2=1.0).fit(Matrix.from_pairs([0, 0, 1], [0, 1, 1]))
    rows = [compared(matrix, settings) for settings in SETTINGS]
    for row in rows:
        assert row["largest_difference"] < 1e-4
    results = {
        "sample": SAMPLE,
        "cores": cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
        "runs": rows,
    }
    print(json.dumps(results, indent=1))
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
