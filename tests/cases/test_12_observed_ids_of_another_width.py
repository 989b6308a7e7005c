import numpy as np
import pandas as pd
import polars as pl
import pytest

from tidegraph import Pipeline, Popular, read

LATER = 1_700_000_000


@pytest.mark.parametrize("width", [np.int8, np.uint8, np.int16, np.int32, np.int64])
@pytest.mark.parametrize("new", [200, 40_000, 3 * 10**9, 2**63, "guest-1"])
def test_new_ids_may_be_of_any_width_and_text(width, new):
    known = np.array([1, 2, 3], width)
    log = read(pd.DataFrame({"user": known, "item": known, "time": [1, 2, 3]}))
    model = Pipeline(retrieve=(Popular(),), repeat=False).fit(log)

    model.observe([(new, 1, LATER), (1, new, LATER)])

    # The new user is known, and the old ones are still who they were.
    assert model.recommend(new, k=3)["item"].cast(pl.String).to_list() == ["2", "3"]
    assert [model.graph.users.row(one) for one in (1, "1", 1.0)] == [0, 0, 0]
    assert model.graph.items.row(new) == 3
