/** What a person is told, in a sentence: what is wrong, and what helps. */
export class DeviceError extends Error {
  override name = "DeviceError";
}

/** Where the gate said no; `reason` is its one word, `network` where nobody answered. */
export class RefusedError extends DeviceError {
  override name = "RefusedError";

  constructor(
    readonly reason: string,
    message: string,
  ) {
    super(message);
  }
}
