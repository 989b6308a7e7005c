from pathlib import Path

import pandas as pd

from tidegraph.cli import run
from tidegraph.data.sources import read

LOG = Path(__file__).parent / "01" / "log.csv"


def test_rows_between_two_stray_quotes_are_read(capsys):
    log = read(LOG)

    assert len(log) == 6
    assert log.frame()["user"].to_list() == [f"u{row}" for row in range(1, 7)]
    assert run(["check", str(LOG)]) == 0
    assert "6 events of 6 users on 6 items" in capsys.readouterr().out


def test_a_stray_quote_is_text_as_pandas_reads_it():
    titles = read(LOG, context=["title"]).context["title"].to_list()

    assert titles == pd.read_csv(LOG)["title"].to_list()
