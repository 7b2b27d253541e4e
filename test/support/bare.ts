/** Bare PDUs all at once. */
import type { Direction } from '../../src/capture/dissection.js';
import { type BarePdu, type BareRest, readBarePdus } from '../../src/decode/hex.js';

export function bare(bytes: Buffer, direction?: Direction): { pdus: BarePdu[]; rest: BareRest | undefined } {
  const reading = readBarePdus(bytes, direction);
  const pdus: BarePdu[] = [];
  for (;;) {
    const { done, value } = reading.next();
    if (done) return { pdus, rest: value };
    pdus.push(value);
  }
}
