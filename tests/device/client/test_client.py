"""A device ranks, learns and uploads; nothing it keeps is lost."""

import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from device.bundles import KEY, TRUSTED, model_of, shaken
from device.gate.test_killed import Server
from nn.click.test_models import SPEC, drawn
from tidegraph.device.bundle.export import refresh_bundle
from tidegraph.device.bundle.loading import SCORE, TRUNK, WEIGHTS, Bundle
from tidegraph.device.bundle.manifest import MANIFEST, sealed
from tidegraph.device.client.client import DeviceClient
from tidegraph.device.client.learning import Learnt, end_to_end, learn
from tidegraph.device.client.store import FILE, Store, Theta
from tidegraph.device.gate.gate import Gate
from tidegraph.device.gate.policy import GatePolicy
from tidegraph.device.personalise import LocalSteps, personalise, profile_of
from tidegraph.device.rows import Rows
from tidegraph.device.signing import trusted_key
from tidegraph.errors import ArtifactError, RefusedError, RequestError

SOURCE = Path(__file__).parents[3] / "src"


def request(rng, k=10):
    """What a bundle of DIN takes for one request."""
    return {n: p.numpy() for n, p in drawn(SPEC, rng, 1, k)._asdict().items()}


@pytest.fixture
def client(tmp_path, exported):
    with DeviceClient(tmp_path / "device", TRUSTED) as client:
        client.install(exported)
        yield client


def use(client, requests=60, seed=1):
    """Let a user act whose taste is a theta that the device has yet to find."""
    rng = np.random.default_rng(seed)
    taste = rng.normal(size=7).astype(np.float32)
    taste *= 1.5 / np.linalg.norm(taste)
    for _ in range(requests):
        inputs = request(rng)
        x, offset = client.bundle.trunk(inputs)
        likely = client.bundle.score(x[0], offset[0], taste)
        client.keep(inputs, (rng.random(10) < likely).astype(np.float32))


class Files:
    """Serves a folder as a gate does, and says what was asked for."""

    def __init__(self, folder: Path) -> None:
        asked = self.asked = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.path.removeprefix("/v1/bundle/")
                asked.append(name)
                raw = (folder / name).read_bytes()
                self.send_response(200)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def published(tmp_path, exported):
    """A gate's bundle, and the folder that it lies in."""
    folder = shutil.copytree(exported, tmp_path / "published")
    files = Files(folder)
    yield files, folder
    files.close()


def test_before_it_has_learnt_a_device_ranks_as_the_model_does(client, din, rng):
    inputs = request(rng)
    with torch.no_grad():
        x, offset = din.trunk(drawn(SPEC, np.random.default_rng(0), 1, 10))
        want = torch.sigmoid(din.head.plain(x[0], offset[0]))

    np.testing.assert_allclose(client.rank(inputs), want.numpy(), atol=1e-6)


def test_what_is_learnt_is_what_torch_learns(client, din):
    use(client)
    found = client.learn()

    requests = client._store.requests()
    with torch.no_grad():
        rows = []
        for inputs, label in requests[:48]:
            given = (torch.from_numpy(part.copy()) for part in inputs.values())
            names = dict(zip(inputs, given, strict=True))
            x, offset = din.trunk(
                drawn(SPEC, np.random.default_rng(0))._replace(**names)
            )
            one = torch.ones(len(label))
            rows.append(Rows(x[0], offset[0], torch.from_numpy(label.copy()), one))
        every = Rows(*(torch.cat(part) for part in zip(*rows, strict=True)))
        start = din.head.start(torch.zeros(7), profile_of(every))
        want = personalise(din.head, start, every, LocalSteps())
    assert found.samples == 480
    np.testing.assert_allclose(found.theta, want.theta.numpy(), atol=1e-5)


