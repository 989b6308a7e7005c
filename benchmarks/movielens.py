"""MovieLens-1M as several benchmarks read it."""

import os
import sys
from pathlib import Path

import polars as pl


def liked() -> pl.DataFrame:
    """Return user, item and timestamp of the ratings of 3 and more."""
    if "TIDEGRAPH_DATA" not in os.environ:
        sys.exit("skipped: set TIDEGRAPH_DATA to the folder of the public data sets.")
    folder = Path(os.environ["TIDEGRAPH_DATA"]) / "movielens_1m_rebuilt"
    return pl.read_parquet(folder / "interactions.parquet").filter(pl.col("label") == 1)
