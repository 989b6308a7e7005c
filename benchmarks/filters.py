"""Linear filters as they are published, on Gowalla: nothing is chosen, one thread.

Claims: none; the settings are the defaults, and the test part is met once. Seconds are
of one processor, which other work shares. A run that was stopped goes on.
Run: OPENBLAS_NUM_THREADS=1 TIDEGRAPH_DATA=folder python benchmarks/filters.py
"""

import json
from pathlib import Path
from typing import Any

from published import Job, data

from tidegraph.kernels.jit import use_threads
from tidegraph.retrieval.filters import Hop
from tidegraph.retrieval.graph_filter import GraphFilter
from tidegraph.retrieval.recipes.graph_filters import gf_cf, pure_svd

OUT = Path(__file__).parent / "results" / "filters.json"
METHODS = (
    GraphFilter("Hop", (Hop(1.0, 1.0, 0.0),), half_life_days=None),
    GraphFilter("Hop", (Hop(),), half_life_days=None),
    gf_cf(),
    pure_svd(256),
)


def main() -> None:
    """Measure each filter on the test part."""
    results: dict[str, Any] = json.loads(OUT.read_text()) if OUT.exists() else {}
    name = "lightgcn_gowalla"
    job = Job.of(f"{name} test", *data(name), None)
    for method in METHODS:
        if repr(method) in results:
            continue
        with use_threads(threads=1, grain=1024):
            results[repr(method)] = job.answered(method)[1]
        print(results[repr(method)], flush=True)
        OUT.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
