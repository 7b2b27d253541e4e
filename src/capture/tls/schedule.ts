/** Derives the keys of one direction from a key log secret: the last steps of the TLS 1.2 and 1.3 key schedules. */
import { createHmac } from 'node:crypto';
import type { Sender } from '../types.js';
import type { Suite } from './suites.js';

/** Record protection keys of one direction. */
export interface RecordKeys {
  readonly key: Buffer;
  /** 12 bytes; 4 bytes for GCM in TLS 1.2 (implicit part of the nonce); empty for CBC, whose records carry the IV. */
  readonly iv: Buffer;
  /** MAC key; empty for AEAD ciphers. */
  readonly mac: Buffer;
}

const MAC_LENGTH = { sha1: 20, sha256: 32, sha384: 48 } as const;

/** TLS 1.2: the keys of `sender` from the key block (RFC 5246 section 6.3; IV lengths of RFC 5288 and RFC 7905). */
export function keysFromMaster(
  suite: Suite,
  master: Buffer,
  clientRandom: Buffer,
  serverRandom: Buffer,
  sender: Sender,
): RecordKeys {
  const macLength = suite.mac ? MAC_LENGTH[suite.mac] : 0;
  const ivLength = suite.mac ? 0 : suite.cipher === 'chacha20-poly1305' ? 12 : 4;
  const seed = Buffer.concat([Buffer.from('key expansion'), serverRandom, clientRandom]);
  const block = pHash(suite.hash, master, seed, 2 * (macLength + suite.keyLength + ivLength));
  const index = sender === 'client' ? 0 : 1;
  let at = 0;
  const cut = (length: number): Buffer => {
    const part = block.subarray(at + index * length, at + (index + 1) * length);
    at += 2 * length;
    return part;
  };
  const mac = cut(macLength);
  const key = cut(suite.keyLength);
  return { mac, key, iv: cut(ivLength) };
}

/** TLS 1.3: the keys of a traffic secret (RFC 8446 section 7.3). */
export function keysFromTrafficSecret(suite: Suite, secret: Buffer): RecordKeys {
  return {
    key: expandLabel(suite.hash, secret, 'key', suite.keyLength),
    iv: expandLabel(suite.hash, secret, 'iv', 12),
    mac: Buffer.alloc(0),
  };
}

/** TLS 1.3: the traffic secret after a KeyUpdate (RFC 8446 section 7.2). */
export function nextTrafficSecret(suite: Suite, secret: Buffer): Buffer {
  return expandLabel(suite.hash, secret, 'traffic upd', suite.hash === 'sha384' ? 48 : 32);
}

/**
 * HKDF-Expand-Label with an empty context (RFC 8446 section 7.1). `length` is at most the hash length, so that
 * HKDF-Expand has a single round.
 */
export function expandLabel(hash: Suite['hash'], secret: Buffer, label: string, length: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`, 'latin1');
  const info = Buffer.from([length >> 8, length & 0xff, name.length, ...name, 0, 1]);
  return createHmac(hash, secret).update(info).digest().subarray(0, length);
}

/** P_hash of RFC 5246 section 5. It is the TLS 1.2 PRF when `seed` starts with the label. */
export function pHash(hash: Suite['hash'], secret: Buffer, seed: Buffer, length: number): Buffer {
  const parts: Buffer[] = [];
  let a = seed;
  for (let made = 0; made < length; made += a.length) {
    a = createHmac(hash, secret).update(a).digest();
    parts.push(createHmac(hash, secret).update(a).update(seed).digest());
  }
  return Buffer.concat(parts).subarray(0, length);
}
