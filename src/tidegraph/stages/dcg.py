"""What a place in a list is worth: the discounted gain behind NDCG."""

import numpy as np
from jaxtyping import Float64, Int64


def discounted_gains(k: int) -> Float64[np.ndarray, " k"]:
    """Return the gain of a relevant item at each of the first ``k`` places.

    At rank r it is 1 / log2(r + 1), the first rank being 1.

    Source:
        Järvelin & Kekäläinen (2002), with binary gain and the discount from rank 1.
    """
    return 1 / np.log2(np.arange(2, k + 2))


def ideal_discounted_gain(
    count: Int64[np.ndarray, " b"], k: int
) -> Float64[np.ndarray, " b"]:
    """Return the gain of the first ``k`` places of the best list, the DCG of NDCG.

    Args:
        count: How many items are relevant to each request.
        k: Length of list; as many hits come first as there are.
    """
    return np.concatenate([[0.0], np.cumsum(discounted_gains(k))])[np.minimum(count, k)]
