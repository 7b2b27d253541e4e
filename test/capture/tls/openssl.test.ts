/** What only the openssl command does: key updates, padding, early data, small records, its own alerts. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Identity, makeIdentity, openssl, type Recording, Tap } from '../../support/tls-tap.js';
import { eventually } from '../../support/wait.js';
import { through } from './through.js';

let identity: Identity;
let folder: string;
beforeAll(() => {
  identity = makeIdentity();
  folder = mkdtempSync(join(tmpdir(), 'tls-openssl-'));
  writeFileSync(join(folder, 'key.pem'), identity.key);
  writeFileSync(join(folder, 'cert.pem'), identity.cert);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('openssl s_client', () => {
  it('a client that does not trust the certificate says so in an alert', async () => {
    const { chunks, keys } = await withClient(
      {},
      ['-verify_return_error', '-verify', '1', '-CApath', folder],
      async () => {},
    );
    const { notes } = through(chunks, keys);
    expect(notes.map((note) => note.detail)).toEqual([
      expect.stringMatching(/^fatal (unknown_ca|bad_certificate) from the client$/),
    ]);
  });

  it('key updates of one side and of both', async () => {
    const recording = await withClient({}, [], async (client, echoed) => {
      const updates = (): number => client.printed.split('KEYUPDATE').length - 1;
      // `k` updates the client's keys, `K` asks the server for the same. A command counts only at the start of what is read.
      for (const [command, words] of [
        ['k', 'one\n'],
        ['K', 'two\n'],
        ['K', 'three\n'],
      ] as const) {
        const [told, had] = [updates(), echoed()];
        client.type(words);
        await eventually(() => echoed() === had + words.length);
        client.type(`${command}\n`);
        await eventually(() => updates() > told);
      }
      client.type('four\n');
      await eventually(() => echoed() === 19);
    });
    const outcome = through(recording.chunks, recording.keys);
    expect(outcome.text('client').toString()).toBe('one\ntwo\nthree\nfour\n');
    expect(outcome.text('server').toString()).toBe('one\ntwo\nthree\nfour\n');
    expect(outcome).toMatchObject({ notes: [], gaps: [] });
  });

  it('padded records', async () => {
    const recording = await withClient({}, ['-record_padding', '1024'], async (client, echoed) => {
      client.type('padded\n');
      await eventually(() => echoed() === 7);
    });
    expect(recording.chunks.filter((chunk) => chunk.from === 'client').some((chunk) => chunk.bytes.length > 1024)).toBe(
      true,
    );
    expect(through(recording.chunks, recording.keys)).toMatchObject({ order: ['client 7', 'server 7'], notes: [] });
  });

  it('records no longer than 512 bytes', async () => {
    const line = `${'small '.repeat(500)}\n`;
    const recording = await withClient({ maxVersion: 'TLSv1.2' }, ['-max_send_frag', '512'], async (client, echoed) => {
      client.type(line);
      await eventually(() => echoed() === line.length);
    });
    const outcome = through(recording.chunks, recording.keys);
    expect(outcome.text('client').toString()).toBe(line);
    expect(outcome.text('server').toString()).toBe(line);
  });

  it('early data, with its key and without', async () => {
    const recording = await withEarlyData();
    expect(recording.keys).toContain('CLIENT_EARLY_TRAFFIC_SECRET');
    const outcome = through(recording.chunks, recording.keys);
    expect(outcome.text('client').toString()).toBe('early words');
    expect(outcome.notes).toMatchObject([{ code: 'TLS_EARLY_DATA', detail: 'read' }]);
    expect(outcome).toMatchObject({ infos: [{ resumed: true, keys: 'found' }], gaps: [] });
    const without = through(recording.chunks, recording.keys.replace(/^CLIENT_EARLY.*$/m, ''));
    expect(without.notes).toMatchObject([{ code: 'TLS_EARLY_DATA', detail: 'not readable' }]);
    expect(without.gaps).toEqual([{ from: 'client', length: undefined }]);
    expect(without.text('server').equals(outcome.text('server'))).toBe(true);
  });
});

/** `openssl s_client` through a tap against a server that sends everything back. */
async function withClient(
  options: tls.TlsOptions,
  args: readonly string[],
  talk: (client: ReturnType<typeof openssl>, echoed: () => number) => Promise<void>,
): Promise<Recording> {
  const keys: Buffer[] = [];
  let echoed = 0;
  const listener = tls.createServer({ ...identity, ...options });
  listener.on('keylog', (line) => keys.push(line));
  listener.on('tlsClientError', () => {});
  listener.on('secureConnection', (socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      socket.write(bytes);
      echoed += bytes.length;
    });
    socket.on('end', () => socket.end());
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const tap = await Tap.to((listener.address() as AddressInfo).port);
  const client = openssl('s_client', '-connect', `127.0.0.1:${tap.port}`, '-servername', 'localhost', ...args);
  await eventually(() => /---\n(?:read R BLOCK|.*Verify return code)|alert|error/s.test(client.printed));
  await talk(client, () => echoed);
  client.type('Q\n');
  await client.finish();
  await tap.close();
  listener.close();
  return { chunks: tap.chunks, keys: Buffer.concat(keys).toString() };
}

/** Two connections of `openssl s_client` to `openssl s_server`; the second, which is returned, sends data at once. */
async function withEarlyData(): Promise<Recording> {
  const port = await freePort();
  const file = (name: string): string => join(folder, name);
  writeFileSync(file('early.txt'), 'early words');
  const own = ['-key', file('key.pem'), '-cert', file('cert.pem'), '-keylogfile', file('keys')];
  const server = openssl('s_server', '-accept', `127.0.0.1:${port}`, '-early_data', '-naccept', '2', ...own);
  await eventually(() => server.printed.includes('ACCEPT'));
  const connect = async (to: number, ...args: readonly string[]): Promise<void> => {
    const client = openssl('s_client', '-connect', `127.0.0.1:${to}`, '-servername', 'localhost', ...args);
    await eventually(() => client.printed.includes('New Session Ticket') || /Early data was/.test(client.printed));
    client.type('Q\n');
    await client.finish();
  };
  await connect(port, '-sess_out', file('session'));
  const tap = await Tap.to(port);
  await connect(tap.port, '-sess_in', file('session'), '-early_data', file('early.txt'));
  await server.finish();
  await tap.close();
  return { chunks: tap.chunks, keys: readFileSync(file('keys'), 'latin1') };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
