import dataclasses
import importlib
import inspect
import math
import pkgutil
import typing
from functools import cache

import pytest

import tidegraph
from tidegraph import demo
from tidegraph.errors import ConfigError, TidegraphError
from tidegraph.ranges import above, at_least, below_1, from_0_to_1, span, within

ROOMS = ("retrieval", "ranking", "reranking", "training", "fitting", "features", "nn")
ROOMS += ("data", "dccl", "device.gate", "evaluation", "pipeline", "recipe_file")
ENDLESS = {"Lifecycle.lifetime_days", "Policy.memory_days"}
"""Settings whose docstring says what ``inf`` means, besides half-lives."""


@cache
def configurations() -> dict[str, type]:
    """Every frozen dataclass of the rooms that can be made without arguments."""
    found = [getattr(tidegraph, name) for name in tidegraph.__all__]
    for room in ROOMS:
        package = importlib.import_module(f"tidegraph.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            found += vars(importlib.import_module(module.name)).values()
    free = {f"{cls.__module__}.{cls.__name__}": cls for cls in found if _is_free(cls)}
    return {name: cls for name, cls in sorted(free.items()) if "._" not in name}


def _is_free(cls) -> bool:
    if not dataclasses.is_dataclass(cls) or not inspect.isclass(cls):
        return False
    missing = dataclasses.MISSING
    return hasattr(cls, "__post_init__") and all(
        field.default is not missing or field.default_factory is not missing
        for field in dataclasses.fields(cls)
    )


def floats() -> list[tuple[str, str]]:
    return [
        (name, field)
        for name, cls in configurations().items()
        for field, hint in typing.get_type_hints(cls).items()
        if float in (hint, *typing.get_args(hint))
        and field in {one.name for one in dataclasses.fields(cls)}
        and typing.get_origin(hint) is not tuple
    ]


def test_the_search_finds_the_settings_of_every_room():
    found = {name.rpartition(".")[2] for name, _ in floats()}

    assert found >= {"EASE", "Blend", "RecencyLogit", "NeuralRanker", "MMR", "DPP"}
    assert found >= {"Training", "AdamW", "HalfCosine", "Objective"}
    assert len(floats()) > 30


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize(("name", "field"), floats())
def test_no_setting_is_endless_or_no_number(name, field, value):
    cls = configurations()[name]
    if value == math.inf and (
        f"{cls.__name__}.{field}" in ENDLESS or "half_life" in field
    ):
        cls(**{field: value})
        return

    with pytest.raises(ConfigError, match=field):
        cls(**{field: value})


IMPOSSIBLE = {
    "Adagrad": {"learning_rate": 0.0, "weight_decay": -1.0},
    "Adam": {"learning_rate": 0.0, "weight_decay": -1.0},
    "AdamW": {"learning_rate": 0.0, "weight_decay": -1.0},
    "BPR": {"negatives": 0},
    "CandidateSampling": {"size": 0},
    "DIN": {"embedding_size": 0, "hidden": (0,)},
    "DSGL": {"user_depth": -1, "history": 0},
    "FeatureSet": {"history": 0},
    "Demo": {"test_days": 0.0, "households": -1, "seed": -1},
    "Graph": {"late_seconds": -1},
    "GraRep": {"negatives": 0.0},
    "GraphZoom": {"levels": -1, "smoothing": -1, "loop": 0.0, "seed": -1},
    "HOPE": {"embedding_size": 0},
    "HalfCosine": {"floor": 2.0},
    "ItemKNN": {"neighbors": 0},
    "KatzProximity": {"beta": 0.0},
    "Linear": {"floor": -1.0},
    "MoMoDistill": {"beta": -0.1, "cap": 0.0},
    "NetMF": {"window": 0, "rank": 0},
    "NeuralRanker": {"id_dropout": 1.0, "dropout": 1.0},
    "PageRankProximity": {"restart": 1.0},
    "ProNE": {"theta": 0.0},
    "RP3beta": {"neighbors": 0},
    "SGD": {"learning_rate": 0.0, "weight_decay": -1.0},
    "SequenceLayer": {"heads": 0, "time_base": 1.0},
    "SessionWalks": {"times": 0, "length": 0, "window": 0, "session_seconds": 0},
    "SkipGramWalks": {
        **dict.fromkeys(("embedding_size", "walks", "length", "window"), 0),
        **{"negatives": 0, "learning_rate": 0.0},
    },
    "Stairs": {"every": 0, "by": -1.0},
    "Training": {"epochs": 0, "batch_size": 0, "patience": 0, "validate_every": 0}
    | {"average": 1.0},
    "UserKNN": {"neighbors": 0},
    "WarmUp": {"steps": 0},
    "bpr_mf": {"embedding_size": 0, "l2": -1.0},
    "cheby_cf": {"order": 0},
    "ials": {"l2": 0.0, "iterations": 0},
    "lightgcn": {"layers": 0},
    "pure_svd": {"rank": 0},
}
"""Values that no setting takes, each refused as it is given."""


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_an_impossible_setting_is_refused_by_its_name(name):
    rooms = (tidegraph, tidegraph.recipes, tidegraph.solvers, tidegraph.index)
    rooms = (*rooms, demo, tidegraph.optimizers, tidegraph.schedules, tidegraph.dccl)
    cls = next(getattr(room, name) for room in rooms if name in dir(room))

    for setting, value in IMPOSSIBLE[name].items():
        with pytest.raises(ConfigError, match=setting):
            cls(**{setting: value})


@pytest.mark.parametrize(
    ("check", "inside", "outside"),
    [
        (lambda v: at_least("M", 1, x=v), [1, 1.5, None, 4], [0.99, -3]),
        (lambda v: above("M", 0, x=v), [1e-9, 3, None], [0, -1e-9]),
        (lambda v: within("M", x=v), [0.5, 0.99, None], [0, 1, 2]),
        (lambda v: from_0_to_1("M", x=v), [0, 1, 0.5, None], [-1e-9, 1.01]),
        (lambda v: below_1("M", x=v), [0, 0.99, None], [1, -0.1]),
    ],
    ids=["at_least", "above", "within", "from_0_to_1", "below_1"],
)
def test_a_range_holds_what_it_says(check, inside, outside):
    for value in inside:
        check(value)
    for value in [*outside, math.inf, math.nan]:
        with pytest.raises(TidegraphError, match=r"M x is .*; it must be "):
            check(value)


def test_a_pipeline_has_no_endless_window():
    with pytest.raises(ConfigError, match="days is inf; it must be above 0, and"):
        tidegraph.Windows(days=math.inf)


def test_a_span_of_time_may_be_endless():
    span("M", x=math.inf)
    span("M", x=None)
    for value in (0, -1.0, math.nan, -math.inf):
        with pytest.raises(ConfigError, match=r"M x is .*; it must be "):
            span("M", x=value)
