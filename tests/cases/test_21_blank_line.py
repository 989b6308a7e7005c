from pathlib import Path

from tidegraph.cli import run

LOG = Path(__file__).parent / "21" / "log.csv"


def test_a_blank_line_is_no_row(capsys):
    assert LOG.read_bytes().endswith(b"\n\n")
    assert run(["check", str(LOG)]) == 0
    assert "2 events of 2 users on 2 items" in capsys.readouterr().out
