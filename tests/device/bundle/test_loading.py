"""What cannot be trusted is refused in one sentence, before anything of it runs."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from onnx import TensorProto, helper

from device.bundles import KEY, TRUSTED
from tidegraph.device.bundle import manifest
from tidegraph.device.bundle.loading import SCORE, TRAIN_STEP, WEIGHTS, load
from tidegraph.device.bundle.manifest import MANIFEST, File, opened, sealed
from tidegraph.device.bundle.wire import check_graph
from tidegraph.device.gate.tickets import Tickets
from tidegraph.device.signing import public_bytes, signing_key, trusted_key
from tidegraph.errors import ArtifactError


@pytest.fixture
def folder(exported, tmp_path):
    return shutil.copytree(exported, tmp_path / "bundle")


def resigned(folder, key=KEY, **changes):
    """Sign the files of a folder as they are now, and what else is changed."""
    said = opened((folder / MANIFEST).read_bytes(), TRUSTED).manifest
    files = {
        name: File(len(raw), hashlib.sha256(raw).hexdigest())
        for name in said.files
        if (raw := (folder / name).read_bytes()) is not None
    }
    body = {**vars(said), "files": files, **changes}
    (folder / MANIFEST).write_bytes(sealed(manifest.Manifest(**body), key))


def refusal(folder, **how) -> str:
    with pytest.raises(ArtifactError) as refused:
        load(folder, TRUSTED, **how)
    said = str(refused.value)
    assert "\n" not in said
    return said


def test_a_bundle_that_is_whole_is_loaded(folder):
    resigned(folder)

    assert load(folder, TRUSTED).signed.manifest.junctions == ("input", "hidden1")


def test_a_folder_without_a_manifest_is_no_bundle(folder):
    (folder / MANIFEST).unlink()

    assert "is not a bundle" in refusal(folder)


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"null", b'{"signed": 1, "signature": ""}', b"[" * 9_000]
)
def test_a_manifest_that_is_something_else_is_said_so(folder, raw):
    (folder / MANIFEST).write_bytes(raw)

    assert "is not a signed manifest" in refusal(folder)


@pytest.mark.parametrize("at", range(0, 1_400, 61))
def test_a_manifest_that_was_changed_anywhere_is_refused(folder, at):
    raw = bytearray((folder / MANIFEST).read_bytes())
    raw[at % len(raw)] ^= 1
    (folder / MANIFEST).write_bytes(raw)

    said = refusal(folder)
    assert "not signed by the key" in said or "not a signed manifest" in said


def test_a_bundle_of_another_publisher_is_refused(folder):
    resigned(folder, key=Ed25519PrivateKey.generate())

    assert "not signed by the key that is trusted" in refusal(folder)


def test_an_unsigned_bundle_is_refused(folder):
    body = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**body, "signature": ""}))

    assert "not signed by the key that is trusted" in refusal(folder)


@pytest.mark.parametrize("name", [SCORE, TRAIN_STEP, WEIGHTS, "trunk.onnx"])
@pytest.mark.parametrize("how", ["changed", "cut", "longer", "gone"])
def test_a_file_that_is_not_what_was_signed_is_refused(folder, name, how):
    raw = (folder / name).read_bytes()
    changed = {
        "changed": raw[:40] + bytes([raw[40] ^ 1]) + raw[41:],
        "cut": raw[:-1],
        "longer": raw + b"\0",
        "gone": None,
    }[how]
    (folder / name).unlink()
    if changed is not None:
        (folder / name).write_bytes(changed)

    assert f"{name} is missing, cut short or changed" in refusal(folder)


def test_a_bundle_older_than_the_last_is_refused(folder):
    assert "version 1, and version 2 was here before" in refusal(folder, newest=2)
    assert load(folder, TRUSTED, newest=1).signed.manifest.version == 1


def test_a_signed_manifest_that_lacks_something_is_said_so(folder):
    said = json.loads(json.loads((folder / MANIFEST).read_bytes())["signed"])
    for name in said:
        text = json.dumps({key: said[key] for key in said if key != name})
        raw = {"signed": text, "signature": KEY.sign(text.encode()).hex()}
        (folder / MANIFEST).write_text(json.dumps(raw))
        assert MANIFEST in refusal(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 0},
        {"radius": float("nan")},
        {"learning_rate": -1.0},
        {"theta": 0},
        {"files": {"../x.onnx": File(1, "ab" * 32)}},
        {"files": {"x.onnx": File(-1, "ab" * 32)}},
        {"files": {"manifest.json": File(1, "ab" * 32)}},
        {"files": {"x.onnx": File(1, "xy")}},
    ],
)
def test_a_signed_manifest_that_cannot_be_is_said_so(folder, changes):
    resigned(folder, **changes)

    assert MANIFEST in refusal(folder)


def test_widths_are_those_of_the_manifest(folder):
    resigned(folder, theta=8)

    assert "not of the widths" in refusal(folder)


def graph_of(*nodes, initialisers=(), functions=(), domain=""):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])
    graph = helper.make_graph(list(nodes), "g", [x], [y], list(initialisers))
    opsets = [helper.make_opsetid("", 18)]
    if domain:
        opsets.append(helper.make_opsetid(domain, 1))
    made = helper.make_model(graph, opset_imports=opsets, functions=list(functions))
    return made.SerializeToString()


def external(location):
    tensor = TensorProto(name="w", data_type=1, dims=[1])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


PLAIN = helper.make_node("Identity", ["x"], ["y"])
FOREIGN = helper.make_node("Run", ["x"], ["y"], domain="com.evil")
INNER = helper.make_graph([FOREIGN], "inner", [], [])
BRANCH = helper.make_node("If", ["x"], ["y"], then_branch=INNER, else_branch=INNER)
CONSTANT = helper.make_node("Constant", [], ["y"], value=external("/etc/passwd"))
FUNCTION = helper.make_function(
    "mine", "f", ["x"], ["y"], [PLAIN], [helper.make_opsetid("", 18)]
)
GRAPHS = {
    "foreign operator": (graph_of(FOREIGN, domain="com.evil"), "'com.evil'"),
    "foreign within": (graph_of(BRANCH), "'com.evil'"),
    "foreign import": (graph_of(PLAIN, domain="ai.onnx.ml"), "'ai.onnx.ml'"),
    "function": (graph_of(PLAIN, functions=[FUNCTION]), "functions"),
    "other file": (graph_of(PLAIN, initialisers=[external("key.pem")]), "'key.pem'"),
    "path": (graph_of(PLAIN, initialisers=[external("../weights.bin")]), "'../w"),
    "constant": (graph_of(CONSTANT), "'/etc/passwd'"),
    "cut": (graph_of(PLAIN)[:-3], "is not a graph"),
    "empty": (b"", "functions"),
    "noise": (bytes(range(255)), "is not a graph"),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_that_could_do_more_than_compute_is_refused(folder, name):
    raw, said = GRAPHS[name]
    (folder / SCORE).write_bytes(raw)
    resigned(folder)

    assert SCORE in (message := refusal(folder))
    assert said in message


def test_plain_graphs_and_the_file_of_weights_are_let_through():
    check_graph(graph_of(PLAIN, initialisers=[external(WEIGHTS)]), "g", WEIGHTS)


def test_what_is_read_of_a_graph_is_what_its_library_reads(exported):
    """The domains and files of every graph, by the library that wrote it."""
    for path in exported.glob("*.onnx"):
        proto = onnx.load_model(path, load_external_data=False)
        assert {node.domain for node in proto.graph.node} == {""}
        files = {
            entry.value
            for held in proto.graph.initializer
            for entry in held.external_data
            if entry.key == "location"
        }
        check_graph(path.read_bytes(), path.name, WEIGHTS)
        if files:
            with pytest.raises(ArtifactError, match=WEIGHTS):
                check_graph(path.read_bytes(), path.name, "another.bin")


def test_mutated_graphs_raise_errors_of_ours_or_none(exported, rng):
    raw = (exported / TRAIN_STEP).read_bytes()
    refused = 0
    for _ in range(500):
        body = bytearray(raw)
        for at in rng.integers(0, len(raw), 8):
            body[at] = rng.integers(256)
        try:
            check_graph(bytes(body), TRAIN_STEP, WEIGHTS)
        except ArtifactError:
            refused += 1

    assert refused > 50


def varint(value):
    *low, last = [value >> at & 127 for at in range(0, max(value.bit_length(), 1), 7)]
    return bytes([*(part | 128 for part in low), last])


def written(key, content):
    """A field whose key is written as it is, whatever it says."""
    return varint(key) + varint(len(content)) + content


@pytest.mark.parametrize("hidden", [1 << 32, 1 << 40, 1 << 63, (1 << 64) - (1 << 32)])
def test_a_field_that_is_another_once_its_key_is_cut_to_32_bits_is_refused(hidden):
    functions = graph_of(PLAIN) + written(
        (25 << 3 | 2) + hidden, FUNCTION.SerializeToString()
    )
    domain = PLAIN.SerializeToString() + written((7 << 3 | 2) + hidden, b"com.evil")
    foreign = written(7 << 3 | 2, written(1 << 3 | 2, domain))
    nowhere = graph_of(PLAIN) + written(2, b"x")

    for raw in (functions, foreign, nowhere):
        with pytest.raises(ArtifactError, match="a field of an unknown number"):
            check_graph(raw, "g", WEIGHTS)
    # The same graphs without what is hidden.
    with pytest.raises(ArtifactError, match="functions"):
        check_graph(functions.replace(varint(202 + hidden), varint(202)), "g", WEIGHTS)
    check_graph(graph_of(PLAIN), "g", WEIGHTS)


def test_keys_are_kept_in_files(tmp_path):
    key = signing_key(tmp_path / "signing.pem")

    assert (tmp_path / "signing.pem").stat().st_mode & 0o077 == 0
    assert public_bytes(signing_key(tmp_path / "signing.pem")) == public_bytes(key)
    assert trusted_key(tmp_path / "signing.pem.pub") == public_bytes(key)
    with pytest.raises(ArtifactError, match="no public key"):
        trusted_key(tmp_path / "signing.pem")
    with pytest.raises(ArtifactError, match="no private key"):
        signing_key(tmp_path / "signing.pem.pub")


def test_a_key_is_there_whole_or_not_at_all_whenever_its_maker_dies(
    tmp_path, monkeypatch
):
    place, public = tmp_path / "signing.pem", tmp_path / "signing.pem.pub"

    def killed(*_):
        raise KeyboardInterrupt

    for name in ("fsync", "link"):
        with monkeypatch.context() as patched:
            patched.setattr(os, name, killed)
            with pytest.raises(KeyboardInterrupt):
                signing_key(place)
            with pytest.raises(KeyboardInterrupt):
                Tickets.of(tmp_path)
        assert not list(tmp_path.iterdir())
    key = signing_key(place)
    public.unlink()
    assert public_bytes(signing_key(place)) == public_bytes(key) == trusted_key(public)


def test_of_two_who_make_a_key_at_once_both_have_the_same(tmp_path, monkeypatch):
    first, exists = signing_key(tmp_path / "signing.pem"), Path.exists
    # As it was before the other made it.
    monkeypatch.setattr(Path, "exists", lambda of: of.suffix != ".pem" and exists(of))

    assert public_bytes(signing_key(tmp_path / "signing.pem")) == public_bytes(first)


def test_the_sessions_hold_what_was_checked_whatever_becomes_of_the_files(folder, din):
    bundle = load(folder, TRUSTED)
    x = np.ones((2, din.head.f.width), np.float32)
    given = x, np.zeros(2, np.float32), np.zeros(7, np.float32)
    before = bundle.score(*given)
    (folder / WEIGHTS).write_bytes(bytes(10))

    assert np.array_equal(bundle.score(*given), before)
