"""What the demonstration prints, and on what."""

import pytest
from rich.text import Text

import tidegraph as tg
from tidegraph.demo import Demo, ranker, screen
from tidegraph.errors import ConfigError
from tidegraph.evaluation.report.summary import WIDTH


def test_a_file_gets_lines_as_wide_as_texts_are(capsys):
    line = "word " * (WIDTH // 5 - 1) + "last"
    screen().print(Text(line))

    assert capsys.readouterr().out == f"{line}\n"


def test_any_click_model_ranks_with_the_inputs_of_the_demonstration():
    features = tg.FeatureSet(("item",), "kind")

    found = ranker("DSGL", features)

    assert found.model == tg.DSGL()
    assert found.features == features


@pytest.mark.parametrize(
    ("name", "wanted"), [("DSLG", "Did you mean 'DSGL'"), ("RecencyLogit", "is none")]
)
def test_what_is_no_click_model_is_refused_before_anything_is_read(
    name, wanted, tmp_path
):
    with pytest.raises(ConfigError, match=wanted):
        Demo(data="no such data", rank=name).run(tmp_path)
