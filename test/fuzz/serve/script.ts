/**
 * Encoding of the calls to a session as one byte string, so that the fuzzer can mutate it. Each step is a byte for the
 * action, a 16-bit value, and for `receive` as many bytes.
 */
import type { Random } from '../mutate.js';

export const ACTIONS = [
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
  readonly action: (typeof ACTIONS)[number];
  /** A time, a result code or a length, depending on the action. */
  readonly value: number;
  readonly bytes: Buffer;
}

const HEADER = 3;
const NONE = Buffer.alloc(0);

/** Encodes a step without bytes. */
export function step(action: Step['action'], value = 0): Buffer {
  return Buffer.from([ACTIONS.indexOf(action), value & 0xff, value >> 8]);
}

export function receiveStep(bytes: Buffer): Buffer {
  return Buffer.concat([step('receive', bytes.length), bytes]);
}

/** Decodes the steps of arbitrary bytes. */
export function* stepsOf(script: Buffer): Generator<Step> {
  for (let at = 0; at + HEADER <= script.length; ) {
    const action = ACTIONS[(script[at] as number) % ACTIONS.length] as Step['action'];
    const value = script.readUInt16LE(at + 1);
    at += HEADER;
    const bytes = action === 'receive' ? script.subarray(at, at + value) : NONE;
    at += bytes.length;
    yield { action, value, bytes };
  }
}

/** Adds a step (possibly in the middle of received bytes), removes one, or changes the value of one. */
export function mutateScript(script: Buffer, random: Random): Buffer {
  const steps = [...stepsOf(script)];
  const at = random() % (steps.length + 1);
  const other = randomStep(random);
  const replacement = (): Step[] => {
    const step = steps[at];
    if (!step) return [other];
    if (random() % 4 === 0) return [];
    if (random() % 4 === 0) return [{ ...step, value: other.value }];
    return interrupted(step, other, random);
  };
  return Buffer.concat([...steps.slice(0, at), ...replacement(), ...steps.slice(at + 1)].map(encodeStep));
}

function interrupted(step: Step, by: Step, random: Random): Step[] {
  const middle = random() % Math.max(1, step.bytes.length);
  if (middle === 0) return [by, step];
  return [{ ...step, bytes: step.bytes.subarray(0, middle) }, by, { ...step, bytes: step.bytes.subarray(middle) }];
}

function randomStep(random: Random): Step {
  const action = ACTIONS[random() % ACTIONS.length] as Step['action'];
  return { action, value: random() % 4 === 0 ? 0 : random() & 0xffff, bytes: NONE };
}

function encodeStep({ action, value, bytes }: Step): Buffer {
  return action === 'receive' ? receiveStep(bytes) : step(action, value);
}
