"""A recipe: which log, which split, which stages; strict TOML."""

import inspect
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, cast

from tidegraph.arguments import checked, settings
from tidegraph.arguments.conversion import convert_or_raise, converter
from tidegraph.catalog import model, settings_of
from tidegraph.config import build, refuse_unknown
from tidegraph.data.interactions import Interactions
from tidegraph.data.reading import Reading, setting_names
from tidegraph.data.sources import read_as
from tidegraph.data.tables.unread import Unread, unread_columns
from tidegraph.errors import ConfigError, DataError
from tidegraph.graph.live import Graph
from tidegraph.pipeline import FittedPipeline, Pipeline
from tidegraph.pipeline.serving import Source
from tidegraph.recipe_file.on_valid import ValidReport, judge_on_valid
from tidegraph.recipe_file.split import Parts, Split
from tidegraph.recipe_file.toml_file import read_toml
from tidegraph.retrieval.blend import Blend
from tidegraph.rng import generator
from tidegraph.run import Run
from tidegraph.stages import Fold, Retriever, called, checked_name


@settings
class Files:
    """The files of the table ``[data]`` of a recipe; the rest says how to read the log.

    Attributes:
        path: The log, relative to the recipe.
        users: Table of user features, if any.
        items: Table of item features, if any.
        graph: Further nodes and edges beside the log, if any: a folder that
            ``Graph.save`` wrote.
    """

    path: str
    users: str | None = None
    items: str | None = None
    graph: str | None = None


@dataclass(frozen=True)
class Recipe:
    """A whole recipe, checked.

    Attributes:
        folder: Where the recipe lies; its paths start there.
        files: Which log.
        reading: How the log is read.
        split: Which part is for what.
        seed: Seed of everything random.
        pipeline: Which stages.
        stages: The tables of the pipeline, as a saved model keeps them.
    """

    folder: Path
    files: Files
    reading: Reading
    split: Split
    seed: int
    pipeline: Pipeline
    stages: dict[str, Any]

    def read(self) -> Interactions:
        """Read the log that the recipe names."""
        return read_as(
            self.folder / self.files.path,
            self.reading,
            users=self._path_beside(self.files.users),
            items=self._path_beside(self.files.items),
        )

    def further(self) -> Graph | None:
        """Open the graph of further nodes and edges that the recipe names, if any."""
        folder = self._path_beside(self.files.graph)
        return None if folder is None else Graph.open(folder)

    def unread(self) -> Unread:
        """Return the columns of the log that are not read."""
        return unread_columns(self.folder / self.files.path, self.reading)

    def fit(
        self,
        parts: Parts | None = None,
        *,
        graph: Graph | None = None,
        run: Run | None = None,
    ) -> "Fitted":
        """Train the pipeline on the parts of the log, as ``tidegraph train`` does.

        Args:
            parts: The parts, if the log is read and split already. Of rolling windows
                it learns what came before the last.
            graph: Further nodes and edges that every stage may read, if they are
                opened already.
            run: In what circumstances it trains, its seed included.

        Raises:
            DataError: The log cannot be read or split so, or lacks what a stage needs.
        """
        parts = self.split.parts(self.read()) if parts is None else parts
        run = Run(generator(self.seed)) if run is None else run
        graph = self.further() if graph is None else graph
        train, pipeline = Fold(parts.train), parts.long_enough(self.pipeline)
        model = pipeline.fit(train, parts.valid, graph=graph, run=run)
        model.remember(Source(parts.memory, self.stages))
        return Fitted(self.pipeline, model, parts, train, graph, run)

    def _path_beside(self, name: str | None) -> Path | None:
        return None if name is None else self.folder / name


@dataclass(frozen=True, eq=False)
class Fitted:
    """What came of a recipe.

    Attributes:
        pipeline: What was trained.
        model: The trained pipeline, which knows the valid part, too.
        parts: The parts of the log.
        train: What was known before the valid part.
        graph: Further nodes and edges that it was trained with, if any.
        run: In what circumstances it was trained.
    """

    pipeline: Pipeline
    model: FittedPipeline
    parts: Parts
    train: Fold
    graph: Graph | None
    run: Run

    def on_valid(self) -> ValidReport:
        """Return how each channel and stage does on the valid part.

        Raises:
            DataError: There is no such part.
        """
        valid = self.parts.valid
        if valid is None:
            raise DataError(
                "the split has no valid part to judge on. Give [split] valid a share."
            )
        return judge_on_valid(
            self.pipeline,
            self.model,
            self.train,
            valid,
            graph=self.graph,
            run=self.run,
        )


@checked(ConfigError)
def read_recipe(
    path: "str | os.PathLike[str]",
    data: Mapping[str, Any] | None = None,
    split: Mapping[str, Any] | None = None,
) -> Recipe:
    """Read and check a recipe; nothing else is read before its ``fit``.

    Args:
        path: The recipe.
        data: Settings that take the place of those of ``[data]``.
        split: A split that takes the place of ``[split]``.

    Raises:
        ConfigError: The file is not TOML, or a table, setting or model is unknown; the
            sentence names the file and the table.
    """
    path = Path(path)
    tables = read_toml(path)
    refuse_unknown(tables, _TABLES, path.name)
    if "data" not in tables:
        raise ConfigError(f"{path.name} has no table [data] that names the log.")
    data_table = {**_toml_table(tables, "data", path.name), **(data or {})}
    files = [field.name for field in fields(Files)]
    of_files = {key: value for key, value in data_table.items() if key in files}
    where = f"{path.name}:data"
    refuse_unknown(data_table, [*files, *setting_names()], where)
    reading = Reading.of(
        {key: value for key, value in data_table.items() if key not in files}, where
    )
    split_table = split or _toml_table(tables, "split", path.name)
    stages = {name: tables[name] for name in _STAGES if name in tables}
    pipeline = pipeline_of(stages, path.name)
    reading, parts = _agree_on_split(
        reading, build(Split, split_table, f"{path.name}:split"), path.name
    )
    return Recipe(
        path.parent,
        build(Files, of_files, where),
        reading,
        parts,
        seed_of(tables, path.name),
        pipeline,
        stages,
    )


