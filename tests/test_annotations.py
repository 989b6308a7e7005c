import jaxtyping
import numpy as np
import pytest
from beartype import beartype
from jaxtyping import Float32, TypeCheckError


def test_shapes_are_compared_within_one_call():
    @jaxtyping.jaxtyped(typechecker=beartype)
    def added(a: Float32[np.ndarray, " n"], b: Float32[np.ndarray, " n"]) -> np.ndarray:
        return a + b

    one, two = np.ones(1, np.float32), np.ones(2, np.float32)

    assert added(two, two).tolist() == [2, 2]
    with pytest.raises(TypeCheckError):
        added(one, two)


def test_annotations_without_shapes_are_checked_too():
    @jaxtyping.jaxtyped(typechecker=beartype)
    def doubled(count: int) -> list[int]:
        return [count, count]

    assert doubled(3) == [3, 3]
    with pytest.raises(TypeError):
        doubled("three")
