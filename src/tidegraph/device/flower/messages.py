"""What a node and the cloud tell each other, as records of Flower."""

# Flower is installed apart, so that no checker sees its types; see CONTRIBUTING.
# pyright: basic, reportMissingImports=false
import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from tidegraph.device.patch import Patched
from tidegraph.device.personalise import LocalSteps
from tidegraph.errors import DataError
from tidegraph.extras import needed
from tidegraph.nn.dense import Tower
from tidegraph.training.weights import restore_weights, weights_of

with needed("flwr", "flower", "a fleet of Flower's nodes"):
    from flwr.app import Array, ArrayRecord, ConfigRecord, Message

HEAD, THETA, HOW, TOLD = "head", "theta", "how", "told"
"""Records of a message: weights, numbers of devices, settings, and what came of it."""


class Says(NamedTuple):
    """What a node tells: counts of devices, and means of their losses."""

    counts: tuple[str, ...]
    means: tuple[str, ...]


TRAINED = Says(("devices", "stepped"), ("before", "after"))
JUDGED = Says(("devices",), ("own", "model"))
LEAST = 1e-5
"""How far outside the ball of theta rounding may take it, as a share of its radius."""


def weights(head: Patched) -> ArrayRecord:
    """Return the weights of a tower and its metapatches."""
    return ArrayRecord(
        {name: Array(np.ascontiguousarray(a)) for name, a in weights_of(head).items()}
    )


def numbers(theta: Float32[np.ndarray, "d theta"]) -> ArrayRecord:
    """Return the numbers of some devices."""
    return ArrayRecord({THETA: Array(np.ascontiguousarray(theta))})


def described(head: Patched, local: LocalSteps) -> ConfigRecord:
    """Return how a head is built, and how devices learn under it."""
    tower = head.f
    return ConfigRecord(
        {
            "width": tower.width,
            "hidden": list(tower.junctions.values()),
            "junctions": list(head.places),
            "rank": head.rank,
            "theta": head.theta,
            "radius": float(head.radius),
            "steps": local.steps,
            "learning-rate": float(local.learning_rate),
            "clip": float(local.clip),
            "correct": local.correct,
            "prior": float(local.prior),
        }
    )


def head_of(message: Message) -> Patched:
    """Return the head that a message describes, with the weights that it brings."""
    how = message.content[HOW]
    tower = Tower(how["width"], tuple(how["hidden"]))
    places = {name: tower.places[name] for name in how["junctions"]}
    head = Patched(tower, places, how["rank"], how["theta"], how["radius"])
    held = message.content[HEAD]
    # Flower's arrays are read only, and torch's may not be.
    restore_weights(
        head, {name: np.array(array.numpy()) for name, array in held.items()}
    )
    return head.requires_grad_(False)


def local_of(message: Message) -> LocalSteps:
    """Return how the devices of a node are told to learn."""
    how = message.content[HOW]
    steps, rate = how["steps"], how["learning-rate"]
    return LocalSteps(steps, rate, how["clip"], how["correct"], how["prior"])


def theta_of(
    message: Message, size: int, radius: float
) -> Float32[np.ndarray, "d theta"]:
    """Return the numbers of the devices of a node, if they can be some.

    Args:
        message: What a node or the cloud has sent.
        size: How many numbers a device has.
        radius: Of the ball that they stay in.

    Raises:
        DataError: They are of another shape or kind, not finite, or outside the ball.
    """
    content = message.content
    try:
        found = content[THETA][THETA].numpy()
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"a node sent no numbers that can be read ({error!r}); none is taken."
        ) from error
    if found.shape[1:] != (size,) or found.dtype != np.float32:
        raise DataError(
            f"a node sent {found.dtype} of shape {found.shape} where {size} float32 "
            "numbers of each device were expected, so none of it is taken."
        )
    if not np.isfinite(found).all():
        raise DataError("a node sent numbers that are not finite; none is taken.")
    longest = float(np.linalg.norm(found, axis=1).max(initial=0.0))
    if longest > radius * (1 + LEAST):
        raise DataError(
            f"a node sent a theta of length {longest:.3g}, outside the ball of radius "
            f"{radius:g} that every honest device stays in; none is taken."
        )
    return found


def counts_and_losses_of(message: Message, says: Says) -> dict[str, float]:
    """Return what a node tells of its devices, if it can be true.

    Args:
        message: What a node has answered.
        says: What it is asked for, and ``weight``, the rows that the means are over.

    Raises:
        DataError: Something is not there, no number, not finite, or below 0.
    """
    found = dict[str, float]()
    for name in (*says.counts, *says.means, "weight"):
        try:
            found[name] = float(message.content[TOLD][name])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"a node does not tell {name!r} as a number ({error!r}), so nothing "
                "of its answer is taken."
            ) from error
        if not 0 <= found[name] < math.inf:
            raise DataError(
                f"a node tells {name}={found[name]:g}, and such a number is finite and "
                "not below 0; nothing of its answer is taken."
            )
    return found
