"""What a random fifth of Gowalla's train could say of its test part, slice by slice.

A hop finds more than ChebyCF of the fifth that is held out, and less of the test part.
Recall of each, of items by how many have them and of users by how many they have, on
both, and what the fifth would say if its items were as popular as those of the test,
by 3,000 users each.
Claims: none. Run: TIDEGRAPH_DATA=folder python benchmarks/gowalla_slices.py
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from gowalla import a_fifth_held_out
from published import USERS, Job, data

from tidegraph.retrieval.filters import Hop
from tidegraph.retrieval.graph_filter import GraphFilter
from tidegraph.retrieval.recipes.graph_filters import cheby_cf, gf_cf

OUT = Path(__file__).parent / "results" / "gowalla_slices.json"
NAME, K = "lightgcn_gowalla", 20
METHODS = {
    "Hop": GraphFilter("Hop", (Hop(0.5, 0.75, 0.4),)),
    "ChebyCF": cheby_cf(),
    "GF-CF": gf_cf(),
}
BOUNDS = {
    "item": np.array([0, 10, 15, 25, 50, 100, 10**9]),
    "user": np.array([0, 12, 20, 40, 80, 10**9]),
}


def slices(job: Job) -> dict[str, Any]:
    """Recall of each method within each slice, and the share of recall that it is."""
    log, relevant = job.train, job.relevant
    owner = np.repeat(np.arange(len(relevant)), relevant.count)
    found = dict[str, np.ndarray]()
    for name, method in METHODS.items():
        top = job.answered(method)[0].top(K).item
        key = (np.arange(len(relevant))[:, None] * len(log.items) + top)[top >= 0]
        found[name] = np.isin(owner * len(log.items) + relevant.item, key)
    count = {
        "item": np.bincount(log.item, minlength=len(log.items))[relevant.item],
        "user": np.bincount(log.user, minlength=len(log.users))[
            job.requests.user[owner]
        ],
    }
    weight = 1 / relevant.count[owner]
    out: dict[str, Any] = {}
    for side, bounds in BOUNDS.items():
        part = np.searchsorted(bounds, count[side], side="right") - 1
        share = np.bincount(part, weight)
        out[side] = {"share": (share / share.sum()).round(4).tolist()} | {
            name: (np.bincount(part, weight * hit) / share).round(4).tolist()
            for name, hit in found.items()
        }
    return out


def main() -> None:
    train, test = data(NAME)
    known, held_out = a_fifth_held_out(train, np.random.default_rng(0))
    valid = slices(Job.of(f"{NAME} valid", known, held_out, USERS))
    found = slices(Job.of(f"{NAME} test{USERS}", train, test, USERS))
    share = np.array(found["item"]["share"])
    reweighed = {
        name: round(float(share @ np.array(valid["item"][name])), 4) for name in METHODS
    }
    results = {"valid": valid, "test": found, "valid, as popular": reweighed}
    OUT.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
