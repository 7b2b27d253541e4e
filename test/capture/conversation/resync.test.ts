import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Landmark, type LandmarkMatch, MAX_SEEK_BYTES, Seeker } from '../../../src/capture/conversation/resync.js';
import type { Sender } from '../../../src/capture/types.js';

const KEEPALIVE = Buffer.from('0d00000008000000', 'hex');
const ALL: readonly Landmark[] = ['head', 'websocket', 'chunk', 'pdu'];

/** The first landmark in `text`, which is read in pieces of `size` bytes. */
function seek(text: Buffer, wanted = ALL, from: Sender = 'client', size = text.length): LandmarkMatch | undefined {
  const seeker = new Seeker(from, wanted);
  for (let at = 0; at < text.length; at += size) {
    const found = seeker.push(text.subarray(at, at + size));
    if (found) return found;
  }
  return undefined;
}

function prefixed(prefix: string, landmark: string | Buffer): Buffer {
  return Buffer.concat([Buffer.from(prefix, 'latin1'), Buffer.from(landmark as string)]);
}

describe('a landmark', () => {
  it.each([
    ['chunk', 'client', '8\r\n', KEEPALIVE],
    ['chunk', 'server', '00000008\r\n', KEEPALIVE],
    ['websocket', 'server', Buffer.from([0x82, 8]), KEEPALIVE],
    ['head', 'client', 'RDG_OUT_DATA /', Buffer.alloc(0)],
    ['head', 'server', 'HTTP/1.1 ', Buffer.from('200 and more')],
  ] as const)('%s of the %s is found after any bytes, in any split', (landmark, from, start, rest) => {
    const mark = Buffer.concat([Buffer.from(start as string), rest]);
    for (const front of ['', '!', 'not it ', 'eeeeeeeeeeee\r', '8\r', 'HTTP', 'RDG_', '\x82']) {
      for (const size of [1, 3, 1000])
        expect(seek(prefixed(front, mark), ALL, from, size)).toMatchObject({ landmark, skipped: front.length });
    }
  });

  it('pdu is found only at the beginning or after a seed', () => {
    expect(seek(KEEPALIVE)).toMatchObject({ landmark: 'pdu', skipped: 0 });
    expect(seek(prefixed('..........', KEEPALIVE))).toMatchObject({ landmark: 'pdu', skipped: 10 });
    expect(seek(prefixed('.........', KEEPALIVE))).toBeUndefined();
  });

  it('that is not wanted is skipped', () => {
    expect(seek(prefixed('8\r\n', KEEPALIVE), ['head'])).toBeUndefined();
  });

  it('chunk has at most eight digits of size', () => {
    expect(seek(prefixed('000000008\r\n', KEEPALIVE), ['chunk'])).toMatchObject({ landmark: 'chunk', skipped: 1 });
  });
});

it('any split gives the same landmark', () => {
  const piece = fc.constantFrom(
    'e',
    '8',
    '8\r\n',
    '\r',
    '\n',
    '\x82\x08',
    'RDG_IN_DATA /',
    'RDG',
    '.',
    '\r\0\0\0\b\0\0\0',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), fc.integer({ min: 1, max: 9 }), (pieces, size) => {
      const text = Buffer.from(pieces.join(''), 'latin1');
      const [whole, cut] = [seek(text), seek(text, ALL, 'client', size)];
      expect([cut?.landmark, cut?.skipped]).toEqual([whole?.landmark, whole?.skipped]);
    }),
    { numRuns: 500 },
  );
});

it('the search ends after MAX_SEEK_BYTES', () => {
  const seeker = new Seeker('client', ALL);
  expect(seeker.push(Buffer.alloc(MAX_SEEK_BYTES + 1, 'e'))).toBeUndefined();
  expect(seeker.push(Buffer.alloc(20, '.'))).toBeUndefined();
  expect(seeker.gaveUp).toBe(true);
});
