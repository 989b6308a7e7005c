import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.kernels.windows import window_pairs


@given(
    st.lists(st.lists(st.integers(-1, 5), max_size=9), max_size=5), st.integers(1, 12)
)
def test_each_node_comes_with_those_near_to_it_up_to_the_end(rows, window):
    ptr = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    node = np.array([n for row in rows for n in row], np.int32)

    source, target = window_pairs(ptr, node, window)

    want = []
    for row in rows:
        until = row.index(-1) if -1 in row else len(row)
        for i in range(until):
            for j in range(until):
                if i != j and abs(i - j) <= window:
                    want.append((row[i], row[j]))
    assert list(zip(source.tolist(), target.tolist(), strict=True)) == want
