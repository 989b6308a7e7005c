"""Ids and arguments as callers write them: each was answered wrong, or not at all."""

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tidegraph as tg
from tidegraph.errors import RequestError, TidegraphError

HERE = Path(__file__).parent


def log_of(user, item, time):
    return tg.read(pd.DataFrame({"user": user, "item": item, "time": time}))


def test_10_one_bare_string_is_refused_where_a_list_is_meant():
    fitted = tg.Pipeline(retrieve=tg.Popular()).fit(
        log_of(["a", "b", "c"], ["1", "2", "12"], [1, 2, 3])
    )

    with pytest.raises(RequestError, match=r"Write exclude=\['12'\]"):
        fitted.recommend("a", k=3, exclude="12")
    assert fitted.recommend("a", k=3, exclude=["12"])["item"].to_list() == [1, 2]


def test_18_arguments_that_numpy_and_pandas_users_pass_work_or_are_a_sentence():
    table = pd.DataFrame(
        {
            "user": [1, 2, 3, 1] * 9,
            "item": [1, 2, 3, 2] * 9,
            "time": range(1_700_000_000, 1_700_000_036),
        }
    )
    log = tg.read(table)
    fitted = tg.Pipeline(retrieve=tg.Popular()).fit(log.split(fractions=(0.5, 0.2))[0])

    for users in ([1, 2], np.array([1, 2]), pd.Series([1, 2])):
        assert fitted.recommend_all(users, k=1)["user"].to_list() == [1, 2]
        assert fitted.recommend(1, k=3, exclude=users)["item"].to_list() == [3]
    assert len(fitted.recommend(history=[1, "2"], k=1)) == 1
    assert len(fitted.recommend(1, k=3, at=dt.datetime(2030, 1, 1))) == 3
    fitted.observe([(1, 1, 1_750_000_000), ("2", 1, 1_750_000_000)])
    fitted.observe(table)
    with pytest.raises(TidegraphError, match=r"fractions is 0\.8; it must be a list"):
        log.split(fractions=0.8)
