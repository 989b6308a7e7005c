"""Differential privacy over devices: how gradients are blurred, and what that costs."""

import math

import numpy as np
from jaxtyping import Float64
from scipy.special import gammaln, logsumexp

from tidegraph.arguments import settings
from tidegraph.ranges import above, at_least, within

ORDERS = np.arange(2, 257)
"""Orders of Rényi's divergence that are kept account of."""


@settings
class Private:
    """How bases and start learn without telling of any one device.

    Attributes:
        noise: Deviation of the noise on a sum of devices' gradients, in units of
            ``clip``; 0 adds none, and promises nothing.
        clip: Largest length of the gradient of one device.
        delta: Chance with which the promise may fail; less than one in as many as
            there are devices.

    Source:
        Abadi et al., "Deep Learning with Differential Privacy", CCS 2016, algorithm 1,
        with a device where it has an example, as McMahan et al., "Learning
        Differentially Private Recurrent Language Models", ICLR 2018.
    """

    noise: float = 1.0
    clip: float = 0.1
    delta: float = 1e-5

    def __post_init__(self) -> None:
        at_least("Private", 0, noise=self.noise)
        above("Private", 0, clip=self.clip)
        within("Private", delta=self.delta)


def nothing_spent() -> Float64[np.ndarray, " orders"]:
    """Return the account before anything was learnt."""
    return np.zeros(len(ORDERS))


def privacy_spent(
    private: Private, rate: float, steps: int
) -> Float64[np.ndarray, " orders"]:
    """Return Rényi's divergence, by ``ORDERS``, that steps cost at the most.

    What several trainings cost is the sum of theirs.

    Args:
        private: The noise.
        rate: Chance of a device to be in a step; each is drawn by itself.
        steps: How many.

    Source:
        Mironov, Talwar and Zhang, "Rényi Differential Privacy of the Sampled Gaussian
        Mechanism", arXiv 1908.10530, section 3.3: for whole orders a,
        ``log sum_k C(a, k) (1 - q)^(a - k) q^k exp((k^2 - k) / 2 s^2) / (a - 1)``.
    """
    if not private.noise:
        return np.full(len(ORDERS), math.inf if steps and rate else 0.0)
    if not rate:
        return nothing_spent()
    if rate >= 1:
        return steps * ORDERS / (2 * private.noise**2)
    cost = [
        _renyi_of_sampled_gaussian(int(order), rate, private.noise) for order in ORDERS
    ]
    return steps * np.array(cost)


def _renyi_of_sampled_gaussian(order: int, rate: float, noise: float) -> float:
    k = np.arange(order + 1)
    choices = gammaln(order + 1) - gammaln(k + 1) - gammaln(order - k + 1)
    chance = k * math.log(rate) + (order - k) * math.log1p(-rate)
    total = logsumexp(choices + chance + (k * k - k) / (2 * noise**2))
    # Rounding may take it below 0, which it cannot be.
    return max(float(total), 0.0) / (order - 1)


def epsilon(spent: Float64[np.ndarray, " orders"], delta: float) -> float:
    """Return the epsilon of (epsilon, delta)-differential privacy that was spent.

    Args:
        spent: Rényi's divergence by ``ORDERS``; see ``privacy_spent``.
        delta: Chance with which the promise may fail.

    Source:
        Canonne, Kamath and Steinke, "The Discrete Gaussian for Differential Privacy",
        NeurIPS 2020, proposition 12.
    """
    if not spent.any():
        return 0.0
    rest = np.log1p(-1 / ORDERS) - np.log(delta * ORDERS) / (ORDERS - 1)
    return max(0.0, float((spent + rest).min()))
