"""What a bundle says of itself, signed.

``manifest.json`` is an envelope of two texts: ``signed``, which is JSON, and
``signature``, the hexadecimal Ed25519 signature of its UTF-8 bytes. The signed text is
kept as it was written, so that no reader has to write JSON the way its author did.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

from tidegraph.artifact.manifest import check_format
from tidegraph.device.signing import SIGNATURE_BYTES, is_signed_by
from tidegraph.errors import ArtifactError
from tidegraph.extras import needed

with needed("cryptography", "device", "signing"):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FORMAT = 1
MANIFEST = "manifest.json"
LARGEST = 1 << 20
"""A longer manifest is not read."""
_NAME = re.compile(r"[a-z][a-z0-9_]*\.(onnx|bin|json)")
_UNFIT = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    RecursionError,
)
"""What comes of reading JSON that is something else: deep, endless, or another."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


class File(NamedTuple):
    """Length of a file in bytes, and its SHA-256 in hexadecimal."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a device and the gate must know of a bundle.

    Attributes:
        version: Larger than that of every bundle before it.
        expires: Unix seconds after which it is not to be trained with.
        theta: Numbers in a device's vector.
        radius: Largest norm of that vector.
        width: Numbers that enter the tower.
        junctions: Where the patches stand.
        opset: Version of the ONNX operators.
        steps: How many steps a device takes, each over all of its rows.
        learning_rate: Length of a step for a gradient of length 1.
        clip: Largest length of the gradient that a step takes.
        correct: Leave how often a user acts at all out of what is learnt.
        precision: How strongly each number is held to 0, in rows whose loss
            bends by 1; 0 for not at all.
        files: Length and checksum of every other file.
    """

    version: int
    expires: int
    theta: int
    radius: float
    width: int
    junctions: tuple[str, ...]
    opset: int
    steps: int
    learning_rate: float
    clip: float
    correct: bool
    precision: float
    files: Mapping[str, File]

    def text(self) -> str:
        """Return the text that is signed."""
        body = {"format": FORMAT, **vars(self)}
        return json.dumps(body, sort_keys=True)


class Signed(NamedTuple):
    """A manifest whose signature was checked, and what it is known by.

    Attributes:
        manifest: What it says.
        digest: SHA-256 of the signed text: which bundle a vector belongs to.
    """

    manifest: Manifest
    digest: bytes


def sealed(manifest: Manifest, key: Ed25519PrivateKey) -> bytes:
    """Return the bytes of ``manifest.json``."""
    text = manifest.text()
    signature = key.sign(text.encode()).hex()
    return json.dumps({"signed": text, "signature": signature}, indent=1).encode()


def opened(raw: bytes, trusted: bytes) -> Signed:
    """Return what a manifest says, once its signature is known to be right.

    Args:
        raw: The bytes of ``manifest.json``.
        trusted: Public key of whoever may publish bundles.

    Raises:
        ArtifactError: It is no manifest, or of another version, or someone else's.
    """
    try:
        envelope = json.loads(raw[: LARGEST + 1])
        text, signature = envelope["signed"], bytes.fromhex(envelope["signature"])
        signed = cast(str, text).encode()
    except _UNFIT as error:
        raise ArtifactError(
            f"{MANIFEST} is not a signed manifest: it is cut short, or something else. "
            "Download the bundle again."
        ) from error
    if len(signature) != SIGNATURE_BYTES or not is_signed_by(
        trusted, signature, signed
    ):
        raise ArtifactError(
            f"{MANIFEST} was not signed by the key that is trusted here. Use the "
            "bundle of your publisher, or the publisher's public key."
        )
    return Signed(_parsed(signed), hashlib.sha256(signed).digest())


def read(folder: Path, trusted: bytes) -> Signed:
    """Return what the manifest in a folder says; see ``opened``.

    Raises:
        ArtifactError: There is none that can be trusted.
    """
    return opened(raw_in(folder), trusted)


def raw_in(folder: Path) -> bytes:
    """Return the bytes of the manifest in a folder, not looked at yet.

    Raises:
        ArtifactError: There are none.
    """
    try:
        with open(folder / MANIFEST, "rb") as file:
            return file.read(LARGEST + 1)
    except OSError as error:
        raise ArtifactError(
            f"{folder} is not a bundle: {MANIFEST} cannot be read "
            f"({error.strerror or error})."
        ) from error


def files_in(folder: Path, signed: Signed) -> dict[str, bytes]:
    """Return the files of a bundle beside its manifest, none longer than that says."""
    found = dict[str, bytes]()
    for name, (size, _) in signed.manifest.files.items():
        try:
            with open(folder / name, "rb") as file:
                found[name] = file.read(size + 1)
        except OSError:
            # Missing, which is said with what it should be.
            continue
    return found


def check_files(signed: Signed, files: Mapping[str, bytes]) -> None:
    """Refuse files that are not those that were signed.

    Raises:
        ArtifactError: One is missing, or another.
    """
    for name, (size, sha256) in signed.manifest.files.items():
        raw = files.get(name, b"")
        if len(raw) != size or hashlib.sha256(raw).hexdigest() != sha256:
            raise ArtifactError(
                f"{name} is missing, cut short or changed: it is not what the manifest "
                "says. Download the bundle again."
            )


def _parsed(signed: bytes) -> Manifest:
    """Read what a trusted publisher signed; an error there is one all the same."""
    try:
        body = cast(dict[str, Any], json.loads(signed))
        check_format(body.pop("format"), FORMAT, MANIFEST, "Export the bundle again")
        files = {name: File(*held) for name, held in body.pop("files").items()}
        junctions = tuple(str(name) for name in body.pop("junctions"))
        parts = {name: float(body.pop(name)) for name in _PARTS}
        correct = body.pop("correct") is True
        precision = float(body.pop("precision"))
        whole = {name: int(body.pop(name)) for name in _WHOLE}
        fit = min(whole.values()) >= 1 and not body and MANIFEST not in files
        fit &= all(0 < part < math.inf for part in parts.values())
        fit &= 0 <= precision < math.inf
        fit &= all(map(_NAME.fullmatch, files)) and all(
            map(_is_file_entry, files.values())
        )
    except _UNFIT as error:
        raise ArtifactError(f"{MANIFEST} lacks something: {error}.") from error
    if not fit:
        raise ArtifactError(f"{MANIFEST} says something that cannot be.")
    return Manifest(
        files=files,
        junctions=junctions,
        radius=parts["radius"],
        learning_rate=parts["learning_rate"],
        clip=parts["clip"],
        correct=correct,
        precision=precision,
        **whole,
    )


_PARTS = ("radius", "learning_rate", "clip")
_WHOLE = ("version", "expires", "theta", "width", "opset", "steps")


def _is_file_entry(file: File) -> bool:
    return file.size >= 0 and _SHA256.fullmatch(file.sha256) is not None
