"""Every bad upload is refused with its own reason, and no mutation is taken."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from device.phones import NOW, Phone, resigned, signed_of
from tidegraph.device.gate.checks import Accepted, Device, check_upload
from tidegraph.device.gate.policy import GatePolicy
from tidegraph.device.gate.upload import pack_upload, unpack_upload
from tidegraph.device.signing import public_bytes
from tidegraph.errors import RefusedError

ORDER = 2**252 + 27742317777372353535851937790883648493
"""Of the group of Ed25519."""


def reason(gate, raw) -> str:
    with pytest.raises(RefusedError) as refused:
        gate.receive(raw).result()
    assert str(refused.value)[0].islower()
    return refused.value.reason


def touched(raw: bytes) -> bytes:
    """The bytes of an upload with one bit of its signature turned round."""
    return raw[:-1] + bytes([raw[-1] ^ 1])


def test_an_upload_of_32_numbers_has_276_bytes_and_212_in_half_precision(phone):
    assert len(phone.upload()) == 276
    assert len(phone.upload(half=True)) == 212


def test_the_bytes_are_where_the_table_says(phone):
    raw = phone.upload(counter=7, samples=20, before=0.5, after=0.25)

    assert raw[:8] == b"MPA1" + bytes([1, 0, 32, 0])
    assert raw[8:24] == phone.name
    assert raw[24:56] == phone.bundle
    assert int.from_bytes(raw[56:64], "little") == 7
    assert int.from_bytes(raw[64:72], "little") == NOW
    assert int.from_bytes(raw[72:76], "little") == 20
    assert np.frombuffer(raw[76:84], "<f4").tolist() == [0.5, 0.25]
    assert np.frombuffer(raw[84:212], "<f4").tolist() == [np.float32(0.1)] * 32


@pytest.mark.parametrize("half", [False, True])
def test_a_good_upload_is_kept_as_it_was_sent(gate, phone, rng, half):
    theta = rng.normal(0, 0.1, 32).astype(np.float16).astype(np.float32)
    gate.receive(phone.upload(theta=theta, samples=33, half=half)).result()

    kept = gate.thetas(phone.bundle)
    assert kept.device.astype(">i8").tobytes() == phone.name
    assert np.array_equal(kept.theta, theta[None])
    assert kept.samples.tolist() == [33]


def test_the_newest_upload_of_a_device_takes_the_place_of_the_last(gate, phone):
    for value in (0.1, 0.2):
        theta = np.full(32, value, np.float32)
        gate.receive(phone.upload(theta=theta)).result()

    assert gate.thetas(phone.bundle).theta.tolist() == [[np.float32(0.2)] * 32]


BAD = {
    "empty": ("size", lambda phone: b""),
    "short": ("size", lambda phone: phone.upload()[:100]),
    "long": ("size", lambda phone: phone.upload() + bytes(1)),
    "endless": ("size", lambda phone: bytes(1_000_000)),
    "magic": ("format", lambda phone: b"XXXX" + phone.upload()[4:]),
    "version": ("format", lambda p: resigned(p.upload(), p.key, 4, "<B", 2)),
    "kind": ("format", lambda p: resigned(p.upload(), p.key, 5, "<B", 2)),
    "large counter": ("format", lambda phone: phone.upload(counter=2**63)),
    "cut": ("shape", lambda phone: phone.upload()[:-1]),
    "few": ("shape", lambda phone: phone.upload(theta=np.zeros(31, np.float32))),
    "many": ("shape", lambda p: resigned(p.upload(half=True), p.key, 5, "<B", 0)),
    "count": ("shape", lambda p: resigned(p.upload(), p.key, 6, "<H", 64)),
    "early": ("clock", lambda phone: phone.upload(sent=NOW - 301_000)),
    "late": ("clock", lambda phone: phone.upload(sent=NOW + 301_000)),
    "never": ("clock", lambda phone: phone.upload(sent=2**64 - 1)),
    "foreign": ("bundle", lambda phone: phone.upload(bundle=b"x" * 32)),
    "stranger": ("device", lambda phone: phone.upload(device=b"q" * 16)),
    "forged": (
        "signature",
        lambda phone: phone.upload(key=Ed25519PrivateKey.generate()),
    ),
    "touched": ("signature", lambda phone: touched(phone.upload())),
    "counted twice": ("replay", lambda phone: phone.upload(counter=0)),
    "one sample": ("claims", lambda phone: phone.upload(samples=1)),
    "a million": ("claims", lambda phone: phone.upload(samples=1_000_000)),
    "no loss": ("claims", lambda phone: phone.upload(before=np.nan)),
    "no loss after": ("claims", lambda phone: phone.upload(after=np.nan)),
    "endless loss": ("claims", lambda phone: phone.upload(before=np.inf)),
    "negative loss": ("claims", lambda phone: phone.upload(after=-0.1)),
    "worse": ("claims", lambda phone: phone.upload(before=0.6, after=0.7)),
    "nan": ("finite", lambda p: p.upload(theta=np.full(32, np.nan, np.float32))),
    "infinity": ("finite", lambda p: p.upload(theta=np.full(32, np.inf, np.float32))),
    "half nan": (
        "finite",
        lambda p: p.upload(theta=np.full(32, np.nan, np.float32), half=True),
    ),
    "outside": ("norm", lambda p: p.upload(theta=np.full(32, 0.266, np.float32))),
    "far": ("norm", lambda p: p.upload(theta=np.full(32, 3e38, np.float32))),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_upload_is_refused_with_its_own_reason(gate, phone, name):
    expected, made = BAD[name]

    assert reason(gate, made(phone)) == expected
    assert len(gate.thetas(phone.bundle).samples) == 0


def test_a_vector_as_long_as_the_radius_is_taken(gate, phone):
    theta = np.zeros(32, np.float32)
    theta[3] = 1.5

    gate.receive(phone.upload(theta=theta)).result()


def test_an_upload_that_is_sent_again_is_refused(gate, phone):
    raw = phone.upload()
    gate.receive(raw).result()

    assert reason(gate, raw) == "replay"


def test_of_the_same_upload_sent_many_times_at_once_one_is_taken(gate, phone):
    raw = phone.upload()

    def send(_) -> str:
        try:
            gate.receive(raw).result()
        except RefusedError as error:
            return error.reason
        return "taken"

    with ThreadPoolExecutor(8) as pool:
        answers = Counter(pool.map(send, range(50)))
    assert answers == {"taken": 1, "replay": 49}


def test_a_signature_in_its_other_form_is_refused(gate, phone):
    raw = phone.upload()
    second = int.from_bytes(raw[-32:], "little") + ORDER

    assert reason(gate, raw[:-32] + second.to_bytes(32, "little")) == "signature"


def test_what_is_cheap_is_asked_first():
    """One upload that is wrong in every way, mended check by check."""
    bundle = signed_of()
    phone = Phone(bundle.digest)
    known = {bundle.digest: Accepted(1, 32, 1.5, NOW // 1_000)}
    bad = {
        "counter": 0,
        "samples": 0,
        "device": b"q" * 16,
        "bundle": b"x" * 32,
        "sent": 0,
        "theta": np.full(32, np.inf, np.float32),
        "key": Ed25519PrivateKey.generate(),
    }
    device = Device(public_bytes(phone.key), 0, False)
    found = []
    for mended in ("sent", "bundle", "device", "key", "counter", "samples", "theta"):
        with pytest.raises(RefusedError) as refused:
            check_upload(
                phone.upload(**bad),
                NOW,
                known,
                {phone.name: device}.get,
                GatePolicy(),
            )
        found.append(refused.value.reason)
        del bad[mended]

    assert found == [
        "clock",
        "bundle",
        "device",
        "signature",
        "replay",
        "claims",
        "finite",
    ]


def test_of_ten_thousand_mutations_of_an_upload_none_is_taken(phone, rng):
    raw = phone.upload()
    known = {phone.bundle: Accepted(1, 32, 1.5, NOW // 1_000 + 9)}
    device = {phone.name: Device(public_bytes(phone.key), 0, False)}
    check_upload(raw, NOW, known, device.get, GatePolicy())
    reasons = set()
    tried = 0
    while tried < 10_000:
        mutant = mutation(raw, rng)
        if mutant == raw:
            continue
        tried += 1
        with pytest.raises(RefusedError) as refused:
            check_upload(mutant, NOW, known, device.get, GatePolicy())
        reasons.add(refused.value.reason)

    assert reasons == {
        "size",
        "format",
        "shape",
        "clock",
        "bundle",
        "device",
        "signature",
    }


def mutation(raw: bytes, rng: np.random.Generator) -> bytes:
    """Return bytes that are near those of an upload."""
    body = bytearray(raw)
    at, other = (int(n) for n in rng.integers(0, len(raw), 2))
    kind = rng.integers(0, 7)
    if kind == 0:
        body[at] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        body[at] = int(rng.integers(256))
    elif kind == 2:
        del body[at : at + int(rng.integers(1, 9))]
    elif kind == 3:
        body[at:at] = rng.bytes(int(rng.integers(1, 9)))
    elif kind == 4:
        body[at : at + 8] = body[other : other + 8]
    elif kind == 5:
        body[at:] = rng.bytes(len(raw) - at)
    else:
        for place in rng.integers(0, len(raw), 4):
            body[place] ^= 1 << int(rng.integers(8))
    return bytes(body)


@given(
    counter=st.integers(0, 2**64 - 1),
    sent=st.integers(0, 2**64 - 1) | st.integers(NOW - 400_000, NOW + 400_000),
    samples=st.integers(0, 2**32 - 1) | st.integers(0, 100),
    losses=st.tuples(st.floats(width=32), st.floats(width=32)),
    theta=st.lists(st.floats(width=32), min_size=4, max_size=4),
    half=st.booleans(),
)
def test_what_an_owner_of_a_key_signs_is_refused_or_within_all_bounds(
    counter, sent, samples, losses, theta, half
):
    phone = Phone(b"b" * 32)
    known = {phone.bundle: Accepted(1, 4, 1.5, NOW // 1_000)}
    device = Device(public_bytes(phone.key), 5, False)
    with np.errstate(over="ignore", invalid="ignore"):
        raw = phone.upload(
            counter=counter,
            sent=sent,
            samples=samples,
            before=losses[0],
            after=losses[1],
            theta=np.array(theta, np.float32),
            half=half,
        )
    try:
        taken = check_upload(raw, NOW, known, {phone.name: device}.get, GatePolicy())
    except RefusedError:
        return

    assert 5 < taken.counter < 2**63
    assert abs(taken.sent - NOW) <= 300_000
    assert 5 <= taken.samples <= 5_000
    assert 0 <= taken.after <= taken.before < np.inf
    assert np.linalg.norm(taken.theta) <= 1.5 * 1.001


def test_what_is_packed_is_unpacked(phone):
    raw = phone.upload()

    assert pack_upload(unpack_upload(raw, frozenset({32})), phone.key) == raw
