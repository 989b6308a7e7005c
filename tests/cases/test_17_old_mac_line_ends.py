from pathlib import Path

from tidegraph.cli import run

LOG = Path(__file__).parent / "17" / "log.csv"


def test_lines_may_end_in_cr_alone(capsys):
    assert b"\n" not in LOG.read_bytes()
    assert run(["check", str(LOG)]) == 0
    assert "2 events of 2 users on 2 items" in capsys.readouterr().out
