import json
from pathlib import Path

import pytest

from tidegraph.cli import run

FOLDER = Path(__file__).parent / "15"


@pytest.mark.parametrize("header", ["", "user\n"])
def test_the_first_of_a_file_of_users_is_a_user_unless_it_is_a_name(
    tmp_path, capsys, header
):
    model, users = tmp_path / "m", tmp_path / "users.txt"
    users.write_text(header + (FOLDER / "users.txt").read_text())
    assert run(["train", str(FOLDER / "recipe.toml"), "-o", str(model)]) == 0
    capsys.readouterr()

    asked = ["recommend", str(model), "--users-file", str(users), "-k", "1", "--json"]
    assert run(asked) == 0

    said = capsys.readouterr()
    lists = [json.loads(line) for line in said.out.splitlines()]
    assert [row["user"] for row in lists] == [1, 2, 3]
    assert said.err == ""
