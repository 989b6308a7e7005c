"""The page in a real browser: it learns, keeps, sends and survives."""

import copy
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from device import heads
from device.browsers import ITEMS, KEY, KINDS, THETA, Browser, browser_or_skip
from tidegraph.device.bundle.export import export_bundle, refresh_bundle
from tidegraph.device.personalise import local_step


def choose(page, count):
    """Choose items of one kind, whose users' taste is plain."""
    for _ in range(count):
        while not (alike := [i for i in page.list() if int(i[1:]) % KINDS == 1]):
            page.others()
        page.choose(alike[0])


BEGINS = """async ([tide]) => {
  const here = new URL(".", location.href).href;
  const { trusted } = await (await fetch("settings.json")).json();
  const device = await tide.Device.start({
    bundle: here + "v1/bundle/",
    gate: here,
    trusted: Uint8Array.from(trusted.match(/../g), (two) => parseInt(two, 16)),
    runtime: here + "ort-wasm-simd-threaded.wasm",
  });
  return device.earlier !== null;
}"""

TEN_STEPS = """async ([tide, given]) => {
  const numbers = (list) => Float32Array.from(list);
  const here = new URL(".", location.href).href;
  const { trusted } = await (await fetch("settings.json")).json();
  const store = await tide.Store.open();
  const key = Uint8Array.from(trusted.match(/../g), (two) => parseInt(two, 16));
  const runtime = here + "ort-wasm-simd-threaded.wasm";
  const made = (bundle) => tide.Model.of(bundle, runtime);
  const { model } = await tide.newest(here + "v1/bundle/", key, store, made);
  const rows = Object.fromEntries(
    ["x", "offset", "label", "weight"].map((name) => [name, numbers(given[name])]),
  );
  let theta = numbers(given.theta);
  for (let n = 0; n < 10; n++) ({ theta } = await model.step(rows, theta, 0.3));
  return [...theta];
}"""


def test_theta_after_ten_steps_is_that_of_torch(page, model):
    head = model.head
    rows, theta = heads.rows(20, width=head.f.width), heads.theta(head, length=0.5)
    given = {name: part.flatten().tolist() for name, part in rows._asdict().items()}
    found = page.run(TEN_STEPS, {**given, "theta": theta.tolist()})

    for _ in range(10):
        theta, _ = local_step(head, theta, rows, 0.3)
    assert np.abs(np.array(found) - theta.detach().numpy()).max() < 1e-6


def test_choices_and_theta_survive_a_reload_and_no_network(page):
    choose(page, 5)
    page.press("learn")
    page.until("#lesson", "Learnt from 40 rows")
    shown = page.list()
    page.open()
    assert page.text("#facts").startswith("5 choices")
    assert page.list() == shown

    page.offline(True)
    assert "The bundle kept here is used: there is no network." in page.open()
    assert page.list() == shown
    choose(page, 1)
    page.press("learn")
    page.until("#lesson", "Learnt from 50 rows")
    page.offline(False)


def test_the_list_before_and_after_is_shown_with_what_moved_it(page):
    choose(page, 8)
    page.press("learn")
    page.until("#lesson", ": kept")
    table = page.table()

    assert [row[0] for row in table] == [str(n + 1) for n in range(10)]
    assert any(row[2] != "same" for row in table)
    assert any(row[3].startswith("you chose Item") for row in table)


def test_the_gate_gets_theta_and_nothing_else_leaves(page, published):
    bundle, gate = published
    choose(page, 8)
    page.press("learn")
    page.until("#lesson", ": kept")
    page.press("send")
    page.until("#status", "from how many rows they were learnt")

    assert page.sent() == [
        ["/ticket", 0],
        ["/v1/devices", 4 + 16 + 32 + 56 + 64],
        ["/v1/uploads", 84 + 4 * THETA + 64],
    ]
    found = gate.thetas(bundle.newest.digest)
    assert found.theta.shape == (1, THETA)
    assert 0 < np.linalg.norm(found.theta) <= 0.5001
    assert found.samples.tolist() == [70]

    page.press("send")
    page.until("#status", "and nothing else")
    page.press("forget")
    page.until("#status", "Forgotten")
    assert len(gate.thetas(bundle.newest.digest).theta) == 0
    assert page.text("#facts").startswith("0 choices")


def other_weights(model):
    """What another round has published: the same graphs and items."""
    head = copy.deepcopy(model.head)
    with torch.no_grad():
        head.start.out.weight *= 0.5
    return replace(model, head=head)


