"""Every method by its name, and every fitted value by its class."""

import inspect
import os
from collections.abc import Collection, Iterable, Mapping
from typing import Any, cast

from tidegraph.arguments import checked
from tidegraph.arguments.written import AllWritten, Written
from tidegraph.artifact import sealed
from tidegraph.config import build, refuse_unknown
from tidegraph.errors import ArtifactError, ConfigError, did_you_mean, type_of
from tidegraph.lazy import Homes
from tidegraph.pipeline.fitted import FittedPipeline
from tidegraph.ranking.network import is_network, neural
from tidegraph.stages.kinds import KINDS


def _is_fitted(name: str) -> bool:
    return name.startswith("Fitted")


def _methods_of_room(room: str, *others: str) -> Homes:
    public = Homes.of(f"tidegraph.{room}")
    return public.where(lambda name: not _is_fitted(name) and name not in others)


RETRIEVERS = _methods_of_room("retrieval", "Blend", "FROM_LOG").outside(
    "tidegraph.retrieval.objective"
)
"""Losses, negatives and pairs are parts of an embedding, and retrieve nothing."""
RANKERS = _methods_of_room("ranking", "ClickModel", "NeuralRanker", "ReadsGraph")
RERANKERS = _methods_of_room("reranking")
_WRITTEN_OTHERWISE = {
    "NeuralRanker": "ranks by a click model: write the click model's name here, such "
    'as model = "DIN", with the settings of both.',
    "Blend": "joins all channels: its settings are the table [blend].",
}
"""What a recipe says of methods that it does not name."""
STAGES: Mapping[str, Homes] = {
    "retrieve": RETRIEVERS,
    "rank": RANKERS,
    "rerank": RERANKERS,
}
FITTED = Homes.of("tidegraph").where(_is_fitted) | Homes(
    {
        "Cosines": "tidegraph.reranking.similarity",
        "FittedInvertedLists": "tidegraph.retrieval.index.lists",
        "EventFields": "tidegraph.features.context",
        "Features": "tidegraph.features.columns",
        "SharedTags": "tidegraph.reranking.similarity",
        "Snapshot": "tidegraph.graph.snapshot",
        "Tables": "tidegraph.features.tables",
        "Vocabulary": "tidegraph.data.ids.vocabulary",
    }
)
"""What a folder of a model may hold."""
_PLANS = Homes({"parse": "tidegraph.ego.parse"})


def _plan(example: str) -> Written:
    """Return how a plan is written: as its ``str`` is."""
    example = f'"{example}"'

    def read(value: object, where: str) -> object:
        if not isinstance(value, str):
            return value
        try:
            return cast(object, _PLANS["parse"](value))
        except ConfigError as error:
            raise ConfigError(f"[{where}] {error} An example: {example}.") from error

    return Written(read, example)


def _method(stage: str, example: str) -> Written:
    """Return how a method within another is written: its name, or a table with it."""

    def read(value: object, where: str) -> object:
        if isinstance(value, str):
            return model({"model": value}, where, stage)
        if not isinstance(value, Mapping):
            return value
        table = dict(cast(Mapping[str, Any], value))
        if "model" not in table and "type" in table:
            table["model"] = table.pop("type")
        return model(table, where, stage)

    return Written(read, example)


WRITTEN: AllWritten = {
    "Plan": _plan("hop('action').recent(20)"),
    "Walk": _plan("walk('action', '~action', length=20).all_time()"),
    "Retriever": _method("retrieve", '"ItemKNN", or {model = "ItemKNN"}'),
    "Ranker": _method("rank", '"DIN", or {model = "DIN"}'),
    "Reranker": _method("rerank", '"MMR", or {model = "MMR"}'),
}
"""How a recipe writes a setting of such a type."""


