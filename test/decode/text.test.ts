import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { Chalk } from 'chalk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseFilter } from '../../src/decode/filter.js';
import { EXTENDED_AUTH_MSG } from '../../src/protocol/index.js';
import { plain, type Theme } from '../../src/render/theme.js';
import { packetsOf, pcapFile, type Segment } from '../support/pcap.js';
import { frame, TcpConversation } from '../support/wire.js';
import { type RunOptions, run, VECTORS, vector } from './helper.js';

const PDUS: readonly { readonly id: string; readonly hex: string }[] = JSON.parse(
  readFileSync('test/vectors/pdus.json', 'utf8'),
);
const hexOf = (id: string): string => PDUS.find((one) => one.id === id)?.hex ?? '';

/** A theme with colour for everything, independent of the terminal of the test. */
const ink = new Chalk({ level: 1 });
const coloured = Object.fromEntries(Object.keys(plain).map((name) => [name, ink.red])) as unknown as Theme;

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'rdgw-text-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function captureOf(segments: readonly Segment[]): string {
  const file = join(folder, 'made.pcap');
  writeFileSync(file, pcapFile(packetsOf(segments)));
  return file;
}

/** A capture of a WebSocket without TLS, with a request head `head` and these packets. */
function conversation(head: string, packets: readonly (readonly ['client' | 'server', string])[] = []): string {
  const wire = new TcpConversation();
  const segments = [
    ...wire.open(),
    ...wire.send(
      'client',
      Buffer.from(`RDG_OUT_DATA /remoteDesktopGateway/ HTTP/1.1\r\n${head}Upgrade: websocket\r\n\r\n`),
    ),
    ...wire.send('server', Buffer.from('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n')),
  ];
  for (const [from, hex] of packets) {
    const mask = from === 'client' ? Buffer.from('mask') : undefined;
    segments.push(...wire.send(from, frame(Buffer.from(hex, 'hex'), mask)));
  }
  return captureOf([...segments, ...wire.close()]);
}

/** A line that is too long because of a single word. */
const NAME = /^ *(?:\d+ +\d+ .*)?\S{20,}$/;

describe('redacted values', () => {
  const ntlm = Buffer.from('NTLMSSP\0\x03\0\0\0SECRETSECRET', 'latin1');
  const auth = EXTENDED_AUTH_MSG.encode({ errorCode: 0, authBlob: ntlm });
  // With a length that is too small, the rest follows the field.
  const short = Buffer.from(auth);
  short.writeUInt16LE(1, 12);
  const secret = Buffer.from('SECRET').toString('hex').replace(/../g, '$& ').trim();

  it.each([
    ['a response', auth],
    ['trailing bytes', short],
  ])('keep their offset and length, with and without the column of bytes: %s', async (_, pdu) => {
    for (const bytes of [false, true]) {
      const hidden = await run({ hex: pdu.toString('hex'), bytes, width: 200 });
      expect(hidden.text).not.toContain(secret);
      expect(hidden.text).toMatch(/\d+ bytes, not shown without --secrets/);
    }
    const open = await run({ hex: pdu.toString('hex'), secrets: true, width: 200 });
    expect(open.text).toContain(secret.slice(0, 11));
  });

  it('include the payload of DATA without the option', async () => {
    const hex = '0a0000000d0000000300616263';
    expect((await run({ hex, bytes: true })).text).not.toContain('61 62 63');
    expect((await run({ hex, payload: true })).text).toContain('61 62 63');
  });
});

