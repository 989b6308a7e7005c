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


LABELLED = "user,item,time,label,shown\n" + "".join(
    f"u{k % 7},i{k % 3},{1_700_000_000 + k},{k % 2},{k}\n" for k in range(60)
)
FORGOTTEN = (
    "a column 'label' of 0 and 1 is not read, so every row is an action: name it with "
    "--label"
)


def test_check_names_labels_and_columns_that_are_not_read(tmp_path, capsys):
    path = tmp_path / "log.csv"
    path.write_text(LABELLED)

    assert run(["check", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert FORGOTTEN in lines
    assert "columns that are not read: label, shown" in lines

    assert run(["check", str(path), "--label", "label", "--context", "shown"]) == 0
    said = capsys.readouterr().out
    assert "not read" not in said
    assert "30 of 60 are impressions only" in said


@pytest.mark.parametrize(
    ("old", "new"), [(",0,", ",2,"), (",0,", ",1,"), (",0,", ",,")]
)
def test_a_column_that_holds_no_labels_is_none(old, new, tmp_path, capsys):
    path = tmp_path / "log.csv"
    path.write_text(LABELLED.replace(old, new))

    assert run(["check", str(path)]) == 0

    said = capsys.readouterr().out
    assert "every row is an action" not in said
    assert "columns that are not read: label, shown" in said


def test_columns_by_their_places_are_read(tmp_path, capsys):
    path = tmp_path / "log.csv"
    path.write_text("".join(LABELLED.splitlines(True)[1:]))
    options = ["--user", "1", "--item", "2", "--time", "none"]

    assert run(["check", str(path), *options]) == 0

    assert "columns that are not read: 3, 4, 5" in capsys.readouterr().out


def test_training_and_comparing_say_that_labels_are_not_read(tmp_path, capsys):
    path, recipe = tmp_path / "log.csv", tmp_path / "recipe.toml"
    path.write_text(LABELLED)
    recipe.write_text('[data]\npath = "log.csv"\n\n[[retrieve]]\nmodel = "Popular"\n')
    train = ["train", str(recipe), "-o", str(tmp_path / "model"), "--quiet"]

    assert run(train) == 0
    assert f"tidegraph: {FORGOTTEN}." in capsys.readouterr().err.splitlines()
    assert run([*train[:-1], "--label", "label"]) == 0
    assert "not read" not in capsys.readouterr().err
    compare = ["bench", "ctr", "--data", str(path), "--category", "none"]
    assert run([*compare, "--item-features", "shown"]) == 2
    assert "item 'i0' has shown 3, and 0 in row 1" in capsys.readouterr().err


def test_a_part_that_is_none_is_named_by_the_column_of_the_file(tmp_path, capsys):
    (tmp_path / "log.csv").write_text(LABELLED)
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        '[data]\npath = "log.csv"\n\n[split]\nby = "label"\n\n'
        '[[retrieve]]\nmodel = "Popular"\n'
    )

    assert run(["train", str(recipe), "-o", str(tmp_path / "model")]) == 2

    assert "log.csv, row 1: column 'label' holds '0'," in capsys.readouterr().err
