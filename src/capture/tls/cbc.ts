/** TLS 1.2 records of CBC suites (RFC 5246 section 6.2.3.2, RFC 7366), which older Windows servers still prefer. */
import { createDecipheriv, createHmac } from 'node:crypto';
import { type Opener, RECORD_HEADER, writeMacHeader } from './record-format.js';
import type { RecordKeys } from './schedule.js';
import type { Suite } from './suites.js';

const BLOCK = 16;

/**
 * Returns an opener for CBC records. The MAC is inside the ciphertext before the padding, or with `encryptThenMac`
 * after the ciphertext.
 */
export function cbcOpener(
  cipher: Suite['cipher'],
  hash: NonNullable<Suite['mac']>,
  keys: RecordKeys,
  encryptThenMac: boolean,
): Opener {
  const macLength = keys.mac.length;
  const macHeader = Buffer.alloc(13);
  const macMatches = (record: Buffer, sequence: number, content: Buffer, mac: Buffer): boolean => {
    writeMacHeader(macHeader, record, sequence, content.length);
    return createHmac(hash, keys.mac).update(macHeader).update(content).digest().equals(mac);
  };
  return {
    overhead: undefined,
    open(record, sequence) {
      const end = encryptThenMac ? record.length - macLength : record.length;
      const start = RECORD_HEADER + BLOCK;
      if (end <= start || (end - start) % BLOCK !== 0) return undefined;
      if (encryptThenMac && !macMatches(record, sequence, record.subarray(RECORD_HEADER, end), record.subarray(end))) {
        return undefined;
      }
      const decipher = createDecipheriv(cipher, keys.key, record.subarray(RECORD_HEADER, start)).setAutoPadding(false);
      const padded = decipher.update(record.subarray(start, end));
      const length = padded.length - 1 - (padded.at(-1) ?? 0);
      if (encryptThenMac) return length < 0 ? undefined : padded.subarray(0, length);
      if (length < macLength) return undefined;
      const content = padded.subarray(0, length - macLength);
      return macMatches(record, sequence, content, padded.subarray(length - macLength, length)) ? content : undefined;
    },
  };
}
