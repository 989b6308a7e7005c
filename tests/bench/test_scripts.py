"""The benchmarks take a set that they were not written for, of the layout they know."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import polars as pl
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def script(monkeypatch, tmp_path):
    """Load a benchmark that writes and reads in a folder of the test."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.setenv("TIDEGRAPH_DATA", str(tmp_path))

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        module.OUT = tmp_path / "results.json"
        return module

    return load


def written(folder: Path, **columns: object) -> None:
    """Write a set of 30 users who go round among nine items, four each."""
    user, step = np.divmod(np.arange(120), 4)
    rows = pl.DataFrame({"user": user, "item": (user + step) % 9, **columns})
    folder.mkdir()
    rows.write_parquet(folder / "interactions.parquet")
    items = pl.DataFrame({"item": np.arange(9)})
    items.with_columns(genres=pl.lit("Drama|Comedy")).write_parquet(
        folder / "items.parquet"
    )


@pytest.fixture
def sets(tmp_path):
    written(tmp_path / "walks", position=np.arange(120) % 4)
    written(tmp_path / "films", timestamp=np.arange(120), split=["train", "test"] * 60)


def test_next_item_takes_new_sets_of_positions_and_of_times(script, sets):
    module = script("next_item")

    names, families = module.asked(["walks", "Popular", "films"])

    assert (names, families) == (["walks", "films"], ["Popular"])
    assert module.families("walks").keys() == module.families("s3rec_beauty").keys()
    for name in names:
        assert np.bincount(module.data(name).time // module.DAY).tolist() == [30] * 4


def test_click_models_read_a_set_of_genres_that_is_not_movielens(
    script, sets, tmp_path
):
    module = script("ctr")
    module.DATA = tmp_path

    log = module.log_of("films")

    assert log.items.features["category"].unique().to_list() == ["Drama"]


def test_losses_leave_one_event_of_positions_and_five_of_times(script, sets):
    module = script("losses")

    assert len(module.logged("walks").relevant.item) == 30
    assert len(module.logged("walks").train) == 90


def test_items_of_a_new_set_are_told_by_their_category(script):
    module = script("cold_start")

    assert module.SIDES.get("groceries", module.PRODUCTS) == (0.6, ("category",))


def test_nothing_is_claimed_of_a_split_that_nothing_was_published_of(script, sets):
    module = script("published")

    study = module.Study.of("films", {})
    module.check("films", {"blend": {"recall": 0.0, "ndcg": 0.0}})

    assert study.results == {"films": {"valid": {}, "test": {}}}


def test_pictures_of_two_sets_whose_names_end_alike_are_two(script):
    module = script("ctr_pictures")
    leads = {"lead": 0.0, "lead_low": 0.0, "lead_high": 0.0}
    rows = [{"model": f"DSGL, {name}", "auc": 0.5} | leads for name in module.ABLATIONS]
    gains = [
        {"group": "low activity", "model": "DIN", "gain": 0.1}
        | {"gain_low": 0.0, "gain_high": 0.2}
    ]
    results = [
        {
            "set": name,
            "seeds": 1,
            "lead over RecencyLogit": rows,
            f"beside {module.WHOLE}": rows,
            "gains by activity": gains,
        }
        for name in ("walks_new", "films_new")
    ]

    drawn = dict(module.drawn(results, results))

    assert sorted(drawn) == [
        "ctr-ablations-films-new",
        "ctr-ablations-walks-new",
        "ctr-activity",
        "ctr-depth-films-new",
        "ctr-depth-walks-new",
    ]
    assert "walks new, low" in drawn["ctr-activity"].svg
