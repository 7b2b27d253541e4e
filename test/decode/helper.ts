/** Runs `decode` in the process of the test and returns its output and result. */
import { Writable } from 'node:stream';
import { Output } from '../../src/decode/output.js';
import type { DecodeRequest, DecodeResult } from '../../src/decode/request.js';
import { runDecode } from '../../src/decode/run.js';
import type { Summary } from '../../src/decode/summary.js';
import { plain, type Theme } from '../../src/render/theme.js';
import { CAPTURES } from '../support/read-capture.js';

export interface Run {
  readonly text: string;
  readonly lines: readonly string[];
  readonly result: DecodeResult;
}

export interface RunOptions extends Partial<DecodeRequest> {
  readonly width?: number;
  readonly theme?: Theme;
}

export async function run({ width = 80, theme = plain, ...request }: RunOptions): Promise<Run> {
  const chunks: Buffer[] = [];
  const out = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  const output = new Output({ out, theme, width, progress: undefined });
  const result = await runDecode({ ...REQUEST, ...request }, output);
  const text = Buffer.concat(chunks).toString();
  return { text, lines: text.split('\n').slice(0, -1), result };
}

const REQUEST: DecodeRequest = {
  file: undefined,
  hex: undefined,
  encoding: 'hex',
  keylogs: [],
  environmentKeylog: undefined,
  direction: undefined,
  show: 'tree',
  filter: undefined,
  limit: undefined,
  inner: false,
  bytes: false,
  verbose: false,
  payload: false,
  secrets: false,
};

/** All captures with their keys, as options of a run. */
export const VECTORS: Readonly<Record<string, { readonly file: string; readonly keylogs: readonly string[] }>> = {
  'fr2-paa-ws': withKeys('fr2-paa-ws', 'pcap.gz'),
  'fr2-paa-dual': withKeys('fr2-paa-dual', 'pcapng.gz'),
  'fr2-ntlm-ws': withKeys('fr2-ntlm-ws', 'pcapng.gz'),
  'fr3-ntlm-dual': withKeys('fr3-ntlm-dual', 'pcapng.gz'),
  'fr3-ext-ws': { file: `${CAPTURES}/fr3-ext-ws.dsb.pcapng.gz`, keylogs: [] },
};

function withKeys(name: string, ending: string) {
  return { file: `${CAPTURES}/${name}.${ending}`, keylogs: [`${CAPTURES}/${name}.keys`] };
}

export function vector(name: string): { readonly file: string; readonly keylogs: readonly string[] } {
  const found = VECTORS[name];
  if (found === undefined) throw new Error(`there is no capture ${name}`);
  return found;
}

/** The objects of `--format ndjson`. */
export async function ndjson(request: RunOptions): Promise<Record<string, unknown>[]> {
  const { lines } = await run({ ...request, show: 'ndjson' });
  return lines.map((line) => JSON.parse(line));
}

/** The output of `--json` for a capture. */
export async function summaryOf(name: string): Promise<Summary> {
  const { result } = await run({ ...vector(name), show: 'nothing' });
  return result.summary as Summary;
}
