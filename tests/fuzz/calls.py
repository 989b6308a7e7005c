"""Every public call with one argument replaced by what callers pass.

Run as a script, so that no shape check of the tests stands in front of the library.
The law: a call works, or raises a TidegraphError, or Python refuses the call itself.
"""

import contextlib
import copy
import dataclasses
import datetime as dt
import decimal
import inspect
import io
import json
import sqlite3
import sys
import tempfile
import uuid
import warnings
import zlib
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from graphs import questions
from judges import judges
from named import names, parameters

import tidegraph as tg
from tidegraph.errors import TidegraphError
from tidegraph.retrieval.objective import Objective
from tidegraph.retrieval.objective.losses import (
    BPR,
    BSL,
    DirectAU,
    InfoNCE,
    SampledSoftmax,
)
from tidegraph.training.optimizers import SGD, Adagrad, Adam, AdamW
from tidegraph.training.schedules import HalfCosine, Stairs, WarmUp
from tidegraph.training.settings import Training

VALUES: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "True": lambda: True,
    "0": lambda: 0,
    "-3": lambda: -3,
    "2**70": lambda: 2**70,
    "int8": lambda: np.int8(3),
    "uint64": lambda: np.uint64(3),
    "3.0": lambda: 3.0,
    "3.5": lambda: 3.5,
    "float32": lambda: np.float32(0.5),
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "text": lambda: "u1",
    "empty text": lambda: "",
    "bytes": lambda: b"u1",
    "date": lambda: dt.date(2024, 5, 1),
    "datetime": lambda: dt.datetime(2024, 5, 1, 12),
    "Timestamp": lambda: pd.Timestamp("2024-05-01", tz="UTC"),
    "NaT": lambda: pd.NaT,
    "datetime64": lambda: np.datetime64("2024-05-01T12"),
    "timedelta": lambda: dt.timedelta(days=1),
    "Decimal": lambda: decimal.Decimal("3"),
    "UUID": lambda: uuid.UUID(int=1),
    "list": lambda: ["u1", "u2"],
    "empty list": list,
    "tuple": lambda: (1, 2),
    "set": lambda: {"u1"},
    "dict": lambda: {"u1": 1},
    "nested": lambda: [[1], [2]],
    "mixed": lambda: [1, "2", None],
    "array": lambda: np.array([1, 2]),
    "array of text": lambda: np.array(["u1", "u2"]),
    "array of bool": lambda: np.array([True, False]),
    "scalar array": lambda: np.array(3),
    "matrix": lambda: np.ones((2, 2)),
    "pandas Series": lambda: pd.Series(["u1", "u2"]),
    "polars Series": lambda: pl.Series([1, 2]),
    "pandas frame": lambda: pd.DataFrame({"user": ["u1"], "item": ["i1"]}),
    "polars frame": lambda: pl.DataFrame({"user": ["u1"], "item": ["i1"]}),
    "Arrow array": lambda: pa.array([1, 2]),
    "Arrow table": lambda: pa.table({"user": ["u1"], "item": ["i1"]}),
    "Path": lambda: Path("nowhere.csv"),
    "generator": lambda: (value for value in (1, 2)),
    "object": object,
    "class": lambda: tg.ItemKNN,
}


def frame(events: int = 60) -> pl.DataFrame:
    """Return a small log as a table, with a category of each item."""
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "user": [f"u{u}" for u in rng.integers(0, 8, events)],
            "item": [f"i{i}" for i in rng.integers(0, 10, events)],
            "time": 1_700_000_000 + np.arange(events) * 40_000,
            "label": np.ones(events, np.int8),
            "split": ["train"] * 40 + ["valid"] * 10 + ["test"] * 10,
        }
    )


