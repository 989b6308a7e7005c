import sqlite3

from tidegraph.data.sources import read_sql


def test_a_column_that_turns_to_text_does_not_stop_the_reading():
    rows = [(k, k % 7, 1_700_000_000 + k, None if k < 100 else "X") for k in range(102)]
    connection = sqlite3.connect(":memory:")
    connection.execute("create table r (u, i, t, coupon)")
    connection.executemany("insert into r values (?, ?, ?, ?)", rows)
    names = {"user": "u", "item": "i", "time": "t"}

    log = read_sql("select * from r order by t", connection, **names)
    asked = read_sql(
        "select * from r order by t", connection, **names, context=("coupon",)
    )

    connection.close()
    assert len(log) == 102
    assert asked.context["coupon"].to_list() == [None] * 100 + ["X"] * 2
