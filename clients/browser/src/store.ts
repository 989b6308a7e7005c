/** What the device keeps, in IndexedDB: nothing of it leaves but what is uploaded. */

import { DeviceError } from "./errors.ts";

/** A list that was shown, and what of it was acted on. */
export interface Shown {
  /** Unix milliseconds. */
  time: number;
  items: string[];
  acted: string | null;
}

/** What was learnt for a bundle. */
export interface Learnt {
  bundle: string;
  version: number;
  /** Time of the latest list that it was learnt from; older pages kept none. */
  until?: number;
  theta: Float32Array;
  /** Theta under the bundle before, where learning begins; null where there was none. */
  earlier: Float32Array | null;
  /** From how many rows, and the loss of held-out ones without theta and with it. */
  samples: number;
  before: number;
  after: number;
}

/** Who the device is to the gate; the private key cannot leave the browser. */
export interface Identity {
  device: Uint8Array;
  keys: CryptoKeyPair;
  enrolled: boolean;
  counter: number;
}

/** A bundle whose signature and checksums were right when it came. */
export interface Kept {
  manifest: Uint8Array;
  files: Record<string, Uint8Array>;
}

interface Values {
  learnt: Learnt;
  identity: Identity;
  bundle: Kept;
}

const NAME = "tidegraph-device";
/** So many lists are kept. */
export const MOST_LISTS = 500;
const [SHOWN, VALUES] = ["shown", "values"];

export class Store {
  private constructor(private readonly db: IDBDatabase) {}

  static async open(): Promise<Store> {
    if (typeof indexedDB === "undefined") {
      throw new DeviceError(
        "this browser keeps nothing (no IndexedDB). Leave the private window, or allow storage for this page.",
      );
    }
    const asked = indexedDB.open(NAME, 1);
    asked.onupgradeneeded = () => {
      asked.result.createObjectStore(SHOWN!, { autoIncrement: true });
      asked.result.createObjectStore(VALUES!);
    };
    try {
      return new Store(await answer(asked));
    } catch (error) {
      throw new DeviceError(
        `this browser keeps nothing (${reason(error)}). Allow storage for this page.`,
      );
    }
  }

  /**
   * Keep a list that was shown, and no more than the latest; it is on the disk, or the
   * error says that it is not.
   */
  async add(shown: Shown): Promise<void> {
    await this.write([SHOWN!], (lists) => {
      const added = lists!.add(shown);
      added.onsuccess = () => {
        // Keys rise, so that all before this one are of older lists.
        const last = (added.result as number) - MOST_LISTS;
        if (last > 0) lists!.delete(IDBKeyRange.upperBound(last));
      };
    });
  }

  /** All lists that were shown, the oldest first. */
  async shown(): Promise<Shown[]> {
    return answer(this.db.transaction(SHOWN!).objectStore(SHOWN!).getAll());
  }

  async get<K extends keyof Values>(key: K): Promise<Values[K] | undefined> {
    return answer(this.db.transaction(VALUES!).objectStore(VALUES!).get(key));
  }

  async put<K extends keyof Values>(key: K, value: Values[K]): Promise<void> {
    await this.write([VALUES!], (values) => values!.put(value, key));
  }

  /**
   * Keep what was learnt, if the lists are still there that it was learnt from: another
   * window may have forgotten them. Return whether they are.
   */
  async putLearnt(learnt: Learnt): Promise<boolean> {
    let there = false;
    await this.write([SHOWN!, VALUES!], (lists, values) => {
      const asked: IDBRequest<Shown[]> = lists!.getAll();
      asked.onsuccess = () => {
        there = asked.result.some((one) => one.time === learnt.until);
        if (there) values!.put(learnt, "learnt");
      };
    });
    return there;
  }

  /** Forget the lists, and what was learnt from them. */
  async clearLearnt(): Promise<void> {
    await this.write([SHOWN!, VALUES!], (lists, values) => {
      lists!.clear();
      values!.delete("learnt");
    });
  }

  /** Forget everything. */
  async clear(): Promise<void> {
    await this.write([SHOWN!, VALUES!], (...all) => all.forEach((one) => one.clear()));
  }

  /** Change some of what is kept, all of it or nothing. */
  private async write(
    names: string[],
    work: (...stores: IDBObjectStore[]) => void,
  ): Promise<void> {
    const change = this.db.transaction(names, "readwrite", { durability: "strict" });
    const done = new Promise<void>((yes, no) => {
      change.oncomplete = () => yes();
      change.onabort = change.onerror = () => no(change.error);
    });
    try {
      work(...names.map((name) => change.objectStore(name)));
      await done;
    } catch (error) {
      throw new DeviceError(
        `nothing was kept (${reason(error)}). Free some space, or forget what this page keeps.`,
      );
    }
  }
}

function answer<T>(asked: IDBRequest<T>): Promise<T> {
  return new Promise((yes, no) => {
    asked.onsuccess = () => yes(asked.result);
    asked.onerror = () => no(asked.error);
  });
}

function reason(error: unknown): string {
  return error instanceof DOMException ? error.name : String(error);
}
