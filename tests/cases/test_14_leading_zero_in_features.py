from pathlib import Path

import polars as pl

from tidegraph import read

ITEMS = Path(__file__).parent / "14" / "items.csv"


def test_features_of_an_id_with_a_leading_zero_are_its_own():
    events = pl.DataFrame({"user": [1, 2], "item": [1, 2], "time": [1, 2]})

    items = read(events, items=ITEMS).items

    assert items.ids.to_list() == ["1", "2", "01"]
    assert items.features["kind"].to_list() == [None, "of item 2", "of item 01"]
