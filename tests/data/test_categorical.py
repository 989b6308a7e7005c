"""Whole numbers that are codes, and no amounts, at every door where a log is read."""

import sqlite3

import numpy as np
import polars as pl
import pytest

import tidegraph as tg
from tidegraph.cli import run
from tidegraph.errors import DataError
from tidegraph.features.fields import fields_of
from tidegraph.features.groups import GROUPS
from tidegraph.reranking.similarity import similarity
from tidegraph.testing.retrievers import requests_at

RNG = np.random.default_rng(0)
CODES = pl.DataFrame(
    {"item": range(40), "code": [i % 20 * 37 + 1000 for i in range(40)]}
)
LOG = pl.DataFrame(
    {
        "user": RNG.integers(0, 30, 600),
        "item": np.arange(600) % 40,
        "time": np.sort(RNG.integers(1_700_000_000, 1_703_000_000, 600)),
        "device": RNG.integers(0, 5, 600),
    }
)
TEXT = CODES.with_columns(pl.col("code").cast(pl.String))


def columns(log):
    return fields_of(requests_at(log), ("item.code",), GROUPS)


def test_codes_are_read_as_the_same_text_is_by_rankers_and_rerankers():
    codes = tg.read(LOG, items=CODES, categorical=["item.code"])
    text, plain = (tg.read(LOG, items=table) for table in (TEXT, CODES))

    assert columns(codes) == columns(text)
    assert columns(codes)[0].numbers is None
    # More than 16 whole numbers may be amounts where nobody says what they are.
    assert columns(plain)[0].numbers is not None
    tags = [similarity(log, "code", "MMR").tag for log in (codes, text, plain)]
    alike = [tag[:, None] == tag for tag in tags]
    assert (alike[0] == alike[1]).all()
    assert (alike[0] == alike[2]).all()


@pytest.mark.parametrize("kind", [pl.Int32, pl.Float64, pl.UInt8, pl.String])
def test_a_code_is_one_text_whatever_its_type(kind):
    table = pl.DataFrame(
        {"item": range(40), "code": pl.Series([7] * 40, dtype=pl.Int8)}
    )
    log = tg.read(
        LOG,
        items=table.with_columns(pl.col("code").cast(kind)),
        categorical=["item.code"],
    )

    assert log.items.features["code"].unique().to_list() == ["7"]


def test_files_databases_recipes_and_the_command_line_say_it_alike(tmp_path, capsys):
    LOG.write_csv(tmp_path / "log.csv")
    CODES.write_csv(tmp_path / "items.csv")
    (tmp_path / "recipe.toml").write_text(
        '[data]\npath = "log.csv"\nitems = "items.csv"\ncontext = ["device"]\n'
        'categorical = ["item.code", "event.device"]\n'
        '[split]\nvalid = 0\ntest = 0\n[[retrieve]]\nmodel = "Popular"\n'
    )
    base = sqlite3.connect(":memory:")
    base.execute("create table log (user, item, time, device)")
    base.executemany("insert into log values (?, ?, ?, ?)", LOG.rows())
    told = {"context": ["device"], "categorical": ["event.device"]}
    model = str(tmp_path / "model")

    assert run(["train", str(tmp_path / "recipe.toml"), "-o", model]) == 0
    asked = ["check", str(tmp_path / "log.csv"), "--items", str(tmp_path / "items.csv")]
    assert run(asked) == 0
    assert "item.code (if codes and no amounts, name them" in capsys.readouterr().out
    assert run([*asked, "--categorical", "item.code"]) == 0
    assert "columns of words: item.code" in capsys.readouterr().out
    assert tg.read_sql("select * from log", base, **told).context.equals(
        tg.read(tmp_path / "log.csv", **told).context
    )
    loaded = tg.load(model)
    assert loaded.graph.items.features["code"].dtype == pl.String
    loaded.observe(LOG.tail(1).with_columns(time=1_704_000_000, device=3))
    assert loaded.graph.edges["action"].features["device"].to_list()[-1] == "3"


def test_what_is_no_column_or_no_category_is_refused():
    with pytest.raises(DataError, match=r"'code', and .* There are: item.code."):
        tg.read(LOG, items=CODES, categorical=["code"])
    price = CODES.with_columns(code=pl.col("code") / 3)
    with pytest.raises(DataError, match=r"'item.code', a column of Float64"):
        tg.read(LOG, items=price, categorical=["item.code"])
