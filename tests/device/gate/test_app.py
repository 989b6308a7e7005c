"""The gate over HTTP."""

import asyncio
import json
import shutil

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from device.phones import NOW, PUBLISHER, WEIGHTS, Phone, manifest_of
from tidegraph.device.bundle.manifest import MANIFEST, opened, sealed
from tidegraph.device.gate.app import Published, app
from tidegraph.device.gate.gate import Gate
from tidegraph.device.gate.policy import GatePolicy
from tidegraph.device.gate.upload import pack_enrolment, pack_erasure
from tidegraph.device.signing import public_bytes
from tidegraph.errors import ArtifactError

KEY_OF_ANOTHER = Ed25519PrivateKey.generate()


def write(folder, version):
    folder.mkdir(exist_ok=True)
    raw = sealed(manifest_of(version=version), PUBLISHER)
    (folder / MANIFEST).write_bytes(raw)
    (folder / "weights.bin").write_bytes(WEIGHTS)
    return opened(raw, public_bytes(PUBLISHER))


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "bundle", 1)
    return tmp_path / "bundle"


@pytest.fixture
def published(gate, folder):
    return Published(gate, folder, public_bytes(PUBLISHER))


class Web:
    """Sends requests to an application, one at a time."""

    def __init__(self, made) -> None:
        self._transport = httpx.ASGITransport(app=made)

    def __call__(self, method, path, **what) -> httpx.Response:
        async def send():
            client = httpx.AsyncClient(transport=self._transport, base_url="http://x")
            async with client:
                return await client.request(method, path, **what)

        return asyncio.run(send())

    def post(self, path, content) -> httpx.Response:
        return self("POST", path, content=content)

    def get(self, path) -> httpx.Response:
        return self("GET", path)


@pytest.fixture
def web(gate, published):
    return Web(app(gate, published, ["https://shop.example"]))


def test_a_device_enrols_uploads_and_is_forgotten(web, gate, bundle):
    phone = Phone(bundle.digest)
    ticket = pack_enrolment(phone.name, gate.ticket(), phone.key)
    gone = pack_erasure(phone.name, NOW, phone.key)

    assert web.post("/v1/devices", content=ticket).status_code == 204
    assert web.post("/v1/uploads", content=phone.upload()).status_code == 204
    assert len(gate.thetas(bundle.digest).samples) == 1
    assert web.post("/v1/erasures", content=gone).status_code == 204
    assert len(gate.thetas(bundle.digest).samples) == 0


def test_what_is_refused_says_why(web, phone):
    raw = phone.upload()
    assert web.post("/v1/uploads", content=raw).status_code == 204

    answer = web.post("/v1/uploads", content=raw)
    assert answer.status_code == 409
    assert answer.json()["reason"] == "replay"
    health = {"bundle": 1, "expired": False, "refused": {"replay": 1}}
    assert web.get("/v1/health").json() == health


def test_a_body_too_long_to_be_read_counts_as_a_message(tmp_path, folder, clock):
    policy = GatePolicy(per_minute=3)
    with Gate(tmp_path / "few", policy, now=clock) as gate:
        web = Web(app(gate, Published(gate, folder, public_bytes(PUBLISHER))))

        answers = [web.post("/v1/uploads", content=bytes(5_000)) for _ in range(5)]

    reasons = [answer.json()["reason"] for answer in answers]
    assert reasons == ["size", "size", "size", "rate", "rate"]


def test_a_bundle_that_has_expired_is_said_to_have(web, published, clock):
    assert published.warning is None
    clock.now = (published.newest.manifest.expires + 1) * 1_000

    assert web.get("/v1/health").json()["expired"]
    assert "has expired on 2027-01-16: devices rank" in published.warning


def test_a_large_body_is_not_read_to_its_end(web):
    read = []

    async def pieces():
        for number in range(1_000):
            read.append(number)
            yield bytes(100)

    answer = web.post("/v1/uploads", content=pieces())
    assert answer.status_code == 413
    assert answer.json()["reason"] == "size"
    assert len(read) == 3


def test_the_bundle_is_served_and_nothing_beside_it(web, folder):
    (folder / "secret.key").write_text("x")

    assert web.get("/v1/bundle/weights.bin").content == WEIGHTS
    assert web.get(f"/v1/bundle/{MANIFEST}").status_code == 200
    for name in ("secret.key", "..%2Fthetas%2Ftickets.key", "%2Fetc%2Fpasswd"):
        assert web.get(f"/v1/bundle/{name}").status_code == 404


def test_a_new_bundle_is_taken_over_and_a_foreign_one_is_not(gate, published, folder):
    second = write(folder, 2)
    published.look()
    assert published.newest.digest == second.digest

    body = json.loads((folder / MANIFEST).read_text())
    body["signature"] = "00" * 64
    (folder / MANIFEST).write_text(json.dumps(body))
    with pytest.raises(ArtifactError, match="not signed by the key"):
        published.look()
    assert published.newest.digest == second.digest


def test_what_was_taken_over_is_served_whatever_lies_there_now(
    web, published, folder, bundle
):
    raw = (folder / MANIFEST).read_bytes()
    (folder / MANIFEST).write_bytes(sealed(manifest_of(version=2), KEY_OF_ANOTHER))
    (folder / "weights.bin").write_bytes(b"9876543210")

    assert web.get(f"/v1/bundle/{MANIFEST}").content == raw
    assert web.get("/v1/bundle/weights.bin").content == WEIGHTS

    # Signed, but its file is another.
    second = sealed(manifest_of(version=2), PUBLISHER)
    (folder / MANIFEST).write_bytes(second)
    with pytest.raises(ArtifactError, match=r"weights\.bin is missing, cut short or"):
        published.look()
    assert web.get(f"/v1/bundle/{MANIFEST}").content == raw
    (folder / "weights.bin").write_bytes(WEIGHTS)
    published.look()
    assert web.get(f"/v1/bundle/{MANIFEST}").content == second


def test_who_hangs_up_while_sending_breaks_nothing(gate, published):
    pieces = [
        {"type": "http.request", "body": b"MPA1", "more_body": True},
        {"type": "http.disconnect"},
    ]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/uploads",
        "headers": [],
        "query_string": b"",
    }
    sent = []

    async def receive():
        return pieces.pop(0)

    async def send(message):
        sent.append(message)

    asyncio.run(app(gate, published)(scope, receive, send))

    assert not pieces
    assert [one.get("status") for one in sent] == [400, None]


def test_a_folder_without_a_bundle_is_said_so(gate, folder):
    shutil.rmtree(folder)

    with pytest.raises(ArtifactError, match="is not a bundle"):
        Published(gate, folder, public_bytes(PUBLISHER))


def test_a_page_of_a_named_site_may_send_and_of_another_not(web):
    asked = {"Access-Control-Request-Method": "POST"}
    for origin, allowed in (("https://shop.example", 200), ("https://evil", 400)):
        answer = web("OPTIONS", "/v1/uploads", headers={"Origin": origin, **asked})
        assert answer.status_code == allowed


def test_a_store_that_cannot_be_written_is_a_503(web, gate, phone, tmp_path):
    gate._writer.close()

    assert web.post("/v1/uploads", content=phone.upload()).status_code == 503
