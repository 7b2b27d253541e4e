/** Messages between the processes of one gateway: one JSON object on one line. */
import type { Socket } from 'node:net';
import { readStart, type Start } from './read-start.js';

/** Limit for one line. The longest message is a claim: a secret, a GUID and an address. */
const LINE_BYTES = 4096;
const LINE_FEED = 0x0a;

export function jsonLine(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

/**
 * Reads one line and nothing after it. The caller keeps an `error` listener on the socket. Rejects when the line is too
 * long or no JSON, does not arrive within `ms` milliseconds, or the socket ends before.
 */
export async function readLine(socket: Socket, ms: number): Promise<object> {
  const line = await readStart(socket, ms, parseLine);
  if (line === 'late') throw new Error('the other process does not answer');
  if (line === 'ended') throw new Error('the other process is gone');
  return line;
}

function parseLine(bytes: Buffer): Start<object> | undefined {
  const end = bytes.indexOf(LINE_FEED);
  if (end >= 0) return { value: Object(JSON.parse(bytes.toString('utf8', 0, end))), length: end + 1 };
  if (bytes.length > LINE_BYTES) throw new Error('the line has no end');
  return undefined;
}
