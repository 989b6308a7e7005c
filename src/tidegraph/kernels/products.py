"""Products of many vectors with many others, and the largest of them.

A matrix library adds up in another order for another shape or number of threads. Here
each product adds its terms in the order of the numbers of the vectors, so that a row
alone and a row in any block have the same bits, at the speed of such a library.
"""

import numpy as np
from jaxtyping import Float32, Int32, Int64

from tidegraph.kernels.intrinsics import TILE_COLUMNS, TILE_ROWS, multiply_tile
from tidegraph.kernels.jit import compiled, over_rows
from tidegraph.kernels.topk import offer_to_heap, sort_heap

_CACHED = 1 << 16  # How many numbers of the second side are gone through at once.


def products(
    queries: Float32[np.ndarray, "b d"], vectors: Float32[np.ndarray, "n d"]
) -> Float32[np.ndarray, "b n"]:
    """Return the product of each query with each vector."""
    out = np.empty((len(queries), len(vectors)), np.float32)
    panels, rows = _query_panels(queries), _padded_vectors(vectors)
    over_rows(
        lambda a, b: _write_products(panels, rows, out, a, b), len(panels), grain=1
    )
    return out


def top_k_products(
    queries: Float32[np.ndarray, "b d"],
    vectors: Float32[np.ndarray, "n d"],
    ptr: Int64[np.ndarray, " starts"],
    hidden: Int32[np.ndarray, " hidden"],
    item: Int32[np.ndarray, "b k"],
    score: Float32[np.ndarray, "b k"],
) -> None:
    """Write the vectors with the largest products with each query, the largest first.

    No more than a few products are held at a time. Ties break on the row of the vector.

    Args:
        queries: One with a nan has no product.
        vectors: One with a nan is in no list.
        ptr: Where the hidden rows of each query start.
        hidden: Rows of vectors to leave out, increasing within a query.
        item: Rows of the vectors; what is not found is left as it is.
        score: Their products, alike.
    """
    panels, rows = _query_panels(queries), _padded_vectors(vectors)
    over_rows(
        lambda a, b: _top_k(panels, rows, len(vectors), ptr, hidden, item, score, a, b),
        len(panels),
        grain=1,
    )


def _query_panels(queries: Float32[np.ndarray, "b d"]) -> Float32[np.ndarray, "p d c"]:
    """Return the queries side by side, as many as a tile has columns; 0 for none."""
    panels = -(-len(queries) // TILE_COLUMNS)
    padded = np.zeros((panels * TILE_COLUMNS, queries.shape[1]), np.float32)
    padded[: len(queries)] = queries
    shaped = padded.reshape(panels, TILE_COLUMNS, queries.shape[1])
    return np.ascontiguousarray(shaped.transpose(0, 2, 1))


def _padded_vectors(vectors: Float32[np.ndarray, "n d"]) -> Float32[np.ndarray, "m d"]:
    """Return the vectors, at least as many as a tile has rows."""
    if len(vectors) < TILE_ROWS:
        vectors = np.pad(vectors, ((0, TILE_ROWS - len(vectors)), (0, 0)))
    return np.ascontiguousarray(vectors)


@compiled
def _write_products(
    panels: np.ndarray, vectors: np.ndarray, out: np.ndarray, first: int, last: int
) -> None:
    rows, size = vectors.shape
    left, right = vectors.ravel(), panels.ravel()
    tile = np.empty(TILE_ROWS * TILE_COLUMNS, np.float32)
    for p in range(first, last):
        queries = min(TILE_COLUMNS, out.shape[0] - p * TILE_COLUMNS)
        for j in range(0, rows, TILE_ROWS):
            # The last tile begins early enough to be a whole one.
            at = min(j, rows - TILE_ROWS)
            begin = p * size * TILE_COLUMNS
            multiply_tile(left, at * size, right, begin, size, tile)
            for q in range(queries):
                for r in range(min(TILE_ROWS, out.shape[1] - at)):
                    out[p * TILE_COLUMNS + q, at + r] = tile[r * TILE_COLUMNS + q]


@compiled
def _top_k(
    panels: np.ndarray,
    vectors: np.ndarray,
    known: int,
    ptr: np.ndarray,
    hidden: np.ndarray,
    item: np.ndarray,
    score: np.ndarray,
    first: int,
    last: int,
) -> None:
    rows, size = vectors.shape
    left, right = vectors.ravel(), panels.ravel()
    tile = np.empty(TILE_ROWS * TILE_COLUMNS, np.float32)
    found = np.zeros(TILE_COLUMNS, np.int64)
    least = np.empty(TILE_COLUMNS, np.float32)
    for p in range(first, last):
        top = p * TILE_COLUMNS
        queries = min(TILE_COLUMNS, item.shape[0] - top)
        found[:], least[:] = 0, -np.inf
        # Nothing is above nan: a column without a query takes no part.
        least[queries:] = np.nan
        for j in range(0, rows, TILE_ROWS):
            at = min(j, rows - TILE_ROWS)
            begin = p * size * TILE_COLUMNS
            multiply_tile(left, at * size, right, begin, size, tile)
            for r in range(j - at, min(TILE_ROWS, known - at)):
                above = False
                for q in range(TILE_COLUMNS):
                    above |= tile[r * TILE_COLUMNS + q] > least[q]
                if above:
                    line = tile[r * TILE_COLUMNS : (r + 1) * TILE_COLUMNS]
                    _offer_to_heaps(
                        at + r, line, top, ptr, hidden, (item, score), found, least
                    )
        for q in range(queries):
            sort_heap(item[top + q], score[top + q], found[q])


@compiled
def _offer_to_heaps(
    i: int,
    line: np.ndarray,
    top: int,
    ptr: np.ndarray,
    hidden: np.ndarray,
    best: tuple[np.ndarray, np.ndarray],
    found: np.ndarray,
    least: np.ndarray,
) -> None:
    """Offer one vector to the heaps of those queries whose worst it is above."""
    for q in range(TILE_COLUMNS):
        if not line[q] > least[q]:
            continue
        row = top + q
        low, high = ptr[row], ptr[row + 1]
        at = low + np.searchsorted(hidden[low:high], i)
        if at < high and hidden[at] == i:
            continue
        item, score = best[0][row], best[1][row]
        found[q] = offer_to_heap(item, score, found[q], i, line[q])
        if found[q] == item.size:
            least[q] = score[0]
