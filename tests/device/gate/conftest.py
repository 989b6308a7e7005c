import pytest

from device.phones import Clock, Phone, signed_of
from tidegraph.device.gate.gate import Gate
from tidegraph.device.gate.policy import GatePolicy
from tidegraph.device.signing import public_bytes


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def bundle():
    return signed_of()


@pytest.fixture
def gate(tmp_path, bundle, clock):
    with Gate(tmp_path / "thetas", GatePolicy(per_minute=100_000), now=clock) as gate:
        gate.publish(bundle)
        yield gate


@pytest.fixture
def phone(gate, bundle):
    phone = Phone(bundle.digest)
    gate.admit(phone.name, public_bytes(phone.key)).result()
    return phone
