/** The ways a TLS connection can begin, go on and fail, against OpenSSL. */
import type { AddressInfo } from 'node:net';
import * as tls from 'node:tls';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Identity, makeIdentity, type Recording, recordTls, say, Tap } from '../../support/tls-tap.js';
import { eventually } from '../../support/wait.js';
import { through } from './through.js';

let identity: Identity;
beforeAll(() => {
  identity = makeIdentity();
});

async function pingPong(client: tls.TLSSocket, server: tls.TLSSocket): Promise<void> {
  await say(client, server, Buffer.from('ping'));
  await say(server, client, Buffer.from('pong'));
}

const TALKED = { order: ['client 4', 'server 4'], gaps: [], ends: ['client fin', 'server fin'] };

describe('resumption', () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`${version} with a ticket`, async () => {
      const server = { maxVersion: version, ticketKeys: Buffer.alloc(48, 7), sessionIdContext: 'test' } as const;
      let session: Buffer | undefined;
      const talk = async (client: tls.TLSSocket, peer: tls.TLSSocket): Promise<void> => {
        client.on('session', (ticket) => {
          session = ticket;
        });
        await pingPong(client, peer);
        // In TLS 1.2 the ticket comes with the handshake, before anyone listens.
        if (version === 'TLSv1.2') session = client.getSession();
        await eventually(() => session !== undefined);
      };
      const first = await recordTls(identity, { server, talk });
      expect(through(first.chunks, first.keys)).toMatchObject({ ...TALKED, infos: [{ resumed: false }], notes: [] });
      let reused = false;
      const again = await recordTls(identity, {
        server,
        client: { session: session as Buffer },
        talk: async (client, peer) => {
          reused = client.isSessionReused();
          await pingPong(client, peer);
        },
      });
      expect(reused).toBe(true);
      const info = { version: version.replace('v', ' '), resumed: true, keys: 'found', sni: 'localhost' };
      expect(through(again.chunks, again.keys)).toMatchObject({ ...TALKED, infos: [info], notes: [] });
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
    const seen: { keys: string; reused: boolean }[] = [];
    let session: Buffer | undefined;
    const marks: number[] = [];
    for (let turn = 0; turn < 2; turn++) {
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
      seen.push({ keys, reused });
      marks.push(tap.chunks.length);
    }
    await tap.close();
    listener.close();
    expect(seen.map((one) => one.reused)).toEqual([false, true]);
    const [full, short] = [tap.chunks.slice(0, marks[0]), tap.chunks.slice(marks[0])];
    expect(through(full, seen[0]?.keys ?? '')).toMatchObject({ ...TALKED, infos: [{ resumed: false }] });
    expect(through(short, seen[1]?.keys ?? '')).toMatchObject({ ...TALKED, infos: [{ resumed: true }] });
  });
});

describe('handshakes', () => {
  it('HelloRetryRequest', async () => {
    const client = { ecdhCurve: 'X25519:P-384' };
    const { chunks, keys } = await recordTls(identity, { server: { ecdhCurve: 'P-384' }, client, talk: pingPong });
    // The client spoke twice in the clear before it had keys.
    expect(clearRecords(chunks, 'client')).toBe(2);
    expect(through(chunks, keys)).toMatchObject({ ...TALKED, infos: [{ version: 'TLS 1.3' }], notes: [] });
  });

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`${version} with a client certificate`, async () => {
      const server = { requestCert: true, ca: identity.cert, maxVersion: version };
      let subject: unknown;
      const talk = async (client: tls.TLSSocket, peer: tls.TLSSocket): Promise<void> => {
        subject = peer.getPeerCertificate().subject.CN;
        await pingPong(client, peer);
      };
      const { chunks, keys } = await recordTls(identity, { server, client: identity, talk });
      expect(subject).toBe('localhost');
      expect(through(chunks, keys)).toMatchObject({ ...TALKED, infos: [{ keys: 'found' }], notes: [] });
    });
  }

  it('renegotiation in TLS 1.2 is followed and told', async () => {
    const talk = async (client: tls.TLSSocket, peer: tls.TLSSocket): Promise<void> => {
      await say(client, peer, Buffer.from('before'));
      await new Promise<void>((resolve, reject) =>
        client.renegotiate({ rejectUnauthorized: true }, (error) => (error ? reject(error) : resolve())),
      );
      await say(client, peer, Buffer.from('after'));
      await say(peer, client, Buffer.from('yes'));
    };
    const server = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' } as const;
    const { chunks, keys } = await recordTls(identity, { server, talk });
    expect(keys.match(/CLIENT_RANDOM/g)).toHaveLength(2);
    const outcome = through(chunks, keys);
    expect(outcome).toMatchObject({ order: ['client 11', 'server 3'], gaps: [] });
    expect(outcome.codes).toEqual(['TLS_RENEGOTIATED']);
  });

  it('a version that is not read here is named', async () => {
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    const { chunks, keys } = await recordTls(identity, { server: old, client: old, talk: pingPong });
    const outcome = through(chunks, keys);
    expect(outcome.infos).toMatchObject([{ version: 'TLS 1.1', keys: 'unsupported' }]);
    expect(outcome.notes).toMatchObject([{ code: 'TLS_UNSUPPORTED', detail: 'TLS 1.1' }]);
    expect(outcome.order).toEqual(['gap client ?', 'gap server ?']);
  });

  it('a suite that is not read here is named', async () => {
    const odd = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-CCM' } as const;
    const { chunks, keys } = await recordTls(identity, {
      server: odd,
      client: { ciphers: odd.ciphers },
      talk: pingPong,
    });
    const outcome = through(chunks, keys);
    expect(outcome.infos).toMatchObject([{ version: 'TLS 1.2', cipher: '0xC0AC', keys: 'unsupported' }]);
    expect(outcome.notes).toMatchObject([{ code: 'TLS_UNSUPPORTED', detail: '0xC0AC' }]);
  });

  it('no version in common: an alert in the clear, and a handshake that was never finished', async () => {
    const server = { minVersion: 'TLSv1.3' } as const;
    const { chunks, keys } = await recordTls(identity, { server, client: { maxVersion: 'TLSv1.2' }, talk: pingPong });
    const outcome = through(chunks, keys);
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
