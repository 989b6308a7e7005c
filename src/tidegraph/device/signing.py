"""Ed25519 keys: the one that signs bundles, and one on each device."""

import os
from collections.abc import Generator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from tidegraph.artifact.writing import new_secret, replaced
from tidegraph.errors import ArtifactError
from tidegraph.extras import needed

with needed("cryptography", "device", "signing"):
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

KEY_BYTES = 32
SIGNATURE_BYTES = 64


def is_signed_by(key: bytes, signature: bytes, message: bytes) -> bool:
    """Was a message signed by the owner of a public key?

    Args:
        key: The 32 bytes of the public key.
        signature: The 64 bytes beside the message.
        message: What was signed.
    """
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """Return the 32 bytes of the public key that belongs to a private one."""
    return key.public_key().public_bytes_raw()


def signing_key(path: str | os.PathLike[str]) -> Ed25519PrivateKey:
    """Return the private key in a PEM file, which is made where there is none.

    A new one is readable by its owner alone, and whole, whenever the process may die.
    Its public half lies beside it, named ``.pub``, for whoever checks what it signs; it
    is written where it is missing.

    Raises:
        ArtifactError: The file cannot be read or written, or holds something else.
    """
    return _find_or_make_key(Path(path))[0]


@contextmanager
def signing(path: str | os.PathLike[str]) -> Generator[Ed25519PrivateKey]:
    """Yield ``signing_key(path)``; one made for work that then fails is removed again.

    Raises:
        ArtifactError: The file cannot be read or written, or holds something else.
    """
    place = Path(path)
    key, made = _find_or_make_key(place)
    try:
        yield key
    except BaseException:
        if made:  # Nothing was signed with it.
            _remove(place)
        raise


def _find_or_make_key(place: Path) -> tuple[Ed25519PrivateKey, bool]:
    """Return a private key, and whether it was made now."""
    try:
        made = not place.exists() and new_secret(place, _new_key())
        found = serialization.load_pem_private_key(place.read_bytes(), None)
    except OSError as error:
        raise ArtifactError(f"{place}: {error.strerror or error}.") from error
    except (ValueError, TypeError) as error:
        raise ArtifactError(f"{place} holds no private key in PEM: {error}") from error
    if not isinstance(found, Ed25519PrivateKey):
        raise ArtifactError(f"{place} holds a key that is not one of Ed25519.")
    # Where a key lies that nobody may write beside, its owner has the other half.
    with nullcontext() if made else suppress(ArtifactError):
        _write_public(place, found)
    return found, made


def replace_key(path: str | os.PathLike[str]) -> Ed25519PrivateKey:
    """Return a new private key, in place of that in a PEM file; see ``signing_key``.

    Raises:
        ArtifactError: The one that is there cannot be removed, or none be written.
    """
    place = Path(path)
    _remove(place)
    return signing_key(place)


def trusted_key(path: str | os.PathLike[str]) -> bytes:
    """Return the 32 bytes of the public key in a PEM file.

    Raises:
        ArtifactError: The file cannot be read, or holds something else.
    """
    try:
        found = serialization.load_pem_public_key(Path(path).read_bytes())
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror or error}.") from error
    except ValueError as error:
        raise ArtifactError(
            f"{path} holds no public key in PEM. Name the file that ends in .pub."
        ) from error
    if not isinstance(found, Ed25519PublicKey):
        raise ArtifactError(f"{path} holds a key that is not one of Ed25519.")
    return found.public_bytes_raw()


def _remove(place: Path) -> None:
    """Remove a key and its public half."""
    try:
        for old in (place.with_name(f"{place.name}.pub"), place):
            old.unlink(missing_ok=True)
    except OSError as error:
        raise ArtifactError(f"{place}: {error.strerror or error}.") from error


def _new_key() -> bytes:
    """Return a new private key in PEM."""
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write_public(place: Path, key: Ed25519PrivateKey) -> None:
    """Write the public half of a key, unless it is there."""
    public = place.with_name(f"{place.name}.pub")
    if public.exists():
        return
    text = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with replaced(public) as aside:
        aside.write_bytes(text)
