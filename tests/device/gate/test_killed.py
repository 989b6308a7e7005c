"""A gate that is killed under load has kept all that it acknowledged."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from device.phones import WEIGHTS, Phone, manifest_of
from tidegraph.device.bundle.manifest import MANIFEST, opened, sealed
from tidegraph.device.gate.gate import Gate
from tidegraph.device.signing import public_bytes, signing_key

SOURCE = Path(__file__).parents[3] / "src"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Server:
    """A gate in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        words = ["serve-gate", folder / "bundle", "--store", folder / "thetas"]
        limits = ["--per-minute", "1000000000", "--per-day", "1000000000"]
        key = ["--key", folder / "signing.pem.pub", "--port", str(port)]
        code = "import sys; from tidegraph.cli import run; sys.exit(run(sys.argv[1:]))"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, "device", *words, *limits, *key],
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
            stdout=subprocess.DEVNULL,
        )
        ends = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"{self.url}/v1/health").raise_for_status()
                return
            except httpx.TransportError:
                assert self.process.poll() is None
                assert time.monotonic() < ends
                time.sleep(0.05)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def folder(tmp_path):
    """A bundle and the keys of its publisher."""
    (tmp_path / "bundle").mkdir()
    key = signing_key(tmp_path / "signing.pem")
    raw = sealed(manifest_of(expires=int(time.time()) + 86_400), key)
    (tmp_path / "bundle" / MANIFEST).write_bytes(raw)
    (tmp_path / "bundle" / "weights.bin").write_bytes(WEIGHTS)
    return tmp_path


def digest_of(folder: Path) -> bytes:
    key = public_bytes(signing_key(folder / "signing.pem"))
    return opened((folder / "bundle" / MANIFEST).read_bytes(), key).digest


def send(url: str, phone: Phone, acknowledged: dict[bytes, int]) -> None:
    """Send uploads, each with its number for theta, until nobody answers."""
    with httpx.Client() as client:
        while True:
            theta = np.full(32, (phone.counter + 1) / 1e6, np.float32)
            raw = phone.upload(theta=theta, sent=time.time_ns() // 1_000_000)
            try:
                answer = client.post(f"{url}/v1/uploads", content=raw)
            except httpx.TransportError:
                return
            assert answer.status_code == 204
            acknowledged[phone.name] = phone.counter


def test_a_gate_killed_under_load_has_every_acknowledged_upload(folder):
    digest = digest_of(folder)
    phones = [Phone(digest, key=Ed25519PrivateKey.generate()) for _ in range(4)]
    with Gate(folder / "thetas") as gate:
        for phone in phones:
            gate.admit(phone.name, public_bytes(phone.key)).result()
    acknowledged: dict[bytes, int] = {}
    for _ in range(3):
        server = Server(folder)
        sending = [
            threading.Thread(target=send, args=(server.url, phone, acknowledged))
            for phone in phones
        ]
        already = {phone.name: phone.counter for phone in phones}
        for thread in sending:
            thread.start()
        ends = time.monotonic() + 60
        while any(acknowledged.get(n, 0) < count + 4 for n, count in already.items()):
            assert time.monotonic() < ends
            time.sleep(0.01)
        server.kill()
        for thread in sending:
            thread.join()

        with Gate(folder / "thetas") as gate:
            kept = gate.thetas(digest)
            names = [name.tobytes() for name in kept.device.astype(">i8")]
            values = dict(zip(names, kept.theta, strict=True))
            for phone in phones:
                counter = gate.device(phone.name).counter
                assert acknowledged[phone.name] <= counter <= phone.counter
                assert values[phone.name][0] == np.float32(counter / 1e6)
    assert min(acknowledged.values()) > 10
