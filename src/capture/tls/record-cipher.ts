/** Record protection: openers for the records of one direction under one set of keys. */
import { createDecipheriv } from 'node:crypto';
import { cbcOpener } from './cbc.js';
import { type Opener, RECORD_HEADER, writeMacHeader } from './record-format.js';
import type { RecordKeys } from './schedule.js';
import type { Suite } from './suites.js';

/** Bytes of the nonce that a TLS 1.2 GCM record carries (RFC 5288 section 3). */
const EXPLICIT_NONCE = 8;
const TAG = 16;
const TWO_POW_32 = 0x1_0000_0000;

/** Returns the opener for a cipher suite. `encryptThenMac` (RFC 7366) applies to CBC only. */
export function createOpener(suite: Suite, keys: RecordKeys, encryptThenMac = false): Opener {
  if (suite.version === 'TLS 1.3') return aeadOpener(suite, keys, 0, headerAsAad);
  if (suite.mac) return cbcOpener(suite.cipher, suite.mac, keys, encryptThenMac);
  return aeadOpener(suite, keys, suite.cipher === 'chacha20-poly1305' ? 0 : EXPLICIT_NONCE, sequenceAsAad());
}

/** Returns the additional authenticated data of a record. `length` is that of the content. */
type Aad = (record: Buffer, sequence: number, length: number) => Buffer;

/**
 * Returns an AEAD opener. The nonce is the IV XOR the sequence number (RFC 8446 section 5.3, RFC 7905), or 4 bytes of
 * IV followed by `explicit` bytes from the record. The nonce buffer is reused for every record, since OpenSSL copies
 * it.
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
        nonce.writeUInt32BE((high ^ Math.floor(sequence / TWO_POW_32)) >>> 0, 4);
        nonce.writeUInt32BE((low ^ (sequence % TWO_POW_32)) >>> 0, 8);
      }
      // The overloads of createDecipheriv take literal names only. All three ciphers have the same signature.
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

/** TLS 1.2 (RFC 5246 section 6.2.3.3). The buffer is reused for every record. */
function sequenceAsAad(): Aad {
  const aad = Buffer.alloc(13);
  return (record, sequence, length) => {
    writeMacHeader(aad, record, sequence, length);
    return aad;
  };
}
