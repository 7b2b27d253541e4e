/** What happens to a session, as one run of bytes that a fuzzer may damage: what, a number, and bytes where it is `receive`. */
export const HAPPENINGS = [
  'receive',
  'allow',
  'deny',
  'connected',
  'failed',
  'target ended',
  'target sent',
  'tick',
  'close',
] as const;

export interface Step {
  readonly what: (typeof HAPPENINGS)[number];
  /** A time, a code or a length, as the step needs it. */
  readonly value: number;
  readonly bytes: Buffer;
}

const HEADER = 3;
const NONE = Buffer.alloc(0);

export function happens(what: Step['what'], value = 0): Buffer {
  return Buffer.from([HAPPENINGS.indexOf(what), value & 0xff, value >> 8]);
}

export function receives(bytes: Buffer): Buffer {
  return Buffer.concat([happens('receive', bytes.length), bytes]);
}

/** Whatever the bytes are. */
export function* stepsOf(script: Buffer): Generator<Step> {
  for (let at = 0; at + HEADER <= script.length; ) {
    const what = HAPPENINGS[(script[at] as number) % HAPPENINGS.length] as Step['what'];
    const value = script.readUInt16LE(at + 1);
    at += HEADER;
    const bytes = what === 'receive' ? script.subarray(at, at + value) : NONE;
    at += bytes.length;
    yield { what, value, bytes };
  }
}
