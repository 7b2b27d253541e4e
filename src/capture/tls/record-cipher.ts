/** Record protection: what opens the records of one direction under one set of keys. */
import { createDecipheriv } from 'node:crypto';
import { cbcOpener } from './cbc.js';
import { type Opener, RECORD_HEADER, writeMacHeader } from './record-opener.js';
import type { RecordKeys } from './schedule.js';
import type { Suite } from './suites.js';

/** GCM in TLS 1.2 carries 8 bytes of its nonce (RFC 5288 section 3). */
const EXPLICIT_NONCE = 8;
const TAG = 16;
const WORD = 0x1_0000_0000;

/** The opener for a suite of `suites.ts`. `encryptThenMac` matters to CBC alone (RFC 7366). */
export function createOpener(suite: Suite, keys: RecordKeys, encryptThenMac = false): Opener {
  if (suite.version === 'TLS 1.3') return aeadOpener(suite, keys, 0, headerAsAad);
  if (suite.mac) return cbcOpener(suite.cipher, suite.mac, keys, encryptThenMac);
  return aeadOpener(suite, keys, suite.cipher === 'chacha20-poly1305' ? 0 : EXPLICIT_NONCE, sequenceAsAad());
}

/** What is authenticated beside the content. */
type Aad = (record: Buffer, sequence: number, length: number) => Buffer;

/**
 * Any AEAD. The nonce is the IV xor the sequence number (RFC 8446 section 5.3, RFC 7905), or the IV's 4 bytes and what the
 * record carries. The nonce's buffer is used again for each record: OpenSSL copies it.
 */
function aeadOpener(suite: Suite, keys: RecordKeys, explicit: number, aad: Aad): Opener {
  const { cipher, version } = suite;
  const { key } = keys;
  const options = { authTagLength: TAG };
  const nonce = Buffer.alloc(12);
  keys.iv.copy(nonce);
  const high = nonce.readUInt32BE(4);
  const low = nonce.readUInt32BE(8);
  const start = RECORD_HEADER + explicit;
  return {
    overhead: start + TAG + (version === 'TLS 1.3' ? 1 : 0),
    open(record, sequence) {
      const end = record.length - TAG;
      if (end < start) return undefined;
      if (explicit > 0) {
        record.copy(nonce, 4, RECORD_HEADER, start);
      } else {
        nonce.writeUInt32BE((high ^ Math.floor(sequence / WORD)) >>> 0, 4);
        nonce.writeUInt32BE((low ^ (sequence % WORD)) >>> 0, 8);
      }
      // The types know createDecipheriv by literal names only; all three ciphers have this shape.
      const decipher = createDecipheriv(cipher as 'aes-128-gcm', key, nonce, options);
      decipher.setAuthTag(record.subarray(end));
      decipher.setAAD(aad(record, sequence, end - start));
      const content = decipher.update(record.subarray(start, end));
      try {
        decipher.final();
      } catch {
        return undefined;
      }
      return content;
    },
  };
}

/** TLS 1.3 (RFC 8446 section 5.2). */
function headerAsAad(record: Buffer): Buffer {
  return record.subarray(0, RECORD_HEADER);
}

/** TLS 1.2 (RFC 5246 section 6.2.3.3), in one buffer that is written anew for each record. */
function sequenceAsAad(): Aad {
  const aad = Buffer.alloc(13);
  return (record, sequence, length) => {
    writeMacHeader(aad, record, sequence, length);
    return aad;
  };
}
