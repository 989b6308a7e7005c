/** The graphs of a bundle, run by ONNX Runtime on one thread. */

import * as ort from "onnxruntime-web";

import type { Bundle } from "./bundle.ts";
import { Catalogue } from "./catalogue.ts";
import { DeviceError } from "./errors.ts";
import type { Shown } from "./store.ts";

const WEIGHTS = "weights.bin";

/** Candidates as the trunk sees them; theta changes what stands above. */
export interface Rows {
  /** `offset.length` rows of `width` numbers. */
  x: Float32Array;
  offset: Float32Array;
}

/** Rows of several lists, and which were acted on. */
export interface Labelled extends Rows {
  label: Float32Array;
  weight: Float32Array;
}

/** How the publisher wants devices to learn. */
export interface Local {
  steps: number;
  rate: number;
  /** Is how often the user acts at all to be left out of what is learnt? */
  correct: boolean;
  /** How strongly each number is held to 0, in rows whose loss bends by 1. */
  precision: number;
}

export class Model {
  private constructor(
    readonly catalogue: Catalogue,
    readonly theta: number,
    readonly local: Local,
    private readonly width: number,
    private readonly graphs: Record<string, ort.InferenceSession>,
  ) {}

  /** @param runtime Address of the WebAssembly file. */
  static async of(bundle: Bundle, runtime: string): Promise<Model> {
    if (typeof WebAssembly === "undefined") {
      throw new DeviceError("this browser has no WebAssembly, by which models run. Use another one.");
    }
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmPaths = { wasm: runtime };
    const graphs: Record<string, ort.InferenceSession> = {};
    for (const name of ["trunk", "start", "score", "train_step"]) {
      const graph = bundle.files[`${name}.onnx`];
      if (!graph) throw new DeviceError(`the bundle has no ${name}.onnx`);
      graphs[name] = await ort.InferenceSession.create(graph, {
        executionProviders: ["wasm"],
        externalData: [{ path: WEIGHTS, data: bundle.files[WEIGHTS]! }],
      });
    }
    const items = bundle.files["items.json"];
    if (!items) throw new DeviceError("the bundle has no items.json, so there is nothing to rank");
    const { theta, width, steps, learning_rate: rate } = bundle.manifest;
    const { correct, precision } = bundle.manifest;
    const local = { steps, rate, correct, precision };
    return new Model(Catalogue.of(items), theta, local, width, graphs);
  }

  /** Return candidates as the trunk sees them strictly before a time. */
  async rows(ids: string[], past: Shown[], now: number): Promise<Rows> {
    const { catalogue } = this;
    const inputs = catalogue.inputs(ids, past, now);
    const [k, h, f] = [ids.length, catalogue.history, catalogue.fields];
    const found = await this.run("trunk", {
      item: new ort.Tensor("int64", inputs.item, [1, k, f]),
      user: new ort.Tensor("int64", new BigInt64Array(catalogue.userFields), [
        1,
        catalogue.userFields,
      ]),
      numbers: new ort.Tensor("float32", inputs.numbers, [1, k, catalogue.numbers]),
      present: new ort.Tensor("bool", new Uint8Array(k).fill(1), [1, k]),
      step: new ort.Tensor("int64", inputs.step, [1, h, f]),
      age: new ort.Tensor("int64", inputs.age, [1, h]),
      // What would be known of events beside their items is in the graph alone.
      event: new ort.Tensor("float32", new Float32Array(0), [1, h, 0]),
      cross: new ort.Tensor("float32", new Float32Array(0), [1, k, h, 0]),
      real_step: new ort.Tensor("bool", inputs.realStep, [1, h]),
    });
    return { x: floats(found, "x"), offset: floats(found, "offset") };
  }

  /** Return the probability of an action on each row under a theta. */
  async score(rows: Rows, theta: Float32Array): Promise<Float32Array> {
    const found = await this.run("score", { ...this.fed(rows), theta: flat(theta) });
    return floats(found, "probability");
  }

  /** Return theta after a step down the gradient, and the loss before it. */
  async step(
    rows: Labelled,
    theta: Float32Array,
    rate: number,
  ): Promise<{ theta: Float32Array; loss: number }> {
    const found = await this.run("train_step", {
      ...this.fed(rows),
      label: flat(rows.label),
      weight: flat(rows.weight),
      theta: flat(theta),
      learning_rate: new ort.Tensor("float32", [rate], []),
    });
    return { theta: floats(found, "theta_after"), loss: floats(found, "loss")[0]! };
  }

  /** Return theta to begin with, from theta as it was; zeros where there was none. */
  async start(rows: Labelled, before: Float32Array): Promise<Float32Array> {
    const found = await this.run("start", {
      ...this.fed(rows),
      label: flat(rows.label),
      weight: flat(rows.weight),
      before: flat(before),
    });
    return floats(found, "theta_to_begin");
  }

  private fed(rows: Rows): Record<string, ort.Tensor> {
    const x = new ort.Tensor("float32", rows.x, [rows.offset.length, this.width]);
    return { x, offset: flat(rows.offset) };
  }

  private async run(
    name: string,
    known: Record<string, ort.Tensor>,
  ): Promise<ort.InferenceSession.OnnxValueMapType> {
    const graph = this.graphs[name]!;
    // A graph takes no input of which its model makes nothing.
    const wanted = graph.inputNames.map((input) => [input, known[input]!]);
    return graph.run(Object.fromEntries(wanted));
  }
}

function flat(numbers: Float32Array): ort.Tensor {
  return new ort.Tensor("float32", numbers, [numbers.length]);
}

function floats(
  found: ort.InferenceSession.OnnxValueMapType,
  name: string,
): Float32Array {
  return (found[name] as ort.Tensor).data as Float32Array;
}
