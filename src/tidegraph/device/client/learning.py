"""What a device learns from its own rows, by the graphs of its bundle.

The same as ``tidegraph.device.personalise``, with numpy and onnxruntime alone; and a
device judges itself: the newest of its requests are held out, and a theta that does not
predict them better than none is not kept.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from tidegraph.device.bundle.loading import Bundle
from tidegraph.device.gate.policy import MOST_SAMPLES

Rows = Mapping[str, np.ndarray]
"""``x`` (n, width), ``offset``, ``label`` and ``weight`` (n)."""
HELD_OUT = 5
"""One in so many requests is held out."""
LITTLE = np.float32(0.05)
"""Share of theta that is begun with where all of it tells the rows worse than none."""
SUREST = 1e-3
"""A share of actions is taken to be no nearer to none, or to all."""


class Learnt(NamedTuple):
    """What came of a device's learning.

    Attributes:
        theta: Its numbers; none where nothing was learnt, or nothing worth keeping.
        samples: Rows that it was learnt from.
        before: Loss of the held-out rows without theta, in nats.
        after: The same loss with it.
        why_not: Why there is no theta, if there is none.
    """

    theta: Float32[np.ndarray, " theta"] | None
    samples: int
    before: float
    after: float
    why_not: str | None = None


def learn(
    bundle: Bundle,
    requests: Sequence[Rows],
    before: Float32[np.ndarray, " theta"] | None,
) -> Learnt:
    """Return what is learnt from some requests, of their latest rows where many.

    Args:
        bundle: What it is learnt with.
        requests: The rows of each, the oldest first.
        before: Theta under the bundle before; none where there was none.
    """
    held = max(1, len(requests) // HELD_OUT)
    if len(requests) < 2:
        return _nothing_learnt("a device learns from two requests or more.")
    train, test = end_to_end(requests[:-held]), end_to_end(requests[-held:])
    # Long lists would make more than any gate takes, now and for ever.
    train = {name: part[-MOST_SAMPLES:] for name, part in train.items()}
    reason = why_not_learnable(train)
    if reason is not None:
        return _nothing_learnt(reason)
    said = bundle.signed.manifest
    none = np.zeros(said.theta, np.float32)
    shift = _activity_offset(bundle, train) if said.correct else np.float32(0)
    train, test = ({**rows, "offset": rows["offset"] + shift} for rows in (train, test))
    theta = bundle.start(train, none if before is None else before)
    (_, at_none), (_, at_start) = (
        bundle.train_step(train, numbers, 0.0) for numbers in (none, theta)
    )
    if at_start > at_none:
        theta = LITTLE * theta
    rows = max(float(train["weight"].sum()), 1e-9)
    kept = np.float32(1 / (1 + said.learning_rate * said.precision / rows))
    for _ in range(said.steps):
        theta, _ = bundle.train_step(train, theta, said.learning_rate)
        theta = kept * theta
    (_, without), (_, own) = (
        bundle.train_step(test, numbers, 0.0) for numbers in (none, theta)
    )
    if not own <= without:
        return _nothing_learnt(
            f"what was learnt predicts the newest requests no better ({own:.4f}) than "
            f"the model of all ({without:.4f}), so it is not kept."
        )
    return Learnt(theta, len(train["label"]), without, own)


def why_not_learnable(rows: Rows) -> str | None:
    """Return why nothing can be learnt from rows, or none if something can."""
    label, count = rows["label"], len(rows["label"])
    if count < 2:
        return "a device learns from two items or more."
    if not (label > 0).any() or not (label < 1).any():
        what = "acted on" if label[0] > 0 else "passed over"
        return f"all {count} items were {what}, so nothing tells them apart."
    return None


def end_to_end(requests: Sequence[Rows]) -> dict[str, np.ndarray]:
    """Return the rows of some requests in one piece."""
    names = ("x", "offset", "label", "weight")
    return {name: np.concatenate([rows[name] for rows in requests]) for name in names}


def _activity_offset(bundle: Bundle, rows: Rows) -> np.float32:
    """Return how much more or less often this user acts than the model says, in logits.

    Source:
        As ``tidegraph.device.personalise.offset_for_activity``.
    """
    none = np.zeros(bundle.signed.manifest.theta, np.float32)
    likely = bundle.score(rows["x"], rows["offset"], none)
    here, model = (
        float(np.average(part, weights=rows["weight"]))
        for part in (rows["label"], likely)
    )
    return np.float32(_clipped_logit(here) - _clipped_logit(model))


def _clipped_logit(share: float) -> float:
    share = min(max(share, SUREST), 1 - SUREST)
    return float(np.log(share / (1 - share)))


def _nothing_learnt(why: str) -> Learnt:
    return Learnt(None, 0, float("nan"), float("nan"), f"nothing was learnt: {why}")
