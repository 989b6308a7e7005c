"""Whether two values would be saved alike, to the bit."""

import numpy as np

from tidegraph.artifact.sealed import State, Storable


def saved_alike(one: object, two: object) -> None:
    """Compare all that a file would hold of two values, where they can be saved.

    Raises:
        AssertionError: A setting, an array, a table or a part differs; it is named.
    """
    if isinstance(one, Storable) and isinstance(two, Storable):
        _alike(one.state(), two.state(), type(one).__name__)


def _alike(one: State, two: State, where: str) -> None:
    assert (one.kind, one.settings) == (two.kind, two.settings), where
    for held in ("arrays", "tables", "parts"):
        assert list(getattr(one, held)) == list(getattr(two, held)), f"{where}.{held}"
    for name, array in one.arrays.items():
        np.testing.assert_array_equal(array, two.arrays[name], f"{where}.{name}")
    for name, table in one.tables.items():
        assert table.equals(two.tables[name]), f"{where}.{name}"
    for name, part in one.parts.items():
        _alike(part, two.parts[name], f"{where}.{name}")
