"""A patched model, written as what a device downloads.

Graphs are made once for a kind of model, which takes seconds each; a new round of
training is a new ``weights.bin`` and a new manifest, and the graphs stay as they are,
byte for byte. Whatever is written was run before, and gave what the model gives.
"""

import hashlib
import os
import time
from collections.abc import Mapping
from pathlib import Path

from tidegraph.artifact.writing import recovered, refuse_other, replaced_folder
from tidegraph.device.bundle import manifest
from tidegraph.device.bundle.graphs import Model, check_against_model, graphs_of
from tidegraph.device.bundle.loading import ITEMS, TRUNK, WEIGHTS, bundle_of_files
from tidegraph.device.bundle.manifest import MANIFEST, File, Manifest, Signed
from tidegraph.device.bundle.tracing import OPSET
from tidegraph.device.bundle.weights import (
    pack_weights,
    read_weights_from_file,
    weight_places,
)
from tidegraph.device.signing import public_bytes
from tidegraph.durations import DAY
from tidegraph.errors import ArtifactError
from tidegraph.extras import needed
from tidegraph.ranges import at_least

with needed("onnx", "device", "a bundle"):
    import onnx
with needed("cryptography", "device", "signing"):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def export_bundle(
    model: Model,
    folder: str | os.PathLike[str],
    key: Ed25519PrivateKey,
    *,
    days: int = 30,
    version: int | None = None,
) -> Signed:
    """Write a bundle, all of it or nothing.

    Args:
        model: What is exported.
        folder: Where; a bundle that is there is replaced.
        key: Signs the manifest.
        days: So long it may be trained with.
        version: Larger than that of every bundle that devices had before. If left out,
            one more than that of the bundle it replaces, since a device's theta goes on
            to the next number alone; without one there, Unix seconds, which is more
            than what any folder that was begun earlier has come to.

    Raises:
        ArtifactError: The place holds something else or cannot be written, the version
            is not larger than the one there, or a graph takes what its example has
            alone.
    """
    # Found out before the long work.
    at_least("a bundle's", 1, days=days)
    refuse_other(Path(folder), MANIFEST, "a bundle")
    version = _next_version(Path(folder), key, version)
    protos = graphs_of(model)
    used = {held.name for proto in protos.values() for held in proto.graph.initializer}
    held = {name: array for name, array in model.arrays().items() if name in used}
    blob, places = pack_weights(held)
    files = {WEIGHTS: blob}
    for name, proto in protos.items():
        read_weights_from_file(proto, places)
        files[name] = proto.SerializeToString(deterministic=True)
    return _write_bundle(model, files, Path(folder), key, days, version)


def refresh_bundle(
    model: Model,
    folder: str | os.PathLike[str],
    key: Ed25519PrivateKey,
    *,
    days: int = 30,
    version: int | None = None,
) -> Signed:
    """Write the bundle of a new round: other weights, the same graphs.

    Args:
        model: What is exported, of the same settings as before. Without ``items``
            those that are there stay.
        folder: Where the bundle of the last round is.
        key: Signed it.
        days: So long it may be trained with.
        version: As of ``export_bundle``.

    Raises:
        ArtifactError: There is no such bundle, a file of it was changed, its version is
            as large, or the model is of other settings or takes other inputs.
        ConfigError: ``days`` or ``version`` is below 1.
    """
    root = Path(folder)
    at_least("a bundle's", 1, days=days)
    version = _next_version(root, key, version)
    before = manifest.read(root, public_bytes(key))
    held = manifest.files_in(root, before)
    # What was changed there since must not be signed again.
    manifest.check_files(before, held)
    files = {name: raw for name, raw in held.items() if name.endswith(".onnx")}
    places = {
        name: place
        for raw in files.values()
        for name, place in weight_places(onnx.load_model_from_string(raw)).items()
    }
    arrays = model.arrays()
    blob, found = pack_weights(
        {name: arrays[name] for name in places if name in arrays}
    )
    said, head = before.manifest, model.head
    # What a graph holds beside weights.
    same = (said.radius, said.clip) == (head.radius, model.local.clip)
    same &= said.junctions == tuple(head.places) and found == places
    if not same or (TRUNK in files) != (model.trunk is not None):
        raise ArtifactError(
            f"the model has other layers or settings than that of {folder}. Export it "
            "anew."
        )
    if ITEMS in held:
        files[ITEMS] = held[ITEMS]
    return _write_bundle(model, {WEIGHTS: blob, **files}, root, key, days, version)


def _write_bundle(
    model: Model,
    files: Mapping[str, bytes],
    folder: Path,
    key: Ed25519PrivateKey,
    days: int,
    version: int,
) -> Signed:
    """Sign files, run them beside the model, and write them."""
    head, local = model.head, model.local
    if model.items is not None:
        files = {**files, ITEMS: model.items}
    said = Manifest(
        version=version,
        expires=int(time.time()) + days * DAY,
        theta=head.theta,
        radius=head.radius,
        width=head.f.width,
        junctions=tuple(head.places),
        opset=OPSET,
        steps=local.steps,
        learning_rate=local.learning_rate,
        clip=local.clip,
        correct=local.correct,
        precision=local.precision(head),
        files={
            name: File(len(raw), hashlib.sha256(raw).hexdigest())
            for name, raw in files.items()
        },
    )
    raw = manifest.sealed(said, key)
    signed = manifest.opened(raw, public_bytes(key))
    check_against_model(model, bundle_of_files(signed, files))
    with replaced_folder(folder, MANIFEST, "a bundle") as aside:
        for name, content in {**files, MANIFEST: raw}.items():
            with open(aside / name, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
    return signed


def _next_version(folder: Path, key: Ed25519PrivateKey, version: int | None) -> int:
    """Return the version of the next bundle in a folder; see ``export_bundle``.

    Raises:
        ArtifactError: The bundle there is someone else's, or of as large a version.
    """
    recovered(folder, MANIFEST)
    last = 0
    if (folder / MANIFEST).exists():
        last = manifest.read(folder, public_bytes(key)).manifest.version
    if version is None:
        return last + 1 if last else int(time.time())
    at_least("a bundle's", 1, version=version)
    if version <= last:
        raise ArtifactError(
            f"the bundle in {folder} is of version {last}, and devices take no smaller "
            f"one after it: version {version} is not larger."
        )
    return version
