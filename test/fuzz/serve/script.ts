/** What happens to a session, as one run of bytes that a fuzzer may damage: what, a number, and bytes where it is `receive`. */
import type { Random } from '../mutate.js';

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

/** The script with something more that happens, in the middle of what arrives too, with one step less, or with another number in one. */
export function disturbed(script: Buffer, random: Random): Buffer {
  const steps = [...stepsOf(script)];
  const at = random() % (steps.length + 1);
  const other = anyStep(random);
  const instead = (): Step[] => {
    const step = steps[at];
    if (!step) return [other];
    if (random() % 4 === 0) return [];
    if (random() % 4 === 0) return [{ ...step, value: other.value }];
    return interrupted(step, other, random);
  };
  return Buffer.concat([...steps.slice(0, at), ...instead(), ...steps.slice(at + 1)].map(written));
}

function interrupted(step: Step, by: Step, random: Random): Step[] {
  const middle = random() % Math.max(1, step.bytes.length);
  if (middle === 0) return [by, step];
  return [{ ...step, bytes: step.bytes.subarray(0, middle) }, by, { ...step, bytes: step.bytes.subarray(middle) }];
}

function anyStep(random: Random): Step {
  const what = HAPPENINGS[random() % HAPPENINGS.length] as Step['what'];
  return { what, value: random() % 4 === 0 ? 0 : random() & 0xffff, bytes: NONE };
}

function written({ what, value, bytes }: Step): Buffer {
  return what === 'receive' ? receives(bytes) : happens(what, value);
}