def spelling(stage: str, name: str) -> str:
    """Return a method's name as its stage spells it, or the name that it has not.

    Capitals and punctuation do not matter, but where a name is that of a method of
    another stage: ``SASRec`` ranks, and ``sasrec`` retrieves.

    Args:
        stage: ``retrieve``, ``rank`` or ``rerank``.
        name: As somebody wrote it.
    """
    if any(name in methods for methods in STAGES.values()):
        return name
    return next(iter(STAGES[stage].alike(name)), name)


def model(table: Mapping[str, Any], where: str, stage: str) -> Any:
    """Build the configuration that a table of a recipe describes.

    Args:
        table: ``model`` is its name, the rest are its settings.
        where: File and table, for the error message.
        stage: ``retrieve``, ``rank`` or ``rerank``.

    Raises:
        ConfigError: The name or a setting is unknown, or a value has the wrong type.
    """
    known = STAGES[stage]
    name = table.get("model")
    if not isinstance(name, str):
        raise ConfigError(
            f'[{where}] does not say which model. Add model = "...", one of: '
            f"{', '.join(sorted(known))}."
        )
    name = spelling(stage, name)
    if name not in known:
        raise ConfigError(
            f"[{where}] names the model {name!r}, which {_advice_on_name(name, stage)} "
            f"There are: {', '.join(sorted(known))}."
        )
    settings = {key: value for key, value in table.items() if key != "model"}
    method, title = known[name], f"{where}.{name}"
    if not is_network(method):
        return build(method, settings, title, written=WRITTEN)
    return _neural_ranker(method, settings, title)


def _advice_on_name(name: str, stage: str) -> str:
    """Return what a name is that a stage does not know, and what was meant by it."""
    for other, methods in STAGES.items():
        if other != stage and name in methods:
            own, noun = STAGES[stage].alike(name), KINDS[stage].noun
            meant = f"; the {noun} method is {own[0]!r}" if own else ""
            return f"{KINDS[other].does}{meant}."
    if name in _WRITTEN_OTHERWISE:
        return _WRITTEN_OTHERWISE[name]
    return f"does not exist.{did_you_mean(name, STAGES[stage])}"


def _neural_ranker(network: Any, table: Mapping[str, Any], where: str) -> Any:
    """Build the ranker of a click model, whose settings stand beside its own."""
    own = inspect.signature(network).parameters
    refuse_unknown(table, [*own, *_settings_beside_model()], where)
    of_network = {key: value for key, value in table.items() if key in own}
    others = {key: value for key, value in table.items() if key not in own}
    made = build(network, of_network, where, written=WRITTEN)
    return build(neural(), others, where, given={"model": made}, written=WRITTEN)


def settings_of(stage: str, name: str) -> Collection[str]:
    """Return the settings of a method, none if there is no such method."""
    known, name = STAGES[stage], spelling(stage, name)
    if name not in known:
        return ()
    own = inspect.signature(known[name]).parameters
    return own if not is_network(known[name]) else [*own, *_settings_beside_model()]


def _settings_beside_model() -> list[str]:
    """Return the settings of the ranker of a click model, but for the model itself."""
    return [name for name in inspect.signature(neural()).parameters if name != "model"]


@checked(ArtifactError)
def load(
    folder: str | os.PathLike[str],
    *,
    verify: bool | None = None,
    kinds: Iterable[type] = (),
) -> FittedPipeline:
    """Open the pipeline that was saved in a folder, mapped into memory.

    Processes that open one folder share its memory, and nothing in it can run code.

    Args:
        folder: What ``save`` wrote.
        verify: Compare every byte with its checksum; of arrays over 64 MiB only the
            size is compared if left out.
        kinds: The classes of one's own that the pipeline is made of: of fitted values,
            and of parts that are settings of a value, such as a click model.

    Raises:
        ArtifactError: The folder is not a whole, unchanged model of this version.
    """
    value = sealed.load(folder, FITTED, verify=verify, kinds=kinds)
    if not isinstance(value, FittedPipeline):
        raise ArtifactError(f"{folder} holds {type_of(value)}, not a pipeline.")
    return value