@pytest.mark.parametrize("way", [1, -1])
def test_a_device_begins_at_little_of_what_tells_its_rows_worse_than_none(
    client, din, way
):
    """As ``personalise`` does: of a place and the one opposite, one is worse."""
    bundle, rng = client.bundle, np.random.default_rng(0)

    class Begun(Bundle):
        def start(self, rows, before):
            return place

    place = np.float32(way * 0.3 / np.sqrt(7)) * np.ones(7, np.float32)

    def shown():
        x, offset = rng.normal(size=(20, din.head.f.width)).astype("f4"), np.zeros(20)
        likely = bundle.score(x, offset.astype("f4"), 10 * abs(place))
        label = (rng.random(20) < likely).astype("f4")
        one = np.ones(20, "f4")
        return {"x": x, "offset": offset.astype("f4"), "label": label, "weight": one}

    lists = [shown() for _ in range(40)]
    rows = Rows(*(torch.from_numpy(part) for part in end_to_end(lists[:32]).values()))

    found = learn(Begun(bundle.signed, bundle.sessions), lists, None)

    want = personalise(din.head, torch.from_numpy(place), rows)
    np.testing.assert_allclose(found.theta, want.theta, atol=1e-5)


def test_theta_that_tells_the_newest_apart_better_is_kept_and_ranks(client, rng):
    inputs = request(rng)
    before = client.rank(inputs)
    use(client)
    found = client.learn()

    assert found.after < found.before
    assert np.array_equal(client.theta, found.theta)
    assert not np.array_equal(client.rank(inputs), before)


def test_a_gate_takes_what_is_learnt_from_as_many_long_lists_as_are_kept(client, rng):
    width, taste = client.bundle.signed.manifest.width, np.full(7, 0.5, np.float32)

    def shown():
        x, offset = rng.normal(size=(40, width)).astype(np.float32), np.zeros(40, "f4")
        likely = client.bundle.score(x, offset, taste)
        label = (rng.random(40) < likely).astype(np.float32)
        return {"x": x, "offset": offset, "label": label, "weight": np.ones(40, "f4")}

    lists = [shown() for _ in range(500)]
    found = learn(client.bundle, lists, None)
    # The latest fifth is held out, and what is older than 125 lists before it is not
    # learnt from.
    again = learn(client.bundle, [*(shown() for _ in range(275)), *lists[275:]], None)

    assert found.samples == GatePolicy().most_samples
    assert np.array_equal(found.theta, again.theta)


def test_theta_that_does_not_is_not_kept(client):
    """A user whose taste turns round in the requests that are held out."""
    use(client)
    for inputs, label in client._store.requests()[:15]:
        client.keep(inputs, 1 - label)
    found = client.learn()

    assert found.theta is None
    assert "no better" in found.why_not
    assert client.theta is None


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        ([], "two requests or more"),
        ([[1.0, 0.0]], "two requests or more"),
        ([[1.0], [0.0]], "two items or more"),
        ([[0.0, 0.0]] * 3, "all 4 items were passed over"),
        ([[1.0, 1.0]] * 3, "all 4 items were acted on"),
    ],
)
def test_where_nothing_can_be_learnt_it_says_why(client, rng, labels, why):
    for label in labels:
        client.keep(request(rng, len(label)), np.array(label, np.float32))

    assert why in client.learn().why_not


def test_everything_survives_a_restart(client, tmp_path, rng):
    use(client)
    client.learn()
    inputs = request(rng)
    before = client.rank(inputs)

    with DeviceClient(tmp_path / "device", TRUSTED) as again:
        assert again.name == client.name
        assert np.array_equal(again.rank(inputs), before)
        assert len(again._store.requests()) == 60
        assert np.array_equal(again.learn().theta, client.theta)


def test_a_full_disk_is_said_so_and_changes_nothing(client, tmp_path, rng):
    client.keep(request(rng), np.zeros(10, np.float32))
    db = client._store._db
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    db.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(ArtifactError, match=r"device.sqlite: .*is full.*that disk"):
        client.keep(request(rng, 300), np.zeros(300, np.float32))
    assert len(client._store.requests()) == 1
    assert (tmp_path / "device" / FILE).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("url", ["http://[x", "http://a b", "gate.example", "http://"])
def test_what_is_no_address_is_said_so(client, url):
    with pytest.raises(RequestError):
        client.download(url)
    with pytest.raises(RequestError):
        client.forget(url)