def pipeline_of(tables: Mapping[str, Any], where: str) -> Pipeline:
    """Return the pipeline that the tables of a recipe describe.

    Args:
        tables: ``pipeline``, ``blend``, ``retrieve``, ``rank`` and ``rerank``.
        where: The recipe's name, for the error message.

    Raises:
        ConfigError: A table, setting or model is unknown.
    """
    settings = _pipeline_table(tables, where)
    settings.pop("seed", None)
    retrieve = tables.get("retrieve")
    if not isinstance(retrieve, list) or not retrieve:
        said = (
            f"{where} has [retrieve], one table, where a list of channels stands. "
            "Write [[retrieve]]."
            if isinstance(retrieve, dict)
            else f"{where} has no [[retrieve]]. Name at least one retrieval model, "
            'such as model = "ItemKNN".'
        )
        raise ConfigError(said)
    channels = channels_of(cast(list[object], retrieve), f"{where}:retrieve")
    shares = _toml_table(tables, "blend", where)
    blend = build(Blend, shares, f"{where}:blend", given={"channels": channels})
    made: dict[str, Any] = {"retrieve": blend, "rank": None, "rerank": None}
    for stage in ("rank", "rerank"):
        if stage in tables:
            table = _toml_table(tables, stage, where)
            made[stage] = model(table, f"{where}:{stage}", stage)
    if "fallback" in settings:
        table = settings.pop("fallback")
        table = {"model": table} if isinstance(table, str) else table
        made["fallback"] = channels_of([table], f"{where}:pipeline.fallback")
    return build(Pipeline, settings, f"{where}:pipeline", given=made)


def seed_of(tables: Mapping[str, Any], where: str) -> int:
    """Return the seed of everything random that the tables of a recipe name."""
    seed = _pipeline_table(tables, where).get("seed", 0)
    return convert_or_raise(
        converter(int), seed, f"[{where}:pipeline.seed]", ConfigError
    )


def _pipeline_table(tables: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the table ``[pipeline]``, whose stages have tables of their own."""
    table = dict(_toml_table(tables, "pipeline", where))
    known = inspect.signature(Pipeline).parameters.keys() - _STAGES
    refuse_unknown(table, [*known, "seed"], f"{where}:pipeline")
    return table


def channels_of(tables: Iterable[object], where: str) -> dict[str, Retriever]:
    """Return the retrieval methods of some tables by the names they are to have.

    Args:
        tables: Each has a ``model``, its settings, and a ``name`` if it is to have one.
        where: File and table, for the error message.

    Raises:
        ConfigError: Two have one name, or a table cannot be read.
    """
    found: dict[str, Retriever] = {}
    for table in tables:
        settings = dict(_model_table(table, where))
        given = settings.get("name")
        if "name" not in settings_of("retrieve", str(settings.get("model"))):
            settings.pop("name", None)
        method = cast(Retriever, model(settings, where, "retrieve"))
        name = called(method) if given is None else checked_name(given, f"[{where}]")
        if name in found:
            raise ConfigError(
                f"[{where}] has two channels called {name!r}. Give one of them another "
                f'name, such as name = "{name} 2" below its model.'
            )
        found[name] = method
    return found


def _agree_on_split(
    reading: Reading, split: Split, where: str
) -> tuple[Reading, Split]:
    """Return the two, agreeing on the column of parts and on what the times are."""
    column = reading.columns.split
    if column is not None and split == Split():
        split = Split(by=str(column))
    elif split.by is not None and column is None:
        columns = replace(reading.columns, split=split.by)
        reading = replace(reading, columns=columns)
    if split.needs and not (reading.timed or reading.format.time_unit == "order"):
        raise ConfigError(
            f"{where}: the log has no times, so nothing says what came last. Hold out "
            "events at random with [split] random = 0, or name the column that says "
            'train, valid or test: [split] by = "split".'
        )
    if split.needs == "seconds" and reading.format.time_unit == "order":
        raise ConfigError(
            f"{where}: rolling windows count in days, and the log has positions. "
            "Use shares or leave_last."
        )
    return reading, split


_STAGES = ("pipeline", "blend", "retrieve", "rank", "rerank")
_TABLES = ("data", "split", "tune", "device", *_STAGES)


def _toml_table(tables: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    table = tables.get(name, {})
    if not isinstance(table, Mapping):
        raise ConfigError(f"[{where}:{name}] must be a table, not {table!r}.")
    return cast(Mapping[str, Any], table)


def _model_table(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"[{where}] is {value!r}; it must be a table with a 'model'.")
    return cast(Mapping[str, Any], value)
