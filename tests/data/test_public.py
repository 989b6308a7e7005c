import hashlib
import os
import subprocess
import sys
import zipfile
from dataclasses import replace

import polars as pl
import pytest

from tidegraph.data import public
from tidegraph.errors import DataError

FLAGS = "0|0|0|1|1" + "|0" * 14
ARCHIVES = {
    "movielens-100k": {
        "ml-100k/u.data": "196\t242\t3\t881250949\n186\t242\t5\t891717742\n",
        "ml-100k/u.item": f"242|Amélie (2001)|01-Jan-2001||http://a|{FLAGS}\n",
        "ml-100k/u.user": "186|30|F|artist|00501\n196|49|M|writer|55105\n",
    },
    "movielens-1m": {
        "ml-1m/ratings.dat": "1::1193::5::978300760\n2::1193::4::978298413\n",
        "ml-1m/movies.dat": '1193::Amélie: a "Film" (2001)::Comedy|Drama\n',
        "ml-1m/users.dat": "1::F::1::10::48067\n2::M::56::16::70072\n",
    },
}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.delenv("TIDEGRAPH_DATA", raising=False)
    monkeypatch.setenv("TIDEGRAPH_CACHE", str(tmp_path))
    return tmp_path


def place(cache, monkeypatch, name: str) -> None:
    """Put a small archive of the same layout where the download would be."""
    tables = public.MOVIELENS[name]
    path = cache / tables.address.rpartition("/")[2]
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in ARCHIVES[name].items():
            archive.writestr(file, text.encode("latin-1"))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setitem(public.MOVIELENS, name, replace(tables, sha256=digest))


def test_movielens_100k_is_read_from_its_archive(cache, monkeypatch):
    place(cache, monkeypatch, "movielens-100k")

    log = public.load("movielens-100k")

    assert log.frame().select("user", "item", "time", "rating").rows() == [
        (196, 242, 881250949, 3),
        (186, 242, 891717742, 5),
    ]
    assert log.items.features.rows() == [("Amélie (2001)", "Animation|Children's")]
    assert log.users.features["occupation"].to_list() == ["writer", "artist"]


def test_movielens_1m_is_read_from_its_archive(cache, monkeypatch):
    place(cache, monkeypatch, "movielens-1m")

    log = public.load("movielens-1m")

    assert log.frame().select("user", "item", "time", "rating").rows() == [
        (2, 1193, 978298413, 4),
        (1, 1193, 978300760, 5),
    ]
    assert log.items.features.rows() == [('Amélie: a "Film" (2001)', "Comedy|Drama")]
    assert log.users.features["gender"].to_list() == ["M", "F"]


def test_without_a_network_the_address_and_the_way_out_are_named(cache, monkeypatch):
    tables = public.MOVIELENS["movielens-1m"]
    nowhere = replace(tables, address="http://127.0.0.1:9/ml-1m.zip")
    monkeypatch.setitem(public.MOVIELENS, "movielens-1m", nowhere)

    with pytest.raises(DataError, match=r"http://127\.0\.0\.1:9/.* set TIDEGRAPH_DATA"):
        public.load("movielens-1m")


def test_a_local_folder_comes_before_a_download(cache, monkeypatch):
    folder = cache / "data" / "movielens_100k"
    folder.mkdir(parents=True)
    events = {"user": [1, 0], "item": [5, 6], "timestamp": [20, 10], "rating": [3, 4]}
    pl.DataFrame(events).write_parquet(folder / "interactions.parquet")
    titles = pl.DataFrame({"item": [5, 6], "title": ["five", "six"]})
    titles.write_parquet(folder / "items.parquet")
    monkeypatch.setenv("TIDEGRAPH_DATA", str(cache / "data"))

    log = public.load("movielens-100k")

    assert log.time.tolist() == [10, 20]
    assert log.context["rating"].to_list() == [4, 3]
    assert log.items.features["title"].to_list() == ["six", "five"]


def test_a_local_folder_without_times_is_not_offered(cache, monkeypatch):
    folder = cache / "pairs"
    folder.mkdir()
    pl.DataFrame({"user": [1], "item": [2]}).write_parquet(
        folder / "interactions.parquet"
    )
    monkeypatch.setenv("TIDEGRAPH_DATA", str(cache))

    assert "pairs" not in public.names()


@pytest.mark.usefixtures("cache")
def test_a_misspelt_name_is_answered_with_the_nearest():
    with pytest.raises(DataError, match="Did you mean 'movielens-100k'"):
        public.load("movielens100k")


def test_complete_journey_is_read_without_pandas():
    program = (
        "import sys\n"
        "from tidegraph.data.public import load\n"
        "log = load('complete-journey')\n"
        "assert 'pandas' not in sys.modules\n"
        "print(len(log), log.users.features.width, log.items.features.columns)\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "TIDEGRAPH_DATA"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )

    assert done.stdout.startswith("1469307 7 ['manufacturer_id', 'department',")
