"""A simulated marketplace whose true preferences, exposure and drift are known."""

from tidegraph.data.synthetic.marketplace import Marketplace, World
from tidegraph.data.synthetic.settings import Clicks, Lifecycle, Policy, Tastes
from tidegraph.data.synthetic.truth import Truth

__all__ = ["Clicks", "Lifecycle", "Marketplace", "Policy", "Tastes", "Truth", "World"]
