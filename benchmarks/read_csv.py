"""Read a CSV of ten million events: seconds, and memory at its peak.

The file has text ids, ISO 8601 times, a label and a column that nobody asks for, and is
read in a process of its own. Two yardsticks are reported: the columns that the log
keeps (21 bytes an event, and the ids), and the same five columns as polars holds them
when it reads the whole file. Memory is the process's peak above what it held, imports
done and kernels compiled, before reading.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from tidegraph.data.interactions import Interactions
from tidegraph.data.sources import read

RESULT = Path(__file__).parent / "results" / "read_csv.json"
COLUMNS = {"user": "uid", "item": "sku", "time": "ts", "label": "clicked"}


def write(
    path: Path, rows: int, *, in_time_order: bool, rng: np.random.Generator
) -> None:
    """Write events of rows / 10 users on rows / 100 items."""
    seconds = rng.integers(1_600_000_000, 1_700_000_000, rows)
    if in_time_order:
        seconds.sort()
    numbers = pl.DataFrame(
        {
            "uid": rng.integers(0, rows // 10, rows),
            "sku": rng.integers(0, rows // 100, rows),
            "ts": seconds,
            "price": rng.random(rows).round(2),
            "clicked": rng.integers(0, 2, rows),
        }
    )
    numbers.with_columns(
        uid="u" + pl.col("uid").cast(pl.String),
        sku="sku-" + pl.col("sku").cast(pl.String),
        ts=pl.from_epoch("ts").dt.to_string("%Y-%m-%dT%H:%M:%SZ"),
    ).write_csv(path)


def peak_bytes() -> int:
    """Return the most memory this process has held, not counting its parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        # Linux's ru_maxrss starts at what the parent held when it forked.
        line = status.read_text().partition("VmHWM:")[2]
        return int(line.split()[0]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def kept_bytes(log: Interactions) -> int:
    return int(
        log.nbytes + log.users.ids.estimated_size() + log.items.ids.estimated_size()
    )


def measure(path: Path) -> dict[str, float]:
    """Read in this process, which must have done nothing large before."""
    # By the same door, so that what it imports counts as held before.
    tiny = path.with_name("tiny.csv")
    write(tiny, 1_000, in_time_order=True, rng=np.random.default_rng(0))
    read(tiny, **COLUMNS)
    before = peak_bytes()
    started = time.perf_counter()
    log = read(path, **COLUMNS)
    seconds = time.perf_counter() - started
    peak = peak_bytes() - before
    whole = pl.read_csv(path, columns=list(COLUMNS.values()), infer_schema=False)
    return {
        "rows": len(log),
        "users": len(log.users),
        "items": len(log.items),
        "seconds": round(seconds, 2),
        "peak_bytes": peak,
        "kept_bytes": kept_bytes(log),
        "polars_bytes": int(whole.estimated_size()),
        "file_bytes": path.stat().st_size,
    }


def child(path: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, "--measure", str(path)],
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout)


def main(rows: int) -> None:
    table = Table(title=f"read() on {rows:,} rows of CSV, {os.cpu_count()} processors")
    for heading in ("file", "seconds", "peak", "of kept columns", "of polars columns"):
        table.add_column(heading, justify="right")
    results: dict[str, dict[str, float]] = {}
    for name, ordered in (("in time order", True), ("shuffled", False)):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "events.csv"
            rng = np.random.default_rng(0)
            write(path, rows, in_time_order=ordered, rng=rng)
            found = results[name] = child(path)
        table.add_row(
            name,
            f"{found['seconds']:.1f}",
            f"{found['peak_bytes'] / 2**20:,.0f} MiB",
            f"{found['peak_bytes'] / found['kept_bytes']:.2f}",
            f"{found['peak_bytes'] / found['polars_bytes']:.2f}",
        )
    Console().print(table)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--measure", type=Path)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure)))
    else:
        main(options.rows)
