"""Bundles and devices that tests speak for."""

import hashlib
import os
import struct
from dataclasses import dataclass, field

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tidegraph.device.bundle.manifest import File, Manifest, opened, sealed
from tidegraph.device.gate.upload import Upload, pack_upload
from tidegraph.device.signing import public_bytes

NOW = 1_800_000_000_000
WEIGHTS = b"0123456789"
PUBLISHER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def manifest_of(version=1, theta=32, radius=1.5, expires=NOW // 1_000 + 86_400):
    files = {"weights.bin": File(10, hashlib.sha256(WEIGHTS).hexdigest())}
    learning = 18, 10, 0.3, 1.0, True, 0.0
    return Manifest(version, expires, theta, radius, 24, ("last",), *learning, files)


def signed_of(**changes):
    raw = sealed(manifest_of(**changes), PUBLISHER)
    return opened(raw, public_bytes(PUBLISHER))


@dataclass
class Phone:
    """A device that a test speaks for."""

    bundle: bytes
    name: bytes = field(default_factory=lambda: os.urandom(16))
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    counter: int = 0

    def upload(self, *, half=False, key=None, **changes) -> bytes:
        self.counter += 1
        said = {
            "device": self.name,
            "bundle": self.bundle,
            "counter": self.counter,
            "sent": NOW,
            "samples": 20,
            "before": 0.7,
            "after": 0.6,
            "theta": np.full(32, 0.1, np.float32),
        }
        return pack_upload(Upload(**said | changes), key or self.key, half=half)


class Clock:
    """A clock that a test sets, in Unix milliseconds."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


def resigned(raw: bytes, key, at: int, form: str, value) -> bytes:
    """Return an upload with a part of its head rewritten, signed anew."""
    body = bytearray(raw[:-64])
    struct.pack_into(form, body, at, value)
    return bytes(body) + key.sign(bytes(body))
