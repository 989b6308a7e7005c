import dataclasses
import importlib
import inspect
import math
import pkgutil
import typing

import pytest

import tidegraph
from tidegraph.errors import ConfigError, TidegraphError
from tidegraph.ranges import above, at_least, below_1, from_0_to_1, span, within

ROOMS = ("retrieval", "ranking", "reranking", "training", "fitting", "features", "nn")
ENDLESS = {"Lifecycle.lifetime_days", "Policy.memory_days"}
"""Settings whose docstring says what ``inf`` means, besides half-lives."""


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
    assert found >= {"Training", "AdamW", "Cosine", "Objective"}
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
