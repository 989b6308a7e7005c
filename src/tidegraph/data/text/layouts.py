"""Files of public data sets that do not name their own columns.

A file is one of these if its name and its shape both fit; ``user``, ``item`` and
``time`` are called so where that is what they are.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """The columns of a file of a public data set.

    Attributes:
        name: Which file of which data set.
        pattern: What the file's name matches.
        separator: What stands between its fields.
        columns: Names of its columns.
        numbers: Places of columns that hold whole numbers.
        header: Whether the file names its columns all the same.
        quoted: Whether quotes enclose fields; else they are text.
    """

    name: str
    pattern: str
    separator: str
    columns: tuple[str, ...]
    numbers: tuple[int, ...] = ()
    header: bool = False
    quoted: bool = False

    def fits(self, rows: Sequence[Sequence[str]]) -> bool:
        """Return whether these first rows have the shape."""
        return all(
            len(row) == len(self.columns)
            and all(row[place].strip().isdigit() for place in self.numbers)
            for row in rows
        )


_GENRES = (
    *("unknown", "Action", "Adventure", "Animation", "Children", "Comedy", "Crime"),
    *("Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery"),
    *("Romance", "Sci-Fi", "Thriller", "War", "Western"),
)
_RATED = ("user", "item", "rating", "time")
_PERSON = ("user", "age", "gender", "occupation", "zip_code")
_FILM = ("item", "title", "release", "video_release", "url", *_GENRES)

LAYOUTS = (
    Layout(
        "MovieLens 100K", r"u[1-5ab]?\.(data|base|test)", "\t", _RATED, (0, 1, 2, 3)
    ),
    Layout("MovieLens 100K users", r"u\.user", "|", _PERSON, (0, 1)),
    Layout("MovieLens 100K films", r"u\.item", "|", _FILM, (0, *range(5, 24))),
    Layout("MovieLens 1M", r"ratings\.dat", "::", _RATED, (0, 1, 3)),
    Layout(
        "MovieLens 1M users",
        r"users\.dat",
        "::",
        ("user", "gender", "age", "occupation", "zip_code"),
        (0, 2, 3),
    ),
    Layout(
        "MovieLens 1M films", r"movies\.dat", "::", ("item", "title", "genres"), (0,)
    ),
    Layout(
        "Taobao UserBehavior",
        r"userbehavior\.csv",
        ",",
        ("user", "item", "category", "behavior", "time"),
        (0, 1, 2, 4),
    ),
    Layout(
        "MIND behaviors",
        r"behaviors\.tsv",
        "\t",
        ("impression", "user", "time", "history", "item"),
        (0,),
    ),
    Layout(
        "MIND news",
        r"news\.tsv",
        "\t",
        (
            *("item", "category", "subcategory", "title", "abstract", "url"),
            *("title_entities", "abstract_entities"),
        ),
    ),
)


def layout_of(name: str) -> Layout | None:
    """Return the layout that a file's name fits, if any; packed files too."""
    plain = re.sub(r"\.(gz|bz2|xz|zst)$", "", name.lower())
    for layout in LAYOUTS:
        if re.fullmatch(layout.pattern, plain):
            return layout
    return None
