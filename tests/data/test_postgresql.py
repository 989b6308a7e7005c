"""A log from a real PostgreSQL server, which runs for this test alone."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

import pytest

from tidegraph.data.sources import read_sql
from tidegraph.errors import DataError

adbc = pytest.importorskip("adbc_driver_postgresql.dbapi")
PLACES = [Path(p) for p in Path("/usr/lib/postgresql").glob("*/bin")]


def _program(name: str) -> str | None:
    path = os.pathsep.join([os.environ.get("PATH", ""), *map(str, PLACES)])
    return shutil.which(name, path=path)


@pytest.fixture(scope="module")
def server():
    """A server that listens on a socket in a folder of its own."""
    initdb, control = _program("initdb"), _program("pg_ctl")
    if initdb is None or control is None:
        pytest.skip("there is no PostgreSQL server on this machine")
    user = {}
    if os.geteuid() == 0:  # PostgreSQL does not run as root.
        user = {"user": "nobody", "extra_groups": []}
    # The path of a socket may have 107 bytes, fewer than a folder of pytest's.
    folder = Path("/tmp") / f"tidegraph-pg-{os.getpid()}"
    folder.mkdir(mode=0o700)
    if user:
        os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)
    run = {"check": True, "capture_output": True, "cwd": folder, **user}
    data = str(folder / "data")
    try:
        made = [initdb, "-D", data, "-U", "tide", "-A", "trust", "--no-sync"]
        subprocess.run(made, **run)
        options = f"-k {folder} -c listen_addresses= -c fsync=off"
        started = [control, "-D", data, "-w", "-o", options, "-l", f"{data}/log"]
        subprocess.run([*started, "start"], **run)
    except (OSError, subprocess.CalledProcessError) as error:
        shutil.rmtree(folder)
        pytest.skip(f"PostgreSQL does not start here: {error}")
    yield f"postgresql://tide@/postgres?host={folder}"
    subprocess.run([control, "-D", data, "-w", "-m", "immediate", "stop"], **run)
    shutil.rmtree(folder)


def test_a_query_of_postgresql_gives_the_log_it_selects(server):
    rows = 60_000
    with adbc.connect(server) as connection:
        with connection.cursor() as cursor:
            cursor.execute(
                "create table events as select ('00000000-0000-0000-0000-' || "
                "lpad(n::text, 12, '0'))::uuid as person, n % 7 as item, "
                "timestamptz '2024-05-01 12:00:00+00' + n * interval '1 second' as at, "
                "(n + 0.5)::numeric as strength, n % 2 = 0 as clicked, "
                "array[n, n] as odd, point(n, n) as place "
                f"from generate_series(0, {rows - 1}) n"
            )
        log = read_sql(
            "select * from events order by at",
            connection,
            user="person",
            time="at",
            weight="strength",
            label="clicked",
        )

    assert len(log) == rows
    assert log.time[[0, -1]].tolist() == [1_714_564_800, 1_714_564_800 + rows - 1]
    assert log.weight[[0, 1]].tolist() == [0.5, 1.5]
    assert log.label[:4].tolist() == [1, 0, 1, 0]
    assert log.users.ids[1] == "00000000-0000-0000-0000-000000000001"
    assert log.items.ids.to_list() == [0, 1, 2, 3, 4, 5, 6]


TYPES = {
    "bigint '9007199254740993'": 9007199254740993,
    "numeric '12345678901234567890'": "12345678901234567890",
    "numeric(9, 2) '20001.00'": 20001,
    "numeric(9, 2) '2.50'": "2.5",
    "uuid '8A7F4C80-0f0a-4c3e-9d0b-0123456789ab'": (
        "8a7f4c80-0f0a-4c3e-9d0b-0123456789ab"
    ),
    "varchar(9) 'u1'": "u1",
    "char(9) 'u1'": "u1",
    "bytea '\\x7531'": "u1",
    "date '2024-05-01'": "2024-05-01",
    "jsonb '\"u1\"'": "u1",
    "mood 'sad'": "sad",
}
REFUSED = {
    "boolean 't'": "Boolean is no type of an id",
    "timestamptz '2024-05-01'": "Datetime.* is no type of an id",
    "jsonb '{\"a\": 1}'": "{'a': 1} is a dict",
    "array[1, 2]": "List.* is no type of an id",
    "inet '10.0.0.1'": "holds inet, which cannot be read",
    "money '7'": "holds money, which cannot be read",
    "interval '1 day'": "holds month_day_nano_interval, which cannot be read",
}


@pytest.fixture(scope="module")
def connection(server):
    with adbc.connect(server) as connection:
        with connection.cursor() as cursor:
            cursor.execute("create type mood as enum ('sad', 'ok')")
        connection.commit()
        yield connection


@pytest.mark.parametrize("value", TYPES)
def test_ids_of_postgresqls_types_follow_the_rule(connection, value):
    query = f"select {value} as person, 1 as item, timestamp '2024-05-01' as at"

    log = read_sql(query, connection, user="person", time="at")

    assert log.users.ids.to_list() == [TYPES[value]]
    assert log.time.tolist() == [1_714_521_600]


@pytest.mark.parametrize("value", REFUSED)
def test_types_that_are_no_ids_are_refused_or_not_looked_at(connection, value):
    query = f"select 1 as item, 5 as time, {value} as odd"

    assert len(read_sql(query, connection, user="item")) == 1
    with pytest.raises(DataError, match=REFUSED[value]):
        read_sql(query, connection, user="odd")


def test_times_of_postgresql_have_their_zone(connection):
    query = (
        "select 1 as item, timestamptz '2024-05-01 14:00:00+02' as at "
        "union all select 2, timestamptz 'infinity' order by item"
    )

    with pytest.raises(DataError, match=r"row 2: the time in column 'at' is .*\d{4}-"):
        read_sql(query, connection, user="item", time="at")
    log = read_sql(f"{query} limit 1", connection, user="item", time="at")
    assert log.time.tolist() == [1_714_564_800]
