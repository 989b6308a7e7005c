"""Quotas, enrolment, revocation, erasure and expiry, over a restart too."""

import os
import sqlite3
import time
from contextlib import contextmanager

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from device.phones import NOW, Phone, signed_of
from tidegraph.device.gate.gate import Gate
from tidegraph.device.gate.limits import Allowance
from tidegraph.device.gate.policy import GatePolicy
from tidegraph.device.gate.store import FILE
from tidegraph.device.gate.upload import pack_enrolment, pack_erasure
from tidegraph.device.signing import public_bytes
from tidegraph.errors import ArtifactError, ConfigError, RefusedError

DAY = 86_400_000


def reason(send) -> str:
    with pytest.raises(RefusedError) as refused:
        send()
    return refused.value.reason


def test_a_device_may_upload_so_often_a_day_and_again_on_the_next(gate, phone, clock):
    for _ in range(24):
        gate.receive(phone.upload()).result()

    assert reason(lambda: gate.receive(phone.upload()).result()) == "quota"

    clock.now += DAY
    gate.receive(phone.upload(sent=clock.now - 1)).result()


def test_an_address_may_send_so_much_a_minute_before_a_signature_is_looked_at(
    tmp_path, bundle, clock
):
    with Gate(tmp_path / "thetas", GatePolicy(per_minute=3), now=clock) as gate:
        gate.publish(bundle)
        raw = Phone(bundle.digest).upload()
        reasons = [reason(lambda: gate.receive(raw, "10.0.0.1")) for _ in range(4)]
        assert reasons == ["device", "device", "device", "rate"]
        assert reason(lambda: gate.receive(raw, "10.0.0.2")) == "device"

        clock.now += 20_000
        assert reason(lambda: gate.receive(raw, "10.0.0.1")) == "device"
        assert reason(lambda: gate.receive(raw, "10.0.0.1")) == "rate"


def test_a_clock_that_runs_backwards_gives_nobody_more_or_less():
    allowance = Allowance(2)

    assert [allowance.takes("a", now) for now in (9.0, 0.0, 0.0)] == [True, True, False]


def test_a_device_enrols_with_a_ticket_and_then_uploads(gate, bundle):
    phone = Phone(bundle.digest)
    gate.enrol(pack_enrolment(phone.name, gate.ticket(), phone.key)).result()

    gate.receive(phone.upload()).result()


def test_a_ticket_is_spent_once_and_by_its_device_again(gate, bundle):
    ticket = gate.ticket()
    first, second = Phone(bundle.digest), Phone(bundle.digest)
    gate.enrol(pack_enrolment(first.name, ticket, first.key)).result()

    gate.enrol(pack_enrolment(first.name, ticket, first.key)).result()
    late = pack_enrolment(second.name, ticket, second.key)
    assert reason(lambda: gate.enrol(late).result()) == "ticket"


def test_a_ticket_of_nobody_or_of_yesterday_is_refused(gate, bundle, clock):
    phone = Phone(bundle.digest)
    forged = pack_enrolment(phone.name, bytes(56), phone.key)
    old = pack_enrolment(phone.name, gate.ticket(60), phone.key)
    clock.now += 61_000

    assert reason(lambda: gate.enrol(forged)) == "ticket"
    assert reason(lambda: gate.enrol(old)) == "ticket"


def test_a_key_is_enrolled_by_its_owner_alone(gate, bundle):
    phone = Phone(bundle.digest)
    raw = pack_enrolment(phone.name, gate.ticket(), phone.key)
    other = Ed25519PrivateKey.generate()

    stolen = raw[:-64] + other.sign(raw[:-64])
    assert reason(lambda: gate.enrol(stolen)) == "signature"
    assert reason(lambda: gate.enrol(raw[:-1])) == "size"
    assert reason(lambda: gate.enrol(b"XXXX" + raw[4:])) == "format"


def test_two_gates_of_one_store_take_an_upload_once(tmp_path, bundle, clock):
    policy, folder = GatePolicy(per_day=2, per_minute=4), tmp_path / "thetas"
    with Gate(folder, policy, now=clock) as one, Gate(folder, policy, now=clock) as two:
        one.publish(bundle)
        two.refresh()
        phone = Phone(bundle.digest)
        one.enrol(pack_enrolment(phone.name, two.ticket(), phone.key)).result()
        raw = phone.upload()
        one.receive(raw).result()

        assert reason(lambda: two.receive(raw).result()) == "replay"
        two.receive(phone.upload()).result()
        assert reason(lambda: one.receive(phone.upload()).result()) == "quota"


