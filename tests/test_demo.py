"""What the demonstration prints, and on what."""

from rich.text import Text

from tidegraph.demo import screen
from tidegraph.evaluation.report.summary import WIDTH


def test_a_file_gets_lines_as_wide_as_texts_are(capsys):
    line = "word " * (WIDTH // 5 - 1) + "last"
    screen().print(Text(line))

    assert capsys.readouterr().out == f"{line}\n"
