"""The gate: what devices learnt is checked, stored, and then acknowledged."""

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from tidegraph.arguments import checked
from tidegraph.device.bundle.manifest import Signed
from tidegraph.device.gate import store
from tidegraph.device.gate.checks import (
    Accepted,
    Device,
    check_enrolled,
    check_sent_time,
    check_signature,
    check_upload,
)
from tidegraph.device.gate.limits import Allowance
from tidegraph.device.gate.policy import GatePolicy
from tidegraph.device.gate.store import Thetas
from tidegraph.device.gate.tickets import LONGEST, Tickets
from tidegraph.device.gate.upload import ENROLMENT, ERASURE, length
from tidegraph.device.gate.writer import Writer
from tidegraph.device.signing import SIGNATURE_BYTES
from tidegraph.errors import ArtifactError, ConfigError, RefusedError
from tidegraph.ranges import at_least

P = ParamSpec("P")
R = TypeVar("R")


class Gate:
    """Takes what devices learnt, for as long as it is open; a context of ``with``.

    Args:
        folder: Where devices and thetas are stored; made where there is none.
        policy: What is taken, of whom, and how much.
        now: Returns Unix milliseconds.

    Raises:
        ArtifactError: The store cannot be opened.
        ConfigError: An argument is of another type.
    """

    @checked(ConfigError)
    def __init__(
        self,
        folder: str | os.PathLike[str],
        policy: GatePolicy | None = None,
        *,
        now: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.policy = GatePolicy() if policy is None else policy
        self._now = now
        place = Path(folder)
        self._tickets = Tickets.of(place)
        self._writer = Writer(place)
        self._db = store.connect(place)
        self._reads = threading.Lock()
        self._allowance = Allowance(self.policy.per_minute)
        self._bundles: dict[bytes, Accepted] = {}
        self.refresh()

    def __enter__(self) -> "Gate":
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what waits, and close the store."""
        self._writer.close()
        self._db.close()

    @property
    def longest(self) -> int:
        """Bytes of the longest message that is looked at."""
        sizes = [length(bundle.theta) for bundle in self._bundles.values()]
        return max([ENROLMENT.size + SIGNATURE_BYTES, *sizes])

    def expired(self, bundle: Signed) -> bool:
        """Is a bundle too old to be learnt with, and to take anything for?"""
        return self._now() > bundle.manifest.expires * 1_000

    def count(self, address: str | None) -> None:
        """Count a message of an address, before anything of it is looked at.

        Args:
            address: Who sends it; nobody is counted if none.

        Raises:
            RefusedError: ``rate``.
        """
        now = self._now() / 1_000
        if address is not None and not self._allowance.takes(address, now):
            raise RefusedError(
                "rate",
                f"this address has sent {self.policy.per_minute} messages within a "
                "minute. Wait.",
            )

    def receive(self, raw: bytes, address: str | None = None) -> "Future[None]":
        """Take an upload; the future is done once it is on the disk.

        Args:
            raw: The bytes of an upload.
            address: Who sent it; nobody is counted if left out.

        Raises:
            RefusedError: It is not what it must be; its ``reason`` is one word. The
                future raises it where that shows only as it is written.
        """
        self.count(address)
        now = self._now()
        upload = check_upload(raw, now, self._bundles, self.device, self.policy)
        write = partial(store.keep, upload=upload, now=now, policy=self.policy)
        return self._writer.submit(write)

    def enrol(self, raw: bytes, address: str | None = None) -> "Future[None]":
        """Take in a device by what it sent; see ``upload.pack_enrolment``.

        Raises:
            RefusedError: ``rate``, ``size``, ``format``, ``ticket`` or ``signature``;
                the future ``device`` or ``ticket``.
        """
        self.count(address)
        _, name, key, ticket = _parts_of_message(raw, ENROLMENT, b"MPE1")
        spent = self._tickets.read(ticket, self._now())
        check_signature(key, raw)
        return self._writer.submit(
            partial(store.enrol, name=name, key=key, ticket=spent)
        )

    def forget(self, raw: bytes, address: str | None = None) -> "Future[bool]":
        """Erase a device that asks for it; see ``upload.pack_erasure``.

        One that was erased already and asks again has no key to be checked by; it is
        told so once nothing of it is left.

        Raises:
            RefusedError: ``rate``, ``size``, ``format``, ``clock``, ``device`` or
                ``signature``.
        """
        self.count(address)
        _, name, sent = _parts_of_message(raw, ERASURE, b"MPX1")
        check_sent_time(sent, self._now(), self.policy)
        known = self.device(name)
        if known is None and self._read(store.was_erased, name):
            return self.erase(name)
        check_signature(
            check_enrolled(known and known._replace(revoked=False)).key, raw
        )
        return self.erase(name)

    @checked(ConfigError)
    def ticket(self, seconds: int = 3_600) -> bytes:
        """Return a new ticket, by which one device may enrol in so many seconds.

        Raises:
            ConfigError: They are fewer than one, or more than a year.
        """
        at_least("a ticket's", 1, seconds=seconds)
        if seconds > LONGEST:
            raise ConfigError(
                f"a ticket's seconds is {seconds}; it must be at most {LONGEST}, which "
                "is a year."
            )
        return self._tickets.issue(self._now() // 1_000 + seconds)

    def admit(self, name: bytes, key: bytes) -> "Future[None]":
        """Take in a device without a ticket.

        Args:
            name: Its 16 bytes.
            key: Its public key.
        """
        return self._writer.submit(
            partial(store.enrol, name=name, key=key, ticket=None)
        )

    def revoke(self, name: bytes) -> "Future[bool]":
        """Take nothing more of a device, and drop what was taken; was there one?"""
        revoke = partial(store.revoke, name=name)
        return self._writer.submit(revoke, scrub=True)

    def erase(self, name: bytes) -> "Future[bool]":
        """Forget a device: its key, counter and thetas; was there one, now or before?

        Its name is refused from then on, of which no more than a hash is kept. The
        future raises ``ArtifactError`` where another process hinders that the log of
        the store is emptied; to erase it again waits for that.
        """
        return self._writer.submit(partial(store.erase, name=name), scrub=True)

    def publish(self, bundle: Signed) -> None:
        """Take theta for a new bundle, and drop what belongs to those too old.

        Args:
            bundle: Its manifest, whose signature was checked.

        Raises:
            ArtifactError: It is older than one that is known, or cannot be written.
        """
        said = bundle.manifest
        accepted = Accepted(said.version, said.theta, said.radius, said.expires)
        now, policy = self._now(), self.policy

        def write(db: Any) -> None:
            store.publish(db, bundle.digest, accepted, policy)
            store.forget_tickets(db, now)

        self._writer.submit(write, scrub=True, wait=False).result()
        self.refresh()

    def refresh(self) -> None:
        """Read anew what theta is taken for: another process may have published."""
        self._bundles = self._read(store.bundles, self.policy)

    def thetas(self, digest: bytes) -> Thetas:
        """Return what the devices have learnt for a bundle."""
        return self._read(store.thetas, digest)

    def device(self, name: bytes) -> Device | None:
        """Return what is known of a device, none if it has not enrolled."""
        return self._read(store.device, name)

    def _read(
        self,
        read: Callable[Concatenate[sqlite3.Connection, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Return what stands in the store.

        Raises:
            ArtifactError: It cannot be read, or is closed.
        """
        try:
            with self._reads:
                return read(self._db, *args, **kwargs)
        except sqlite3.Error as error:
            raise ArtifactError(f"the gate cannot read: {error}.") from error


def _parts_of_message(raw: bytes, form: Any, magic: bytes) -> tuple[Any, ...]:
    """Return the parts of a message of a fixed form."""
    size = form.size + SIGNATURE_BYTES
    if len(raw) != size:
        raise RefusedError("size", f"there are {len(raw)} bytes; {size} are needed.")
    parts = form.unpack_from(raw)
    if parts[0] != magic:
        raise RefusedError("format", f"these bytes do not begin with {magic.decode()}.")
    return parts
