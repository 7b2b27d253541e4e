/** Reads captures for tests, and remembers what came out. */
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { openCapture } from '../../src/capture/file/open.js';
import type { CapturedPacket, CaptureProblem } from '../../src/capture/types.js';

export const CAPTURES = 'test/vectors/captures';

/** What tshark says of a capture: see the README beside it. */
export interface TsharkFacts {
  readonly file: string;
  readonly packets: number;
  readonly packetBytes: number;
  readonly firstTime: string;
  readonly lastTime: string;
  readonly streams: readonly {
    readonly client: string;
    readonly server: string;
    readonly bytes: { readonly client: number; readonly server: number };
    readonly sha256: { readonly client: string; readonly server: string };
  }[];
}

export const FACTS: readonly TsharkFacts[] = JSON.parse(readFileSync(`${CAPTURES}/tshark.json`, 'utf8'));

export interface Reading {
  /** Their bytes copied. */
  readonly packets: CapturedPacket[];
  readonly secrets: string[];
  readonly problems: CaptureProblem[];
}

/** Reads a capture that comes in chunks of at most `chunkSize`. */
export async function readCapture(file: Buffer, chunkSize = file.length || 1): Promise<Reading> {
  const reading: Reading = { packets: [], secrets: [], problems: [] };
  await openCapture(chunked(file, chunkSize), {
    packet: (packet) => reading.packets.push({ ...packet, bytes: Buffer.from(packet.bytes) }),
    secrets: (text) => reading.secrets.push(text),
    problem: (problem) => reading.problems.push(problem),
  });
  return reading;
}

export function chunked(file: Buffer, chunkSize: number): Readable {
  const chunks: Buffer[] = [];
  // Copies: a reader that keeps a view must not find the right bytes there by chance.
  for (let at = 0; at < file.length; at += chunkSize) chunks.push(Buffer.from(file.subarray(at, at + chunkSize)));
  return Readable.from(chunks, { objectMode: true });
}