def test_what_is_no_answer_of_http_is_said_so(client):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            for _ in range(2):
                other, _ = server.accept()
                other.recv(65_536)
                other.sendall(b"nothing of the kind\r\n\r\n")
                other.close()

        threading.Thread(target=answer, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(RequestError, match="cannot be reached"):
            client.download(url)
        with pytest.raises(RequestError, match="cannot be reached"):
            client.forget(url)


def test_no_more_than_the_newest_requests_are_kept(client, rng, monkeypatch):
    monkeypatch.setattr("tidegraph.device.client.client.MOST", 5)
    for number in range(8):
        client.keep(request(rng, number + 1), np.zeros(number + 1, np.float32))

    kept = [len(label) for _, label in client._store.requests()]
    assert kept == [4, 5, 6, 7, 8]


def test_a_new_round_downloads_the_weights_alone(client, published):
    files, folder = published
    use(client)
    client.learn()
    refresh_bundle(shaken(model_of("DIN")), folder, KEY)

    assert client.download(files.url)
    assert files.asked == [MANIFEST, WEIGHTS]
    assert not client.download(files.url)
    # Theta belongs to the round before; what was kept is learnt from anew.
    assert client.theta is None
    assert len(client._store.requests()) == 60
    assert client._store.theta_before(2).numbers.shape == (7,)
    client.learn()


@pytest.mark.parametrize(("rounds", "known"), [(1, True), (2, False)])
def test_learning_begins_at_the_theta_of_the_bundle_before_and_of_no_earlier_one(
    client, published, monkeypatch, rounds, known
):
    _, folder = published
    use(client)
    own = client.learn().theta
    begun, nothing = [], Learnt(None, 0, 0.0, 0.0, "this test looks at the start")
    monkeypatch.setattr(
        "tidegraph.device.client.client.learn",
        lambda bundle, requests, before: begun.append(before) or nothing,
    )
    for _ in range(rounds):
        refresh_bundle(shaken(model_of("DIN")), folder, KEY)
        client.install(folder)

    client.learn()

    assert len(begun) == 1
    assert np.array_equal(begun[0], own) if known else begun[0] is None


def test_what_was_learnt_two_bundles_ago_is_forgotten(tmp_path):
    store = Store(tmp_path)
    for version in (1, 2, 3):
        numbers = np.full(7, version, np.float32)
        store.learnt(Theta(bytes([version]) * 32, version, numbers, 10, 0.6, 0.5))

    assert store.theta(b"\1" * 32) is None
    assert store.theta_before(2) is None
    assert store.theta_before(3).numbers.tolist() == [2.0] * 7
    assert store.theta(b"\3" * 32).numbers.tolist() == [3.0] * 7
    store.close()


def test_a_file_from_before_versions_were_kept_is_opened(tmp_path):
    with sqlite3.connect(tmp_path / FILE) as before:
        before.execute(
            "CREATE TABLE theta (id INTEGER PRIMARY KEY, bundle BLOB UNIQUE, numbers "
            "BLOB, samples INTEGER, loss_before REAL, loss_after REAL)"
        )
        numbers = np.ones(7, "<f4").tobytes()
        row = (1, b"\1" * 32, numbers, 10, 0.6, 0.5)
        before.execute("INSERT INTO theta VALUES (?, ?, ?, ?, ?, ?)", row)
    before.close()

    store = Store(tmp_path)
    assert store.theta(b"\1" * 32).numbers.tolist() == [1.0] * 7
    assert store.theta_before(2) is None
    store.learnt(Theta(b"\2" * 32, 2, np.zeros(7, np.float32), 10, 0.6, 0.5))
    assert store.theta(b"\2" * 32).version == 2
    store.close()


def test_a_bundle_that_cannot_be_trusted_leaves_the_last_one(client, published, rng):
    files, folder = published
    inputs = request(rng)
    before = client.rank(inputs)
    refresh_bundle(shaken(model_of("DIN")), folder, KEY)
    raw = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(raw[:-4] + b"\1\2\3\4")

    with pytest.raises(ArtifactError, match="cut short or changed"):
        client.download(files.url)
    with pytest.raises(ArtifactError, match="cut short or changed"):
        client.install(folder)
    assert np.array_equal(client.rank(inputs), before)
    (folder / WEIGHTS).write_bytes(raw)
    assert client.download(files.url)
    assert not np.array_equal(client.rank(inputs), before)


def test_an_older_bundle_is_refused_after_a_restart_too(
    client, published, exported, tmp_path
):
    _, folder = published
    refresh_bundle(shaken(model_of("DIN")), folder, KEY)
    client.install(folder)

    with (
        DeviceClient(tmp_path / "device", TRUSTED) as again,
        pytest.raises(ArtifactError, match="version 2 was here before"),
    ):
        again.install(exported)


def test_another_bundle_of_the_same_version_is_refused(client, exported, tmp_path):
    other = shutil.copytree(exported, tmp_path / "other")
    said = client.bundle.signed.manifest
    again = replace(said, expires=said.expires + 1)
    (other / MANIFEST).write_bytes(sealed(again, KEY))

    with pytest.raises(ArtifactError, match=r"not the one of version 1 that is here"):
        client.install(other)
    client.install(exported)
    assert client.bundle.signed.manifest == said


def test_a_device_killed_as_it_took_over_a_bundle_takes_note_of_it_later(
    tmp_path, exported, monkeypatch, rng
):
    def killed(*_):
        raise KeyboardInterrupt

    folder = tmp_path / "device"
    with DeviceClient(folder, TRUSTED) as client:
        client._store.installed(0, "another trunk")
        client._store.keep(request(rng), np.zeros(10, np.float32), 500)
        monkeypatch.setattr(Store, "installed", killed)
        with pytest.raises(KeyboardInterrupt):
            client.install(exported)
    monkeypatch.undo()

    with DeviceClient(folder, TRUSTED) as again:
        said = again.bundle.signed.manifest
        assert again._store.version == said.version
        assert again._store.requests() == []
    with DeviceClient(folder, TRUSTED) as later:
        later._store.installed(said.version + 1, said.files[TRUNK].sha256)
    with DeviceClient(folder, TRUSTED) as later:
        # It was put back, so it counts as none.
        assert later.bundle is None
        assert later._store.version == said.version + 1


def test_a_bundle_that_was_damaged_here_is_downloaded_again(
    client, published, tmp_path, rng
):
    files, _ = published
    use(client)
    (tmp_path / "device" / "bundle" / SCORE).write_bytes(b"")

    with DeviceClient(tmp_path / "device", TRUSTED) as again:
        with pytest.raises(ArtifactError, match="no bundle yet"):
            again.rank(request(rng))
        assert again.download(files.url)
        assert files.asked == [MANIFEST, SCORE]
        assert len(again._store.requests()) == 60


def test_without_a_network_a_device_ranks_and_learns(client, rng):
    use(client)
    client.learn()

    for call in (
        lambda: client.upload("http://127.0.0.1:9"),
        lambda: client.download("http://127.0.0.1:9"),
    ):
        with pytest.raises(RequestError, match="cannot be reached"):
            call()
    assert len(client.rank(request(rng))) == 10
    with pytest.raises(RequestError, match="no address of the web"):
        client.download("file:///etc")


def test_a_number_is_counted_once_whatever_happens(client, tmp_path):
    first = client._store.counted()
    with DeviceClient(tmp_path / "device", TRUSTED) as again:
        assert again._store.counted() == first + 1
    assert client._store.counted() == first + 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"item": None}, "'item' is not there"),
        ({"numbers": np.zeros((1, 10, 4), np.float32)}, "it must have"),
        ({"item": np.zeros((1, 10, 2), np.float32)}, "holds float32"),
        ({"present": np.ones((1, 9), bool)}, "not those of one request"),
        ({"user": np.zeros((2, 1), np.int64)}, "not those of one request"),
    ],
)
def test_inputs_that_do_not_fit_are_said_so(client, rng, change, said):
    inputs = {n: p for n, p in {**request(rng), **change}.items() if p is not None}

    if "present" in change:
        inputs["cross"] = inputs["cross"][:, :9]
    with pytest.raises(RequestError, match=said):
        client.rank(inputs)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("item", 10**6, r"cannot run the request.*Look at item, "),
        ("numbers", np.nan, "'numbers' holds what is no finite"),
        ("numbers", 1e300, "'numbers' holds what is no finite"),
    ],
)
def test_what_cannot_be_learnt_from_is_neither_ranked_nor_kept(
    client, rng, name, value, said
):
    inputs, label = request(rng), np.eye(10, dtype=np.float32)[0]
    inputs[name] = np.full(inputs[name].shape, value)

    with pytest.raises(RequestError, match=said):
        client.rank(inputs)
    with pytest.raises(RequestError, match=said):
        client.keep(inputs, label)
    assert client._store.requests() == []