def subjects(folder: Path) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Yield a name, something to call, and good arguments for it."""
    table = frame()
    items = pl.DataFrame({"item": [f"i{i}" for i in range(10)], "category": "c"})
    log = tg.read(table, items=items, split="split")
    train, valid, test = log.split(fractions=(0.6, 0.2))
    path = folder / "log.csv"
    table.write_csv(path)
    yield "read", tg.read, {"source": path, **defaults(tg.read)}
    yield "read frame", tg.read, {"source": table, **defaults(tg.read)}
    lines = {"query": "select * from log", "connection": database(table)}
    yield "read_sql", tg.read_sql, lines | defaults(tg.read_sql)
    columns = {"user": [1], "item": [2], "time": [3]}
    yield "interactions", tg.interactions, columns | defaults(tg.interactions)
    yield "check", tg.check, {"log": log}
    columns = {"user": ["u1"], "item": ["i1"]}
    yield "Matrix.from_pairs", tg.Matrix.from_pairs, dict(columns)
    yield "Matrix.of", tg.Matrix.of, {"log": log}
    yield "split", log.split, {"fractions": (0.5, 0.2)}
    yield "split time", log.split, {"time": (1_700_800_000, 1_701_600_000)}
    yield "split by", log.split, {"by": "split"}
    yield "random_split", log.random_split, defaults(log.random_split)
    yield "leave_last_out", log.leave_last_out, defaults(log.leave_last_out)
    yield "before", log.before, {"time": 1_700_000_000}
    yield "since", log.since, {"time": 1_700_000_000}
    yield "take", log.take, {"rows": slice(0, 3)}
    yield "leave_last", log.leave_last, {"k": 1}
    yield "rolling", log.rolling, {"window_days": 2, "step_days": 2, "folds": 2}
    yield "followed_by", train.followed_by, {"later": valid}
    yield "Marketplace", tg.Marketplace, {"users": 20, "items": 10, "days": 2}
    yield from methods(train)
    yield from described()
    yield from answers(train, valid, test, folder)


def methods(train: tg.Interactions) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Yield each retriever's settings, and what fits it."""
    for name in (
        *("AdamicAdar", "CommonNeighbors", "EASE", "ItemKNN", "Katz", "Popular"),
        *("PersonalizedPageRank", "RP3beta", "Repeat", "SLIM", "UserKNN"),
    ):
        kind = getattr(tg, name)
        good = {key: p.default for key, p in inspect.signature(kind).parameters.items()}
        good = {key: v for key, v in good.items() if type(v).__name__ != "_HAS_D"}
        yield name, lambda kind=kind, **kw: kind(**kw).fit(train), good
        yield f"{name}.fit", kind().fit, {"train": train}