def test_of_a_new_round_the_weights_alone_are_downloaded(
    page, model, folder, published, monkeypatch
):
    asked, (bundle, _) = [], published
    serve = bundle.file
    monkeypatch.setattr(bundle, "file", lambda name: asked.append(name) or serve(name))
    refresh_bundle(other_weights(model), folder, KEY)

    assert page.open() == f"Bundle 2, {ITEMS} items."
    assert len(page.list()) == 10
    assert sorted(asked) == ["manifest.json", "weights.bin"]

    page.open()
    assert sorted(asked) == ["manifest.json", "manifest.json", "weights.bin"]


def test_a_new_round_is_loaded_and_an_old_theta_not_used(page, model, folder):
    choose(page, 8)
    page.press("learn")
    page.until("#lesson", ": kept")
    refresh_bundle(model, folder, KEY)

    assert page.open() == f"Bundle 2, {ITEMS} items."
    assert page.text("#lesson") == "Nothing was learnt yet."
    assert page.text("#facts").startswith("8 choices")
    assert page.run(BEGINS, {})

    # Learning begins at the theta of the bundle before, and of no earlier one.
    refresh_bundle(model, folder, KEY)
    page.open()
    assert not page.run(BEGINS, {})


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("weights", "weights.bin is not the file that was signed"),
        ("manifest", "the manifest is no signed manifest"),
        ("publisher", "the manifest was not signed by the publisher trusted here"),
        ("gone", "answers 404"),
        ("longer", "weights.bin is longer than the"),
    ],
)
def test_a_corrupt_bundle_leaves_the_last_good_one(page, model, folder, damage, said):
    refresh_bundle(other_weights(model), folder, KEY)
    place = folder / "manifest.json"
    if damage == "weights":
        raw = bytearray((folder / "weights.bin").read_bytes())
        raw[100] ^= 1
        (folder / "weights.bin").write_bytes(raw)
    elif damage == "longer":
        with (folder / "weights.bin").open("ab") as file:
            file.write(bytes(1_000_000))
    elif damage == "manifest":
        place.write_bytes(place.read_bytes()[:200])
    elif damage == "publisher":
        envelope = json.loads(place.read_text())
        envelope["signed"] = envelope["signed"].replace('"version": 2', '"version": 3')
        place.write_text(json.dumps(envelope))
    else:
        place.unlink()

    status = page.open()
    assert said in status
    assert status.startswith("The bundle kept here is used: ")
    assert len(page.list()) == 10


@pytest.mark.parametrize(
    ("lacks", "said"),
    [
        ("items", "the bundle has no items.json, so there is nothing to rank"),
        ("trunk", "the bundle has no trunk.onnx"),
    ],
)
def test_a_bundle_that_this_page_cannot_run_leaves_the_last_good_one(
    page, model, folder, lacks, said
):
    if lacks == "trunk":
        model = replace(model, trunk=None, example=None)
    else:
        model = replace(model, items=None)
    shutil.rmtree(folder)
    export_bundle(model, folder, KEY, version=2)

    for _ in range(2):
        assert page.open() == f"The bundle kept here is used: {said}."
        assert len(page.list()) == 10


def test_what_is_kept_here_is_forgotten_though_the_gate_is_gone(page, published):
    choose(page, 8)
    page.press("learn")
    page.until("#lesson", ": kept")
    page.press("send")
    page.until("#status", "and nothing else")
    published[1]._writer.close()

    page.press("forget")
    page.until("#status", "It is not done. Send it again later.")

    assert page.text("#facts").startswith("0 choices")
    assert page.text("#lesson") == "Nothing was learnt yet."


def test_a_full_store_is_said_and_nothing_is_lost(address):
    browser = Browser(address, browser_or_skip())
    try:
        browser.quota(1_000)
        status = browser.open()
        assert "The bundle is used but not kept: nothing was kept (Quota" in status
        assert len(browser.list()) == 10
        browser.press_item(browser.list()[0])
        browser.until("#status", "Nothing was kept (QuotaExceededError). Free some")
        browser.open()
        assert browser.text("#facts").startswith("0 choices")

        browser.quota(-1)
        browser.open()
        choose(browser, 1)
        browser.open()
        assert browser.text("#facts").startswith("1 choice is")
    finally:
        browser.close()


def test_a_browser_without_storage_or_webassembly_says_so(address):
    browser = Browser(address, browser_or_skip())
    try:
        browser.without("indexedDB")
        assert "This browser keeps nothing (no IndexedDB)" in browser.open()
        browser.without("WebAssembly")
        assert "This browser has no WebAssembly" in browser.open()
        browser.without("crypto")
        assert "The browser checks no signatures on this page" in browser.open()
    finally:
        browser.close()
