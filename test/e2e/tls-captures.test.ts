/**
 * Decodes TLS connections of OpenSSL that dumpcap recorded: a short gateway conversation in each TLS version and cipher
 * suite, and with resumption, HelloRetryRequest and key updates.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { httpBytes, stream } from '../capture/http/vectors.js';
import { dissectFile } from '../support/dissect.js';
import { readCapture } from '../support/read-capture.js';
import { type Identity, makeIdentity, openssl, sendAndWait } from '../support/tls-tap.js';
import { eventually, sleep } from '../support/wait.js';
import { frame, framesOf, interleave, pdusOf } from '../support/wire.js';

type From = 'client' | 'server';
interface Message {
  readonly from: From;
  readonly bytes: Buffer;
}

let identity: Identity;
let folder: string;
/** All recorders, so that those of a test that timed out are ended as well. */
const recorders: ChildProcess[] = [];
beforeAll(() => {
  identity = makeIdentity();
  folder = mkdtempSync(join(tmpdir(), 'tls-captures-'));
  writeFileSync(join(folder, 'key.pem'), identity.key);
  writeFileSync(join(folder, 'cert.pem'), identity.cert);
});
afterAll(() => {
  for (const recorder of recorders) recorder.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

/** A recorded session, followed by DATA PDUs that span several TLS records or share one, and a KEEPALIVE. */
function conversation(): Message[] {
  const message = (from: From) => (bytes: Buffer) => ({ from, bytes });
  const [client, server] = [framesOf(stream('fr2-paa-ws-client').wire), framesOf(stream('fr2-paa-ws-server').wire)];
  return [
    { from: 'client', bytes: httpBytes('fr2-paa-ws-1-rdg-out-data') },
    { from: 'server', bytes: httpBytes('fr2-paa-ws-2-status-101') },
    ...interleave(client.map(message('client')), server.map(message('server'))),
    ...interleave(CLIENT_MORE.map((pdu) => frame(pdu, MASK)).map(message('client')), [
      { from: 'server', bytes: Buffer.concat(SERVER_MORE.map((pdu) => frame(pdu))) },
    ]),
  ];
}

const MASK = Buffer.from('1f2e3d4c', 'hex');
const CLIENT_MORE = [data(1401, 1), data(0, 2), data(5000, 3)];
const SERVER_MORE = [data(40_000, 4), data(65_000, 5), Buffer.from('0d00000008000000', 'hex'), data(3, 6)];
const EXPECTED = {
  client: [...pdusOf(stream('fr2-paa-ws-client').pdus), ...CLIENT_MORE],
  server: [...pdusOf(stream('fr2-paa-ws-server').pdus), ...SERVER_MORE],
};

/** A DATA PDU (MS-TSGU 2.2.10.6). */
function data(length: number, fill: number): Buffer {
  const pdu = Buffer.alloc(10 + length, fill);
  pdu.writeUInt32LE(10, 0);
  pdu.writeUInt32LE(pdu.length, 4);
  pdu.writeUInt16LE(length, 8);
  return pdu;
}

/** Records the traffic of `port` while `exchange` runs, and until both sides have closed `connections` connections. */
async function record(port: number, connections: number, exchange: () => Promise<void>): Promise<Buffer> {
  const file = join(folder, `${port}.pcapng`);
  const dumpcap = spawn('dumpcap', ['-q', '-i', 'lo', '-B', '16', '-f', `tcp port ${port}`, '-w', file], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  recorders.push(dumpcap);
  let stderr = '';
  dumpcap.stderr.on('data', (text: Buffer) => {
    stderr += text.toString();
  });
  const exited = once(dumpcap, 'exit');
  try {
    await Promise.race([
      eventually(() => stderr.includes('File: ')),
      exited.then(() => Promise.reject(new Error(`dumpcap ended: ${stderr}`))),
    ]);
    await exchange();
    // The kernel delivers packets to dumpcap in batches.
    while ((await finCount(file)) < 2 * connections) await sleep(50);
  } finally {
    dumpcap.kill('SIGINT');
    await exited;
  }
  return readFileSync(file);
}

/** The number of packets with FIN. All have Ethernet and IPv4 headers without options. */
async function finCount(file: string): Promise<number> {
  const { packets } = await readCapture(readFileSync(file));
  return packets.filter(({ bytes }) => ((bytes[14 + 20 + 13] ?? 0) & 1) === 1).length;
}

interface Recorded {
  readonly file: Buffer;
  readonly keys: string;
  readonly reused: boolean[];
}

interface ConnectionOptions {
  readonly server?: tls.TlsOptions;
  readonly client?: tls.ConnectionOptions;
  /** The number of connections. Each one resumes the session of the one before it. */
  readonly connections?: number;
}

/** Records the conversation between two TLS sockets of Node. */
async function recordNodeSockets({ server = {}, client = {}, connections = 1 }: ConnectionOptions): Promise<Recorded> {
  const keys: Buffer[] = [];
  const reused: boolean[] = [];
  const listener = tls.createServer({ ...identity, ...server });
  const accepted: tls.TLSSocket[] = [];
  listener.on('secureConnection', (socket) => accepted.push(socket));
  const port = await listen(listener);
  let session: Buffer | undefined;
  const file = await record(port, connections, async () => {
    for (let index = 0; index < connections; index++) {
      const local = tls.connect({
        port,
        host: '127.0.0.1',
        ca: identity.cert,
        servername: 'localhost',
        ...client,
        ...(session && { session }),
      });
      local.on('keylog', (line) => keys.push(line));
      local.on('session', (ticket) => {
        session = ticket;
      });
      await once(local, 'secureConnect');
      await eventually(() => accepted.length > index);
      const remote = accepted[index] as tls.TLSSocket;
      reused.push(local.isSessionReused());
      session ??= local.getSession();
      for (const { from, bytes } of conversation())
        await (from === 'client' ? sendAndWait(local, remote, bytes) : sendAndWait(remote, local, bytes));
      const closed = Promise.all([once(local, 'close'), once(remote, 'close')]);
      local.end();
      remote.end();
      await closed;
    }
  });
  listener.close();
  return { file, keys: Buffer.concat(keys).toString(), reused };
}

/** The number of ClientHello messages: unencrypted records of type 22 with a handshake message of type 1. */
async function helloCount(file: Buffer): Promise<number> {
  const { packets } = await readCapture(file);
  const payloads = packets.map(({ bytes }) => bytes.subarray(34 + ((bytes[34 + 12] ?? 0) >> 4) * 4));
  // The second one may follow a ChangeCipherSpec record of 6 bytes.
  return payloads.filter((bytes) => [0, 6].some((at) => bytes[at] === 22 && bytes[at + 5] === 1)).length;
}

async function listen(server: tls.Server | ReturnType<typeof createServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** Expects exactly the PDUs that were sent, no notes, no gaps, and this information about TLS. */
async function expectDecoded({ file, keys }: Recorded, ...infos: object[]): Promise<void> {
  const recorder = await dissectFile(file, keys);
  expect(recorder.codes).toEqual([]);
  expect(recorder.gaps).toEqual([]);
  expect(recorder.connections.map(({ opened }) => opened.tls)).toMatchObject(infos);
  for (const { conversation } of recorder.connections) {
    const pdus = recorder.pdus.filter((pdu) => pdu.conversation === conversation.number);
    const of = (direction: string): string[] =>
      pdus.filter((pdu) => pdu.direction === direction).map(({ bytes }) => bytes.toString('hex'));
    expect(of('client-to-server')).toEqual(EXPECTED.client.map((bytes) => bytes.toString('hex')));
    expect(of('server-to-client')).toEqual(EXPECTED.server.map((bytes) => bytes.toString('hex')));
  }
}

describe('suites', () => {
  it.each([
    ['ECDHE-ECDSA-AES128-GCM-SHA256', 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'],
    ['ECDHE-ECDSA-AES256-GCM-SHA384', 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'],
    ['ECDHE-ECDSA-CHACHA20-POLY1305', 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256'],
  ])('TLS 1.2, %s', async (ciphers, cipher) => {
    const recorded = await recordNodeSockets({ server: { ciphers, maxVersion: 'TLSv1.2' } });
    await expectDecoded(recorded, { version: 'TLS 1.2', cipher, sni: 'localhost', keys: 'found', resumed: false });
  });

  it.each(['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'])(
    'TLS 1.3, %s',
    async (cipher) => {
      const recorded = await recordNodeSockets({ server: { ciphers: cipher } });
      await expectDecoded(recorded, { version: 'TLS 1.3', cipher, sni: 'localhost', keys: 'found', resumed: false });
    },
  );
});

describe('handshakes', () => {
  it('HelloRetryRequest', async () => {
    const recorded = await recordNodeSockets({ server: { ecdhCurve: 'P-384' }, client: { ecdhCurve: 'X25519:P-384' } });
    await expectDecoded(recorded, { version: 'TLS 1.3', resumed: false });
    // The server rejected the key share of the first one.
    expect(await helloCount(recorded.file)).toBe(2);
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('%s resumed', async (version) => {
    const recorded = await recordNodeSockets({ server: { maxVersion: version, sessionTimeout: 300 }, connections: 3 });
    expect(recorded.reused).toEqual([false, true, true]);
    const info = { version: version.replace('v', ' '), keys: 'found' };
    await expectDecoded(recorded, { ...info, resumed: false }, { ...info, resumed: true }, { ...info, resumed: true });
  });
});

it('key updates of both sides with openssl s_server', async () => {
  const probe = createServer();
  const port = await listen(probe);
  probe.close();
  await once(probe, 'close');
  const [key, cert, log] = [join(folder, 'key.pem'), join(folder, 'cert.pem'), join(folder, 'update.keys')];
  const args = ['-key', key, '-cert', cert, '-keylogfile', log, '-naccept', '1', '-tls1_3'];
  const server = openssl('s_server', '-accept', `127.0.0.1:${port}`, ...args);
  await eventually(() => server.output.includes('ACCEPT'));
  let updates = 0;
  const file = await record(port, 1, async () => {
    const socket = connect(port, '127.0.0.1');
    const client = tls.connect({ socket, ca: identity.cert, servername: 'localhost' });
    let received = 0;
    client.on('data', (bytes) => {
      received += bytes.length;
    });
    await once(client, 'secureConnect');
    // Each message is sent alone, because s_server must read it from stdin in one piece. It prints what it receives.
    for (const [index, { from, bytes }] of conversation().entries()) {
      const [printedBefore, receivedBefore] = [server.output.length, received];
      if (from === 'client') {
        client.write(bytes);
        await eventually(() => server.output.length >= printedBefore + bytes.length);
        continue;
      }
      server.write(bytes);
      await eventually(() => received >= receivedBefore + bytes.length);
      if (index % 4 !== 1) continue;
      // K updates the keys of the server and requests an update of the client, k updates only those of the server.
      const bytesBefore = socket.bytesRead;
      server.write(updates % 2 === 0 ? 'K\n' : 'k\n');
      await eventually(() => socket.bytesRead > bytesBefore);
      updates++;
    }
    const closed = once(client, 'close');
    client.end();
    await closed;
    await server.finish();
  });
  expect(updates).toBeGreaterThan(2);
  await expectDecoded({ file, keys: readFileSync(log, 'latin1'), reused: [] }, { version: 'TLS 1.3', keys: 'found' });
});
