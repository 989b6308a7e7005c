"""The laws find a method that breaks them."""

import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from tidegraph.retrieval.popular import Popular
from tidegraph.stages import Candidates
from tidegraph.testing import RetrieverLaws

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Fitted:
    """The most popular items, but those of low rows first."""

    plain: object

    def scores(self, requests):
        scores = self.plain.scores(requests)
        return scores + np.arange(scores.shape[1], dtype=np.float32)

    def retrieve(self, requests, k: int) -> Candidates:
        found = self.plain.retrieve(requests, k)
        return replace(found, score=found.score + found.item.astype(np.float32))

    def state(self):
        return self.plain.state()


@dataclass(frozen=True)
class ByRow:
    def fit(self, train):
        return Fitted(Popular().fit(train))


class Broken(RetrieverLaws):
    retriever = ByRow()
    needs_history = False


def test_a_method_that_heeds_the_order_of_rows_breaks_the_law_of_rows():
    with pytest.raises(AssertionError):
        Broken().test_permuting_rows_permutes_the_scores()


def test_without_pytest_one_sentence_says_what_to_install():
    code = (
        "import sys; sys.modules['pytest'] = None\n"
        "from tidegraph.errors import MissingExtraError\n"
        "try:\n    import tidegraph.testing\n"
        "except MissingExtraError as error:\n    print(error)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT / "src",
        capture_output=True,
        text=True,
        check=True,
    )

    assert "pip install 'tidegraph[testing]'" in done.stdout
    assert len(done.stdout.splitlines()) == 1
