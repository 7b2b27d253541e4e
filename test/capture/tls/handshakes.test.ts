/** Handshake variants of OpenSSL: resumption, retry, client certificate, renegotiation and failures. */
import type { AddressInfo } from 'node:net';
import * as tls from 'node:tls';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Identity, makeIdentity, type Recording, recordTls, sendAndWait, Tap } from '../../support/tls-tap.js';
import { eventually } from '../../support/wait.js';
import { decrypt } from './through.js';

let identity: Identity;
beforeAll(() => {
  identity = makeIdentity();
});

async function pingPong(client: tls.TLSSocket, server: tls.TLSSocket): Promise<void> {
  await sendAndWait(client, server, Buffer.from('ping'));
  await sendAndWait(server, client, Buffer.from('pong'));
}

const PING_PONG = { order: ['client 4', 'server 4'], gaps: [], ends: ['client fin', 'server fin'] };

describe('resumption', () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`${version} with a ticket`, async () => {
      const server = { maxVersion: version, ticketKeys: Buffer.alloc(48, 7), sessionIdContext: 'test' } as const;
      let session: Buffer | undefined;
      const exchange = async (client: tls.TLSSocket, peer: tls.TLSSocket): Promise<void> => {
        client.on('session', (ticket) => {
          session = ticket;
        });
        await pingPong(client, peer);
        // In TLS 1.2 the ticket arrives with the handshake, before the listener is attached.
        if (version === 'TLSv1.2') session = client.getSession();
        await eventually(() => session !== undefined);
      };
      const first = await recordTls(identity, { server, exchange });
      expect(decrypt(first.chunks, first.keys)).toMatchObject({ ...PING_PONG, infos: [{ resumed: false }], notes: [] });
      let reused = false;
      const second = await recordTls(identity, {
        server,
        client: { session: session as Buffer },
        exchange: async (client, peer) => {
          reused = client.isSessionReused();
          await pingPong(client, peer);
        },
      });
      expect(reused).toBe(true);
      const info = { version: version.replace('v', ' '), resumed: true, keys: 'found', sni: 'localhost' };
      expect(decrypt(second.chunks, second.keys)).toMatchObject({ ...PING_PONG, infos: [info], notes: [] });
    });
  }

  it('TLS 1.2 with a session id', async () => {
    const sessions = new Map<string, Buffer>();
    const listener = tls.createServer({ ...identity, maxVersion: 'TLSv1.2', secureOptions: 0x4000 });
    listener.on('newSession', (id, data, done) => {
      sessions.set(id.toString('hex'), data);
      done();
    });
    listener.on('resumeSession', (id, done) => done(null, sessions.get(id.toString('hex')) ?? null));
    listener.on('secureConnection', (socket) => socket.pipe(socket));
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const tap = await Tap.to((listener.address() as AddressInfo).port);
    const results: { keys: string; reused: boolean }[] = [];
    let session: Buffer | undefined;
    const marks: number[] = [];
    for (let round = 0; round < 2; round++) {
      const socket = tls.connect({
        port: tap.port,
        host: '127.0.0.1',
        ca: identity.cert,
        servername: 'localhost',
        ...(session ? { session } : {}),
      });
      let keys = '';
      socket.on('keylog', (line) => {
        keys += line.toString();
      });
      await new Promise((resolve) => socket.once('secureConnect', resolve));
      const reused = socket.isSessionReused();
      session = socket.getSession();
      socket.write('ping');
      await new Promise((resolve) => socket.once('data', resolve));
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.end();
      await closed;
      await eventually(() => tap.idle);
      results.push({ keys, reused });
      marks.push(tap.chunks.length);
    }
    await tap.close();
    listener.close();
    expect(results.map(({ reused }) => reused)).toEqual([false, true]);
    const [full, abbreviated] = [tap.chunks.slice(0, marks[0]), tap.chunks.slice(marks[0])];
    expect(decrypt(full, results[0]?.keys ?? '')).toMatchObject({ ...PING_PONG, infos: [{ resumed: false }] });
    expect(decrypt(abbreviated, results[1]?.keys ?? '')).toMatchObject({ ...PING_PONG, infos: [{ resumed: true }] });
  });
});