def answers(
    train: tg.Interactions, valid: tg.Interactions, test: tg.Interactions, folder: Path
) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Yield what a fitted pipeline does, and what makes and judges one."""
    model = tg.Pipeline(retrieve=tg.ItemKNN(), fallback=tg.Popular()).fit(train, valid)
    similar = {"ids": ["i1"], "k": 2, "channel": None}
    yield "similar", model.similar, similar
    yield "hit lists", tg.evaluate, {"model": model, "test": test, "against": None}
    yield "recommend", model.recommend, {"user": "u1", "k": 3, "exclude": ["i1"]}
    yield "recommend at", model.recommend, {"user": "u1", "k": 3, "at": 1_750_000_000}
    yield "recommend only", model.recommend, {"user": "u1", "k": 3, "only": ["i1"]}
    yield "recommend history", model.recommend, {"history": ["i1"], "k": 3}
    all_of = {"users": ["u1"], "k": 2, "only": None, "exclude": None, "at": None}
    yield "recommend_all", model.recommend_all, all_of
    yield "erase", lambda users: copy.copy(model).erase(users), {"users": ["u1"]}
    yield (
        "tg.recommend",
        tg.recommend,
        {
            "retriever": tg.ItemKNN().fit(train),
            "log": train,
            "users": ["u1"],
            "k": 2,
            "repeat": True,
        },
    )
    event = [("u1", "i1", 1_750_000_000)]
    yield "observe", model.observe, {"events": event, "missing": "refuse"}
    yield (
        "observe one",
        lambda u, i, t: model.observe([(u, i, t)]),
        {
            "u": "u1",
            "i": "i1",
            "t": 1_900_000_001,
        },
    )
    yield "save", model.save, {"folder": folder / "model"}
    model.save(folder / "model")
    yield "load", tg.load, {"folder": folder / "model"}
    recipe = folder / "recipe.toml"
    recipe.write_text('[data]\npath = "x.csv"\n[[retrieve]]\nmodel = "Popular"\n')
    said = {"path": recipe, "data": {"user": "who"}, "split": {"valid": 0.2}}
    yield "read_recipe", tg.read_recipe, said
    yield "evaluate", tg.evaluate, {"model": model, "test": test, "k": (3,)}
    yield from judges(train, test)
    embedded = tg.Pipeline(retrieve=tg.recipes.pure_svd(rank=2)).fit(train)
    yield "vectors", embedded.vectors, {"of": "item", "channel": None}
    yield "refitted", tg.Pipeline(tg.ItemKNN()).refitted, {"model": model, "log": train}
    yield (
        "Pipeline",
        lambda **kw: tg.Pipeline(**kw).fit(train, valid),
        {
            **defaults(tg.Pipeline),
            "retrieve": tg.ItemKNN(),
            "candidates": 5,
            "names": "category",
        },
    )
    fit = tg.Pipeline(retrieve=tg.ItemKNN()).fit
    yield "Pipeline.fit", fit, {"train": train, "valid": valid, "rng": 1}


def defaults(call: Any) -> dict[str, Any]:
    """Return the arguments that a call has a value for."""
    parameters = inspect.signature(call).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def database(table: pl.DataFrame) -> sqlite3.Connection:
    """Return a database that holds a log."""
    connection = sqlite3.connect(":memory:")
    connection.execute("create table log (user, item, time, label, split)")
    connection.executemany("insert into log values (?, ?, ?, ?, ?)", table.rows())
    return connection


def described() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Yield the settings of what a pipeline fits, each with its defaults."""
    kinds = (tg.Blend, tg.RecencyLogit, tg.DIN, tg.MMR, tg.DPP, Training, AdamW)
    losses = (Objective, BPR, SampledSoftmax, InfoNCE, BSL, DirectAU)
    for kind in (*kinds, Adam, SGD, Adagrad, HalfCosine, Stairs, WarmUp, *losses):
        made = kind()
        fields = dataclasses.fields(made)
        yield kind.__name__, kind, {one.name: getattr(made, one.name) for one in fields}


def outcome(call: Any, arguments: dict[str, Any]) -> str | None:
    """Return what is wrong with how a call ends, or nothing."""
    quiet = contextlib.redirect_stdout(io.StringIO())
    with warnings.catch_warnings(), quiet, contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            call(**arguments)
        except TidegraphError as error:
            said = str(error)
            return "its sentence is empty" if not said.strip() else None
        except Exception as error:  # noqa: BLE001 - the point of the search
            return f"{type(error).__name__}: {str(error).splitlines()[:1]}"
    return None


def main(share: int) -> None:
    """Print each call that breaks the law; of all calls one in ``share`` is made."""
    found: dict[str, str] = {}
    calls = 0
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        folder = Path(name)
        everything = chain(subjects(folder), questions(folder), names(folder))
        for subject, call, good in everything:
            wrong = outcome(call, dict(good))
            if wrong:
                found[f"{subject}()"] = wrong
            for parameter in dict.fromkeys([*good, *parameters(call)]):
                for kind, value in VALUES.items():
                    key = f"{subject}({parameter}={kind})"
                    if zlib.crc32(key.encode()) % share:
                        continue
                    calls += 1
                    wrong = outcome(call, {**good, parameter: value()})
                    if wrong:
                        found[key] = wrong
    sys.stdout.write(json.dumps({"calls": calls, "found": found}, indent=1) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
