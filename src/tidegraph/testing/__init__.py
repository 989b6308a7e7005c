"""The laws that every stage obeys, for methods of one's own: inherit, and run pytest.

No other part of the library imports this one, which alone needs pytest.
"""

from tidegraph.extras import needed

with needed("pytest", "testing", "tidegraph.testing"):
    import pytest as pytest

from tidegraph.testing.features import FeatureLaws
from tidegraph.testing.logs import draw_log
from tidegraph.testing.rankers import RankerLaws
from tidegraph.testing.rerankers import RerankerLaws
from tidegraph.testing.retrievers import RetrieverLaws

__all__ = ["FeatureLaws", "RankerLaws", "RerankerLaws", "RetrieverLaws", "draw_log"]