describe('handshakes', () => {
  it('HelloRetryRequest', async () => {
    const client = { ecdhCurve: 'X25519:P-384' };
    const { chunks, keys } = await recordTls(identity, { server: { ecdhCurve: 'P-384' }, client, exchange: pingPong });
    // The client sent two unencrypted hellos.
    expect(clearRecords(chunks, 'client')).toBe(2);
    expect(decrypt(chunks, keys)).toMatchObject({ ...PING_PONG, infos: [{ version: 'TLS 1.3' }], notes: [] });
  });

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`${version} with a client certificate`, async () => {
      const server = { requestCert: true, ca: identity.cert, maxVersion: version };
      let subject: unknown;
      const exchange = async (client: tls.TLSSocket, peer: tls.TLSSocket): Promise<void> => {
        subject = peer.getPeerCertificate().subject.CN;
        await pingPong(client, peer);
      };
      const { chunks, keys } = await recordTls(identity, { server, client: identity, exchange });
      expect(subject).toBe('localhost');
      expect(decrypt(chunks, keys)).toMatchObject({ ...PING_PONG, infos: [{ keys: 'found' }], notes: [] });
    });
  }

  it('renegotiation in TLS 1.2 is decrypted and noted', async () => {
    const exchange = async (client: tls.TLSSocket, peer: tls.TLSSocket): Promise<void> => {
      await sendAndWait(client, peer, Buffer.from('before'));
      await new Promise<void>((resolve, reject) =>
        client.renegotiate({ rejectUnauthorized: true }, (error) => (error ? reject(error) : resolve())),
      );
      await sendAndWait(client, peer, Buffer.from('after'));
      await sendAndWait(peer, client, Buffer.from('yes'));
    };
    const server = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' } as const;
    const { chunks, keys } = await recordTls(identity, { server, exchange });
    expect(keys.match(/CLIENT_RANDOM/g)).toHaveLength(2);
    const outcome = decrypt(chunks, keys);
    expect(outcome).toMatchObject({ order: ['client 11', 'server 3'], gaps: [] });
    expect(outcome.codes).toEqual(['TLS_RENEGOTIATED']);
  });

  it('an unsupported version is named in the note', async () => {
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    const { chunks, keys } = await recordTls(identity, { server: old, client: old, exchange: pingPong });
    const outcome = decrypt(chunks, keys);
    expect(outcome.infos).toMatchObject([{ version: 'TLS 1.1', keys: 'unsupported' }]);
    expect(outcome.notes).toMatchObject([{ code: 'TLS_UNSUPPORTED', detail: 'TLS 1.1' }]);
    expect(outcome.order).toEqual(['gap client ?', 'gap server ?']);
  });

  it('an unsupported cipher suite is named in the note', async () => {
    const suite = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-CCM' } as const;
    const { chunks, keys } = await recordTls(identity, {
      server: suite,
      client: { ciphers: suite.ciphers },
      exchange: pingPong,
    });
    const outcome = decrypt(chunks, keys);
    expect(outcome.infos).toMatchObject([{ version: 'TLS 1.2', cipher: '0xC0AC', keys: 'unsupported' }]);
    expect(outcome.notes).toMatchObject([{ code: 'TLS_UNSUPPORTED', detail: '0xC0AC' }]);
  });

  it('without a common version: an unencrypted alert and an unfinished handshake are noted', async () => {
    const server = { minVersion: 'TLSv1.3' } as const;
    const { chunks, keys } = await recordTls(identity, {
      server,
      client: { maxVersion: 'TLSv1.2' },
      exchange: pingPong,
    });
    const outcome = decrypt(chunks, keys);
    expect(outcome.infos).toMatchObject([{ version: undefined, cipher: undefined, sni: 'localhost' }]);
    expect(outcome.notes.map(({ code, detail }) => [code, detail])).toEqual([
      ['TLS_ALERT', 'fatal protocol_version from the server'],
      ['TLS_HANDSHAKE_UNFINISHED', undefined],
    ]);
  });
});

function clearRecords(chunks: Recording['chunks'], from: string): number {
  let bytes = Buffer.concat(chunks.filter((chunk) => chunk.from === from).map((chunk) => chunk.bytes));
  let count = 0;
  while (bytes.length >= 5) {
    if (bytes[0] === 22) count++;
    bytes = bytes.subarray(5 + bytes.readUInt16BE(3));
  }
  return count;
}
