/** The PDUs and streams in `test/vectors`, which were not made by this project's encoder. */
import { readFileSync } from 'node:fs';

export interface Vector {
  readonly id: string;
  readonly packetType: number;
  /** Name of the packet type, for example `PKT_TYPE_DATA`. */
  readonly name: string;
  readonly direction: 'client-to-server' | 'server-to-client';
  readonly hex: string;
  /** Numbers and texts as such, blobs in hexadecimal, 64-bit numbers in decimal. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly source: string;
}

export interface Stream {
  readonly id: string;
  readonly direction: Vector['direction'];
  readonly source: string;
  readonly hex: string;
  readonly pdus: readonly { readonly packetType: number; readonly packetLength: number }[];
}

export const VECTORS = read<readonly Vector[]>('pdus.json');
export const STREAMS = read<readonly Stream[]>('streams.json');

export function vector(id: string): Buffer {
  return Buffer.from(find(VECTORS, id).hex, 'hex');
}

export function stream(id: string): Buffer {
  return Buffer.from(find(STREAMS, id).hex, 'hex');
}

/** The PDUs of a stream, split by the lengths that were recorded when the stream was extracted from the capture. */
export function pdusOf(id: string): Buffer[] {
  const bytes = stream(id);
  let offset = 0;
  return find(STREAMS, id).pdus.map(({ packetLength }) => {
    offset += packetLength;
    return bytes.subarray(offset - packetLength, offset);
  });
}

/**
 * Converts fields to the notation of the vectors: blobs in hexadecimal, 64-bit numbers in decimal. `toEqual` is fast on
 * it.
 */
export function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('hex');
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, plain(entry)]));
}

function find<T extends { readonly id: string }>(list: readonly T[], id: string): T {
  const found = list.find((entry) => entry.id === id);
  if (!found) throw new Error(`there is no vector ${id}`);
  return found;
}

function read<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8')) as T;
}
