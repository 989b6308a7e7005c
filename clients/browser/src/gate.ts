/** What the device says to the gate, and what the gate answers. */

import { RefusedError } from "./errors.ts";
import type { Identity, Store } from "./store.ts";
import { DEVICE_BYTES, enrolment, erasure, packed, type Upload } from "./upload.ts";

export type Said = Omit<Upload, "device" | "counter" | "sent">;

export class Gate {
  /** @param address Where the gate is, with a slash at its end. */
  constructor(
    private readonly address: string,
    private readonly store: Store,
  ) {}

  /**
   * Send what was learnt; only once the gate has it on its disk does this return.
   *
   * @param ticket Returns the ticket by which the device enrols, the first time.
   */
  async upload(said: Said, ticket: () => Promise<Uint8Array>): Promise<void> {
    const who = await this.enrolled(ticket);
    // Kept before it is sent: a counter that was lost would be sent again.
    const counter = who.counter + 1;
    await this.store.put("identity", { ...who, counter });
    const whole = { ...said, device: who.device, counter, sent: Date.now() };
    await this.send("v1/uploads", await packed(whole, who.keys.privateKey));
  }

  /** Ask the gate to forget the device, and make another identity next time. */
  async forget(): Promise<void> {
    const who = await this.store.get("identity");
    if (!who?.enrolled) return;
    const said = await erasure(who.device, Date.now(), who.keys.privateKey);
    try {
      await this.send("v1/erasures", said);
    } catch (error) {
      // A gate that knows no such device has nothing to forget.
      if (!(error instanceof RefusedError) || error.reason !== "device") throw error;
    }
  }

  private async enrolled(ticket: () => Promise<Uint8Array>): Promise<Identity> {
    const known = (await this.store.get("identity")) ?? (await this.created());
    if (known.enrolled) return known;
    const said = await enrolment(known.device, await ticket(), known.keys);
    await this.send("v1/devices", said);
    const now = { ...known, enrolled: true };
    await this.store.put("identity", now);
    return now;
  }

  private async created(): Promise<Identity> {
    const keys = await crypto.subtle.generateKey({ name: "Ed25519" }, false, [
      "sign",
      "verify",
    ]);
    const device = crypto.getRandomValues(new Uint8Array(DEVICE_BYTES));
    const made: Identity = {
      device,
      keys: keys as CryptoKeyPair,
      enrolled: false,
      counter: 0,
    };
    await this.store.put("identity", made);
    return made;
  }

  private async send(path: string, body: Uint8Array): Promise<void> {
    let response: Response;
    try {
      response = await fetch(this.address + path, {
        method: "POST",
        body: body as BufferSource,
      });
    } catch {
      throw new RefusedError("network", "the gate cannot be reached. Try later.");
    }
    if (response.ok) return;
    const said = await response.json().catch(() => ({}));
    throw new RefusedError(
      said.reason ?? String(response.status),
      said.message ?? `the gate answers ${response.status}.`,
    );
  }
}
