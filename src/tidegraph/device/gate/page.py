"""The page that learns in the browser, served beside the gate."""

from pathlib import Path

from tidegraph.device.gate.gate import Gate
from tidegraph.errors import ArtifactError
from tidegraph.extras import needed

with needed("fastapi", "device", "the gate"):
    from fastapi import FastAPI, Request, Response
    from fastapi.responses import JSONResponse
    from fastapi.staticfiles import StaticFiles
    from starlette.middleware.base import RequestResponseEndpoint

POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""What the page may load and run: its own files, and WebAssembly."""


def check_page(folder: Path) -> None:
    """Refuse a folder that holds no page.

    Raises:
        ArtifactError: The page was not built.
    """
    if not (folder / "page.js").is_file():
        raise ArtifactError(
            f"{folder} holds no page. Build it: make browser, or npm ci and npm run "
            "build in clients/browser."
        )


def add_page(made: FastAPI, folder: Path, gate: Gate, trusted: bytes) -> None:
    """Let the application of a gate serve the page, too.

    Whoever opens the page gets a ticket to enrol with. So it is for a demonstration:
    where there are accounts, theirs is the place to hand out tickets.

    Args:
        made: The application.
        folder: Where the page was built.
        gate: Issues the tickets.
        trusted: Public key of the publisher, whom the page is to trust.

    Raises:
        ArtifactError: The page was not built.
    """
    check_page(folder)

    async def settings() -> JSONResponse:
        return JSONResponse({"trusted": trusted.hex()})

    async def ticket() -> Response:
        return Response(gate.ticket(), media_type="application/octet-stream")

    async def guarded(request: Request, answer: RequestResponseEndpoint) -> Response:
        response = await answer(request)
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    made.middleware("http")(guarded)
    made.add_api_route("/settings.json", settings)
    made.add_api_route("/ticket", ticket, methods=["POST"])
    made.mount("/", StaticFiles(directory=folder, html=True))
