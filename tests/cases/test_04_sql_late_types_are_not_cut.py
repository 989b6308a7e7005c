import sqlite3

import pytest

from tidegraph.data.sources import read_sql
from tidegraph.errors import DataError

QUERY = "select * from r order by t"


@pytest.fixture
def ratings():
    """Whole numbers for a hundred rows, then halves."""
    rows = [
        (k + half, k % 7, 1_700_000_000 + k, 4 + half, half)
        for k in range(102)
        for half in ([0] if k < 100 else [0.5])
    ]
    connection = sqlite3.connect(":memory:")
    connection.execute("create table r (u, i, t, stars, clicked)")
    connection.executemany("insert into r values (?, ?, ?, ?, ?)", rows)
    yield connection
    connection.close()


def test_weights_and_ids_are_those_of_the_database(ratings):
    log = read_sql(QUERY, ratings, user="u", item="i", time="t", weight="stars")

    assert log.weight[-3:].tolist() == [4.0, 4.5, 4.5]
    assert log.users.ids.to_list()[-3:] == ["99", "100.5", "101.5"]


def test_a_label_of_a_half_is_refused_with_its_row(ratings):
    with pytest.raises(DataError, match=r"row 101: the label in .* 'clicked' is 0.5"):
        read_sql(QUERY, ratings, user="u", item="i", time="t", label="clicked")
