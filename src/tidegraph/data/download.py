"""Files from the network, resumed where they stopped and checked before use."""

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tidegraph.errors import DataError
from tidegraph.progress import track

BLOCK = 1 << 16
MAX_BYTES = 1 << 30
"""No file may be larger than this."""
TIMEOUT_SECONDS = 30


def fetch(address: str, sha256: str, target: Path, *, otherwise: str) -> Path:
    """Return ``target``, holding the file at ``address`` with this digest.

    What arrives is kept beside it as ``.part`` and completed by the next call.

    Args:
        address: Where the file is.
        sha256: What its bytes must hash to, in hexadecimal.
        target: Where it goes; used as it is if it has the digest.
        otherwise: What a message tells people to do who cannot download.

    Raises:
        DataError: The address cannot be reached, the transfer stopped early, or the
            bytes are not those that were published.
    """
    if target.is_file() and _sha256(target) == sha256:
        return target
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _download_rest(address, part, target.name)
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise DataError(
            f"{address} cannot be downloaded to {target.parent}: {reason}. Try again "
            f"to go on where it stopped, or {otherwise}."
        ) from error
    found = _sha256(part)
    if found != sha256:
        part.unlink()
        raise DataError(
            f"{address} has SHA-256 {found}, and {sha256} is expected, so it was "
            f"thrown away. Try again, or {otherwise}."
        )
    os.replace(part, target)
    return target


def _download_rest(address: str, part: Path, what: str) -> None:
    """Append to ``part`` what it lacks, or begin anew where servers cannot resume."""
    have = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(address)
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        reply = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            # There is nothing after what we have; the digest decides.
            return
        raise
    with reply:
        resumed = reply.status == http.client.PARTIAL_CONTENT
        left = int(reply.headers.get("Content-Length") or 0)
        total = left + (have if resumed else 0)
        with open(part, "ab" if resumed else "wb") as out:
            steps = _reply_blocks(reply)
            for block in track(steps, f"download {what}", -(-left // BLOCK) or None):
                out.write(block)
                if out.tell() > MAX_BYTES:
                    raise OSError(f"it is larger than {MAX_BYTES:,} bytes")
            got = out.tell()
    if total and got < total:
        raise OSError(f"the transfer stopped after {got:,} of {total:,} bytes")


def _reply_blocks(reply: http.client.HTTPResponse) -> Iterator[bytes]:
    while block := reply.read(BLOCK):
        yield block


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
