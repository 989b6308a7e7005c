"""What ``check`` and the other commands say of a log with odd ids and clocks."""

import pytest

from tidegraph.cli import run

ROWS = [f"u{k % 7},i{k % 3},{1_700_000_000 - k}" for k in range(300)]


def written(folder, rows):
    path = folder / "log.csv"
    path.write_text("user,item,time\n" + "\n".join(rows) + "\n")
    return path


def test_rows_are_those_of_the_file(tmp_path, capsys):
    rows = [*ROWS, "1.23457E+12,i1,1690000000", "NULL,i1,1690000000", "u1,i1,9"]

    assert run(["check", str(written(tmp_path, rows))]) == 0

    said = capsys.readouterr()
    assert "log.csv, row 303; the first says 1970-01-01T00:00:09Z (9)" in said.out
    assert "like 'NULL' in column 'user' (log.csv, row 302)" in said.out
    assert "like '1.23457E+12' in column 'user' (log.csv, row 301)" in said.out
    assert said.err == ""


def test_training_says_that_ids_were_rounded_and_goes_on(tmp_path, capsys):
    written(tmp_path, [*ROWS, "1.23457E+12,i1,1690000000"])
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('[data]\npath = "log.csv"\n\n[[retrieve]]\nmodel = "Popular"\n')

    assert run(["train", str(recipe), "-o", str(tmp_path / "model")]) == 0

    lines = capsys.readouterr().err.splitlines()
    (said,) = [line for line in lines if "1.23457E+12" in line]
    assert said.startswith("tidegraph: 1 row holds an id like '1.23457E+12' in column")
    assert said.endswith("Export the ids as text.")


RESTART = "positions restart for each user"


@pytest.fixture
def restarting(tmp_path):
    """A log whose positions begin anew for each user, and a recipe."""
    places = [(user, k) for user in range(30) for k in range(6 + user % 3)]
    rows = [f"u{user},i{(user + k) % 9},{k}" for user, k in places]
    written(tmp_path, rows)
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        '[data]\npath = "log.csv"\ntime_unit = "order"\n\n'
        '[[retrieve]]\nmodel = "Popular"\nhalf_life_days = "none"\n'
    )
    return recipe


def test_training_says_that_a_cut_in_time_is_none_where_positions_restart(
    restarting, tmp_path, capsys
):
    train = ["train", str(restarting), "-o", str(tmp_path / "model")]

    assert run(train) == 0
    assert RESTART in capsys.readouterr().err
    assert run([*train, "--split-leave-last", "1"]) == 0
    said = capsys.readouterr()
    assert RESTART not in said.err
    assert "Split by time" not in said.out


def test_a_comparison_says_that_positions_restart(restarting, tmp_path, capsys):
    log = ["--data", str(tmp_path / "log.csv"), "--time-unit", "order"]

    few = ["--models", "RecencyLogit", "--seeds", "1"]
    run(["bench", "ctr", *log, *few])
    assert RESTART in capsys.readouterr().err
