/**
 * Encoding of a conversation of two sides as one byte string, so that the fuzzer can mutate its structure too. Each
 * step is a byte of flags (side, gap), a 16-bit length and the bytes.
 */
import type { ByteSink, Place, Sender } from '../../src/capture/types.js';

export type Step = { readonly from: Sender; readonly bytes: Buffer } | { readonly from: Sender; readonly gap: number };

const HEADER = 3;

export function encodeSteps(steps: readonly Step[]): Buffer {
  return Buffer.concat(
    steps.map((step) => {
      const header = Buffer.alloc(HEADER);
      header[0] = (step.from === 'server' ? 1 : 0) | ('gap' in step ? 2 : 0);
      header.writeUInt16LE('gap' in step ? step.gap : step.bytes.length, 1);
      return 'gap' in step ? header : Buffer.concat([header, step.bytes]);
    }),
  );
}

/** Decodes steps from arbitrary bytes. */
export function* decodeSteps(input: Buffer): Generator<Step> {
  for (let at = 0; at + HEADER <= input.length; ) {
    const kind = input[at] as number;
    const from: Sender = (kind & 1) === 1 ? 'server' : 'client';
    const length = input.readUInt16LE(at + 1);
    at += HEADER;
    if ((kind & 2) !== 0) {
      yield { from, gap: length };
    } else {
      yield { from, bytes: input.subarray(at, at + length) };
      at += length;
    }
  }
}

/** Passes the steps to `sink`. Each step is one packet, one second after the previous one. */
export function play(input: Buffer, sink: ByteSink): void {
  let place: Place = { frame: 0, time: 0n };
  for (const step of decodeSteps(input)) {
    place = { frame: place.frame + 1, time: place.time + 1_000_000_000n };
    if ('gap' in step) sink.gap(step.from, step.gap === 0 ? undefined : step.gap, place);
    else sink.bytes(step.from, step.bytes, place);
  }
  sink.end('client', 'fin', place);
  sink.end('server', 'fin', place);
}
