"""A column in an earlier type holds what it held, or is refused."""

from datetime import datetime

import polars as pl
import pytest

from tidegraph.data.tables.retyped import retyped
from tidegraph.errors import DataError


@pytest.mark.parametrize(
    ("values", "kind", "found"),
    [
        (pl.Series([2.0, None]), pl.Int64(), [2, None]),
        (pl.Series([2, 7]), pl.Float64(), [2.0, 7.0]),
        (pl.Series([0.5]), pl.Float32(), [0.5]),
        (pl.Series([0, 1]), pl.Boolean(), [False, True]),
        (pl.Series(["7", "07"]), pl.Int64(), [7, 7]),
        (pl.Series([[0.1]]), pl.List(pl.Float32()), None),
        (pl.Series([None]), pl.List(pl.String()), [None]),
        (pl.Series([datetime(2000, 1, 1)]), pl.Datetime("ms"), [datetime(2000, 1, 1)]),
    ],
)
def test_what_fits_is_taken(values, kind, found):
    taken = retyped(values, pl.Series(dtype=kind), "the new edges")

    assert taken.dtype == kind
    assert found is None or taken.to_list() == found


@pytest.mark.parametrize(
    ("values", "kind", "said"),
    [
        (pl.Series("x", [2.0, 2.7]), pl.Int64(), "row 1 is 2.7, which would become 2"),
        (pl.Series("x", [1, 2]), pl.Boolean(), "row 1 is 2, which would become True"),
        (pl.Series("x", [[1.5]]), pl.List(pl.Int64()), "would become"),
        (
            pl.Series("x", [datetime(2000, 1, 1, 5)]),
            pl.Date(),
            "row 0 is 2000-01-01 05",
        ),
        (pl.Series("x", ["a"]), pl.Int64(), "holds String, and so far Int64: conv"),
        (pl.Series("x", [300]), pl.UInt8(), "holds Int64, and so far UInt8: conv"),
    ],
)
def test_what_would_be_cut_is_refused(values, kind, said):
    with pytest.raises(DataError, match=f"column 'x' of the new edges.*{said}"):
        retyped(values, pl.Series(dtype=kind), "the new edges")