def test_the_name_of_a_device_is_not_taken_over(gate, phone):
    key = Ed25519PrivateKey.generate()
    raw = pack_enrolment(phone.name, gate.ticket(), key)

    assert reason(lambda: gate.enrol(raw).result()) == "device"
    gate.receive(phone.upload()).result()


def test_a_revoked_device_is_refused_and_its_theta_gone(gate, phone):
    gate.receive(phone.upload()).result()

    assert gate.revoke(phone.name).result()
    assert len(gate.thetas(phone.bundle).samples) == 0
    assert reason(lambda: gate.receive(phone.upload())) == "device"


def test_a_revoked_device_that_enrols_again_is_told_so(gate, phone):
    gate.revoke(phone.name).result()
    again = pack_enrolment(phone.name, gate.ticket(), phone.key)

    with pytest.raises(RefusedError, match="was revoked"):
        gate.enrol(again).result()
    assert gate.device(phone.name).revoked


def test_before_any_bundle_a_gate_knows_its_longest_message(tmp_path):
    with Gate(tmp_path / "new") as gate:
        assert gate.longest == len(pack_enrolment(bytes(16), bytes(56), Phone(b"").key))


def test_an_erased_device_leaves_no_byte_of_theta_or_key_and_stays_out(
    gate, phone, tmp_path, rng
):
    theta = rng.normal(0, 0.1, 32).astype(np.float32)
    old, later = phone.upload(theta=theta), phone.upload(theta=theta)
    gate.receive(old).result()
    held = b"".join(p.read_bytes() for p in (tmp_path / "thetas").glob(f"{FILE}*"))
    assert theta.tobytes() in held

    assert gate.erase(phone.name).result()

    assert gate.device(phone.name) is None
    held = b"".join(p.read_bytes() for p in (tmp_path / "thetas").glob(f"{FILE}*"))
    assert theta.tobytes() not in held
    assert phone.name not in held
    assert public_bytes(phone.key) not in held
    for raw in (old, later):
        assert reason(lambda raw=raw: gate.receive(raw)) == "device"
    again = pack_enrolment(phone.name, gate.ticket(), phone.key)
    assert reason(lambda: gate.enrol(again).result()) == "device"
    assert gate.erase(phone.name).result()
    assert not gate.erase(bytes(16)).result()


