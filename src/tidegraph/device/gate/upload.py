"""The bytes of an upload, and of what else a device says to the gate.

All of it is little-endian and of a fixed length for a given number of numbers: there is
no parser to fool. An upload is the head below, then the numbers of theta as float32 or
float16, then the Ed25519 signature of all that: 276 bytes for 32 numbers of float32.

==========  =====  ==========================================================
bytes       type   what
==========  =====  ==========================================================
0-3                ``MPA1``
4           u8     version of the format, 1
5           u8     0: float32, 1: float16
6-7         u16    how many numbers
8-23               the device, 16 random bytes of its own making
24-55              SHA-256 of the signed text of the bundle's manifest
56-63       u64    counter, larger than in every upload before
64-71       u64    when it was sent, in Unix milliseconds
72-75       u32    samples that it was learnt from
76-79       f32    loss of held-out samples before, in nats
80-83       f32    the same loss with theta
==========  =====  ==========================================================
"""

import struct
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32

from tidegraph.device.signing import KEY_BYTES, SIGNATURE_BYTES
from tidegraph.errors import RefusedError
from tidegraph.extras import needed

with needed("cryptography", "device", "signing"):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

HEAD = struct.Struct("<4sBBH16s32sQQIff")
MAGIC, VERSION = b"MPA1", 1
DEVICE_BYTES = 16
LARGEST = 2**63 - 1
"""Largest counter."""
KINDS: tuple[np.dtype[Any], ...] = (np.dtype("<f4"), np.dtype("<f2"))
"""What the numbers are, by the byte that says so."""


class Upload(NamedTuple):
    """What a device says that it has learnt.

    Attributes:
        device: Its 16 bytes.
        bundle: Digest of the bundle that theta belongs to.
        counter: Larger than in every upload before.
        sent: Unix milliseconds, by its own clock.
        samples: So many it has learnt from.
        before: Loss of its held-out samples at its start, in nats.
        after: The same loss with theta.
        theta: The numbers.
    """

    device: bytes
    bundle: bytes
    counter: int
    sent: int
    samples: int
    before: float
    after: float
    theta: Float32[np.ndarray, " theta"]


def pack_upload(upload: Upload, key: Ed25519PrivateKey, *, half: bool = False) -> bytes:
    """Return the signed bytes of an upload.

    Args:
        upload: What is said.
        key: The device's own.
        half: Send float16.
    """
    kind = int(half)
    head = HEAD.pack(
        MAGIC,
        VERSION,
        kind,
        len(upload.theta),
        upload.device,
        upload.bundle,
        upload.counter,
        upload.sent,
        upload.samples,
        upload.before,
        upload.after,
    )
    body = head + upload.theta.astype(KINDS[kind]).tobytes()
    return body + key.sign(body)


def length(count: int, kind: int = 0) -> int:
    """Return how many bytes an upload of so many numbers has."""
    return HEAD.size + count * KINDS[kind].itemsize + SIGNATURE_BYTES


def unpack_upload(raw: bytes, sizes: frozenset[int]) -> Upload:
    """Return what an upload says, none of which is believed yet.

    Args:
        raw: Its bytes.
        sizes: How many numbers there may be.

    Raises:
        RefusedError: ``size``, ``format`` or ``shape``.
    """
    least, most = length(1, 1), length(max(sizes, default=1))
    if not least <= len(raw) <= most:
        raise RefusedError(
            "size",
            f"an upload has {len(raw)} bytes; it must have {least} to {most}.",
        )
    said: tuple[Any, ...] = HEAD.unpack_from(raw)
    magic, version, kind, count, name, bundle, counter = said[:7]
    sent, samples, before, after = said[7:]
    known = magic == MAGIC and version == VERSION and kind < len(KINDS)
    if not known or counter > LARGEST:
        raise RefusedError("format", "these bytes are not an upload of version 1.")
    if count not in sizes or len(raw) != length(count, kind):
        raise RefusedError(
            "shape",
            f"an upload says that it has {count} numbers; it must have "
            f"{' or '.join(map(str, sorted(sizes)))}, and be as long as it says.",
        )
    numbers = np.frombuffer(raw, KINDS[int(kind)], count, HEAD.size)
    with np.errstate(invalid="ignore"):
        # What is no number stays none, and is refused in its turn.
        theta = numbers.astype(np.float32)
    return Upload(name, bundle, counter, sent, samples, before, after, theta)


ENROLMENT = struct.Struct(f"<4s{DEVICE_BYTES}s{KEY_BYTES}s56s")
"""``MPE1``, the device, its public key, and a ticket; its signature follows."""
ERASURE = struct.Struct(f"<4s{DEVICE_BYTES}sQ")
"""``MPX1``, the device, and Unix milliseconds; its signature follows."""


def pack_enrolment(device: bytes, ticket: bytes, key: Ed25519PrivateKey) -> bytes:
    """Return the bytes by which a device enrols."""
    public = key.public_key().public_bytes_raw()
    body = ENROLMENT.pack(b"MPE1", device, public, ticket)
    return body + key.sign(body)


def pack_erasure(device: bytes, sent: int, key: Ed25519PrivateKey) -> bytes:
    """Return the bytes by which a device asks to be erased.

    Args:
        device: Its 16 bytes.
        sent: Unix milliseconds.
        key: Its own.
    """
    body = ERASURE.pack(b"MPX1", device, sent)
    return body + key.sign(body)
