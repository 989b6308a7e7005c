"""The method of docs/testing.md obeys the laws of that page."""

import re
from pathlib import Path

import pytest

from tidegraph.errors import LeakageError
from tidegraph.evaluation.evaluate import evaluate
from tidegraph.pipeline import Pipeline
from tidegraph.testing.logs import draw_log
from tidegraph.testing.retrievers import RetrieverLaws

PAGE = (Path(__file__).parents[2] / "docs" / "testing.md").read_text("utf-8")
MADE: dict = {"__name__": __name__}
exec(re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1], MADE)


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
