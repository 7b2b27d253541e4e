import {
  createReadStream,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createGunzip } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Dissection } from '../../src/capture/dissection.js';
import { openCapture } from '../../src/capture/file/open.js';
import { SegmentReader } from '../../src/capture/ip/ip.js';
import { TcpAssembler } from '../../src/capture/tcp/index.js';
import { KeyLog } from '../../src/capture/tls/keylog.js';
import type { Sender } from '../../src/capture/types.js';
import { InnerCapture } from '../../src/decode/inner-capture.js';

const CAPTURES = fileURLToPath(new URL('../vectors/captures', import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rdgw-inner-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Decodes a capture into `path` and returns the payload of its DATA. */
async function write(name: string, path: string): Promise<Record<Sender, Buffer>> {
  const keys = new KeyLog();
  keys.add(readFileSync(join(CAPTURES, `${name}.keys`), 'latin1'));
  const inner = new InnerCapture(path, undefined);
  const carried: Record<Sender, Buffer[]> = { client: [], server: [] };
  const dissection = new Dissection((event) => {
    inner.add(event);
    if (event.type !== 'pdu' || event.pdu.data === undefined) return;
    carried[event.pdu.direction === 'client-to-server' ? 'client' : 'server'].push(Buffer.from(event.pdu.data));
  }, keys);
  const file = readdirSync(CAPTURES).find((entry) => entry.startsWith(`${name}.pcap`) && entry.endsWith('.gz')) ?? '';
  const input = createReadStream(join(CAPTURES, file)).pipe(createGunzip());
  await openCapture(input, {
    packet: (packet) => dissection.packet(packet),
    secrets: () => undefined,
    problem: () => undefined,
  });
  dissection.finish();
  inner.finish();
  return { client: Buffer.concat(carried.client), server: Buffer.concat(carried.server) };
}

/** The two streams of the one TCP connection in a capture. */
async function streams(path: string): Promise<{ readonly ports: number[]; readonly bytes: Record<Sender, Buffer> }> {
  const bytes: Record<Sender, Buffer[]> = { client: [], server: [] };
  const ports: number[] = [];
  const segments = new SegmentReader();
  const assembler = new TcpAssembler(({ server }) => {
    ports.push(server.port);
    return {
      bytes: (from, part) => void bytes[from].push(Buffer.from(part)),
      gap: () => expect.unreachable('nothing is missing'),
      end: () => undefined,
    };
  });
  await openCapture(createReadStream(path), {
    packet: (packet) => {
      const segment = segments.read(packet);
      if (typeof segment === 'string') throw new Error(segment);
      assembler.segment(segment);
    },
    secrets: () => undefined,
    problem: ({ message }) => expect.unreachable(message),
  });
  assembler.finish();
  return { ports, bytes: { client: Buffer.concat(bytes.client), server: Buffer.concat(bytes.server) } };
}

describe('the capture of the inner RDP connection', () => {
  it.each(['fr2-paa-ws', 'fr3-ntlm-dual'])('of %s contains exactly the payload of its DATA', async (name) => {
    const path = join(folder, 'inner.pcap');
    const carried = await write(name, path);
    const found = await streams(path);
    expect(found.ports).toEqual([33891]);
    expect(found.bytes.client.equals(carried.client)).toBe(true);
    expect(found.bytes.server.equals(carried.server)).toBe(true);
    expect(carried.server.length).toBeGreaterThan(100_000);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['inner.pcap']);
  });

  it('rejects the input file and a missing folder', () => {
    const path = join(folder, 'capture.pcap');
    writeFileSync(path, 'kept');
    expect(() => new InnerCapture(path, path)).toThrow('it is the capture being read');
    expect(() => new InnerCapture(join(folder, 'no/inner.pcap'), path)).toThrow('its folder does not exist');
    expect(readFileSync(path, 'utf8')).toBe('kept');
  });

  it('follows a symbolic link and keeps the link', () => {
    const [link, file] = [join(folder, 'link.pcap'), join(folder, 'file.pcap')];
    writeFileSync(file, 'old');
    symlinkSync('file.pcap', link);
    new InnerCapture(link, undefined).finish();
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readFileSync(file).readUInt32LE(0)).toBe(0xa1b23c4d);
    expect(readdirSync(folder).sort()).toEqual(['file.pcap', 'link.pcap']);
    expect(() => new InnerCapture(link, file)).toThrow('it is the capture being read');
  });

  it('rejects a dangling symbolic link', () => {
    symlinkSync('missing.pcap', join(folder, 'link.pcap'));
    expect(() => new InnerCapture(join(folder, 'link.pcap'), undefined)).toThrow(
      'it is a symbolic link to a file that does not exist',
    );
  });

  it('rejects -, which is not a file name', () => {
    expect(() => new InnerCapture('-', undefined)).toThrow(
      'the capture cannot be written: stdout is used for the decoded output',
    );
  });

  it('leaves no file behind when it is discarded, once or twice', () => {
    const inner = new InnerCapture(join(folder, 'inner.pcap'), undefined);
    inner.discard();
    inner.discard();
    expect(readdirSync(folder)).toEqual([]);
  });
});
