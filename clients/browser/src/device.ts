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
    private learnt: Learnt | null = null,
    private earlier: Float32Array | null = null,
    private past: Shown[] = [],
  ) {}

  static async start(options: Options): Promise<Device> {
    const store = await Store.open();
    const { bundle, model, warning } = await newest(
      options.bundle,
      options.trusted,
      store,
      (found) => Model.of(found, options.runtime),
    );
    const gate = new Gate(options.gate, store);
    const device = new Device(bundle, model, warning, store, gate);
    await device.reread();
    return device;
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

  /** Unix milliseconds, after every list: a clock that was ahead empties no history. */
  private get now(): number {
    return Math.max(Date.now(), (this.past.at(-1)?.time ?? 0) + 1);
  }

  /** Take what the store has: another window may have added to it, or forgotten it. */
  private async reread(): Promise<void> {
    const { manifest, digest } = this.bundle;
    const learnt = await this.store.get("learnt");
    // What was learnt for the bundle before is where learning begins, and nothing else;
    // that of an earlier one counts as none.
    const same = learnt?.bundle === hex(digest);
    const last = learnt?.version === manifest.version - 1;
    this.past = await this.store.shown();
    this.learnt = same ? learnt : null;
    this.earlier = (same ? learnt.earlier : last ? learnt.theta : null) ?? null;
  }

  /** Return the best items, without those chosen before and those left out. */
  async list(count: number, without: ReadonlySet<string> = new Set()): Promise<Ranked[]> {
    await this.reread();
    const ids = this.candidates(without);
    const rows = await this.model.rows(ids, this.past, this.now);
    return (await this.ranked(ids, rows, this.theta)).slice(0, count);
  }

  /** Keep a list that was shown, and what of it was chosen, if anything. */
  async keep(items: string[], acted: string | null): Promise<void> {
    await this.reread();
    // Strictly later than the one before, so that it is part of its past.
    const shown = { time: this.now, items, acted };
    await this.store.add(shown);
    this.past = [...this.past, shown].slice(-MOST_LISTS);
  }

  /** Learn from all lists; what is worse on the latest of them is not kept. */
  async learn(): Promise<Lesson> {
    if (Date.now() > this.bundle.manifest.expires * 1_000) {
      throw new DeviceError("the bundle has expired. Load the page anew for the newest");
    }
    await this.reread();
    const lesson = await this.lesson(this.past);
    if (lesson.kept) {
      const { theta, samples, before, after } = lesson;
      const learnt = {
        bundle: hex(this.bundle.digest),
        version: this.bundle.manifest.version,
        until: this.past.at(-1)!.time,
        theta,
        earlier: this.earlier,
        samples,
        before,
        after,
      };
      if (!(await this.store.putLearnt(learnt))) {
        await this.reread();
        throw new DeviceError("nothing is kept: another window has forgotten the choices");
      }
      this.learnt = learnt;
    }
    return lesson;
  }

  /** Return the best items now, where each was without theta, and why it moved. */
  async moved(count: number): Promise<Moved[]> {
    const ids = this.candidates(new Set());
    const rows = await this.model.rows(ids, this.past, this.now);
    const before = await this.ranked(ids, rows, null);
    const after = await this.ranked(ids, rows, this.theta);
    const place = new Map(before.map((one, n) => [one.id, n + 1]));
    const top = after.slice(0, count);
    const causes = this.theta ? await this.causes(ids, rows) : new Map();
    return top.map((one, n) => ({
      ...one,
      now: n + 1,
      before: place.get(one.id)!,
      because: causes.get(one.id) ?? null,
    }));
  }

  /**
   * Send theta to the gate, signed, with how many rows it was learnt from and how well
   * it did on the latest; no choice leaves the device.
   */
  async send(ticket: () => Promise<Uint8Array>): Promise<void> {
    await this.reread();
    if (!this.learnt) throw new DeviceError("there is nothing to send: nothing was learnt yet");
    const { theta, samples, before, after } = this.learnt;
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

  /**
   * Return the choice without which each item would stand lowest, learnt anew: of the
   * latest that theta was learnt from, and that the bundle knows.
   */
  private async causes(ids: string[], rows: Rows): Promise<Map<string, string>> {
    const found = new Map<string, { id: string; lost: number }>();
    const lists = this.past.filter((one) => one.time <= (this.learnt?.until ?? 0));
    const all = await this.lesson(lists);
    // With all of them, as they are now: the oldest may be gone since.
    const whole = await this.ranked(ids, rows, all.theta);
    const of = new Map(whole.map((one) => [one.id, one.probability]));
    const choices = lists.filter((one) => this.teaches(one)).slice(-10);
    for (const left of choices) {
      const lesson = await this.lesson(lists.filter((one) => one !== left));
      const without = await this.ranked(ids, rows, lesson.theta);
      for (const { id, probability } of without) {
        const lost = (of.get(id) ?? 0) - probability;
        if (lost > (found.get(id)?.lost ?? 0)) found.set(id, { id: left.acted!, lost });
      }
    }
    return new Map([...found].map(([id, cause]) => [id, cause.id]));
  }

  /** Learn from some lists, and keep nothing of it. */
  private async lesson(past: Shown[]): Promise<Lesson> {
    const { rows, groups } = await this.labelled(past);
    return learn(this.model, rows, groups, this.earlier);
  }

  /** Was something chosen from this list that the bundle knows? */
  private teaches(one: Shown): boolean {
    const { byId } = this.model.catalogue;
    return !!one.acted && one.items.includes(one.acted) && byId.has(one.acted);
  }

  /** Return the candidates of all lists as rows, and the list of each row. */
  private async labelled(past: Shown[]): Promise<{ rows: Labelled; groups: number[] }> {
    const parts: Rows[] = [];
    const [label, groups] = [[] as number[], [] as number[]];
    for (const [n, one] of past.entries()) {
      if (!this.teaches(one)) continue;
      const known = one.items.filter((id) => this.model.catalogue.byId.has(id));
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
