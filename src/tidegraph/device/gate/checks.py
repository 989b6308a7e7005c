"""Is an upload what it must be? The cheapest questions come first.

Nothing is mended: an honest device has projected its theta already, so a theta outside
the ball, however near, was not made by the graph that the bundle holds. A signature is
checked before anything that anyone else could change, and after all that costs less.
"""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from tidegraph.device.gate.policy import GatePolicy
from tidegraph.device.gate.upload import Upload, unpack_upload
from tidegraph.device.signing import SIGNATURE_BYTES, is_signed_by
from tidegraph.errors import RefusedError

ROUNDED = 1.001
"""A theta that was rounded to float16 may be longer by so much."""


class Accepted(NamedTuple):
    """A bundle that theta is taken for.

    Attributes:
        version: Its version.
        theta: Numbers in a device's vector.
        radius: Largest norm of that vector.
        expires: Unix seconds after which nothing is taken for it.
    """

    version: int
    theta: int
    radius: float
    expires: int


class Device(NamedTuple):
    """A device that has enrolled.

    Attributes:
        key: The 32 bytes of its public key.
        counter: That of its last upload; 0 before the first.
        revoked: May it no longer upload?
    """

    key: bytes
    counter: int
    revoked: bool


def check_upload(
    raw: bytes,
    now: int,
    bundles: Mapping[bytes, Accepted],
    device_of: Callable[[bytes], Device | None],
    policy: GatePolicy,
) -> Upload:
    """Return what an upload says, if it is what it must be.

    Args:
        raw: Its bytes.
        now: Unix milliseconds.
        bundles: What theta is taken for, by digest.
        device_of: Looks up a device.
        policy: What is taken.

    Raises:
        RefusedError: ``size``, ``format``, ``shape``, ``clock``, ``bundle``,
            ``device``, ``signature``, ``replay``, ``claims``, ``finite`` or ``norm``,
            whichever comes first.
    """
    upload = unpack_upload(raw, frozenset(bundle.theta for bundle in bundles.values()))
    check_sent_time(upload.sent, now, policy)
    bundle = _accepted_bundle(upload, now, bundles)
    device = check_enrolled(device_of(upload.device))
    check_signature(device.key, raw)
    check_not_replayed(upload, device)
    _check_claims(upload, policy)
    _check_theta(upload, bundle)
    return upload


def check_sent_time(sent: int, now: int, policy: GatePolicy) -> None:
    """Refuse a message of another time.

    Raises:
        RefusedError: ``clock``.
    """
    if abs(sent - now) > policy.skew_seconds * 1_000:
        raise RefusedError(
            "clock",
            f"the clock of the device is off by {abs(sent - now) // 1_000} seconds; "
            f"{policy.skew_seconds} are allowed. Set it.",
        )


def check_enrolled(device: Device | None) -> Device:
    """Return a device that may upload.

    Raises:
        RefusedError: ``device``.
    """
    if device is None or device.revoked:
        raise RefusedError("device", "the device has not enrolled, or was revoked.")
    return device


def check_signature(key: bytes, raw: bytes) -> None:
    """Refuse a message that the owner of a key did not sign.

    Raises:
        RefusedError: ``signature``.
    """
    if not is_signed_by(key, raw[-SIGNATURE_BYTES:], raw[:-SIGNATURE_BYTES]):
        raise RefusedError("signature", "the signature is not that of the device.")


def check_not_replayed(upload: Upload, device: Device) -> None:
    """Refuse an upload that was sent before.

    Raises:
        RefusedError: ``replay``.
    """
    if upload.counter <= device.counter:
        raise RefusedError(
            "replay",
            f"an upload counts {upload.counter}, and {device.counter} was there "
            "before. Send a larger one.",
        )


def _accepted_bundle(
    upload: Upload, now: int, bundles: Mapping[bytes, Accepted]
) -> Accepted:
    bundle = bundles.get(upload.bundle)
    if bundle is None or now > bundle.expires * 1_000:
        raise RefusedError(
            "bundle",
            "theta belongs to a bundle that is unknown, too old or expired. Download "
            "the newest and train again.",
        )
    if bundle.theta != len(upload.theta):
        raise RefusedError(
            "shape",
            f"an upload has {len(upload.theta)} numbers, and its bundle "
            f"{bundle.theta}.",
        )
    return bundle


def _check_claims(upload: Upload, policy: GatePolicy) -> None:
    if not policy.least_samples <= upload.samples <= policy.most_samples:
        raise RefusedError(
            "claims",
            f"an upload claims to be learnt from {upload.samples} rows; "
            f"{policy.least_samples} to {policy.most_samples} are believed. Learn from "
            "more, or from the latest alone.",
        )
    # Not a number compares as false.
    if not 0 <= upload.after <= upload.before < math.inf:
        raise RefusedError(
            "claims",
            f"an upload claims a loss from {upload.before:.3g} to {upload.after:.3g}; "
            "it is a number of 0 or more that does not rise. Send a theta that tells "
            "held-out rows no worse than none does.",
        )


def _check_theta(upload: Upload, bundle: Accepted) -> None:
    if not np.isfinite(upload.theta).all():
        raise RefusedError("finite", "theta holds what is no finite number.")
    norm = float(np.linalg.norm(upload.theta.astype(np.float64)))
    if norm > bundle.radius * ROUNDED:
        raise RefusedError(
            "norm", f"theta is {norm:.4g} long; {bundle.radius:g} are allowed."
        )
