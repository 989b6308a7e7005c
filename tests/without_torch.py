"""What the library can do where torch is not installed, told as JSON.

A program: it fits, saves, opens and asks each method whose name and settings need no
torch, and tells of each name of the library whether it can be had.
"""

import json
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tidegraph as tg
from tidegraph.catalog import STAGES
from tidegraph.testing.logs import draw_log

NEEDED: dict[str, dict[str, Any]] = {
    "MetaPath": {"path": ("~action", "action")},
    "RetrieverLogit": {"retriever": tg.ItemKNN()},
    "MMR": {"by": "category"},
    "DPP": {"by": "category"},
    **{name: {"embedding_size": 8} for name in ("grarep", "hope", "ials", "prone")},
    "graphzoom": {"solver": tg.solvers.HOPE(embedding_size=8)},
    "netmf": {"embedding_size": 8, "rank": 20},
    **{name: {"rank": 8} for name in ("cheby_cf", "gf_cf", "pure_svd")},
}
"""Settings that a method cannot do without, or that make it small."""


class NoTorch:
    """Finds torch nowhere, as where it is not installed."""

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name=name)
        return None


def answered(stage: str, name: str) -> str:
    """Fit a pipeline with a method, save, open and ask it; return what went wrong."""
    try:
        method = STAGES[stage][name](**NEEDED.get(name, {}))
        stages: dict[str, Any] = {"retrieve": tg.ItemKNN(), stage: method}
        model = tg.Pipeline(**stages, windows=tg.Windows(count=1)).fit(draw_log())
        with TemporaryDirectory() as folder:
            model.save(Path(folder) / "model")
            opened = tg.load(Path(folder) / "model")
            assert opened.recommend("u3", k=5).height == 5
    except Exception as error:  # noqa: BLE001 - it is told, whatever it is.
        return f"{type(error).__name__}: {error}"
    return ""


def missing() -> list[str]:
    """Return the public names that cannot be had."""
    absent = list[str]()
    for name in tg.__all__:
        try:
            getattr(tg, name)
        except tg.MissingExtraError:
            absent.append(name)
    return absent


if __name__ == "__main__":
    sys.meta_path.insert(0, NoTorch())
    told = {
        stage: {name: answered(stage, name) for name in methods}
        for stage, methods in STAGES.items()
    }
    sys.stdout.write(json.dumps({"answered": told, "missing": missing()}))
