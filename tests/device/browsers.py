"""A real browser that tests drive, where there is one."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tidegraph.device.signing import public_bytes
from tidegraph.nn.inputs import InputSpec

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
TRUSTED = public_bytes(KEY)
ITEMS, KINDS, NUMBERS, THETA = 60, 4, 3, 32
SPEC = InputSpec((ITEMS, KINDS), (5,), NUMBERS)
CLIENT = Path(__file__).parents[2] / "clients" / "browser"
PLACES = ("chromium", "chromium-browser", "google-chrome")


def browser_or_skip() -> str:
    """Return where the browser is; skip, with what to install, where it cannot run."""
    found = next(filter(None, map(shutil.which, PLACES)), None)
    if found is None:
        pytest.skip("there is no Chromium: apt-get install chromium.")
    if shutil.which("node") is None:
        pytest.skip("there is no Node.js: apt-get install nodejs.")
    for part in ("node_modules/playwright-core", "dist/page.js"):
        if not (CLIENT / part).exists():
            pytest.skip("the page is not built: make browser.")
    return found


def items() -> bytes:
    rng = np.random.default_rng(2)
    described = [
        {
            "id": f"i{n}",
            "name": f"Item {n}",
            "category": f"kind {n % KINDS}",
            "rows": [n + 1, n % KINDS + 1],
            "numbers": rng.normal(size=NUMBERS).round(3).tolist(),
        }
        for n in range(ITEMS)
    ]
    return json.dumps({"history": 6, "user_fields": 1, "items": described}).encode()


class Browser:
    """Sends commands to ``drive.mjs``: ``browser.open()``, ``browser.choose(item)``.

    Args:
        address: Where the page is.
        path: The browser.
    """

    def __init__(self, address: str, path: str) -> None:
        self._process = subprocess.Popen(
            ["node", str(CLIENT / "drive.mjs"), address, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=CLIENT,
        )

    def __getattr__(self, name: str) -> Any:
        def call(*given: Any) -> Any:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            print(json.dumps([name, *given]), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
            found = json.loads(line) if line else {"error": "the browser has ended"}
            assert "error" not in found, found["error"]
            return found["answer"]

        return call

    def close(self) -> None:
        for end in (self._process.stdin, self._process.stdout):
            assert end is not None
            end.close()
        self._process.wait(30)
