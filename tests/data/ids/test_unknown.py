import subprocess
import sys
import warnings

import numpy as np
import polars as pl
import pytest

from tidegraph.data.ids.unknown import known_rows, rows_of_all, warn_unknown
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.errors import RequestError, UnknownIdWarning


def test_one_unknown_id_is_named_with_what_is_done():
    with pytest.warns(UnknownIdWarning) as said:
        rows = known_rows(
            Vocabulary(pl.Series(["a", "b"])),
            pl.Series(["b", "x9"]),
            "user",
            "answered as a user without history",
        )

    assert rows.tolist() == [1, -1]
    assert [str(one.message) for one in said] == [
        "user 'x9' is not in the model; answered as a user without history"
    ]


def test_a_warning_names_the_line_of_the_caller_however_deep_it_arises():
    # Not in this process, where checks of types stand between two of our functions.
    code = "import tidegraph\nids = ['1.5E+12', 'a']\n"
    code += "tidegraph.read({'user': ids, 'item': [1, 2], 'time': [1, 2]})"

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stderr.startswith("<string>:3: RoundedIdWarning: 1 row holds an id")


def test_many_unknown_ids_are_counted_once_each_and_three_are_named():
    ids = pl.Series([5, 6, 7, 8, 5])

    with pytest.warns(
        UnknownIdWarning, match=r"^4 items are not .* \(5, 6, 7, \.\.\.\)"
    ):
        warn_unknown("item", ids, "passed over")


def test_nothing_is_said_if_all_are_known():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_unknown("item", pl.Series([], dtype=pl.Int64), "passed over")


def test_ids_that_must_be_there_are_refused_by_name_and_told_how_ids_look():
    held = Vocabulary(pl.Series(["a", "b"])).without(np.array([0], np.int32))

    assert rows_of_all(held, pl.Series(["b"]), "user").tolist() == [1]
    with pytest.raises(RequestError) as one:
        rows_of_all(held, pl.Series(["b", "x"]), "user")
    with pytest.raises(RequestError) as several:
        rows_of_all(held, pl.Series(["x", "y", "x"]), "user", "nothing was erased")

    assert str(one.value) == "user 'x' is not in the graph. Ids are written like 'b'."
    assert str(several.value) == (
        "2 users ('x', 'y') are not in the graph; nothing was erased. "
        "Ids are written like 'b'."
    )
