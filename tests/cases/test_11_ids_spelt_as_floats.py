import json
from pathlib import Path

import pytest

from tidegraph.cli import run

FOLDER = Path(__file__).parent / "11"


@pytest.fixture
def model(tmp_path, capsys):
    folder = tmp_path / "m"
    assert run(["train", str(FOLDER / "recipe.toml"), "-o", str(folder)]) == 0
    capsys.readouterr()
    return folder


def asked(model, *words):
    return run(["recommend", str(model), *words, "-k", "1", "--explain", "--json"])


@pytest.mark.parametrize("spelt", ["20001", "20001.0", " 20001 "])
def test_a_known_user_is_known_however_the_number_is_written(model, capsys, spelt):
    assert asked(model, "--user", spelt) == 0

    said = capsys.readouterr()
    answer = json.loads(said.out)
    assert (answer["user"], answer["channel"]) == (20001, "Repeat+Popular")
    assert said.err == ""


def test_a_file_of_users_may_write_them_as_floats(model, tmp_path, capsys):
    (tmp_path / "users.csv").write_text("user\n20002.0\n20001.0\n")
    assert asked(model, "--users-file", str(tmp_path / "users.csv")) == 0

    said = capsys.readouterr()
    answers = [json.loads(line) for line in said.out.splitlines()]
    assert [answer["user"] for answer in answers] == [20002, 20001]
    # The only event of 20002 is in the test part, which the model has not seen.
    assert "user 20002 has no interactions" in said.err
    assert "not known" not in said.err


def test_an_unknown_user_is_said_to_be_unknown(model, capsys):
    assert asked(model, "--user", "x9") == 0

    said = capsys.readouterr().err
    assert said.startswith("tidegraph: user 'x9' is not in the model; answered as")
