"""Every public name that makes something, with what it cannot be made without."""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import tidegraph as tg

ASKED_ELSEWHERE = {
    *("read", "read_sql", "interactions", "check", "evaluate", "recommend", "load"),
    *("read_recipe", "judge_sampled", "evaluate_ranker", "evaluate_runs"),
    *("Pipeline", "Graph", "hop", "khop", "fan_out", "walk", "parse", "in_batch"),
    *("near", "negatives", "local_cluster"),
}
"""Of these ``calls``, ``judges`` and ``graphs`` know good arguments."""
NOT_MADE_BY_CALLERS = {
    *("Interactions", "Matrix", "Bundle"),
    *("Examples", "Past", "Impressions"),
    *("distribution", "proximity", "sampler", "FROM_LOG"),
}
"""Views, logs and bundles come from other calls; decorators take a class, and a value
is not called; what is raised is made by us."""

Question = tuple[str, Callable[..., Any], dict[str, Any]]


def names(folder: Path) -> Iterator[Question]:
    """Yield what each name makes; what it needs is given, the rest is left out."""
    log = tg.interactions(["u1", "u2"], ["i1", "i2"], [1, 2])
    walks = tg.walk("friend", times=2, length=2)
    whole = tg.interactions(["u1", "u2", "u1"], ["i1", "i2", "i2"], [1, 2, 3])
    parts = {"train": whole.before(3), "test": whole.since(3), "repeat": True}
    needed: dict[str, dict[str, Any]] = {
        "CoOccurrence": {"via": "click"},
        "Concatenated": {
            "name": "both",
            "parts": (tg.recipes.deepwalk(), tg.recipes.bpr_mf()),
        },
        "DeviceClient": {"folder": folder, "trusted": bytes(32)},
        "Fold": {"log": log},
        "Gate": {"folder": folder},
        "ItemEmbedding": {"vectors": np.eye(2, dtype=np.float32)},
        "MetaPath": {"path": ("click", "~click")},
        "Mixed": {"parts": (tg.Shared(5), tg.InBatch())},
        "Planned": {"plan": tg.negatives("item", count=2, via="click")},
        "RetrieverLogit": {"retriever": tg.Popular()},
        "Run": {"rng": np.random.default_rng(0)},
        "TensorBoard": {"folder": folder},
        "WalkEnds": {"walks": walks},
        "WalkWindows": {"walks": walks},
        "at_cut": parts,
        "at_each_event": parts,
        "at_first_event": parts,
        "eges": {"side": ("category",)},
        "ges": {"side": ("category",)},
        "metapath2vec": {"path": ("click", "~click")},
        "hard": {"pool": walks.top(4), "count": 2, "ranks": (1, 3)},
        "unique": {"hops": tg.hop("click").recent(2)},
    }
    for home, known in ((tg, tg.__all__), (tg.recipes, dir(tg.recipes))):
        for name in sorted({*known} - ASKED_ELSEWHERE - NOT_MADE_BY_CALLERS):
            made = getattr(home, name)
            error = isinstance(made, type) and issubclass(made, Exception)
            if callable(made) and not error and not getattr(made, "_is_protocol", 0):
                yield name, made, needed.get(name, {})


def parameters(call: Callable[..., Any]) -> list[str]:
    """Return what a call can be given by name; a lambda says it by itself."""
    if getattr(call, "__name__", "") == "<lambda>":
        return []
    kinds = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    said = inspect.signature(call).parameters.values()
    return [one.name for one in said if one.kind in kinds]
