"""How many uploads the gate takes, before durability, durable, and over HTTP.

    python benchmarks/gate.py [--uploads 20000] [--kills 20]

Uploads of 32 numbers, each of another of 1,000 devices in turn, are signed before any
clock starts. ``checked`` is every check and no write; ``durable`` is acknowledged after
a commit that waits for the disk, up to 256 uploads being under way; ``http`` sends them
to a gate in a process of its own, on the same machine, over 16 connections. ``kills``
kills that process under load and looks whether what it acknowledged is there. Rates are
per second of processor time of the gate's process, and per second on the wall where
they end in ``_wall``; the median of runs in turn.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import httpx
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from device.gate.test_killed import Server, digest_of
from device.phones import WEIGHTS, Phone, manifest_of
from tidegraph.device.bundle.manifest import MANIFEST, opened, sealed
from tidegraph.device.gate.checks import Accepted, Device, check_upload
from tidegraph.device.gate.gate import Gate
from tidegraph.device.gate.policy import GatePolicy
from tidegraph.device.signing import public_bytes, signing_key

OUT = Path(__file__).parent / "results" / "gate.json"
FREE = GatePolicy(per_day=10**9, per_minute=10**9, skew_seconds=10**9)
DEVICES, WINDOW, CONNECTIONS = 1_000, 256, 16


@dataclass
class Load:
    """Devices, and uploads that they have signed."""

    digest: bytes
    phones: list[Phone]

    def sign(self, count: int) -> list[bytes]:
        now = time.time_ns() // 1_000_000
        return [
            self.phones[n % DEVICES].upload(sent=now, theta=self.theta(n))
            for n in range(count)
        ]

    def theta(self, n: int) -> np.ndarray:
        return np.full(32, n / 1e7, np.float32)


def bundle_in(folder: Path) -> bytes:
    """Write the smallest bundle there is, and return what it is known by."""
    (folder / "bundle").mkdir(parents=True)
    key = signing_key(folder / "signing.pem")
    raw = sealed(manifest_of(expires=int(time.time()) + 86_400), key)
    (folder / "bundle" / MANIFEST).write_bytes(raw)
    (folder / "bundle" / "weights.bin").write_bytes(WEIGHTS)
    return digest_of(folder)


def checked(load: Load, count: int) -> tuple[float, float]:
    """Return uploads a second of processor time, and on the wall."""
    known = {load.digest: Accepted(1, 32, 1.5, 2**40)}
    devices = {p.name: Device(public_bytes(p.key), 0, False) for p in load.phones}
    raws, now = load.sign(count), time.time_ns() // 1_000_000
    wall, processor = time.perf_counter(), time.process_time()
    for raw in raws:
        check_upload(raw, now, known, devices.get, FREE)
    spent = time.process_time() - processor
    return count / spent, count / (time.perf_counter() - wall)


def durable(load: Load, folder: Path, count: int) -> tuple[float, float]:
    """Return uploads a second of processor time, and on the wall."""
    with Gate(folder / "thetas", FREE) as gate:
        key = public_bytes(signing_key(folder / "signing.pem"))
        gate.publish(opened((folder / "bundle" / MANIFEST).read_bytes(), key))
        for phone in load.phones:
            admitted = gate.admit(phone.name, public_bytes(phone.key))
        admitted.result()
        raws = load.sign(count)
        waiting: deque = deque()
        wall, processor = time.perf_counter(), time.process_time()
        for raw in raws:
            waiting.append(gate.receive(raw))
            if len(waiting) == WINDOW:
                waiting.popleft().result()
        for future in waiting:
            future.result()
        spent = time.process_time() - processor
        return count / spent, count / (time.perf_counter() - wall)


def http(load: Load, folder: Path, count: int) -> tuple[float, float]:
    """Return uploads a second of the gate's processor time, and on the wall."""
    raws = load.sign(count)
    server = Server(folder)
    try:
        parts = [raws[n::CONNECTIONS] for n in range(CONNECTIONS)]
        threads = [
            threading.Thread(target=post, args=(server.url, part)) for part in parts
        ]
        wall, processor = time.perf_counter(), spent_by(server.process.pid)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        spent = spent_by(server.process.pid) - processor
        return count / spent, count / (time.perf_counter() - wall)
    finally:
        server.kill()


def spent_by(process: int) -> float:
    """Return seconds of processor time that a process has taken, on Linux."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def post(url: str, raws: list[bytes]) -> None:
    with httpx.Client(timeout=60) as client:
        for raw in raws:
            answer = client.post(f"{url}/v1/uploads", content=raw)
            answer.raise_for_status()


def kills(load: Load, folder: Path, times: int) -> dict[str, int]:
    """Kill the gate under load; return what was acknowledged, and what was lost."""
    acknowledged: dict[bytes, int] = {}
    taken, lost = 0, 0
    for _ in range(times):
        server = Server(folder)
        threads = [
            threading.Thread(
                target=keep_sending, args=(server.url, phone, acknowledged)
            )
            for phone in load.phones[:8]
        ]
        before = sum(acknowledged.values())
        for thread in threads:
            thread.start()
        time.sleep(0.7)
        server.kill()
        for thread in threads:
            thread.join()
        taken += sum(acknowledged.values()) - before
        with Gate(folder / "thetas") as gate:
            held = {name: gate.device(name) for name in acknowledged}
            lost += sum(
                max(0, counter - held[name].counter)
                for name, counter in acknowledged.items()
            )
    return {"kills": times, "acknowledged": taken, "lost": lost}


def keep_sending(url: str, phone: Phone, acknowledged: dict[bytes, int]) -> None:
    with httpx.Client() as client:
        while True:
            raw = phone.upload(sent=time.time_ns() // 1_000_000)
            try:
                client.post(f"{url}/v1/uploads", content=raw).raise_for_status()
            except httpx.TransportError:
                return
            acknowledged[phone.name] = phone.counter


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uploads", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "gate"
        digest = bundle_in(folder)
        keys = [Ed25519PrivateKey.generate() for _ in range(DEVICES)]
        load = Load(digest, [Phone(digest, key=key) for key in keys])
        found: dict[str, list[float]] = {
            name: [] for name in ("checked", "checked_wall", "durable", "durable_wall")
        }
        for _ in range(asked.runs):
            for name, (processor, wall) in (
                ("checked", checked(load, asked.uploads)),
                ("durable", durable(load, folder, asked.uploads)),
            ):
                found[name].append(processor)
                found[f"{name}_wall"].append(wall)
        result = {name: round(statistics.median(v)) for name, v in found.items()}
        processor, wall = http(load, folder, asked.uploads // 4)
        result |= {"http": round(processor), "http_wall": round(wall)}
        result |= kills(load, folder, asked.kills)
    result["machine"] = f"{os.cpu_count()} shared cores, {platform.machine()}"
    OUT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
