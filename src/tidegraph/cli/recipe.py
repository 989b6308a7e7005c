"""A recipe: which log, which split, which stages; strict TOML."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, cast

from tidegraph.catalog import model
from tidegraph.config import build, read_toml
from tidegraph.data.interactions import Interactions
from tidegraph.data.sources import read
from tidegraph.errors import ConfigError
from tidegraph.pipeline import Pipeline
from tidegraph.retrieval.blend import Blend


@dataclass(frozen=True)
class Columns:
    """Where a log's columns are.

    Attributes:
        user: Column of the user id.
        item: Column of the item id.
        time: Column of the time.
        label: Column of 1 for an action and 0 for an impression; all 1 if none.
    """

    user: str = "user"
    item: str = "item"
    time: str = "time"
    label: str | None = None

    def kept(self) -> dict[str, str]:
        """Return the settings as a saved model keeps them."""
        return {name: value for name, value in asdict(self).items() if value}

    def read(
        self, path: Path, users: Path | None = None, items: Path | None = None
    ) -> Interactions:
        """Read a log and its feature tables."""
        return read(
            path,
            user=self.user,
            item=self.item,
            time=self.time,
            label=self.label,
            users=users,
            items=items,
        )


@dataclass(frozen=True)
class DataTable:
    """The table ``[data]`` of a recipe.

    Attributes:
        path: The log, relative to the recipe.
        user: Column of the user id.
        item: Column of the item id.
        time: Column of the time.
        label: Column of the label, if the log has impressions without action.
        users: Table of user features, if any.
        items: Table of item features, if any.
    """

    path: str
    user: str = "user"
    item: str = "item"
    time: str = "time"
    label: str | None = None
    users: str | None = None
    items: str | None = None

    @property
    def columns(self) -> Columns:
        """Where the columns are."""
        return Columns(self.user, self.item, self.time, self.label)


@dataclass(frozen=True)
class SplitTable:
    """The table ``[split]`` of a recipe.

    Attributes:
        valid: Share of events, right before the test part, that decides when to stop.
        test: Share of events, the last, that training never sees.
        time: In place of shares, when the valid and the test part begin.
    """

    valid: float = 0.1
    test: float = 0.1
    time: tuple[str | date, str | date] | None = None

    def split(self, log: Interactions) -> tuple[Interactions, Interactions]:
        """Return the parts that training may see: to learn from and to stop by."""
        if self.time is not None:
            parts = log.split(time=self.time)
        else:
            parts = log.split(fractions=(1 - self.valid - self.test, self.valid))
        return parts[0], parts[1]


@dataclass(frozen=True)
class PipelineTable:
    """The table ``[pipeline]`` of a recipe; see ``Pipeline``.

    Attributes:
        repeat: May a user be recommended items they already met?
        candidates: How many items retrieval hands to the ranker.
        windows: How many past cuts the ranker learns from.
        window_days: Length of the window after a cut.
        names: Item feature column that names an item in explanations.
        seed: Seed of everything random.
    """

    repeat: bool = True
    candidates: int = 200
    windows: int = 3
    window_days: float | None = None
    names: str | None = None
    seed: int = 0


@dataclass(frozen=True)
class BlendTable:
    """The table ``[blend]`` of a recipe; see ``Blend``.

    Attributes:
        quotas: The weight of each channel, in their order; all alike if left out.
        at_least: How much of its quota of places a channel is sure of.
        smoothing: The larger, the less the first ranks stand out.
    """

    quotas: tuple[float, ...] = ()
    at_least: float = 0.5
    smoothing: float = 60.0


@dataclass(frozen=True)
class Recipe:
    """A whole recipe, checked.

    Attributes:
        folder: Where the recipe lies; its paths start there.
        data: Which log.
        split: Which part is for what.
        seed: Seed of everything random.
        pipeline: Which stages.
    """

    folder: Path
    data: DataTable
    split: SplitTable
    seed: int
    pipeline: Pipeline

    def read(self) -> Interactions:
        """Read the log that the recipe names."""
        return self.data.columns.read(
            self.folder / self.data.path,
            self._beside(self.data.users),
            self._beside(self.data.items),
        )

    def _beside(self, name: str | None) -> Path | None:
        return None if name is None else self.folder / name


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    Raises:
        ConfigError: The file is not TOML, or a table, setting or model is unknown; the
            sentence names the file and the table.
    """
    tables = read_toml(path)
    build(_Tables, tables, path.name)
    if "data" not in tables:
        raise ConfigError(f"{path.name} has no table [data] that names the log.")
    settings = build(PipelineTable, _table(tables, "pipeline"), f"{path.name}:pipeline")
    retrieve = tables.get("retrieve")
    if not isinstance(retrieve, list) or not retrieve:
        raise ConfigError(
            f"{path.name} has no [[retrieve]]. Name at least one retrieval model, "
            'such as model = "ItemKNN".'
        )
    channels = tuple(
        model(_one(table, f"{path.name}:retrieve"), f"{path.name}:retrieve", "retrieve")
        for table in cast(list[object], retrieve)
    )
    shares = build(BlendTable, _table(tables, "blend"), f"{path.name}:blend")
    stages: dict[str, Any] = {"retrieve": Blend(channels, **asdict(shares))}
    for stage in ("rank", "rerank"):
        if stage in tables:
            stages[stage] = model(_table(tables, stage), f"{path.name}:{stage}", stage)
    shared = {key: value for key, value in asdict(settings).items() if key != "seed"}
    return Recipe(
        path.parent,
        build(DataTable, _table(tables, "data"), f"{path.name}:data"),
        build(SplitTable, _table(tables, "split"), f"{path.name}:split"),
        settings.seed,
        Pipeline(**stages, **shared),
    )


@dataclass(frozen=True)
class _Tables:
    """Every table that a recipe may have."""

    data: object = None
    split: object = None
    pipeline: object = None
    blend: object = None
    retrieve: object = None
    rank: object = None
    rerank: object = None


def _table(tables: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = tables.get(name, {})
    if not isinstance(table, Mapping):
        raise ConfigError(f"[{name}] must be a table, not {table!r}.")
    return cast(Mapping[str, Any], table)


def _one(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"[{where}] is {value!r}; it must be a table with a 'model'.")
    return cast(Mapping[str, Any], value)
