"""The gate from the command line."""

import socket
import time

import pytest

from device.phones import PUBLISHER, WEIGHTS, Phone, manifest_of
from tidegraph.cli import run
from tidegraph.cli.devices import demonstration
from tidegraph.device.bundle.manifest import MANIFEST, read, sealed
from tidegraph.device.gate.gate import Gate
from tidegraph.device.gate.upload import pack_enrolment
from tidegraph.device.signing import public_bytes, signing_key
from tidegraph.errors import ConfigError


def test_a_printed_ticket_enrols_a_device(tmp_path, capsys):
    assert run(["device", "ticket", "--store", str(tmp_path / "misspelt")]) == 2
    assert "is no store of a gate" in capsys.readouterr().err
    assert not (tmp_path / "misspelt").exists()
    Gate(tmp_path).close()
    assert run(["device", "ticket", "--store", str(tmp_path)]) == 0
    ticket = bytes.fromhex(capsys.readouterr().out.strip())
    phone = Phone(b"b" * 32)

    with Gate(tmp_path) as gate:
        gate.enrol(pack_enrolment(phone.name, ticket, phone.key)).result()
        assert gate.device(phone.name) is not None


@pytest.mark.parametrize("hours", ["0", "-1", "9000", str(10**25)])
def test_a_ticket_that_nobody_could_use_is_refused(tmp_path, hours, capsys):
    Gate(tmp_path).close()

    words = ["device", "ticket", "--store", str(tmp_path), "--hours", hours]
    assert run(words) == 2
    said = capsys.readouterr().err
    assert "seconds" in said or "hours" in said
    with Gate(tmp_path) as gate, pytest.raises(ConfigError, match="seconds"):
        gate.ticket(1.5)


def test_a_device_is_revoked_and_erased(gate, phone, tmp_path, capsys):
    store = ["--store", str(tmp_path / "thetas"), "--device", phone.name.hex()]

    assert run(["device", "revoke", *store]) == 0
    assert gate.device(phone.name).revoked
    assert run(["device", "erase", *store]) == 0
    assert gate.device(phone.name) is None
    assert run(["device", "erase", *store]) == 0
    assert run(["device", "erase", *store[:-1], bytes(16).hex()]) == 2
    assert "knows no device" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["x", "00", "zz" * 16])
def test_a_device_of_another_length_is_said_so(tmp_path, name, capsys):
    words = ["device", "erase", "--store", str(tmp_path), "--device", name]

    assert run(words) == 2
    assert "32 hexadecimal digits" in capsys.readouterr().err


def test_a_gate_without_a_trusted_key_does_not_open(tmp_path, capsys):
    (tmp_path / "key.pub").write_text("no key")
    words = ["device", "serve-gate", str(tmp_path), "--store", str(tmp_path / "t")]

    assert run([*words, "--key", str(tmp_path / "key.pub")]) == 2
    assert "holds no public key" in capsys.readouterr().err
    assert not (tmp_path / "t").exists()


def test_a_port_that_is_taken_is_said_before_anything_else(tmp_path, capsys):
    signing_key(tmp_path / "key.pem")
    words = ["device", "serve-gate", str(tmp_path), "--store", str(tmp_path / "t")]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        words += ["--key", str(tmp_path / "key.pem.pub"), "--port", port]

        assert run(words) == 2

    said = capsys.readouterr()
    assert said.err == (
        f"tidegraph: nothing can listen at 127.0.0.1:{port}: Address already in use. "
        "Choose another --host or --port.\n"
    )
    assert not said.out
    assert not (tmp_path / "t").exists()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return str(free.getsockname()[1])


def bundle_in(folder, days, key=PUBLISHER, **said):
    folder.mkdir(exist_ok=True)
    expires = int(time.time()) + days * 86_400
    (folder / MANIFEST).write_bytes(sealed(manifest_of(expires=expires, **said), key))
    (folder / "weights.bin").write_bytes(WEIGHTS)


@pytest.mark.parametrize(("days", "said"), [(-1, 1), (1, 0)])
def test_a_gate_says_at_its_start_that_its_bundle_has_expired(
    tmp_path, monkeypatch, capsys, days, said
):
    monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: None)
    bundle_in(tmp_path / "bundle", days, signing_key(tmp_path / "key.pem"))
    words = ["device", "serve-gate", str(tmp_path / "bundle")]
    words += ["--store", str(tmp_path / "t"), "--key", str(tmp_path / "key.pem.pub")]

    assert run([*words, "--port", free_port()]) == 0
    assert capsys.readouterr().out.count("has expired on") == said


def test_a_demonstration_exports_its_model_again_once_its_bundle_has_expired(
    tmp_path, monkeypatch
):
    class Saved:
        def export(self, folder, *, items):
            bundle_in(folder, 30, key, version=2)

    key = signing_key(tmp_path / "bundle.pem")
    bundle_in(tmp_path / "bundle", -1, key)
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "page.js").touch()
    monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: None)
    monkeypatch.setattr(demonstration.FittedDCCL, "load", lambda folder: Saved())

    words = ["--output", str(tmp_path), "--page", str(tmp_path / "page"), "--no-open"]
    assert run(["device", "demo", *words, "--port", free_port()]) == 0
    signed = read(tmp_path / "bundle", public_bytes(key))
    assert signed.manifest.version == 2
