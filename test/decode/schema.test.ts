/** The output of `--format ndjson` must match docs/decode-ndjson.schema.json. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packetsOf, pcapFile, type Segment } from '../support/pcap.js';
import { frame, TcpConversation } from '../support/wire.js';
import { ndjson, type RunOptions, VECTORS, vector } from './helper.js';

const SCHEMA = JSON.parse(readFileSync('docs/decode-ndjson.schema.json', 'utf8'));
const validate = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true }).compile(SCHEMA);
const PDUS: readonly { readonly id: string; readonly hex: string }[] = JSON.parse(
  readFileSync('test/vectors/pdus.json', 'utf8'),
);

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'rdgw-schema-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function expectValid(request: RunOptions): Promise<Set<unknown>> {
  const lines = await ndjson(request);
  for (const line of lines) {
    expect(validate(line), JSON.stringify(line)).toBe(true);
  }
  return new Set(lines.map(({ type }) => type));
}

function captureOf(segments: readonly Segment[]): string {
  const file = join(folder, 'made.pcap');
  writeFileSync(file, pcapFile(packetsOf(segments)));
  return file;
}

describe('the schema', () => {
  for (const [name, request] of Object.entries(VECTORS)) {
    it(`describes every line of ${name}`, async () => {
      const types = await expectValid(request);
      expect([...types].sort()).toEqual(['auth', 'connection', 'end', 'http', 'pdu']);
      const everything = await expectValid({ ...request, verbose: true, payload: true, secrets: true, inner: true });
      expect([...everything]).toContain('inner');
    });
  }

  it('describes every packet given as text', async () => {
    for (const { hex } of PDUS) await expectValid({ hex, verbose: true });
    for (const { hex } of PDUS) if (hex.length > 2) await expectValid({ hex: hex.slice(0, -2) });
  });

  it('describes the output for captures without keys and for damaged ones', async () => {
    const { file, keylogs } = vector('fr2-paa-ws');
    expect([...(await expectValid({ file }))]).toEqual(['note']);
    const whole = gunzipSync(readFileSync(file));
    const damaged = join(folder, 'damaged.pcap');
    for (const length of [0, 10, 24, 5000, whole.length - 1]) {
      writeFileSync(damaged, whole.subarray(0, length));
      await expectValid({ file: damaged, keylogs });
    }
    for (let at = 3000; at < whole.length; at += 40_000) {
      const changed = Buffer.from(whole);
      changed.fill(0xff, at, at + 700);
      writeFileSync(damaged, changed);
      await expectValid({ file: damaged, keylogs });
    }
  });

  it('describes gaps and hostile text', async () => {
    const wire = new TcpConversation();
    const nasty =
      'RDG_OUT_DATA /remoteDesktopGateway/\x1b[2J HTTP/1.1\r\nHost: \x9b\r\nRDG-Connection-Id: {\u202e}\r\n';
    const auth = 'Authorization: Basic /x==\r\nAuthorization: Negotiate !!\r\nUpgrade: websocket\r\n\r\n';
    const segments = [
      ...wire.open(),
      ...wire.send('client', Buffer.from(nasty + auth, 'latin1')),
      ...wire.send('server', Buffer.from('HTTP/1.1 101 \r\nUpgrade: websocket\r\n\r\n')),
      ...wire.send('client', frame(Buffer.alloc(300, 0xff), Buffer.from('mask'))),
    ];
    wire.send('server', Buffer.alloc(2000));
    segments.push(...wire.send('server', frame(Buffer.from('0d00000008000000', 'hex'))), ...wire.close());
    const types = await expectValid({ file: captureOf(segments), verbose: true });
    expect([...types].sort()).toEqual(['auth', 'connection', 'end', 'gap', 'http', 'note', 'pdu']);
  });

  it('rejects unknown and missing members', () => {
    const note = { code: 'STATUS', severity: 'error', section: '2.2.6', text: 'x' };
    const line = { type: 'note', frame: 1, time: '2026-11-23T00:00:00.000000000Z', connection: 1, direction: null };
    expect(validate({ ...line, ...note })).toBe(true);
    expect(validate({ ...line, ...note, more: 1 })).toBe(false);
    expect(validate({ ...line, ...note, severity: 'fatal' })).toBe(false);
    expect(validate({ ...line, ...note, time: '2026-11-23T00:00:00.000Z' })).toBe(false);
    expect(validate(line)).toBe(false);
  });
});

describe('the first lines', () => {
  it('match the snapshot', async () => {
    const lines = await ndjson(vector('fr2-paa-dual'));
    const text = lines.slice(0, 25).map((line) => `${JSON.stringify(line)}\n`);
    await expect(text.join('')).toMatchFileSnapshot('snapshots/fr2-paa-dual.ndjson');
  });
});