def test_a_request_that_was_kept_and_cannot_be_run_hinders_no_other(client, rng):
    use(client)
    expected = client.learn()
    bad = request(rng)
    bad["item"][:] = 10**6
    client._store.keep(bad, np.eye(10, dtype=np.float32)[0], 500)

    found = client.learn()

    assert found.theta is not None
    assert np.array_equal(found.theta, expected.theta)
    assert found[1:] == expected[1:]


@pytest.mark.parametrize("label", [[1.0], [0.5] * 10, [np.nan] * 10])
def test_labels_that_do_not_fit_are_said_so(client, rng, label):
    with pytest.raises(RequestError, match="10 candidates has as many labels"):
        client.keep(request(rng), np.array(label, np.float32))


def test_an_expired_bundle_ranks_and_is_not_learnt_with(tmp_path, exported, rng):
    late = time.time_ns() // 1_000_000 + 40 * 86_400_000
    with DeviceClient(tmp_path / "device", TRUSTED, now=lambda: late) as client:
        client.install(exported)
        assert len(client.rank(request(rng))) == 10
        with pytest.raises(ArtifactError, match="has expired"):
            client.learn()


def test_without_a_trunk_a_device_is_sent_what_enters_the_tower(headed, tmp_path, rng):
    model = replace(model_of("DIN"), trunk=None, example=None)
    folder = shutil.copytree(headed, tmp_path / "bundle")
    taste = np.full(7, 0.5, np.float32)

    def sent():
        width = model.head.f.width
        x = rng.normal(size=(10, width)).astype(np.float32)
        return {"x": x, "offset": rng.normal(size=10).astype(np.float32)}

    with DeviceClient(tmp_path / "device", TRUSTED) as client:
        client.install(folder)
        for _ in range(100):
            given = sent()
            likely = client.bundle.score(given["x"], given["offset"], taste)
            client.keep(given, (rng.random(10) < likely).astype(np.float32))
        assert client.learn().samples == 800
        with pytest.raises(RequestError, match="'x' is not there"):
            client.rank({})
        # Of another round, x means something else.
        with torch.no_grad():
            model.head.bases["input"] += 0.1
        refresh_bundle(model, folder, KEY)
        client.install(folder)
        assert client._store.requests() == []


