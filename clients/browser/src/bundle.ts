/**
 * What the publisher sends: graphs, weights and items, believed once the signature of
 * the manifest and the checksum of each file are right; `tidegraph.device.bundle` writes
 * it. Whatever is wrong with a new one, the last good one is still there.
 */

import { DeviceError } from "./errors.ts";
import type { Kept, Store } from "./store.ts";

const MANIFEST = "manifest.json";
const FORMAT = 1;
/** A longer manifest is not read, in bytes. */
const LARGEST = 1 << 20;

export interface Manifest {
  version: number;
  /** Unix seconds after which it is not to be trained with. */
  expires: number;
  theta: number;
  radius: number;
  width: number;
  /** How a device learns: steps, their length, whether its rate is left out, and how
   * strongly each number is held to 0, in rows whose loss bends by 1. */
  steps: number;
  learning_rate: number;
  correct: boolean;
  precision: number;
  /** Length and SHA-256, in hexadecimal, of every other file. */
  files: Record<string, [number, string]>;
}

export interface Bundle {
  manifest: Manifest;
  /** SHA-256 of the signed text: which bundle a theta belongs to. */
  digest: Uint8Array;
  files: Record<string, Uint8Array>;
}

/** What came of looking for a newer bundle. */
export interface Fetched<M> {
  bundle: Bundle;
  /** What was made of it. */
  model: M;
  /** Why the last good one is used, where it is not the newest. */
  warning: string | null;
}

/**
 * Return the newest bundle that can be believed and run: that of `address`, or the one
 * kept, whose place no other takes before it is known to run.
 *
 * @param address Where the files are, with a slash at its end.
 * @param trusted The 32 bytes of the publisher's public key.
 * @param made Makes of a bundle what runs; fails where something of it is missing.
 */
export async function newest<M>(
  address: string,
  trusted: Uint8Array,
  store: Store,
  made: (bundle: Bundle) => Promise<M>,
): Promise<Fetched<M>> {
  const kept = await keptBundle(store, trusted);
  try {
    const raw = await downloaded(address + MANIFEST, LARGEST);
    const { manifest, digest } = await opened(raw, trusted);
    if (kept && hex(kept.digest) === hex(digest)) {
      return { bundle: kept, model: await made(kept), warning: null };
    }
    if (kept && manifest.version <= kept.manifest.version) {
      throw new DeviceError(
        `the bundle is version ${manifest.version}, and ${kept.manifest.version} is here already`,
      );
    }
    const files: Record<string, Uint8Array> = {};
    for (const [name, [size, sum]] of Object.entries(manifest.files)) {
      // Of a new round only the weights are others.
      const here = kept?.manifest.files[name]?.[1] === sum ? kept.files[name] : undefined;
      files[name] = here ?? (await downloaded(address + name, size));
    }
    await checked(manifest, files);
    const bundle = { manifest, digest, files };
    const model = await made(bundle);
    let warning: string | null = null;
    try {
      await store.put("bundle", { manifest: raw, files });
    } catch (error) {
      warning = `the bundle is used but not kept: ${said(error)}`;
    }
    return { bundle, model, warning };
  } catch (error) {
    if (!kept) throw error;
    const warning = `the bundle kept here is used: ${said(error)}.`;
    return { bundle: kept, model: await made(kept), warning };
  }
}

async function keptBundle(store: Store, trusted: Uint8Array): Promise<Bundle | null> {
  const kept: Kept | undefined = await store.get("bundle");
  if (!kept) return null;
  try {
    const { manifest, digest } = await opened(kept.manifest, trusted);
    await checked(manifest, kept.files);
    return { manifest, digest, files: kept.files };
  } catch {
    return null; // Of another publisher, or damaged: as if it were not there.
  }
}

/** Return what a manifest says, once its signature is known to be right. */
export async function opened(
  raw: Uint8Array,
  trusted: Uint8Array,
): Promise<{ manifest: Manifest; digest: Uint8Array }> {
  let text: string, signature: Uint8Array;
  try {
    const envelope = JSON.parse(new TextDecoder().decode(raw));
    text = envelope.signed;
    signature = unhex(envelope.signature);
  } catch {
    throw new DeviceError("the manifest is no signed manifest: it was cut, or is something else");
  }
  const signed = new TextEncoder().encode(text);
  const key = await publisher(trusted);
  const right = await crypto.subtle.verify(
    "Ed25519",
    key,
    signature as BufferSource,
    signed as BufferSource,
  );
  if (!right) throw new DeviceError("the manifest was not signed by the publisher trusted here");
  const { format, ...manifest } = JSON.parse(text);
  if (format !== FORMAT) {
    throw new DeviceError(`the bundle is of format ${format}, and this page reads ${FORMAT}`);
  }
  return { manifest, digest: await sha256(signed) };
}

/** Return the key by which signatures are checked, where the browser can check any. */
async function publisher(trusted: Uint8Array): Promise<CryptoKey> {
  if (!globalThis.crypto?.subtle) {
    throw new DeviceError(
      "the browser checks no signatures on this page. Open it by https, or at localhost.",
    );
  }
  const kind = { name: "Ed25519" };
  try {
    return await crypto.subtle.importKey("raw", trusted as BufferSource, kind, false, ["verify"]);
  } catch {
    throw new DeviceError("this browser knows no Ed25519 signatures. Use a newer one.");
  }
}

async function checked(manifest: Manifest, files: Record<string, Uint8Array>): Promise<void> {
  for (const [name, [size, sum]] of Object.entries(manifest.files)) {
    const file = files[name];
    if (!file || file.length !== size || hex(await sha256(file)) !== sum) {
      throw new DeviceError(`${name} is not the file that was signed`);
    }
  }
}

/** Return what lies at an address, which has at most so many bytes. */
async function downloaded(address: string, most: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    const response = await fetch(address, { cache: "no-cache" });
    if (!response.ok) throw new DeviceError(`${address} answers ${response.status}`);
    const reader = response.body!.getReader();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      length += piece.value.length;
      if (length > most) {
        await reader.cancel();
        throw new DeviceError(`${address} is longer than the ${most} bytes it should have`);
      }
      parts.push(piece.value);
    }
  } catch (error) {
    if (error instanceof DeviceError) throw error;
    throw new DeviceError("there is no network");
  }
  const whole = new Uint8Array(length);
  for (const part of parts.reverse()) whole.set(part, (length -= part.length));
  return whole;
}

async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as BufferSource));
}

export function unhex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g)!, (two) => parseInt(two, 16));
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (one) => one.toString(16).padStart(2, "0")).join("");
}

function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
