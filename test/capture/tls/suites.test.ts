/** Decrypts OpenSSL connections with every supported cipher suite. */
import type { TLSSocket } from 'node:tls';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Identity, makeIdentity, recordTls, sendAndWait } from '../../support/tls-tap.js';
import { decrypt } from './through.js';

let ec: Identity;
let rsa: Identity;
beforeAll(() => {
  ec = makeIdentity('ec');
  rsa = makeIdentity('rsa');
});

/** Data sent in turn: small writes, and one that needs several records. */
const CLIENT = ['a', 'GET / HTTP/1.1\r\n\r\n', 'x'.repeat(1400)].map((text) => Buffer.from(text));
const SERVER = [Buffer.from('b'), Buffer.alloc(50_000, 'large '), Buffer.from('end')];

async function exchange(client: TLSSocket, server: TLSSocket): Promise<void> {
  for (let round = 0; round < 3; round++) {
    await sendAndWait(client, server, CLIENT[round] ?? Buffer.alloc(0));
    await sendAndWait(server, client, SERVER[round] ?? Buffer.alloc(0));
  }
}

/** Key type of the certificate, name in openssl ciphers(1), IANA name. */
const TLS12 = [
  ['ec', 'ECDHE-ECDSA-AES128-GCM-SHA256', 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'],
  ['ec', 'ECDHE-ECDSA-AES256-GCM-SHA384', 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'],
  ['ec', 'ECDHE-ECDSA-CHACHA20-POLY1305', 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256'],
  ['rsa', 'ECDHE-RSA-AES128-GCM-SHA256', 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'],
  ['rsa', 'ECDHE-RSA-AES256-GCM-SHA384', 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384'],
  ['rsa', 'ECDHE-RSA-CHACHA20-POLY1305', 'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256'],
  ['rsa', 'DHE-RSA-AES128-GCM-SHA256', 'TLS_DHE_RSA_WITH_AES_128_GCM_SHA256'],
  ['rsa', 'DHE-RSA-AES256-GCM-SHA384', 'TLS_DHE_RSA_WITH_AES_256_GCM_SHA384'],
  ['rsa', 'DHE-RSA-CHACHA20-POLY1305', 'TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256'],
  ['rsa', 'AES128-GCM-SHA256', 'TLS_RSA_WITH_AES_128_GCM_SHA256'],
  ['rsa', 'AES256-GCM-SHA384', 'TLS_RSA_WITH_AES_256_GCM_SHA384'],
  ['ec', 'ECDHE-ECDSA-AES128-SHA', 'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA'],
  ['ec', 'ECDHE-ECDSA-AES256-SHA', 'TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA'],
  ['ec', 'ECDHE-ECDSA-AES128-SHA256', 'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256'],
  ['ec', 'ECDHE-ECDSA-AES256-SHA384', 'TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384'],
  ['rsa', 'ECDHE-RSA-AES128-SHA', 'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA'],
  ['rsa', 'ECDHE-RSA-AES256-SHA', 'TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA'],
  ['rsa', 'ECDHE-RSA-AES128-SHA256', 'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256'],
  ['rsa', 'ECDHE-RSA-AES256-SHA384', 'TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384'],
  ['rsa', 'DHE-RSA-AES128-SHA', 'TLS_DHE_RSA_WITH_AES_128_CBC_SHA'],
  ['rsa', 'DHE-RSA-AES256-SHA', 'TLS_DHE_RSA_WITH_AES_256_CBC_SHA'],
  ['rsa', 'DHE-RSA-AES128-SHA256', 'TLS_DHE_RSA_WITH_AES_128_CBC_SHA256'],
  ['rsa', 'DHE-RSA-AES256-SHA256', 'TLS_DHE_RSA_WITH_AES_256_CBC_SHA256'],
  ['rsa', 'AES128-SHA', 'TLS_RSA_WITH_AES_128_CBC_SHA'],
  ['rsa', 'AES256-SHA', 'TLS_RSA_WITH_AES_256_CBC_SHA'],
  ['rsa', 'AES128-SHA256', 'TLS_RSA_WITH_AES_128_CBC_SHA256'],
  ['rsa', 'AES256-SHA256', 'TLS_RSA_WITH_AES_256_CBC_SHA256'],
] as const;

const TLS13 = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'] as const;

/** SSL_OP_NO_ENCRYPT_THEN_MAC, which node:constants does not export. */
const NO_ENCRYPT_THEN_MAC = 0x80000;

describe('TLS 1.2', () => {
  for (const [kind, openssl, iana] of TLS12) {
    it(openssl, async () => {
      const server = { maxVersion: 'TLSv1.2', ciphers: openssl, dhparam: 'auto' } as const;
      const identity = kind === 'ec' ? ec : rsa;
      const { chunks, keys } = await recordTls(identity, { server, client: { ciphers: openssl }, exchange });
      const outcome = decrypt(chunks, keys);
      expect(outcome.infos).toMatchObject([
        { version: 'TLS 1.2', cipher: iana, sni: 'localhost', alpn: 'http/1.1', keys: 'found', resumed: false },
      ]);
      expectAllData(outcome);
    });
  }

  it('CBC with MAC-then-encrypt', async () => {
    for (const ciphers of ['ECDHE-RSA-AES128-SHA', 'ECDHE-RSA-AES256-SHA384']) {
      const client = { ciphers, maxVersion: 'TLSv1.2', secureOptions: NO_ENCRYPT_THEN_MAC } as const;
      const { chunks, keys } = await recordTls(rsa, { client, exchange });
      expectAllData(decrypt(chunks, keys));
    }
  });
});

describe('TLS 1.3', () => {
  for (const cipher of TLS13) {
    it(cipher, async () => {
      const { chunks, keys } = await recordTls(ec, {
        server: { ciphers: cipher },
        client: { ciphers: cipher },
        exchange,
      });
      const outcome = decrypt(chunks, keys);
      expect(outcome.infos).toMatchObject([
        { version: 'TLS 1.3', cipher, sni: 'localhost', alpn: 'http/1.1', keys: 'found', resumed: false },
      ]);
      expectAllData(outcome);
    });
  }
});

function expectAllData(outcome: ReturnType<typeof decrypt>): void {
  expect(outcome.text('client').equals(Buffer.concat(CLIENT))).toBe(true);
  expect(outcome.text('server').equals(Buffer.concat(SERVER))).toBe(true);
  expect(outcome.order).toEqual(['client 1', 'server 1', 'client 18', 'server 50000', 'client 1400', 'server 3']);
  expect(outcome).toMatchObject({ notes: [], gaps: [], ends: ['client fin', 'server fin'] });
}
