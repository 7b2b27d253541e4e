import type { Direction } from '../../src/capture/dissection.js';
import { type BarePdu, type BareRest, readBarePdus } from '../../src/decode/hex.js';

/** Reads all PDUs of `bytes` and returns them with the bytes that remain. */
export function parseBarePdus(bytes: Buffer, direction?: Direction): { pdus: BarePdu[]; rest: BareRest | undefined } {
  const reading = readBarePdus(bytes, direction);
  const pdus: BarePdu[] = [];
  for (;;) {
    const { done, value } = reading.next();
    if (done) return { pdus, rest: value };
    pdus.push(value);
  }
}
