"""The method of docs/testing.md, and the feature of docs/ranking.md, obey the laws."""

import re
from pathlib import Path

import pytest

from tidegraph.errors import LeakageError
from tidegraph.evaluation.evaluate import evaluate
from tidegraph.pipeline import Pipeline
from tidegraph.testing.features import FeatureLaws
from tidegraph.testing.logs import draw_log
from tidegraph.testing.retrievers import RetrieverLaws

DOCS = Path(__file__).parents[2] / "docs"


def made_by(page: str, part: str = "") -> dict:
    """What the first block of Python behind a part of a page makes."""
    text = (DOCS / page).read_text("utf-8")
    text = text[text.index(part) :]
    made: dict = {"__name__": __name__}
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1], made)
    return made


MADE = made_by("testing.md")
OWN = made_by("ranking.md", "## Inputs of your own")


class TestFeatureOfThePage(FeatureLaws):
    feature = OWN["own"]


def test_the_rankers_of_the_page_have_its_feature():
    assert OWN["din"].features.groups[-1] is OWN["own"]
    assert OWN["control"].groups[-1] is OWN["own"]


class TestCoCount(RetrieverLaws):
    retriever = MADE["CoCount"]()


def test_it_is_a_channel_of_a_pipeline_under_its_name():
    model = Pipeline((MADE["CoCount"]("Pairs"), MADE["CoCount"]())).fit(draw_log())

    assert model.retriever.channels == ("Pairs", "CoCount")


def test_one_that_knows_the_answers_is_refused():
    log = draw_log()
    train, test = log.before(int(log.time[-40])), log.since(int(log.time[-40]))

    with pytest.raises(LeakageError, match="trained until"):
        evaluate(MADE["CoCount"]().fit(log), test, train=train)
