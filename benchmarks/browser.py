"""How long a step and a list take in a browser: headless Chromium, one thread.

    python benchmarks/browser.py

Claims: a step of 20 rows takes under 5 ms, and is that of torch to 1e-6. The model is
DIN with layers of 64 and 32 and a theta of 16 numbers, its weights drawn. Needs
``make browser`` and Chromium.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import uvicorn

from tidegraph.device.bundle.export import export_bundle
from tidegraph.device.bundle.graphs import Model
from tidegraph.device.gate.app import Published, app
from tidegraph.device.gate.gate import Gate
from tidegraph.device.gate.page import add_page
from tidegraph.device.patch import MetaPatch
from tidegraph.device.signing import public_bytes, signing_key
from tidegraph.device.split import split
from tidegraph.nn.click import DIN
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.wide import Wide
from tidegraph.training.weights import initialised, tensor

CLIENT = Path(__file__).parents[1] / "clients" / "browser"
OUT = Path(__file__).parent / "results" / "browser.json"
ITEMS, NUMBERS, HISTORY, PORT = 500, 8, 30, 8791
TIMED = """async ([tide, rows]) => {
  const here = new URL(".", location.href).href;
  const { trusted } = await (await fetch("settings.json")).json();
  const key = Uint8Array.from(trusted.match(/../g), (two) => parseInt(two, 16));
  const store = await tide.Store.open();
  const began = performance.now();
  const runtime = here + "ort-wasm-simd-threaded.wasm";
  const made = (found) => tide.Model.of(found, runtime);
  const { bundle, model } = await tide.newest(here + "v1/bundle/", key, store, made);
  const found = { load: performance.now() - began };
  const labelled = (n) => ({
    x: Float32Array.from({ length: n * bundle.manifest.width }, Math.random),
    offset: new Float32Array(n),
    label: Float32Array.from({ length: n }, (_, k) => Number(k % 5 === 0)),
    weight: new Float32Array(n).fill(1),
  });
  const median = async (work) => {
    const took = [];
    for (let n = 0; n < 120; n++) {
      const start = performance.now();
      await work();
      took.push(performance.now() - start);
    }
    took.sort((a, b) => a - b);
    return { median: took[60], p95: took[114] };
  };
  const theta = new Float32Array(16).fill(0.1);
  for (const n of [1, 20, 100]) {
    const known = labelled(n);
    found[`step of ${n} rows`] = await median(() => model.step(known, theta, 0.3));
  }
  const ids = model.catalogue.items.map((item) => item.id);
  const seen = await model.rows(ids, [], Date.now());
  found[`trunk of ${ids.length}`] = await median(() => model.rows(ids, [], Date.now()));
  found[`score of ${ids.length}`] = await median(() => model.score(seen, theta));
  return found;
}"""


def drawn_model(rng: np.random.Generator) -> Model:
    spec = InputSpec((ITEMS, 20), (1,), NUMBERS)
    network = initialised(lambda: Wide(DIN().build(spec), NUMBERS), rng)
    trunk, tower = split(network)
    head = MetaPatch().patched(tower, rng=rng)
    b, k, h = 2, 3, HISTORY
    example = Inputs(
        item=tensor(rng.integers(0, 20, (b, k, 2))),
        user=tensor(np.zeros((b, 1), np.int64)),
        numbers=tensor(rng.random((b, k, NUMBERS), np.float32)),
        present=tensor(np.ones((b, k), np.bool_)),
        step=tensor(rng.integers(0, 20, (b, h, 2))),
        event=tensor(np.zeros((b, h, 0), np.float32)),
        cross=tensor(np.zeros((b, k, h, 0), np.float32)),
        age=tensor(rng.integers(0, 12, (b, h))),
        real_step=tensor(rng.random((b, h)) < 0.5),
    )
    items = [
        {
            "id": str(n),
            "name": str(n),
            "category": None,
            "rows": [n + 1, n % 20 + 1],
            "numbers": rng.normal(size=NUMBERS).tolist(),
        }
        for n in range(ITEMS)
    ]
    body = {"history": HISTORY, "user_fields": 1, "items": items}
    return Model(head, trunk, example, items=json.dumps(body).encode())


def asked(commands: list[list[object]], chromium: str) -> list[object]:
    """Return what the page answers."""
    done = subprocess.run(
        ["node", "drive.mjs", f"http://127.0.0.1:{PORT}/", chromium],
        input="\n".join(map(json.dumps, commands)),
        capture_output=True,
        text=True,
        cwd=CLIENT,
        check=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    for answer in answers:
        if "error" in answer:
            sys.exit(answer["error"])
    return [answer["answer"] for answer in answers]


def main() -> None:
    chromium = shutil.which("chromium")
    if chromium is None or not (CLIENT / "dist" / "page.js").exists():
        sys.exit("skipped: needs Chromium, and the page, which make browser builds.")
    root = Path(tempfile.mkdtemp())
    key = signing_key(root / "signing.pem")
    export_bundle(drawn_model(np.random.default_rng(0)), root / "bundle", key)
    sizes = {part.name: part.stat().st_size for part in (root / "bundle").iterdir()}
    with Gate(root / "store") as gate:
        trusted = public_bytes(key)
        made = app(gate, Published(gate, root / "bundle", trusted))
        add_page(made, CLIENT / "dist", gate, trusted)
        server = uvicorn.Server(uvicorn.Config(made, port=PORT, log_level="error"))
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        found = asked([["open"], ["run", TIMED, None]], chromium)[1]
        server.should_exit = True
        thread.join()
    result = {"milliseconds": found, "bytes": sizes}
    print(json.dumps(result, indent=1))
    OUT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
