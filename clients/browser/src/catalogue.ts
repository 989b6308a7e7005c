/** The items that the device ranks, as the publisher describes them. */

import { DeviceError } from "./errors.ts";
import type { Shown } from "./store.ts";

const DAY = 86_400_000;
const BUCKETS = 12;

export interface Item {
  id: string;
  name: string;
  category: string | null;
  /** Rows of its fields in the tables of the trunk. */
  rows: number[];
  /** Its shared inputs as of the bundle, standardised. */
  numbers: number[];
}

/** What the trunk gets of one user and some candidates, row by row. */
export interface Inputs {
  item: BigInt64Array;
  numbers: Float32Array;
  step: BigInt64Array;
  age: BigInt64Array;
  realStep: Uint8Array;
}

export class Catalogue {
  readonly byId: Map<string, Item>;
  readonly fields: number;
  readonly numbers: number;
  readonly userFields: number;

  constructor(
    readonly items: Item[],
    /** How many of the latest events the trunk looks at. */
    readonly history: number,
    /** How many fields a user has; the device's own is unknown to the trunk. */
    userFields: number,
  ) {
    this.byId = new Map(items.map((item) => [item.id, item]));
    this.fields = items[0]?.rows.length ?? 0;
    this.numbers = items[0]?.numbers.length ?? 0;
    this.userFields = userFields;
  }

  static of(file: Uint8Array): Catalogue {
    const { items, history, user_fields } = JSON.parse(new TextDecoder().decode(file));
    if (!items?.length) throw new DeviceError("the bundle has no items to rank");
    return new Catalogue(items, history, user_fields);
  }

  /**
   * Return what is known of candidates strictly before a time.
   *
   * @param ids Candidates; those that this bundle does not know are left out.
   * @param past All lists that were shown, the oldest first.
   * @param now Unix milliseconds.
   */
  inputs(ids: string[], past: Shown[], now: number): Inputs {
    const items = ids.flatMap((id) => this.byId.get(id) ?? []);
    const latest = past
      .filter((one) => one.time < now && one.acted && this.byId.has(one.acted))
      .slice(-this.history)
      .reverse();
    const step = new BigInt64Array(this.history * this.fields);
    const age = new BigInt64Array(this.history);
    const realStep = new Uint8Array(this.history);
    latest.forEach((event, n) => {
      const rows = this.byId.get(event.acted!)!.rows;
      step.set(rows.map(BigInt), n * this.fields);
      age[n] = BigInt(bucket((now - event.time) / DAY));
      realStep[n] = 1;
    });
    return {
      item: BigInt64Array.from(items.flatMap((item) => item.rows.map(BigInt))),
      numbers: Float32Array.from(items.flatMap((item) => item.numbers)),
      step,
      age,
      realStep,
    };
  }
}

/** The bucket of an age in days: each is twice as long as the one before. */
export function bucket(days: number): number {
  return Math.min(Math.floor(Math.log2(Math.max(days, 0) + 1)), BUCKETS - 1);
}
