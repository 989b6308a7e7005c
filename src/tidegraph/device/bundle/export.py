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

from tidegraph.artifact.writing import refuse_other, replaced_folder
from tidegraph.device.bundle import manifest
from tidegraph.device.bundle.graphs import Model, graphs_of, prove
from tidegraph.device.bundle.loading import ITEMS, TRUNK, WEIGHTS, opened
from tidegraph.device.bundle.manifest import MANIFEST, File, Manifest, Signed
from tidegraph.device.bundle.tracing import OPSET
from tidegraph.device.bundle.weights import packed, put_outside, taken_from
from tidegraph.device.signing import public_bytes
from tidegraph.errors import ArtifactError
from tidegraph.extras import needed

with needed("onnx", "device", "a bundle"):
    import onnx
with needed("cryptography", "device", "signing"):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

DAY = 86_400


def export(
    model: Model,
    folder: str | os.PathLike[str],
    key: Ed25519PrivateKey,
    *,
    days: int = 30,
) -> Signed:
    """Write a bundle, all of it or nothing.

    Its version is one more than that of the bundle it replaces.

    Args:
        model: What is exported.
        folder: Where; a bundle that is there is replaced.
        key: Signs the manifest.
        days: So long it may be trained with.

    Raises:
        ArtifactError: The place holds something else or cannot be written, or a graph
            takes what its example has alone.
    """
    # Found out before the long work.
    refuse_other(Path(folder), MANIFEST, "a bundle")
    _last(Path(folder), key)
    protos = graphs_of(model)
    used = {held.name for proto in protos.values() for held in proto.graph.initializer}
    held = {name: array for name, array in model.arrays().items() if name in used}
    blob, places = packed(held)
    files = {WEIGHTS: blob}
    for name, proto in protos.items():
        put_outside(proto, places)
        files[name] = proto.SerializeToString(deterministic=True)
    return _publish(model, files, Path(folder), key, days)


def refresh(
    model: Model,
    folder: str | os.PathLike[str],
    key: Ed25519PrivateKey,
    *,
    days: int = 30,
) -> Signed:
    """Write the bundle of a new round: other weights, the same graphs.

    Args:
        model: What is exported, of the same settings as before.
        folder: Where the bundle of the last round is.
        key: Signed it.
        days: So long it may be trained with.

    Raises:
        ArtifactError: There is no such bundle, or the model is of other settings.
    """
    root = Path(folder)
    before = manifest.read(root, public_bytes(key))
    graphs = [name for name in before.manifest.files if name.endswith(".onnx")]
    files = {name: (root / name).read_bytes() for name in graphs}
    places = {
        name: place
        for raw in files.values()
        for name, place in taken_from(onnx.load_model_from_string(raw)).items()
    }
    arrays = model.arrays()
    blob, found = packed({name: arrays[name] for name in places if name in arrays})
    said, head = before.manifest, model.head
    # What a graph holds beside weights.
    same = (said.radius, said.clip) == (head.radius, model.local.clip)
    same &= said.junctions == tuple(head.places) and found == places
    if not same or (TRUNK in graphs) != (model.trunk is not None):
        raise ArtifactError(
            f"the model has other layers or settings than that of {folder}. Export it "
            "anew."
        )
    return _publish(model, {WEIGHTS: blob, **files}, root, key, days)


def _publish(
    model: Model,
    files: Mapping[str, bytes],
    folder: Path,
    key: Ed25519PrivateKey,
    days: int,
) -> Signed:
    """Sign files, run them beside the model, and write them."""
    head, local = model.head, model.local
    if model.items is not None:
        files = {**files, ITEMS: model.items}
    said = Manifest(
        version=_last(folder, key) + 1,
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
        files={
            name: File(len(raw), hashlib.sha256(raw).hexdigest())
            for name, raw in files.items()
        },
    )
    raw = manifest.sealed(said, key)
    signed = manifest.opened(raw, public_bytes(key))
    prove(model, opened(signed, files))
    with replaced_folder(folder, MANIFEST, "a bundle") as aside:
        for name, content in {**files, MANIFEST: raw}.items():
            with open(aside / name, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
    return signed


def _last(folder: Path, key: Ed25519PrivateKey) -> int:
    """Return the version of the bundle in a folder, 0 where there is none.

    Raises:
        ArtifactError: It is someone else's.
    """
    if not (folder / MANIFEST).exists():
        return 0
    return manifest.read(folder, public_bytes(key)).manifest.version
