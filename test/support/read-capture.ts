/** Reads captures for tests and records the result. */
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { openCapture } from '../../src/capture/file/open.js';
import type { CapturedPacket, CaptureProblem } from '../../src/capture/types.js';

export const CAPTURES = 'test/vectors/captures';

/** Facts about a capture from tshark, see the README in its folder. */
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
  /** With copies of the bytes. */
  readonly packets: CapturedPacket[];
  readonly secrets: string[];
  readonly problems: CaptureProblem[];
}

/** Reads a capture in chunks of at most `chunkSize` bytes. */
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
  // Copies, so that a reader which wrongly keeps a view of an earlier chunk does not see correct bytes.
  for (let at = 0; at < file.length; at += chunkSize) chunks.push(Buffer.from(file.subarray(at, at + chunkSize)));
  return Readable.from(chunks, { objectMode: true });
}
