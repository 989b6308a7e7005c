"""The gate as a web application.

=====================  =======================================================
``POST /v1/uploads``   an upload; 204 once it is on the disk
``POST /v1/devices``   an enrolment; 204
``POST /v1/erasures``  a device asks to be forgotten; 204
``GET /v1/bundle/...`` a file of the newest bundle
``GET /v1/health``     the newest bundle's version, and whether it has expired
=====================  =======================================================

What is refused is answered by ``{"reason": ..., "message": ...}``. A body is read no
further than the longest message. Encryption, and slow or very many connections, are the
business of the proxy in front.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tidegraph.device.bundle import manifest
from tidegraph.device.bundle.manifest import Signed
from tidegraph.device.gate.gate import Gate
from tidegraph.errors import ArtifactError, RefusedError
from tidegraph.extras import needed

with needed("fastapi", "device", "the gate"):
    from fastapi import FastAPI, Request, Response
    from fastapi.middleware.cors import CORSMiddleware
    from fastapi.responses import JSONResponse
    from starlette.requests import ClientDisconnect

_log = logging.getLogger(__name__)

STATUS = {
    "size": 413,
    "rate": 429,
    "quota": 429,
    "replay": 409,
    "device": 403,
    "signature": 403,
    "ticket": 403,
}
"""Status of HTTP by the reason of a refusal; 422 for the others."""
BINARY = "application/octet-stream"


class Published:
    """The bundle in a folder, which may be replaced by a newer one at any time.

    Args:
        gate: Is told of each.
        folder: Where.
        trusted: Public key of the publisher.

    Raises:
        ArtifactError: There is none that can be trusted, or an older one.
    """

    def __init__(self, gate: Gate, folder: Path, trusted: bytes) -> None:
        self._gate, self._folder, self._trusted = gate, folder, trusted
        self.newest, self._files = self._read()
        gate.publish(self.newest)

    def look(self) -> None:
        """Take over what was published since.

        Raises:
            ArtifactError: It cannot be trusted; the one before stays.
        """
        found = manifest.read(self._folder, self._trusted)
        if found.digest != self.newest.digest:
            found, files = self._read()
            self._gate.publish(found)
            self.newest, self._files = found, files
        self._gate.refresh()

    @property
    def warning(self) -> str | None:
        """What is wrong with the newest bundle though it is served, if anything is."""
        if not self._gate.expired(self.newest):
            return None
        when = datetime.fromtimestamp(self.newest.manifest.expires, UTC)
        return (
            f"the bundle in {self._folder} has expired on {when:%Y-%m-%d}: devices "
            "rank with it, and neither learn with it nor send what they learnt. Export "
            "the model again."
        )

    def file(self, name: str) -> bytes | None:
        """Return a file of the bundle, none if it has no such file.

        It is as it was when the bundle was taken over, whatever lies there now.
        """
        return self._files.get(name)

    def _read(self) -> tuple[Signed, dict[str, bytes]]:
        """Return the bundle that lies there, and its files.

        Raises:
            ArtifactError: It cannot be trusted, or a file is not what was signed.
        """
        raw = manifest.raw_in(self._folder)
        signed = manifest.opened(raw, self._trusted)
        files = manifest.files_in(self._folder, signed)
        manifest.check_files(signed, files)
        return signed, {**files, manifest.MANIFEST: raw}


def app(
    gate: Gate,
    published: Published,
    origins: Sequence[str] = (),
    *,
    look_seconds: float = 5.0,
) -> FastAPI:
    """Return the application.

    Args:
        gate: What takes the messages.
        published: The bundle.
        origins: Web sites whose pages may send, such as ``https://shop.example``.
        look_seconds: How often the folder of the bundle is looked at.
    """

    @contextlib.asynccontextmanager
    async def living(_: FastAPI) -> AsyncGenerator[None, None]:
        watch = asyncio.create_task(_watch_for_bundles(published, look_seconds))
        yield
        watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watch

    made, answers = (
        FastAPI(lifespan=living, openapi_url=None),
        _Answers(gate, published),
    )
    if origins:
        made.add_middleware(
            CORSMiddleware, allow_origins=list(origins), allow_methods=["GET", "POST"]
        )
    for receiver in (answers.uploads, answers.devices, answers.erasures):
        # Bytes in, nothing out: what parses arguments would take a fifth of the time.
        path = f"/v1/{receiver.__name__}"
        made.router.add_route(path, receiver, methods=["POST"])
    made.add_api_route("/v1/bundle/{name}", answers.bundle, response_model=None)
    made.add_api_route("/v1/health", answers.health)
    return made


class _Answers:
    """What each path of the application answers."""

    def __init__(self, gate: Gate, published: Published) -> None:
        self._gate, self._published = gate, published
        self._refused: Counter[str] = Counter()

    async def uploads(self, request: Request) -> Response:
        return await self._take(request, self._gate.receive)

    async def devices(self, request: Request) -> Response:
        return await self._take(request, self._gate.enrol)

    async def erasures(self, request: Request) -> Response:
        return await self._take(request, self._gate.forget)

    async def bundle(self, name: str) -> Response:
        raw = self._published.file(name)
        if raw is None:
            return _error_response(404, "file", f"the bundle has no file {name!r}.")
        kind = "application/json" if name.endswith(".json") else BINARY
        return Response(raw, headers={"Cache-Control": "no-cache"}, media_type=kind)

    async def health(self) -> dict[str, Any]:
        version = self._published.newest.manifest.version
        expired = self._published.warning is not None
        refused = dict(self._refused)
        return {"bundle": version, "expired": expired, "refused": refused}

    async def _take(
        self, request: Request, receive: Callable[[bytes], "Future[Any]"]
    ) -> Response:
        address = None if request.client is None else request.client.host
        try:
            # Whatever it sends counts, be it too long to be looked at.
            self._gate.count(address)
            body = await _read_body(request, self._gate.longest)
            await asyncio.wrap_future(receive(body))
        except RefusedError as error:
            self._refused[error.reason] += 1
            # Neither who nor what: theta tells of a person's taste.
            _log.info("refused: %s", error.reason)
            return _error_response(
                STATUS.get(error.reason, 422), error.reason, str(error)
            )
        except ClientDisconnect:
            # Nobody is there any more to read what is answered.
            return Response(status_code=400)
        except ArtifactError as error:
            _log.error("%s", error)
            return _error_response(
                503, "storage", "it is not done. Send it again later."
            )
        return Response(status_code=204)


def _error_response(status: int, reason: str, message: str) -> Response:
    return JSONResponse({"reason": reason, "message": message}, status)


async def _read_body(request: Request, most: int) -> bytes:
    """Return a body, of which no more than is looked at was read.

    Raises:
        RefusedError: ``size``.
    """
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            raise RefusedError("size", f"a message has at most {most} bytes.")
    return bytes(body)


async def _watch_for_bundles(published: Published, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await asyncio.to_thread(published.look)
        except ArtifactError as error:
            _log.error("the newest bundle is not taken: %s", error)
