"""A page that a real browser opens, beside a gate."""

import shutil
import socket
import threading
import time

import numpy as np
import pytest
import torch
import uvicorn

from device.browsers import (
    CLIENT,
    ITEMS,
    KEY,
    NUMBERS,
    SPEC,
    THETA,
    TRUSTED,
    Browser,
    browser_or_skip,
    items,
)
from nn.click.test_models import drawn
from tidegraph.device.bundle.export import export_bundle
from tidegraph.device.bundle.graphs import Model
from tidegraph.device.gate.app import Published, app
from tidegraph.device.gate.gate import Gate
from tidegraph.device.gate.page import add_page
from tidegraph.device.patch import MetaPatch
from tidegraph.device.personalise import LocalSteps
from tidegraph.device.split import split
from tidegraph.nn.click import DIN
from tidegraph.nn.wide import Wide
from tidegraph.training.weights import initialised


@pytest.fixture(scope="session")
def model() -> Model:
    rng = np.random.default_rng(0)
    network = initialised(
        lambda: Wide(DIN(8, (16, 8)).build(SPEC), NUMBERS), np.random.default_rng(1)
    )
    with torch.no_grad():
        # So that an item is its kind more than anything else.
        network.wide.weight *= 0.1
        network.deep.item.tables[1].weight *= 5
    trunk, tower = split(network)
    head = MetaPatch(theta=THETA).patched(tower, rng=rng)
    example = drawn(SPEC, rng, 3, 5, 6)
    local = LocalSteps(steps=20, learning_rate=0.5)
    return Model(head, trunk, example, local, items())


@pytest.fixture(scope="session")
def exported(model, tmp_path_factory):
    browser_or_skip()
    folder = tmp_path_factory.mktemp("exported") / "bundle"
    export_bundle(model, folder, KEY, version=1)
    return folder


@pytest.fixture
def folder(exported, tmp_path):
    return shutil.copytree(exported, tmp_path / "bundle")


class Careless(Published):
    """Serves what lies in the folder, as a web server of another make does."""

    def file(self, name):
        place = self._folder / name
        return place.read_bytes() if place.is_file() else None


@pytest.fixture
def published(folder, tmp_path):
    with Gate(tmp_path / "store") as gate:
        yield Careless(gate, folder, TRUSTED), gate


@pytest.fixture
def address(published):
    """Where the page is served, beside the gate, until the test ends."""
    bundle, gate = published
    made = app(gate, bundle)
    add_page(made, CLIENT / "dist", gate, TRUSTED)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(
        uvicorn.Config(made, port=port, log_level="error", ws="none")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}/"
    server.should_exit = True
    thread.join()


@pytest.fixture
def page(address):
    browser = Browser(address, browser_or_skip())
    try:
        assert browser.open() == f"Bundle 1, {ITEMS} items."
        yield browser
        assert browser.troubles() == []
    finally:
        browser.close()