def test_a_device_needs_no_tensor_engine():
    code = (
        "import sys, tidegraph.device.client.client; "
        "sys.exit(bool({'torch', 'onnx', 'numba', 'polars'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], cwd=SOURCE, check=False)
    assert done.returncode == 0


def test_from_download_to_erasure_with_a_gate(tmp_path, exported):
    """All of it, over HTTP, beside a gate in a process of its own."""
    shutil.copytree(exported, tmp_path / "bundle")
    (tmp_path / "signing.pem.pub").write_bytes(
        KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    server = Server(tmp_path)
    try:
        with (
            Gate(tmp_path / "thetas") as gate,
            DeviceClient(
                tmp_path / "device", trusted_key(tmp_path / "signing.pem.pub")
            ) as client,
        ):
            assert client.download(server.url)
            with pytest.raises(RequestError, match="nothing to send"):
                client.upload(server.url)
            use(client)
            client.learn()
            with pytest.raises(RefusedError, match="has not enrolled"):
                client.upload(server.url)
            client.enrol(server.url, gate.ticket())
            for _ in range(2):
                client.upload(server.url)

            kept = gate.thetas(client.bundle.signed.digest)
            assert kept.device.astype(">i8").tobytes() == client.name
            assert np.array_equal(kept.theta, client.theta[None])
            name, pem = client.name, (tmp_path / "device" / "device.pem").read_bytes()
            client.forget(server.url)
            assert len(gate.thetas(client.bundle.signed.digest).samples) == 0

            # Nothing is left, and it may come again as another.
            assert client.theta is None
            assert client.name != name
            assert (tmp_path / "device" / "device.pem").read_bytes() != pem
            assert client.learn().why_not is not None
            use(client)
            client.learn()
            with pytest.raises(RefusedError) as refused:
                client.upload(server.url)
            assert refused.value.reason == "device"
            client.enrol(server.url, gate.ticket())
            client.upload(server.url)
            assert len(gate.thetas(client.bundle.signed.digest).samples) == 1
    finally:
        server.kill()


def test_rows_stand_end_to_end():
    one = {n: np.ones((2, 3) if n == "x" else 2) for n in ("x", "offset", "label")}
    one["weight"] = np.ones(2)

    assert end_to_end([one, one])["x"].shape == (4, 3)
