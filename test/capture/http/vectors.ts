/** Recorded heads and streams of real clients, from test/vectors. */
import { readFileSync } from 'node:fs';

interface HttpVector {
  readonly id: string;
  readonly kind: string;
  readonly text?: string;
  readonly hex?: string;
}

export interface StreamVector {
  readonly id: string;
  readonly hex: string;
  readonly wire?: string;
  readonly seed?: string;
}

export const HTTP = read<HttpVector>('http.json');
export const STREAMS = read<StreamVector>('streams.json');

export function httpBytes(id: string): Buffer {
  const vector = HTTP.find((one) => one.id === id);
  if (!vector) throw new Error(`no vector ${id}`);
  return vector.text === undefined ? Buffer.from(vector.hex ?? '', 'hex') : Buffer.from(vector.text, 'latin1');
}

export function stream(id: string): { readonly pdus: Buffer; readonly wire: Buffer; readonly seed: Buffer } {
  const vector = STREAMS.find((one) => one.id === id);
  if (!vector) throw new Error(`no vector ${id}`);
  const { hex, wire, seed } = vector;
  return { pdus: Buffer.from(hex, 'hex'), wire: Buffer.from(wire ?? hex, 'hex'), seed: Buffer.from(seed ?? '', 'hex') };
}

/** The token in a head's Authorization or WWW-Authenticate line. */
export function tokenIn(id: string): Buffer {
  const [, token = ''] = /^(?:Authorization|WWW-Authenticate): \w+ (\S+)/m.exec(httpBytes(id).toString('latin1')) ?? [];
  return Buffer.from(token, 'base64');
}

function read<T>(name: string): T[] {
  return JSON.parse(readFileSync(new URL(`../../vectors/${name}`, import.meta.url), 'utf8')) as T[];
}
