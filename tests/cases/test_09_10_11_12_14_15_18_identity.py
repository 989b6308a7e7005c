"""Ids and arguments as callers write them: each was answered wrong, or not at all."""

import datetime as dt
import shutil
import uuid
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import tidegraph as tg
from tidegraph.cli import run
from tidegraph.errors import RequestError, TidegraphError

HERE = Path(__file__).parent


def log_of(user, item, time):
    return tg.read(pd.DataFrame({"user": user, "item": item, "time": time}))


def test_09_a_user_with_a_uuid_is_known_by_it_and_by_its_text():
    ids = [uuid.UUID(int=number) for number in range(1, 5)]
    log = log_of(
        [ids[0], ids[0], ids[1], ids[2], ids[3]],
        [ids[1], ids[2], ids[1], ids[1], ids[3]],
        [1, 2, 3, 4, 5],
    )
    model = tg.Pipeline(retrieve=(tg.Repeat(half_life_days=None), tg.Popular()))
    fitted = model.fit(log)

    lists = [fitted.recommend(user, k=2) for user in (ids[0], str(ids[0]))]

    assert lists[0].equals(lists[1])
    assert lists[0]["channel"][0] == "Repeat+Popular"
    assert set(lists[0]["item"]) == {str(ids[1]), str(ids[2])}


def test_10_one_bare_string_is_refused_where_a_list_is_meant():
    fitted = tg.Pipeline(retrieve=tg.Popular()).fit(
        log_of(["a", "b", "c"], ["1", "2", "12"], [1, 2, 3])
    )

    with pytest.raises(RequestError, match=r"Write exclude=\['12'\]"):
        fitted.recommend("a", k=3, exclude="12")
    assert fitted.recommend("a", k=3, exclude=["12"])["item"].to_list() == [1, 2]


@pytest.mark.parametrize("case", ["11", "15"])
def test_11_15_whole_numbers_and_files_without_a_header(tmp_path, capsys, case):
    for file in (HERE / case).iterdir():
        shutil.copy(file, tmp_path)
    model = str(tmp_path / "m")
    assert run(["train", str(tmp_path / "recipe.toml"), "-o", model, "--quiet"]) == 0
    capsys.readouterr()

    if case == "11":
        status = run(["recommend", model, "--user", "20001", "-k", "1", "--json"])
        said = capsys.readouterr()
        assert (status, said.err) == (0, "")
        assert '"user":20001' in said.out
    else:
        users = ["--users-file", str(tmp_path / "users.txt")]
        status = run(["recommend", model, *users, "-k", "1", "--json"])
        assert status == 0
        assert len(capsys.readouterr().out.splitlines()) == 3


@pytest.mark.parametrize("width", ["int8", "int16", "int32", "int64"])
@pytest.mark.parametrize("fresh", [200, 3 * 10**9, "guest-1"])
def test_12_the_type_of_training_ids_limits_no_later_id(width, fresh):
    ids = np.array([1, 2, 3], width)
    fitted = tg.Pipeline(retrieve=tg.Popular()).fit(log_of(ids, ids, [1, 2, 3]))

    fitted.observe([(fresh, 1, 1_700_000_000)])

    assert fitted.graph.users.row(fresh) == 3


def test_14_features_of_01_are_not_those_of_1():
    log = tg.read(
        pl.DataFrame({"user": [1, 2], "item": [1, 2], "time": [1, 2]}),
        items=HERE / "14" / "items.csv",
    )

    kinds = dict(zip(log.items.ids, log.items.features["kind"], strict=True))
    assert kinds == {"1": None, "2": "of item 2", "01": "of item 01"}


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
    fitted.observe([(1, 1, 1_800_000_000), ("2", 1, 1_800_000_000)])
    fitted.observe(table)
    with pytest.raises(TidegraphError, match=r"fractions is 0\.8; it must be a list"):
        log.split(fractions=0.8)
