/**
 * The bytes of what a device says to the gate; `tidegraph.device.gate.upload` has the
 * table. All of it is little-endian.
 */

export const DEVICE_BYTES = 16;
const HEAD_BYTES = 84;

export interface Upload {
  /** Sixteen bytes of the device's own making. */
  device: Uint8Array;
  /** SHA-256 of the signed text of the bundle's manifest. */
  bundle: Uint8Array;
  /** Larger than in every upload before. */
  counter: number;
  /** Unix milliseconds. */
  sent: number;
  samples: number;
  /** Loss of held-out samples, in nats, before and with theta. */
  before: number;
  after: number;
  theta: Float32Array;
}

/** Return the signed bytes of an upload. */
export async function packed(upload: Upload, key: CryptoKey): Promise<Uint8Array> {
  const { theta } = upload;
  const body = new Uint8Array(HEAD_BYTES + 4 * theta.length);
  const view = new DataView(body.buffer);
  body.set(ascii("MPA1"));
  view.setUint8(4, 1);
  view.setUint8(5, 0);
  view.setUint16(6, theta.length, true);
  body.set(upload.device, 8);
  body.set(upload.bundle, 24);
  view.setBigUint64(56, BigInt(upload.counter), true);
  view.setBigUint64(64, BigInt(upload.sent), true);
  view.setUint32(72, upload.samples, true);
  view.setFloat32(76, upload.before, true);
  view.setFloat32(80, upload.after, true);
  theta.forEach((number, n) => view.setFloat32(HEAD_BYTES + 4 * n, number, true));
  return signed(body, key);
}

/** Return the bytes by which a device enrols with a ticket of 56 bytes. */
export async function enrolment(
  device: Uint8Array,
  ticket: Uint8Array,
  keys: CryptoKeyPair,
): Promise<Uint8Array> {
  const open = new Uint8Array(await crypto.subtle.exportKey("raw", keys.publicKey));
  return signed(endToEnd([ascii("MPE1"), device, open, ticket]), keys.privateKey);
}

/** Return the bytes by which a device asks to be forgotten. */
export async function erasure(
  device: Uint8Array,
  sent: number,
  key: CryptoKey,
): Promise<Uint8Array> {
  const when = new Uint8Array(8);
  new DataView(when.buffer).setBigUint64(0, BigInt(sent), true);
  return signed(endToEnd([ascii("MPX1"), device, when]), key);
}

async function signed(body: Uint8Array, key: CryptoKey): Promise<Uint8Array> {
  const signature = await crypto.subtle.sign("Ed25519", key, body as BufferSource);
  return endToEnd([body, new Uint8Array(signature)]);
}

function endToEnd(parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
