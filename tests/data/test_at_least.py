"""Ratings that become events from a threshold on, wherever a log is read."""

import sqlite3

import polars as pl
import pytest

import tidegraph as tg
from tidegraph.cli import run
from tidegraph.data.reading import Reading
from tidegraph.errors import ConfigError, DataError

RATINGS = pl.DataFrame(
    {
        "user": ["ana", "ana", "bo", "bo", "cy", "cy"],
        "item": ["x", "y", "x", "z", "y", "x"],
        "time": [1, 2, 3, 4, 5, 6],
        "rating": [5.0, 3.5, 4.0, 1.0, 4.5, 0.0],
    }
)
ASKED = {"weight": "rating", "at_least": 4}


def test_ratings_from_the_threshold_on_are_events_that_count_alike():
    log = tg.read(RATINGS, **ASKED)

    ids = zip(log.users.decode(log.user), log.items.decode(log.item), strict=True)
    assert list(ids) == [("ana", "x"), ("bo", "x"), ("cy", "y")]
    assert log.weight.tolist() == [1, 1, 1]
    assert log.items.ids.to_list() == ["x", "y"]
    assert log.origin is not None
    # Rows are those of the source.
    assert list(log.origin.row) == [1, 3, 5]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_files_and_databases_are_read_as_frames_are(tmp_path, suffix):
    path = tmp_path / f"log.{suffix}"
    (RATINGS.write_csv if suffix == "csv" else RATINGS.write_parquet)(path)
    base = sqlite3.connect(":memory:")
    base.execute("create table log (user, item, time, rating)")
    base.executemany("insert into log values (?, ?, ?, ?)", RATINGS.rows())

    expected = tg.read(RATINGS, **ASKED)

    assert tg.read(path, **ASKED).frame().equals(expected.frame())
    assert (
        tg.read_sql("select * from log", base, **ASKED).frame().equals(expected.frame())
    )


def test_a_threshold_without_a_weight_or_that_nothing_reaches_is_refused():
    with pytest.raises(ConfigError, match=r"at_least=4 is said of the weight"):
        tg.read(RATINGS, at_least=4)
    with pytest.raises(DataError, match="no row of a weight of 6 or more"):
        tg.read(RATINGS, weight="rating", at_least=6)
    with pytest.raises(ConfigError, match="at_least is inf"):
        tg.read(RATINGS, weight="rating", at_least=float("inf"))
    wrong = RATINGS.with_columns(rating=pl.Series([5, 4, None, 4, 4, 4]))
    with pytest.raises(DataError, match="row 3: the weight in column 'rating' is None"):
        tg.read(wrong, **ASKED)


def test_a_reading_remembers_the_threshold():
    log = tg.read(RATINGS, **ASKED)

    assert log.reading is not None
    assert Reading.of(log.reading.table()) == log.reading


def test_a_model_judges_and_observes_ratings_as_training_read_them(tmp_path):
    tg.Pipeline(retrieve=tg.Popular()).fit(tg.read(RATINGS, **ASKED)).save(
        tmp_path / "model"
    )
    model = tg.load(tmp_path / "model")
    later = RATINGS.with_columns(pl.col("time") + 10)
    later.write_csv(tmp_path / "later.csv")

    for test in (later, tmp_path / "later.csv"):
        assert tg.evaluate(model, test).setup.requests == 3

    model.observe(later)
    model.observe(later.filter(pl.col("rating") < 4))
    model.observe([("ana", "y", 21, 1, 2.0), ("ana", "y", 22, 1, 4.0), ("bo", "y", 23)])
    model.observe([{"user": "ana", "item": "x", "time": 24, "weight": 1.0}])
    seen = model.graph["action"]
    assert len(seen.slots()) == 3 + 3 + 2
    assert (seen.weight_at(seen.slots()) == 1).all()


@pytest.mark.parametrize("called", ["Rating", None])
def test_a_table_without_the_ratings_says_of_no_row_that_it_is_an_event(called):
    model = tg.Pipeline(retrieve=tg.Popular()).fit(tg.read(RATINGS, **ASKED))
    later = RATINGS.with_columns(pl.col("time") + 10)
    lacking = later.rename({"rating": called}) if called else later.drop("rating")
    said = "is called 'rating', whose rows of at least 4 are events; there are: user"

    for table in (lacking, lacking.to_arrow(), lacking.to_dict(as_series=False)):
        with pytest.raises(DataError, match=said):
            model.observe(table)
        with pytest.raises(DataError, match=said):
            tg.evaluate(model, table)
    with pytest.raises(DataError, match="event 0 has no 'weight'; it has: user, item"):
        model.observe(lacking.to_dicts())
    assert len(model.graph["action"].slots()) == 3
    # A tuple says that something happened, and is no row of a table.
    model.observe([("bo", "y", 23)])
    assert len(model.graph["action"].slots()) == 4


def test_the_command_line_and_a_recipe_have_the_same_setting(tmp_path, capsys):
    RATINGS.write_csv(tmp_path / "log.csv")
    (tmp_path / "recipe.toml").write_text(
        '[data]\npath = "log.csv"\nweight = "rating"\nat_least = 4\n'
        '[split]\nvalid = 0\ntest = 0\n[[retrieve]]\nmodel = "Popular"\n'
    )
    model = str(tmp_path / "model")

    asked = ["check", str(tmp_path / "log.csv"), "--weight", "rating"]
    assert run([*asked, "--at-least", "4"]) == 0
    assert "3 events" in capsys.readouterr().out
    assert run(["train", str(tmp_path / "recipe.toml"), "-o", model]) == 0
    assert len(tg.load(model).graph["action"].slots()) == 3
    assert run([*asked[:2], "--at-least", "4"]) == 2
    assert "is said of the weight" in capsys.readouterr().err
