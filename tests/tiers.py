"""What each run asks, and what is left to ``make thorough``.

A test is marked ``slow`` with the test ``of`` which it proves the same again: of every
model, with other settings, or to convergence. That one is asked in each run.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

ALWAYS = ("future", "saved")
"""Words in the names of laws that each run asks of every method and variant."""


def chosen(cases: Mapping[str, Any] | Iterable[str], *names: str) -> list[Any]:
    """Return cases of a test by their names, all but a few of them slow.

    Args:
        cases: By name what a test is given; names alone are given themselves.
        names: Those that stand for all in each run.
    """
    given = cases if isinstance(cases, Mapping) else {name: name for name in cases}
    assert set(names) <= set(given)
    return [
        pytest.param(
            *(value if isinstance(value, tuple) else (value,)),
            id=name,
            marks=() if name in names else pytest.mark.slow,
        )
        for name, value in given.items()
    ]


def leave_laws_of_variants(items: Iterable[pytest.Item]) -> None:
    """Mark the laws of a class as slow that says which other it is a ``variant_of``."""
    for item in items:
        of = getattr(getattr(item, "cls", None), "variant_of", None)
        if of is not None and not any(word in item.name for word in ALWAYS):
            item.add_marker(pytest.mark.slow(of=of))