@contextmanager
def read_elsewhere(folder):
    """Another process reads the store as it was, for as long as this takes."""
    other = sqlite3.connect(folder / FILE, isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM thetas").fetchone()
    yield other
    other.close()


def test_while_the_log_cannot_be_emptied_uploads_are_taken_and_erasures_wait(
    gate, phone, bundle, tmp_path, rng
):
    folder, theta = tmp_path / "thetas", rng.normal(0, 0.1, 32).astype(np.float32)
    gate.receive(phone.upload(theta=theta)).result()
    other, asks = Phone(bundle.digest), pack_erasure(phone.name, NOW, phone.key)
    gate.admit(other.name, public_bytes(other.key)).result()

    with read_elsewhere(folder):
        held = gate._writer.submit(lambda db: time.sleep(0.1))
        erased, sent = gate.forget(asks), gate.receive(other.upload())
        held.result()
        sent.result()
        for once in (erased, gate.forget(asks)):
            with pytest.raises(ArtifactError, match="still holds it"):
                once.result()
        assert theta.tobytes() in (folder / f"{FILE}-wal").read_bytes()
        gate.receive(other.upload()).result()

    assert gate.forget(asks).result()
    for path in folder.glob(f"{FILE}*"):
        assert theta.tobytes() not in path.read_bytes()
        assert public_bytes(phone.key) not in path.read_bytes()


def test_a_bundle_is_published_while_another_process_reads(gate, tmp_path):
    with read_elsewhere(tmp_path / "thetas"):
        gate.publish(signed_of(version=2))

    with read_elsewhere(tmp_path / "thetas") as other:
        (newest,) = other.execute("SELECT max(version) FROM bundles").fetchone()
    assert newest == 2


def test_what_a_killed_gate_left_in_the_log_is_emptied_by_the_next(
    gate, phone, tmp_path, rng
):
    folder, theta = tmp_path / "thetas", rng.normal(0, 0.1, 32).astype(np.float32)
    gate.receive(phone.upload(theta=theta)).result()
    with read_elsewhere(folder) as other:
        with pytest.raises(ArtifactError, match="still holds it"):
            gate.erase(phone.name).result()
        gate.close()
        other.execute("COMMIT")
        assert theta.tobytes() in (folder / f"{FILE}-wal").read_bytes()

        with Gate(folder) as again:
            # Whatever is written is written after the log was emptied.
            again.admit(os.urandom(16), public_bytes(phone.key)).result()
            assert theta.tobytes() not in (folder / f"{FILE}-wal").read_bytes()


def test_an_upload_that_waits_while_its_device_is_erased_is_refused(gate, phone):
    raw = phone.upload()
    held = gate._writer.submit(lambda db: time.sleep(0.2))
    erased, sent = gate.erase(phone.name), gate.receive(raw)
    held.result()

    assert erased.result()
    assert sent.exception().reason == "device"
    assert len(gate.thetas(phone.bundle).samples) == 0


def test_a_device_erases_itself_and_nobody_else_does(gate, phone, clock):
    forged = pack_erasure(phone.name, NOW, Ed25519PrivateKey.generate())
    early = pack_erasure(phone.name, NOW - 400_000, phone.key)

    assert reason(lambda: gate.forget(forged)) == "signature"
    assert reason(lambda: gate.forget(early)) == "clock"
    assert gate.forget(pack_erasure(phone.name, NOW, phone.key)).result()
    assert gate.device(phone.name) is None


def test_theta_is_taken_for_two_bundles_and_kept_for_three(gate, phone):
    bundles = [signed_of(version=version) for version in (1, 2, 3, 4)]
    gate.receive(phone.upload()).result()
    gate.publish(bundles[1])
    gate.receive(phone.upload()).result()
    gate.publish(bundles[2])
    assert reason(lambda: gate.receive(phone.upload())) == "bundle"
    assert len(gate.thetas(bundles[0].digest).samples) == 1

    gate.publish(bundles[3])
    assert len(gate.thetas(bundles[0].digest).samples) == 0


def test_an_older_bundle_or_another_of_its_version_is_not_published(gate):
    gate.publish(signed_of(version=5))

    for other in (signed_of(version=4), signed_of(version=5, radius=2.0)):
        with pytest.raises(ArtifactError, match="version 5 was here before"):
            gate.publish(other)
    gate.publish(signed_of(version=5))


def test_nothing_is_taken_for_a_bundle_that_has_expired(gate, phone, clock):
    clock.now += 86_401_000

    sent = phone.upload(sent=clock.now)
    assert reason(lambda: gate.receive(sent)) == "bundle"


def test_a_new_bundle_may_have_another_number_of_numbers(gate, phone):
    wider = signed_of(version=2, theta=64)
    gate.publish(wider)
    long = np.zeros(64, np.float32)

    gate.receive(phone.upload(bundle=wider.digest, theta=long)).result()
    gate.receive(phone.upload()).result()
    assert reason(lambda: gate.receive(phone.upload(theta=long))) == "shape"


def test_what_was_acknowledged_is_there_after_a_restart(gate, phone, clock, tmp_path):
    raw = phone.upload()
    gate.receive(raw).result()
    gate.close()

    with Gate(tmp_path / "thetas", now=clock) as again:
        assert len(again.thetas(phone.bundle).samples) == 1
        assert reason(lambda: again.receive(raw)) == "replay"
        again.receive(phone.upload()).result()


def test_what_another_process_erases_is_refused_at_once(gate, phone, tmp_path):
    with Gate(tmp_path / "thetas") as command:
        command.erase(phone.name).result()

    assert reason(lambda: gate.receive(phone.upload())) == "device"


def test_a_store_that_cannot_be_written_takes_nothing(gate, phone, tmp_path):
    other = sqlite3.connect(tmp_path / "thetas" / FILE)
    other.execute("DROP TABLE thetas")
    other.close()

    raw = phone.upload()
    with pytest.raises(ArtifactError, match="the gate cannot write"):
        gate.receive(raw).result()
    assert gate.device(phone.name).counter == 0


def test_nobody_but_the_owner_reads_the_store(gate, phone, tmp_path):
    gate.receive(phone.upload()).result()

    paths = [path for path in (tmp_path / "thetas").iterdir() if path.is_file()]
    assert len(paths) > 2
    assert all(path.stat().st_mode & 0o077 == 0 for path in paths)


def test_a_file_that_is_no_store_is_said_so(tmp_path):
    (tmp_path / FILE).write_text("x" * 10_000)

    with pytest.raises(ArtifactError, match="cannot be opened"):
        Gate(tmp_path)


def test_a_gate_that_is_closed_says_so(gate, phone):
    raw = phone.upload()
    gate.close()

    with pytest.raises(ArtifactError, match="closed"):
        gate.receive(raw)


def test_less_is_not_kept_than_is_taken():
    with pytest.raises(ConfigError, match="kept is 1; it must be at least 2"):
        GatePolicy(kept=1)
    with pytest.raises(ConfigError, match="most_samples is 5; it must be at least 10"):
        GatePolicy(least_samples=10, most_samples=5)
