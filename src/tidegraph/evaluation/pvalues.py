"""P-values, which of them are bounds, Holm's correction, and how they are written."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

import numpy as np
from jaxtyping import Bool, Float64

SURELY = 0.05
"""A difference whose corrected p is smaller is no chance."""


@dataclass(frozen=True, eq=False)
class PValues:
    """P-values of several tests.

    Attributes:
        p: A value per test, NaN for what was not tested.
        is_bound: Where the value is known only to be no larger, as no resample was as
            extreme as what was seen.
    """

    p: Float64[np.ndarray, " m"]
    is_bound: Bool[np.ndarray, " m"]


def holm(tests: PValues) -> PValues:
    """Return p-values that stay valid though ``m`` tests were made at once.

    The i-th smallest is multiplied by m - i + 1, is never below its predecessor, and
    at most 1. NaN entries are no tests and stay NaN. What comes of a bound is one.

    Source:
        Holm (1979).
    """
    adjusted = np.full(len(tests.p), np.nan)
    is_bound = np.zeros(len(tests.p), np.bool_)
    tested = np.flatnonzero(~np.isnan(tests.p))
    order = tested[np.argsort(tests.p[tested], kind="stable")]
    scaled = tests.p[order] * np.arange(len(order), 0, -1)
    largest = np.maximum.accumulate(scaled)
    origin = np.maximum.accumulate(
        np.where(scaled >= largest, np.arange(len(order)), 0)
    )
    adjusted[order] = np.minimum(largest, 1.0)
    is_bound[order] = tests.is_bound[order][origin] & (largest < 1)
    return PValues(adjusted, is_bound)


def p_text(p: float | None, is_bound: bool | None = False) -> str:
    """Return a p-value for reading: ``0.012``, ``0.0003``, and ``<4e-12`` for a bound.

    Args:
        p: The value; nothing is written where there is none.
        is_bound: Is it known only to be no larger? It is rounded up then.
    """
    if p is None or np.isnan(p):
        return ""
    if not is_bound or p >= 1:
        return f"{p:.3f}" if p >= 0.001 else f"{p:.2g}"
    # Products of decimal fractions are off by a last bit, which must not round up.
    value = Decimal(repr(float(p) * (1 - 1e-12)))
    digits = 2 if p >= 0.001 else 1
    step = Decimal(1).scaleb(value.adjusted() - digits + 1)
    return f"<{float(value.quantize(step, rounding=ROUND_CEILING)):g}"
