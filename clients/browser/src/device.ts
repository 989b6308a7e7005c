/** One device: what it was shown and chose, what it learnt, and its list. */

import { hex, newest, type Bundle } from "./bundle.ts";
import { DeviceError } from "./errors.ts";
import { Gate } from "./gate.ts";
import { learn, type Lesson } from "./learn.ts";
import { Model, type Labelled, type Rows } from "./model.ts";
import { MOST_LISTS, Store, type Learnt, type Shown } from "./store.ts";

export interface Options {
  /** Where the bundle is, with a slash at its end. */
  bundle: string;
  /** Where the gate is, with a slash at its end. */
  gate: string;
  /** The 32 bytes of the publisher's public key. */
  trusted: Uint8Array;
  /** Address of ONNX Runtime's WebAssembly file. */
  runtime: string;
}

export interface Ranked {
  id: string;
  probability: number;
}

/** A place in the new list, where it was before, and which choice brought it there. */
export interface Moved extends Ranked {
  now: number;
  before: number;
  /** The choice without which the item would stand lowest; none that matters: null. */
  because: string | null;
}

export class Device {
  private constructor(
    readonly bundle: Bundle,
    readonly model: Model,
    /** What a person should know of how it started; nothing, if all is well. */
    readonly warning: string | null,
    private readonly store: Store,
    private readonly gate: Gate,
    private learnt: Learnt | null,
    private earlier: Float32Array | null,
    private past: Shown[],
  ) {}

  static async start(options: Options): Promise<Device> {
    const store = await Store.open();
    const { bundle, model, warning } = await newest(
      options.bundle,
      options.trusted,
      store,
      (found) => Model.of(found, options.runtime),
    );
    const learnt = await store.get("learnt");
    // What was learnt for the bundle before is where learning begins, and nothing else;
    // that of an earlier one counts as none.
    const same = learnt?.bundle === hex(bundle.digest);
    const last = learnt?.version === bundle.manifest.version - 1;
    const earlier = (same ? learnt.earlier : last ? learnt.theta : null) ?? null;
    const gate = new Gate(options.gate, store);
    const [now, past] = [same ? learnt : null, await store.shown()];
    return new Device(bundle, model, warning, store, gate, now, earlier, past);
  }

  /** How many choices there are to learn from. */
  get choices(): number {
    return this.past.filter((one) => one.acted).length;
  }

  /** Has this device numbers of its own? */
  get personal(): boolean {
    return this.learnt !== null;
  }

  private get theta(): Float32Array | null {
    return this.learnt?.theta ?? null;
  }

  /** Return the best items, without those chosen before and those left out. */
  async list(count: number, without: ReadonlySet<string> = new Set()): Promise<Ranked[]> {
    const now = Date.now();
    const ids = this.candidates(without);
    const rows = await this.model.rows(ids, this.past, now);
    return (await this.ranked(ids, rows, this.theta)).slice(0, count);
  }

  /** Keep a list that was shown, and what of it was chosen, if anything. */
  async keep(items: string[], acted: string | null): Promise<void> {
    // Strictly later than the one before, so that it is part of its past.
    const last = this.past.at(-1)?.time ?? 0;
    const shown = { time: Math.max(Date.now(), last + 1), items, acted };
    await this.store.add(shown);
    this.past = [...this.past, shown].slice(-MOST_LISTS);
  }

  /** Learn from all lists; what is worse on the latest of them is not kept. */
  async learn(): Promise<Lesson> {
    if (Date.now() > this.bundle.manifest.expires * 1_000) {
      throw new DeviceError("the bundle has expired. Load the page anew for the newest");
    }
    const { rows, groups } = await this.labelled(this.past);
    const lesson = await learn(this.model, rows, groups, this.earlier);
    if (lesson.kept) {
      const { theta, samples, before, after } = lesson;
      const learnt = {
        bundle: hex(this.bundle.digest),
        version: this.bundle.manifest.version,
        theta,
        earlier: this.earlier,
        samples,
        before,
        after,
      };
      await this.store.put("learnt", learnt);
      this.learnt = learnt;
    }
    return lesson;
  }

