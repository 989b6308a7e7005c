"""A device client: it downloads a bundle, ranks, learns, and uploads theta alone."""

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from tidegraph.arguments import checked
from tidegraph.artifact.writing import recovered, replaced_folder
from tidegraph.device.bundle import manifest
from tidegraph.device.bundle.loading import (
    TRUNK,
    WEIGHTS,
    Bundle,
    bundle_of_files,
    load,
)
from tidegraph.device.bundle.manifest import MANIFEST, Signed
from tidegraph.device.client.inputs import candidate_count, fitting, head_inputs
from tidegraph.device.client.learning import Learnt, Rows, learn
from tidegraph.device.client.network import fetch, send
from tidegraph.device.client.store import Store, Theta
from tidegraph.device.gate.upload import (
    Upload,
    pack_enrolment,
    pack_erasure,
    pack_upload,
)
from tidegraph.device.signing import replace_key, signing_key
from tidegraph.errors import ArtifactError, ConfigError, RequestError

MOST = 500
"""So many requests are kept."""


class DeviceClient:
    """A device. What it keeps lies in a folder of its own and survives a restart.

    Args:
        folder: Where; made where there is none.
        trusted: Public key of the publisher of bundles.
        now: Returns Unix milliseconds.

    Raises:
        ArtifactError: The folder cannot be used.
        ConfigError: An argument is of another type.
    """

    @checked(ConfigError)
    def __init__(
        self,
        folder: str | os.PathLike[str],
        trusted: bytes,
        *,
        now: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        folder = Path(folder)
        self._folder, self._trusted, self._now = folder, trusted, now
        self._store = Store(folder)
        self._key = signing_key(folder / "device.pem")
        self.bundle: Bundle | None = None
        recovered(folder / "bundle", MANIFEST)
        if (folder / "bundle" / MANIFEST).exists():
            # One that was damaged, or put back, is downloaded again.
            with suppress(ArtifactError):
                self.bundle = load(
                    folder / "bundle", trusted, newest=self._store.version
                )
        if self.bundle is not None:
            # Whoever put it there may have been killed before it took note of it.
            self._note_bundle(self.bundle)

    def __enter__(self) -> "DeviceClient":
        return self

    def __exit__(self, *raised: object) -> None:
        self._store.close()

    @property
    def name(self) -> bytes:
        """The device's 16 bytes."""
        return self._store.name

    @property
    def theta(self) -> Float32[np.ndarray, " theta"] | None:
        """What was learnt with the bundle that is here, if anything was."""
        held = self._stored_theta()
        return None if held is None else held.numbers

    def download(self, url: str) -> bool:
        """Take over the newest bundle of a gate; is it a new one?

        Graphs that are here are not downloaded again. Where anything fails, the bundle
        that is here stays.

        Args:
            url: Of the gate, such as ``https://gate.example``.

        Raises:
            RequestError: The gate cannot be reached.
            ArtifactError: What it has cannot be trusted.
        """
        raw = fetch(f"{url}/v1/bundle/{MANIFEST}", manifest.LARGEST)
        signed = manifest.opened(raw, self._trusted)
        if self.bundle is not None and signed.digest == self.bundle.signed.digest:
            return False
        files = {
            name: self._stored_file(name, sha256)
            or fetch(f"{url}/v1/bundle/{name}", size)
            for name, (size, sha256) in signed.manifest.files.items()
        }
        self._install(raw, signed, files)
        return True

    def install(self, folder: Path) -> None:
        """Take over a bundle that lies in a folder.

        Raises:
            ArtifactError: It cannot be trusted; the one that is here stays.
        """
        signed = manifest.read(folder, self._trusted)
        load(folder, self._trusted, newest=self._store.version)
        files = {name: (folder / name).read_bytes() for name in signed.manifest.files}
        self._install((folder / MANIFEST).read_bytes(), signed, files)

    def rank(self, inputs: Mapping[str, np.ndarray]) -> Float32[np.ndarray, " k"]:
        """Return the probability of an action on each candidate of one request.

        Args:
            inputs: The arrays of ``nn.inputs.Inputs`` of one request, by name, as the
                ``batches`` of a ranker make them (docs/device.md); ``x`` (k, width) and
                ``offset`` (k) where the bundle has no trunk.

        Raises:
            RequestError: They are not what the bundle takes.
        """
        bundle = self._held_bundle()
        rows = head_inputs(bundle, fitting(bundle, inputs))
        theta = self.theta
        if theta is None:
            theta = np.zeros(bundle.signed.manifest.theta, np.float32)
        return bundle.score(rows["x"], rows["offset"], theta)

    def keep(
        self, inputs: Mapping[str, np.ndarray], label: Float32[np.ndarray, " k"]
    ) -> None:
        """Keep a request and what came of it, to learn from.

        Args:
            inputs: As of ``rank``.
            label: 1 for each candidate that was acted on, else 0.

        Raises:
            RequestError: They are not what the bundle takes.
        """
        bundle = self._held_bundle()
        given = fitting(bundle, inputs)
        # What cannot be run now cannot be learnt from later.
        head_inputs(bundle, given)
        if len(label) != candidate_count(given) or not np.isin(label, (0, 1)).all():
            raise RequestError(
                f"a request of {candidate_count(given)} candidates has as many "
                "labels, each 0 or 1."
            )
        self._store.keep(given, label, MOST)

    def learn(self) -> Learnt:
        """Learn from what was kept; theta is kept if it tells the newest apart better.

        It begins at the theta of the bundle before; one of an earlier bundle counts as
        none, since what its numbers mean has been learnt anew twice.

        Raises:
            ArtifactError: There is no bundle yet.
        """
        bundle = self._held_bundle()
        signed = bundle.signed
        version = signed.manifest.version
        held = self._store.theta_before(version)
        if self._now() > signed.manifest.expires * 1_000:
            raise ArtifactError("the bundle has expired. Download the newest.")
        same = held is None or len(held.numbers) == signed.manifest.theta
        before = held.numbers if held is not None and same else None
        found = learn(bundle, self._rows_to_learn_from(bundle), before)
        if found.theta is not None:
            told = found.samples, found.before, found.after
            self._store.learnt(Theta(signed.digest, version, found.theta, *told))
        return found

    def enrol(self, url: str, ticket: bytes) -> None:
        """Enrol at a gate.

        Args:
            url: Of the gate.
            ticket: What it takes a device in for.

        Raises:
            RefusedError: The gate does not take the device in.
            RequestError: The gate cannot be reached.
        """
        send(f"{url}/v1/devices", pack_enrolment(self.name, ticket, self._key))

    def upload(self, url: str) -> None:
        """Send what was learnt, which is theta and how it did; no event.

        Raises:
            RefusedError: The gate does not take it.
            RequestError: The gate cannot be reached, or there is nothing to send.
        """
        held = self._stored_theta()
        if held is None:
            raise RequestError("there is nothing to send: nothing was learnt yet.")
        said = Upload(
            device=self.name,
            bundle=held.bundle,
            # Spent before it is sent: a crash must not use it twice.
            counter=self._store.counted(),
            sent=self._now(),
            samples=held.samples,
            before=held.before,
            after=held.after,
            theta=held.numbers,
        )
        send(f"{url}/v1/uploads", pack_upload(said, self._key))

    def forget(self, url: str) -> None:
        """Have the gate forget the device; then it is another, which knows nothing.

        What it learnt and kept goes too. A gate takes no name that it has forgotten, so
        the device makes itself a new one, with a new key, by which it may enrol again.

        Raises:
            RefusedError: The gate does not know it.
            RequestError: The gate cannot be reached.
        """
        send(f"{url}/v1/erasures", pack_erasure(self.name, self._now(), self._key))
        # The key first: a name that is forgotten may ask again, whatever its key.
        self._key = replace_key(self._folder / "device.pem")
        self._store.renew()

    def _rows_to_learn_from(self, bundle: Bundle) -> list[Rows]:
        """Return the rows of the requests that are kept, but of what cannot be run."""
        kept = list[Rows]()
        for inputs, label in self._store.requests():
            # What was kept unlooked at by an earlier version hinders no other.
            with suppress(RequestError):
                rows = head_inputs(bundle, inputs)
                weight = np.ones(len(label), np.float32)
                kept.append(
                    {**rows, "label": label.astype(np.float32), "weight": weight}
                )
        return kept

    def _stored_theta(self) -> Theta | None:
        if self.bundle is None:
            return None
        return self._store.theta(self.bundle.signed.digest)

    def _held_bundle(self) -> Bundle:
        if self.bundle is None:
            raise ArtifactError("the device has no bundle yet. Download one.")
        return self.bundle

    def _install(self, raw: bytes, signed: Signed, files: Mapping[str, bytes]) -> None:
        version, held = signed.manifest.version, self.bundle
        another = held is not None and held.signed.digest != signed.digest
        if another and version == self._store.version:
            raise ArtifactError(
                f"the bundle is not the one of version {version} that is here. "
                "Whoever publishes another gives it a larger version."
            )
        made = bundle_of_files(signed, files, newest=self._store.version)
        with replaced_folder(self._folder / "bundle", MANIFEST, "a bundle") as aside:
            for name, content in {**files, MANIFEST: raw}.items():
                (aside / name).write_bytes(content)
        self._note_bundle(made)
        self.bundle = made

    def _note_bundle(self, bundle: Bundle) -> None:
        said = bundle.signed.manifest
        # Requests are kept as the trunk takes them; without one, as it gave them.
        kind = said.files[TRUNK if bundle.has_trunk else WEIGHTS].sha256
        if (said.version, kind) != (self._store.version, self._store.kind):
            self._store.installed(said.version, kind)

    def _stored_file(self, name: str, sha256: str) -> bytes | None:
        place = self._folder / "bundle" / name
        raw = place.read_bytes() if place.is_file() else b""
        return raw if hashlib.sha256(raw).hexdigest() == sha256 else None
