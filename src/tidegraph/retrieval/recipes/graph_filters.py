"""Linear methods: a history goes through fixed filters of the graph (section 19.4)."""

from tidegraph.arguments import checked
from tidegraph.errors import ConfigError
from tidegraph.ranges import at_least
from tidegraph.retrieval.filters import Chebyshev, Hop, LowPass
from tidegraph.retrieval.graph_filter import GraphFilter


@checked(ConfigError)
def pure_svd(rank: int = 64, half_life_days: float | None = None) -> GraphFilter:
    """Return PureSVD: histories projected on the first singular vectors of the pairs.

    Args:
        rank: How many singular vectors.
        half_life_days: Age at which an item of the history counts half.

    Source:
        Cremonesi et al., "Performance of Recommender Algorithms on Top-N
        Recommendation Tasks", RecSys 2010, section 3.2, for actions in place of
        ratings.
    """
    at_least("PureSVD", 1, rank=rank)
    filters = (LowPass(rank, power=0.0, normalised=False, steps=7),)
    return GraphFilter("PureSVD", filters, half_life_days=half_life_days)


@checked(ConfigError)
def gf_cf(
    rank: int | None = None, weight: float = 0.3, half_life_days: float | None = None
) -> GraphFilter:
    """Return GF-CF: a linear filter and an ideal low-pass one.

    Args:
        rank: How many singular vectors the low-pass filter has; 256 if left out, or
            all there are of fewer users or items.
        weight: What it counts beside the linear filter.
        half_life_days: Age at which an item of the history counts half.

    Source:
        Shen et al., "How Powerful is Graph Convolution for Recommendation?", CIKM
        2021, equation 8.
    """
    at_least("GF-CF", 1, rank=rank)
    filters = (Hop(0.5, 1.0, 0.5), LowPass(rank or 256, at_most=rank is None))
    return GraphFilter("GF-CF", filters, (1.0, weight), half_life_days)


@checked(ConfigError)
def cheby_cf(
    order: int = 8,
    flatness: float = 1.5,
    power: float = 0.4,
    rank: int | None = None,
    weight: float = 0.2,
    half_life_days: float | None = None,
) -> GraphFilter:
    """Return ChebyCF: a filter with a plateau and an ideal low-pass one.

    Args:
        order: Degree of the polynomial.
        flatness: How flat the plateau is.
        power: How far popular items are held back and brought forward again.
        rank: How many singular vectors the low-pass filter has; 512 if left out, or
            all there are of fewer users or items.
        weight: What it counts beside the plateau.
        half_life_days: Age at which an item of the history counts half.

    Source:
        Kim et al., "Graph Spectral Filtering with Chebyshev Interpolation for
        Recommendation", SIGIR 2025, equation 17; the defaults are theirs for Gowalla.
    """
    at_least("ChebyCF", 1, rank=rank, order=order)
    most = rank is None
    ideal = LowPass(rank or 512, power, steps=7, at_most=most)
    filters = (Chebyshev(order, flatness, power), ideal)
    return GraphFilter("ChebyCF", filters, (1.0, weight), half_life_days)
