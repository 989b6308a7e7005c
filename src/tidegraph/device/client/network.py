"""Messages to the gate, and files from it, over HTTP."""

import json
import urllib.error
import urllib.request
from http.client import HTTPException

from tidegraph.errors import ArtifactError, RefusedError, RequestError

SECONDS = 30
"""So long an answer is waited for."""


def fetch(url: str, most: int) -> bytes:
    """Return what lies at an address.

    Args:
        url: Where.
        most: Bytes that it may have.

    Raises:
        RequestError: It cannot be reached.
        ArtifactError: There is more.
    """
    raw = _response_bytes(url, most + 1)
    if len(raw) > most:
        raise ArtifactError(f"{url} is longer than the {most} bytes it should have.")
    return raw


def send(url: str, message: bytes) -> None:
    """Send a message.

    Raises:
        RefusedError: It is not taken.
        RequestError: Nobody is there to take it.
    """
    _response_bytes(url, 0, message)


def _response_bytes(url: str, most: int, message: bytes | None = None) -> bytes:
    """Return so many bytes of an answer; a message is sent, if there is one."""
    if not url.startswith(("http://", "https://")):
        raise RequestError(f"{url} is no address of the web. Begin it with https://.")
    kind = {} if message is None else {"Content-Type": "application/octet-stream"}
    try:
        request = urllib.request.Request(url, message, kind)
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return answer.read(most)
    except urllib.error.HTTPError as error:
        raise _refusal_error(url, error) from error
    except (OSError, HTTPException, ValueError) as error:
        # What is no address, or no answer of HTTP, is no OSError.
        raise RequestError(
            f"{url} cannot be reached: {error}. Nothing is lost; try again later."
        ) from error


def _refusal_error(
    url: str, error: urllib.error.HTTPError
) -> RefusedError | RequestError:
    try:
        said = json.loads(error.read(4_096))
        return RefusedError(str(said["reason"]), str(said["message"]))
    except (ValueError, KeyError, TypeError, OSError, HTTPException, RecursionError):
        return RequestError(f"{url} answers with status {error.code}. Try again later.")
