"""One-use tickets by which a device enrols.

Whoever knows the accounts hands one to an account that has signed in; the gate, which
knows no accounts, takes it. So one person does not become a thousand devices, and
nothing in the store of the gate says whose device it is.
"""

import hashlib
import hmac
import secrets
import struct
from pathlib import Path

from tidegraph.artifact.writing import new_secret
from tidegraph.durations import DAY
from tidegraph.errors import ArtifactError, RefusedError

FILE = "tickets.key"
LONGEST = 366 * DAY
"""Seconds that a ticket may be used in, at the most."""
_BODY = struct.Struct("<Q16s")
"""Unix seconds until which it may be used, and a number used once."""
TICKET_BYTES = _BODY.size + hashlib.sha256().digest_size


class Tickets:
    """Makes and reads tickets.

    Args:
        secret: Known to who hands them out and to the gate.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @classmethod
    def of(cls, folder: Path) -> "Tickets":
        """Return those of a store, whose secret is made where there is none.

        Raises:
            ArtifactError: The secret cannot be read or written.
        """
        place = folder / FILE
        try:
            if not place.exists():
                new_secret(place, secrets.token_bytes(32))
            secret = place.read_bytes()
        except OSError as error:
            raise ArtifactError(f"{place}: {error.strerror or error}.") from error
        if len(secret) != 32:
            raise ArtifactError(
                f"{place} holds no secret. Delete it to make a new one."
            )
        return cls(secret)

    def issue(self, expires: int) -> bytes:
        """Return a new ticket, good until ``expires`` in Unix seconds."""
        body = _BODY.pack(expires, secrets.token_bytes(16))
        return body + self._sign(body)

    def read(self, ticket: bytes, now: int) -> tuple[bytes, int]:
        """Return the nonce of a ticket and when it ends.

        Args:
            ticket: What ``issue`` returned.
            now: Unix milliseconds.

        Raises:
            RefusedError: ``ticket``.
        """
        body, sign = ticket[: _BODY.size], ticket[_BODY.size :]
        if not hmac.compare_digest(sign, self._sign(body)):
            raise RefusedError("ticket", "the ticket is not one of this gate.")
        expires, nonce = _BODY.unpack(body)
        if now > expires * 1_000:
            raise RefusedError("ticket", "the ticket has expired. Ask for a new one.")
        return nonce, expires

    def _sign(self, body: bytes) -> bytes:
        return hmac.digest(self._secret, b"ticket" + body, "sha256")
