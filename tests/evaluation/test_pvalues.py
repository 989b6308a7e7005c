import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.evaluation.pvalues import PValues, holm, p_text


def corrected(p: list[float], bounds: tuple[int, ...] = ()) -> PValues:
    is_bound = np.isin(np.arange(len(p)), bounds)
    return holm(PValues(np.array(p), is_bound))


def test_holm_multiplies_the_smallest_by_all_and_never_steps_back():
    # Sorted .01 .02 .03 .04 x 4 3 2 1 = .04 .06 .06 .04, the last lifted to .06.
    adjusted = corrected([0.04, 0.01, 0.03, 0.02]).p

    np.testing.assert_allclose(adjusted, [0.06, 0.04, 0.06, 0.06])


def test_holm_leaves_out_what_was_not_tested():
    adjusted = corrected([np.nan, 0.03, 0.5]).p

    np.testing.assert_allclose(adjusted, [np.nan, 0.06, 0.5])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_lies_between_the_single_test_and_bonferroni(p):
    raw = np.array(p)
    adjusted = corrected(p).p

    assert (adjusted >= raw).all()
    assert (adjusted <= np.minimum(raw * len(raw), 1)).all()
    assert (np.diff(adjusted[np.argsort(raw, kind="stable")]) >= 0).all()


def test_what_holm_makes_of_a_bound_is_a_bound():
    # .001 x 3 = .003 bound; .002 x 2 = .004 exact; .9 x 1 exact.
    assert corrected([0.001, 0.9, 0.002], (0,)).is_bound.tolist() == [
        True,
        False,
        False,
    ]
    # .01 x 3 = .03 lifts the exact .012 x 2 = .024 to a bound.
    assert corrected([0.012, 0.01, 0.9], (1,)).is_bound.tolist() == [True, True, False]


def test_one_is_no_bound():
    found = corrected([0.6, 0.7], (0, 1))

    assert found.p.tolist() == [1.0, 1.0]
    assert not found.is_bound.any()


@pytest.mark.parametrize(
    ("p", "is_bound", "words"),
    [
        (1.0, False, "1.000"),
        (0.0123, False, "0.012"),
        (2 / 8192, False, "0.00024"),
        (1 / 10_000, True, "<0.0001"),
        (54 * (1 / 10_000), True, "<0.0054"),
        (0.00541, True, "<0.0055"),
        (3.27e-12, True, "<4e-12"),
        (np.float64(2.2e-12), True, "<3e-12"),
        (9.7e-12, True, "<1e-11"),
        (1e-300, True, "<1e-300"),
        (1.0, True, "1.000"),
        (None, None, ""),
        (float("nan"), False, ""),
    ],
)
def test_a_p_is_written_as_it_is_known(p, is_bound, words):
    assert p_text(p, is_bound) == words
