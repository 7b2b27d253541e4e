import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseFilter } from '../../src/decode/filter.js';
import { pcapng } from '../support/pcap.js';
import { readCapture } from '../support/read-capture.js';
import { ndjson, run, VECTORS, vector } from './helper.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'rdgw-run-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const HANDSHAKE = '010000000e000000010000000200';

function write(name: string, content: Buffer | string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function unpacked(name: string): Buffer {
  return gunzipSync(readFileSync(vector(name).file));
}

interface PduLine {
  readonly n: number;
  readonly name: string;
  readonly frame: number;
}

async function pdusOf(request: Parameters<typeof ndjson>[0]): Promise<PduLine[]> {
  return (await ndjson(request)).filter(({ type }) => type === 'pdu') as unknown as PduLine[];
}

describe('a capture', () => {
  it('without its keys cannot be decoded, and a note says how to get them', async () => {
    const { result, text } = await run({ file: vector('fr2-paa-ws').file });
    expect(result.understood).toBe(false);
    expect(text).toContain('(TLS_NO_KEYS)');
    expect(text).toContain('rdgw serve --keylog FILE');
  });

  it('takes its keys from several files', async () => {
    const keylogs = Object.values(VECTORS).flatMap((one) => one.keylogs);
    const { result } = await run({ file: vector('fr2-ntlm-ws').file, keylogs, show: 'nothing' });
    expect(result).toMatchObject({ understood: true, problem: null });
  });

  it('with its keys after the packets causes a warning', async () => {
    const { section, interface: description, enhanced, secrets } = pcapng();
    const { packets } = await readCapture(unpacked('fr2-paa-ws'));
    const blocks = packets.map(({ time, bytes }) => enhanced(bytes, time / 1000n));
    const keys = secrets(readFileSync(vector('fr2-paa-ws').keylogs[0] ?? '', 'latin1'));
    const capture = (...parts: Buffer[]) => Buffer.concat([section(), description(), ...parts]);
    const file = write('late.pcapng', capture(...blocks, keys));
    expect((await run({ file })).result.warnings).toEqual([expect.stringContaining('after their packets')]);
    const front = write('front.pcapng', capture(keys, ...blocks));
    expect((await run({ file: front })).result).toMatchObject({ understood: true, warnings: [] });
  });

  it('that is truncated is decoded up to that point, followed by a note', async () => {
    const whole = await pdusOf(vector('fr2-paa-ws'));
    const bytes = unpacked('fr2-paa-ws');
    const file = write('cut.pcap', bytes.subarray(0, Math.floor(bytes.length * 0.6)));
    const { keylogs } = vector('fr2-paa-ws');
    const lines = await ndjson({ file, keylogs });
    const pdus = lines.filter(({ type }) => type === 'pdu');
    expect(pdus.length).toBeGreaterThan(20);
    expect(pdus).toEqual(whole.slice(0, pdus.length));
    expect(lines.at(-1)).toMatchObject({ type: 'note', code: 'CAPTURE_TRUNCATED', severity: 'warning' });
    const { result } = await run({ file, keylogs });
    expect(result).toMatchObject({ understood: true, problem: { code: 'CAPTURE_TRUNCATED' } });
  });

  it('of an unknown format is a problem', async () => {
    const file = write('noise.bin', Buffer.from([0xde, 0xad, 0xbe, 0xef, 0, 1, 2, 3, 4, 5, 6, 7]));
    const { result } = await run({ file });
    expect(result).toMatchObject({ understood: false, problem: { code: 'CAPTURE_UNKNOWN' } });
  });

  it('that is empty is a problem', async () => {
    const { result } = await run({ file: write('empty.pcap', '') });
    expect(result).toMatchObject({ understood: false, problem: { code: 'CAPTURE_EMPTY' } });
  });

  it('is read up to the limit', async () => {
    const whole = await pdusOf(vector('fr2-paa-ws'));
    expect(await pdusOf({ ...vector('fr2-paa-ws'), limit: 9 })).toEqual(whole.slice(0, 9));
  });

  it('counts only packets that match the filter towards the limit', async () => {
    const filter = parseFilter('type=data direction=server');
    const pdus = await pdusOf({ ...vector('fr2-paa-ws'), limit: 2, filter });
    expect(pdus.map(({ name }) => name)).toEqual(['PKT_TYPE_DATA', 'PKT_TYPE_DATA']);
    // The numbers count all packets of the capture.
    expect(pdus.map(({ n }) => n)).toEqual([10, 12]);
  });

  it('passes every event to onEvent, regardless of the filter', async () => {
    const kinds: string[] = [];
    await run({ ...vector('fr2-paa-ws'), filter: parseFilter('type=gap'), onEvent: ({ type }) => kinds.push(type) });
    expect(kinds.filter((type) => type === 'pdu')).toHaveLength(86);
  });
});

describe('text', () => {
  it.each([
    ['a hex stream', HANDSHAKE],
    ['xxd', '00000000: 0100 0000 0e00 0000 0100 0000 0200       ..............\n'],
    ['hexdump -C', '00000000  01 00 00 00 0e 00 00 00  01 00 00 00 02 00        |..............|\n0000000e\n'],
    ['a C array', 'unsigned char pdu[] = { 0x01, 0, 0x00, 0, 0x0e, 0, 0, 0, 0x01, 0, 0, 0, 0x02, 0 };\n'],
  ])('in a file, as %s', async (name, text) => {
    const pdus = await pdusOf({ file: write(`${name.replace(/\W/g, '')}.txt`, text) });
    expect(pdus).toMatchObject([
      { n: 1, name: 'PKT_TYPE_HANDSHAKE_REQUEST', frame: null, direction: 'client-to-server' },
    ]);
  });

  it('in base64 with the option', async () => {
    const hex = Buffer.from(HANDSHAKE, 'hex').toString('base64');
    expect(await pdusOf({ hex, encoding: 'base64' })).toHaveLength(1);
    expect(await pdusOf({ file: write('pdu.b64', hex), encoding: 'base64' })).toHaveLength(1);
  });

  it('of several PDUs with the last one truncated ends with a note', async () => {
    const lines = await ndjson({ hex: `${HANDSHAKE}0d00000008000000${HANDSHAKE.slice(0, 20)}` });
    expect(lines.map(({ type }) => type)).toEqual(['pdu', 'pdu', 'note']);
    expect(lines[2]).toMatchObject({ code: 'PDU_CUT', frame: null });
  });

  it('has the given direction', async () => {
    const data = '0a0000000c00000002006869';
    const [pdu] = await ndjson({ hex: data, direction: 'server-to-client' });
    expect(pdu).toMatchObject({ name: 'PKT_TYPE_DATA', direction: 'server-to-client', transport: 'hex' });
    expect((await ndjson({ hex: data }))[0]).toMatchObject({ direction: 'client-to-server' });
  });

  it('hides payloads like captures do', async () => {
    expect((await ndjson({ hex: '0a0000000c00000002006869' }))[0]).toMatchObject({ fields: { cbDataLen: 2 } });
    const [shown] = await ndjson({ hex: '0a0000000c00000002006869', payload: true });
    expect(shown).toMatchObject({ fields: { cbDataLen: 2, data: '6869' } });
  });

  it.each([
    ['type=keepalive', [2, 3]],
    ['direction=server', [4]],
    ['status=E_PROXY_RAP_ACCESSDENIED', [4]],
    ['note=error', [4]],
    ['type!=pdu', []],
    ['connection=2', []],
  ])('is filtered by %s', async (filter, wanted) => {
    const refusal = '0900000010000000da59078000000000';
    const hex = `${HANDSHAKE}0d000000080000000d00000008000000${refusal}`;
    const pdus = await pdusOf({ hex, filter: parseFilter(filter) });
    expect(pdus.map(({ n }) => n)).toEqual(wanted);
    const { text } = await run({ hex, filter: parseFilter(filter) });
    expect(text.match(/#\d/g) ?? []).toEqual(wanted.map((n) => `#${n}`));
  });

  it('can be filtered for the note about a truncated PDU, and counts only shown PDUs towards the limit', async () => {
    const hex = `${HANDSHAKE}0d000000080000000d000000080000000d00`;
    expect(await ndjson({ hex, filter: parseFilter('note=PDU_CUT') })).toMatchObject([{ code: 'PDU_CUT' }]);
    const pdus = await pdusOf({ hex, filter: parseFilter('type=keepalive'), limit: 1 });
    expect(pdus.map(({ n }) => n)).toEqual([2]);
  });

  it.each([{ inner: true }, { onEvent: () => undefined }])('cannot be used with %o', async (request) => {
    await expect(run({ hex: HANDSHAKE, ...request })).rejects.toMatchObject({
      kind: 'usage',
      code: 'DECODE_NO_CAPTURE',
      hint: expect.stringContaining('--write'),
    });
  });

  it('without a valid PDU counts as not decoded', async () => {
    expect((await run({ hex: 'ffff000008000000' })).result.understood).toBe(false);
  });
});

describe('unreadable input', () => {
  it.each([
    ['a missing file', { file: '/nowhere/at/all.pcap' }],
    ['a folder', { file: '/tmp' }],
    ['a missing key log', { ...VECTORS['fr2-paa-ws'], keylogs: ['/nowhere/keys.txt'] }],
  ])('%s causes a fault with its path', async (_, request) => {
    const place = 'keylogs' in request ? request.keylogs[0] : request.file;
    await expect(run(request)).rejects.toMatchObject({ kind: 'input', code: 'INPUT_UNREADABLE', place });
  });
});
