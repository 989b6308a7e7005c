"""A part goes where its kind goes, and is refused elsewhere as it is given."""

import importlib
import inspect
import sys
import typing
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import is_dataclass
from typing import Any

import pytest

import tidegraph as tg
from tidegraph.config import is_kind_of
from tidegraph.ego.walks import Walk
from tidegraph.errors import ConfigError
from tidegraph.lazy import Homes, wanted
from tidegraph.nn.conv import GAT, GCN, GraphSAGE, MeanAggregator
from tidegraph.nn.sequence.encoders import GatedUnits

ROOMS = (
    *("tidegraph.nn.click", "tidegraph.nn.conv", "tidegraph.nn.sequence.encoders"),
    *("tidegraph.retrieval.filters", "tidegraph.retrieval.index"),
    *("tidegraph.retrieval.solvers", "tidegraph.retrieval.objective.negatives"),
    *("tidegraph.training.optimizers", "tidegraph.training.schedules"),
)
STAGES = {"Retriever", "Ranker", "Reranker"}
"""All of these have ``fit`` and are told apart by what it returns."""


def _settings() -> dict[str, type]:
    """Every public class of settings, and those of the rooms of parts."""
    found = list(Homes.of("tidegraph").values())
    for room in map(importlib.import_module, ROOMS):
        found += [getattr(room, name) for name in room.__all__]
    kept = [one for one in found if inspect.isclass(one) and is_settings(one)]
    return {f"{one.__module__}.{one.__name__}": one for one in kept}


def is_settings(cls: type) -> bool:
    check = getattr(cls, "__post_init__", is_dataclass)
    plain = is_dataclass(cls) and cls.__module__.startswith("tidegraph.nn")
    return plain or check.__module__ == "tidegraph.arguments"


def _protocols(hint: Any) -> Iterator[type]:
    if getattr(hint, "_is_runtime_protocol", False):
        yield hint
    for inner in typing.get_args(hint):
        yield from _protocols(inner)


SETTINGS = _settings()
KINDS = {
    kind.__name__: kind
    for owner in SETTINGS.values()
    for hint in typing.get_type_hints(owner).values()
    for kind in _protocols(hint)
    if kind.__name__ not in STAGES
}
"""Every protocol that a setting holds a part of."""


def _own(kind: type) -> set[str]:
    """The parts of a protocol: those of its room, or of a room that stands for it."""
    of_click = ("Network", "Backbone", "ReadsGraph")
    click = dict.fromkeys(of_click, "tidegraph.nn.click")
    room = {**click, "Plan": "tidegraph.ego"}
    home = room.get(kind.__name__, kind.__module__)
    return {name for name in SETTINGS if _is_of(SETTINGS[name], home, kind)}


def _is_of(cls: type, home: str, kind: type) -> bool:
    listed = getattr(sys.modules[home], "__all__", ())
    within = cls.__name__ in listed or cls.__module__.startswith(f"{home}.")
    return within and is_kind_of(cls, kind)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_class_of_settings_is_a_part_of_its_own_kind_alone(name):
    kind = KINDS[name]
    made = [(full, _made(cls)) for full, cls in SETTINGS.items()]

    taken = {full for full, value in made if isinstance(value, kind)}
    assert taken <= _own(kind)


def _made(cls: type) -> object:
    """A value of the class: by default, or with nothing in any setting."""
    with suppress(TypeError, ConfigError):
        return cls()
    value = object.__new__(cls)
    for setting in typing.get_type_hints(cls):
        object.__setattr__(value, setting, None)
    return value


def test_every_protocol_is_asked():
    asked = {"Aggregator", "ClickModel", "Encoder", "Index", "Negatives", "Network"}

    assert asked | {"Optimizer", "SequenceEncoder", "Solver", "Start"} <= KINDS.keys()
    assert len(SETTINGS) > 100
    assert all(_own(KINDS[name]) for name in asked)


NO_EXAMPLE = {"Backbone", "Feature", "Network", "ReadsGraph"}
"""These are one's own, or come out of what was asked for."""


@pytest.mark.parametrize("name", sorted((KINDS.keys() - NO_EXAMPLE) | {"Walk"}))
def test_what_is_no_part_of_a_kind_is_answered_with_one(name):
    kind = {**KINDS, "Walk": Walk}[name]

    said = wanted(kind, 3)

    example = said.partition(", like ")[2]
    assert isinstance(eval(example, {"tg": tg}), kind)
    assert said.startswith(("a ", "an "))


REFUSED = (
    (tg.Training, "optimizer", GCN(), "an Optimizer"),
    (tg.Embedding, "encoder", tg.optimizers.Adam(), "an Encoder"),
    (tg.Embedding, "encoder", GatedUnits(), "an Encoder"),
    (tg.Embedding, "encoder", MeanAggregator(), "an Encoder"),
    (tg.NeuralRanker, "model", tg.index.Exact(), "a ClickModel"),
    (tg.NeuralRanker, "model", GCN(), "a ClickModel"),
    (tg.NextItem, "encoder", GCN(), "a SequenceEncoder"),
    (tg.NextItem, "index", tg.DIN(), "an Index"),
    (GraphSAGE, "aggregator", GAT(), "an Aggregator"),
    (tg.Factorized, "solver", tg.Factorized(), "a Solver"),
    (tg.Factorized, "solver", tg.filters.LowPass(), "a Solver"),
    (tg.Calibrated, "ranker", tg.optimizers.Adam(), "a Ranker or a Network"),
)


@pytest.mark.parametrize(("owner", "setting", "wrong", "wanted"), REFUSED, ids=str)
def test_a_part_of_another_kind_is_refused_as_it_is_given(
    owner, setting, wrong, wanted
):
    made = owner()
    object.__setattr__(made, setting, wrong)  # Tests check annotations before it.

    with pytest.raises(ConfigError, match=rf"{setting} is .*it must be {wanted}"):
        made.__post_init__()