  /** Return the best items now, where each was without theta, and why it moved. */
  async moved(count: number): Promise<Moved[]> {
    const ids = this.candidates(new Set());
    const rows = await this.model.rows(ids, this.past, Date.now());
    const before = await this.ranked(ids, rows, null);
    const after = await this.ranked(ids, rows, this.theta);
    const place = new Map(before.map((one, n) => [one.id, n + 1]));
    const top = after.slice(0, count);
    const causes = this.theta ? await this.causes(ids, rows, top) : new Map();
    return top.map((one, n) => ({
      ...one,
      now: n + 1,
      before: place.get(one.id)!,
      because: causes.get(one.id) ?? null,
    }));
  }

  /** Send theta to the gate, signed; nothing else leaves the device. */
  async send(ticket: () => Promise<Uint8Array>): Promise<void> {
    const { theta, samples, before, after } = this.learnt!;
    const bundle = this.bundle.digest;
    await this.gate.upload({ bundle, theta, samples, before, after }, ticket);
  }

  /**
   * Forget everything here, and ask the gate to; nothing is sent without an identity,
   * which alone stays until the gate has done it, so that it can be asked again.
   */
  async forget(): Promise<void> {
    await this.store.clearLearnt();
    this.learnt = this.earlier = null;
    this.past = [];
    await this.gate.forget();
    await this.store.clear();
  }

  private candidates(without: ReadonlySet<string>): string[] {
    const chosen = new Set(this.past.flatMap((one) => one.acted ?? []));
    return this.model.catalogue.items
      .map((item) => item.id)
      .filter((id) => !chosen.has(id) && !without.has(id));
  }

  private async ranked(
    ids: string[],
    rows: Rows,
    theta: Float32Array | null,
  ): Promise<Ranked[]> {
    // A patch of zeros changes nothing: that is the model without theta.
    const numbers = theta ?? new Float32Array(this.model.theta);
    const probability = await this.model.score(rows, numbers);
    const all = ids.map((id, n) => ({ id, probability: probability[n]! }));
    return all.sort((a, b) => b.probability - a.probability);
  }

  /** Return the choice without which each item would stand lowest, learnt anew. */
  private async causes(
    ids: string[],
    rows: Rows,
    top: Ranked[],
  ): Promise<Map<string, string>> {
    const found = new Map<string, { id: string; lost: number }>();
    const of = new Map(top.map((one) => [one.id, one.probability]));
    for (const left of this.past.filter((one) => one.acted).slice(-10)) {
      const rest = this.past.filter((one) => one !== left);
      const { rows: known, groups } = await this.labelled(rest);
      const lesson = await learn(this.model, known, groups, this.earlier);
      const without = await this.ranked(ids, rows, lesson.theta);
      for (const { id, probability } of without) {
        const lost = (of.get(id) ?? 0) - probability;
        if (lost > (found.get(id)?.lost ?? 0)) found.set(id, { id: left.acted!, lost });
      }
    }
    return new Map([...found].map(([id, cause]) => [id, cause.id]));
  }

  /** Return the candidates of all lists as rows, and the list of each row. */
  private async labelled(past: Shown[]): Promise<{ rows: Labelled; groups: number[] }> {
    const parts: Rows[] = [];
    const [label, groups] = [[] as number[], [] as number[]];
    for (const [n, one] of past.entries()) {
      const known = one.items.filter((id) => this.model.catalogue.byId.has(id));
      if (!one.acted || !known.includes(one.acted)) continue;
      parts.push(await this.model.rows(known, past.slice(0, n), one.time));
      label.push(...known.map((id) => Number(id === one.acted)));
      groups.push(...known.map(() => n));
    }
    const rows = {
      x: Float32Array.from(parts.flatMap((part) => [...part.x])),
      offset: Float32Array.from(parts.flatMap((part) => [...part.offset])),
      label: Float32Array.from(label),
      weight: new Float32Array(label.length).fill(1),
    };
    return { rows, groups };
  }
}
