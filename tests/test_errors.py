"""The words that messages are made of."""

import numpy as np
import pytest

import tidegraph as tg
from tidegraph.errors import type_of


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (3, "an int"),
        ("x", "a str"),
        (np.zeros(2), "an ndarray"),
        (tg.ItemKNN(), "an ItemKNN"),
        (tg.UserKNN(), "a UserKNN"),
        (tg.Popular(), "a Popular"),
    ],
)
def test_a_type_has_its_article(value, said):
    assert type_of(value) == said
