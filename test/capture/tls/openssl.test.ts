/** Features that need the openssl command: key updates, padding, early data, small records and client alerts. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Identity, makeIdentity, openssl, type Recording, Tap } from '../../support/tls-tap.js';
import { eventually } from '../../support/wait.js';
import { decrypt } from './through.js';

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
  it('notes the alert of a client that does not trust the certificate', async () => {
    const { chunks, keys } = await withClient(
      {},
      ['-verify_return_error', '-verify', '1', '-CApath', folder],
      async () => {},
    );
    const { notes } = decrypt(chunks, keys);
    expect(notes.map((note) => note.detail)).toEqual([
      expect.stringMatching(/^fatal (unknown_ca|bad_certificate) from the client$/),
    ]);
  });

  it('follows key updates of one side and of both sides', async () => {
    const recording = await withClient({}, [], async (client, echoed) => {
      const updates = (): number => client.output.split('KEYUPDATE').length - 1;
      // `k` updates the keys of the client, `K` also requests an update from the server. s_client accepts commands only
      // at the start of a read.
      for (const [command, text] of [
        ['k', 'one\n'],
        ['K', 'two\n'],
        ['K', 'three\n'],
      ] as const) {
        const [updatesBefore, echoedBefore] = [updates(), echoed()];
        client.write(text);
        await eventually(() => echoed() === echoedBefore + text.length);
        client.write(`${command}\n`);
        await eventually(() => updates() > updatesBefore);
      }
      client.write('four\n');
      await eventually(() => echoed() === 19);
    });
    const outcome = decrypt(recording.chunks, recording.keys);
    expect(outcome.text('client').toString()).toBe('one\ntwo\nthree\nfour\n');
    expect(outcome.text('server').toString()).toBe('one\ntwo\nthree\nfour\n');
    expect(outcome).toMatchObject({ notes: [], gaps: [] });
  });

  it('decrypts padded records', async () => {
    const recording = await withClient({}, ['-record_padding', '1024'], async (client, echoed) => {
      client.write('padded\n');
      await eventually(() => echoed() === 7);
    });
    expect(recording.chunks.filter((chunk) => chunk.from === 'client').some((chunk) => chunk.bytes.length > 1024)).toBe(
      true,
    );
    expect(decrypt(recording.chunks, recording.keys)).toMatchObject({ order: ['client 7', 'server 7'], notes: [] });
  });

  it('decrypts records of at most 512 bytes', async () => {
    const line = `${'small '.repeat(500)}\n`;
    const recording = await withClient({ maxVersion: 'TLSv1.2' }, ['-max_send_frag', '512'], async (client, echoed) => {
      client.write(line);
      await eventually(() => echoed() === line.length);
    });
    const outcome = decrypt(recording.chunks, recording.keys);
    expect(outcome.text('client').toString()).toBe(line);
    expect(outcome.text('server').toString()).toBe(line);
  });

  it('early data with and without its key', async () => {
    const recording = await withEarlyData();
    expect(recording.keys).toContain('CLIENT_EARLY_TRAFFIC_SECRET');
    const outcome = decrypt(recording.chunks, recording.keys);
    expect(outcome.text('client').toString()).toBe('early words');
    expect(outcome.notes).toMatchObject([{ code: 'TLS_EARLY_DATA', detail: 'read' }]);
    expect(outcome).toMatchObject({ infos: [{ resumed: true, keys: 'found' }], gaps: [] });
    const without = decrypt(recording.chunks, recording.keys.replace(/^CLIENT_EARLY.*$/m, ''));
    expect(without.notes).toMatchObject([{ code: 'TLS_EARLY_DATA', detail: 'not readable' }]);
    expect(without.gaps).toEqual([{ from: 'client', length: undefined }]);
    expect(without.text('server').equals(outcome.text('server'))).toBe(true);
  });
});

/** Records `openssl s_client` against an echo server. */
async function withClient(
  options: tls.TlsOptions,
  args: readonly string[],
  exchange: (client: ReturnType<typeof openssl>, echoed: () => number) => Promise<void>,
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
  await eventually(() => /---\n(?:read R BLOCK|.*Verify return code)|alert|error/s.test(client.output));
  await exchange(client, () => echoed);
  client.write('Q\n');
  await client.finish();
  await tap.close();
  listener.close();
  return { chunks: tap.chunks, keys: Buffer.concat(keys).toString() };
}

/** Two connections of `openssl s_client` to `openssl s_server`. Returns the second, which sends early data. */
async function withEarlyData(): Promise<Recording> {
  const port = await freePort();
  const file = (name: string): string => join(folder, name);
  writeFileSync(file('early.txt'), 'early words');
  const serverArgs = ['-key', file('key.pem'), '-cert', file('cert.pem'), '-keylogfile', file('keys')];
  const server = openssl('s_server', '-accept', `127.0.0.1:${port}`, '-early_data', '-naccept', '2', ...serverArgs);
  await eventually(() => server.output.includes('ACCEPT'));
  const connect = async (to: number, ...args: readonly string[]): Promise<void> => {
    const client = openssl('s_client', '-connect', `127.0.0.1:${to}`, '-servername', 'localhost', ...args);
    await eventually(() => client.output.includes('New Session Ticket') || /Early data was/.test(client.output));
    client.write('Q\n');
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
