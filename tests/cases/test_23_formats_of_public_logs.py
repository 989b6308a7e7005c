from pathlib import Path

import pytest

from tidegraph.cli import run

HERE = Path(__file__).parent / "23"


@pytest.mark.parametrize(
    ("name", "options", "counts"),
    [
        ("u.data", [], "2 events of 2 users on 2 items"),
        ("ratings.dat", [], "2 events of 1 users on 2 items"),
        ("excel.csv", [], "1 events of 1 users on 1 items"),
        ("latin.csv", [], "1 events of 1 users on 1 items"),
        (
            "review.json",
            ["--user", "user_id", "--item", "business_id", "--time", "date"],
            "1 events of 1 users on 1 items",
        ),
        (
            "retail.csv",
            ["--user", "CustomerID", "--item", "StockCode", "--time", "InvoiceDate"],
            "1 events of 1 users on 1 items",
        ),
    ],
)
def test_one_command_reads_a_public_format(capsys, name, options, counts):
    assert run(["check", str(HERE / name), *options]) == 0

    assert counts in capsys.readouterr().out


def test_a_recipe_may_begin_with_a_byte_order_mark(tmp_path, capsys):
    assert (HERE / "recipe_bom.toml").read_bytes().startswith(b"\xef\xbb\xbf")
    assert run(["train", str(HERE / "recipe_bom.toml"), "-o", str(tmp_path)]) == 2

    # The recipe is read, and what it lacks is named.
    assert "has no [[retrieve]]" in capsys.readouterr().err