describe('the tree', () => {
  it('of a connection matches the snapshot', async () => {
    const { text } = await run({ ...vector('fr3-ext-ws'), limit: 11 });
    await expect(text).toMatchFileSnapshot('snapshots/fr3-ext-ws.txt');
  });

  it('with a column of bytes matches the snapshot', async () => {
    const { text } = await run({ hex: hexOf('fr2-paa-ws-tunnel-create'), bytes: true, width: 100 });
    await expect(text).toMatchFileSnapshot('snapshots/tunnel-create-bytes.txt');
  });

  for (const [name, request] of Object.entries(VECTORS)) {
    it(`of ${name} fits into 80 and into 160 columns, and is the same in colour`, async () => {
      const variants: RunOptions[] = [
        {},
        { bytes: true },
        { verbose: true, limit: 20 },
        { show: 'stats' },
        { inner: true },
      ];
      for (const variant of variants) {
        for (const width of [80, 160]) {
          const { text, lines } = await run({ ...request, ...variant, width });
          expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(width);
          expect(lines.filter((line) => line !== line.trimEnd())).toEqual([]);
          const inColour = await run({ ...request, ...variant, width, theme: coloured });
          expect(inColour.text).not.toBe(text);
          expect(stripVTControlCharacters(inColour.text)).toBe(text);
        }
      }
    });
  }

  it('of every packet fits into 80 columns', async () => {
    for (const { id, hex } of PDUS) {
      for (const bytes of [false, true]) {
        const { lines } = await run({ hex, bytes });
        // A name may be longer than its column; it is never cut.
        const long = lines.filter((line) => line.length > 80 && !NAME.test(line));
        expect(long, id).toEqual([]);
      }
    }
  });

  it('shows the header of a conversation above its first matching line, and times relative to its start', async () => {
    const { lines } = await run({ ...vector('fr3-ext-ws'), filter: parseFilter('type=channel_response') });
    expect(lines.slice(0, 2)).toEqual(['', 'connection 1  WebSocket  127.0.0.1:54988 → 127.0.0.1:8455']);
    expect(lines[4]).toBe('  1    0.065622 #24    ← CHANNEL_RESPONSE  20 bytes');
    expect((await run({ ...vector('fr3-ext-ws'), filter: parseFilter('note=error') })).text).toBe('');
  });

  it('wraps and indents notes, with and without colour', async () => {
    const { file } = vector('fr2-paa-dual');
    const { lines, text } = await run({ file });
    expect(lines[0]).toMatch(/^warning: TLS without keys: /);
    expect(lines[1]).toMatch(/^ {2}\S/);
    expect(stripVTControlCharacters((await run({ file, theme: coloured })).text)).toBe(text);
    const asked = conversation('', [['client', hexOf('fr2-paa-ws-handshake-request')]]);
    const noteLines = (await run({ file: asked })).lines.filter((line) => /NO_ANSWER|NO_CHANNEL/.test(line));
    expect(noteLines.length).toBeGreaterThan(0);
    const both = await Promise.all([run({ file: asked }), run({ file: asked, theme: coloured })]);
    expect(stripVTControlCharacters(both[1].text)).toBe(both[0].text);
    expect(Math.max(...both[0].lines.map(({ length }) => length))).toBeLessThanOrEqual(80);
  });

  it('shows why a channel was rejected', async () => {
    const refusal = hexOf('fr2-read-channel-response-59da') || '0900000010000000da59078000000000';
    const { text } = await run({ hex: refusal });
    expect(text).toContain('0x800759da E_PROXY_RAP_ACCESSDENIED: the');
  });
});

describe('text from the network', () => {
  // Clears the screen, sets a title, hides the following text, reverses the direction of text, and ends a line.
  const NASTY = '\x1b[2J\x1b]0;title\x07\x9b8m\u202e\u2028\r\b\x7f';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the output must not contain these
  const RAW = /[\0-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e]/;

  it('is always escaped', async () => {
    const text = Buffer.from(`${NASTY}\0`, 'utf16le');
    const auth = Buffer.alloc(12);
    auth.writeUInt16LE(5, 0);
    auth.writeUInt32LE(12 + text.length, 4);
    auth.writeUInt16LE(text.length, 10);
    const named = Buffer.concat([auth, text]).toString('hex');
    const user = Buffer.from(NASTY, 'utf16le').toString('base64');
    const basic = Buffer.from(`${NASTY}:x`).toString('base64');
    const headers = `RDG-Connection-Id: {a\x1b[2J\x07}\r\nRDG-User-Id: ${user}\r\nRDG-Auth-Scheme: \x1b[2J\r\n`;
    const file = conversation(`${headers}Authorization: Basic ${basic}\r\n`, [['client', named]]);
    for (const show of ['tree', 'stats', 'ndjson'] as const) {
      for (const verbose of [false, true]) {
        const { text: shown } = await run({ file, show, verbose });
        expect(shown.length).toBeGreaterThan(100);
        if (show !== 'ndjson') expect(shown.replaceAll('\n', '')).not.toMatch(RAW);
        // JSON escapes C0 control characters only; its readers are programs.
        // biome-ignore lint/suspicious/noControlCharactersInRegex: the output must not contain these
        else expect(shown).not.toMatch(/[\0-\x09\x0b-\x1f]/);
      }
    }
    for (const bytes of [false, true]) expect((await run({ hex: named, bytes })).text).not.toMatch(RAW);
  });

  it('is escaped and cut in methods, targets and reasons', async () => {
    const wire = new TcpConversation();
    const file = captureOf([
      ...wire.open(),
      ...wire.send(
        'client',
        Buffer.from(`RDG_OUT_DATA /remoteDesktopGateway/${'\x1b[2J'.repeat(99)} HTTP/1.1\r\nHost: x\r\n\r\n`),
      ),
      ...wire.send('server', Buffer.from(`HTTP/1.1 403 ${'\x1b[2J no '.repeat(99)}\r\nContent-Length: 0\r\n\r\n`)),
      ...wire.close(),
    ]);
    const { text, lines } = await run({ file });
    expect(text).toContain('HTTP 403');
    expect(text.replaceAll('\n', '')).not.toMatch(RAW);
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(110);
  });
});
