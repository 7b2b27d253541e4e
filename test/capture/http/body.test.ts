import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BodyReader, MAX_CHUNK_LINE, MAX_TRAILER_BYTES } from '../../../src/capture/http/body.js';
import type { Framing } from '../../../src/capture/http/head.js';
import { STREAMS, stream } from './vectors.js';

function read(framing: Framing, wire: Buffer, cuts: readonly number[] = []) {
  const reader = new BodyReader(framing);
  const got: Buffer[] = [];
  let rest = Buffer.alloc(0);
  let turn = 0;
  for (let at = 0; at < wire.length; ) {
    const size = cuts.length === 0 ? wire.length : (cuts[turn++ % cuts.length] as number);
    const left = reader.push(wire.subarray(at, at + size), (payload) => got.push(Buffer.from(payload)));
    rest = Buffer.concat([rest, left]);
    at += size;
  }
  return {
    payload: Buffer.concat(got).toString('latin1'),
    rest: rest.toString('latin1'),
    done: reader.done,
    lost: reader.lost,
  };
}

describe('chunks', () => {
  it.each(STREAMS.filter(({ id }) => id.endsWith('dual-client')).map(({ id }) => id))('%s', (id) => {
    const { wire, pdus } = stream(id);
    for (const cuts of [[], [1], [5, 2]]) {
      const { payload, done } = read('chunked', Buffer.concat([wire, Buffer.from('0\r\n\r\n')]), cuts);
      expect(payload).toBe(pdus.toString('latin1'));
      expect(done).toBe(true);
    }
  });

  it('RFC 9112 7.1: extensions and trailers are dropped, the bytes after the body are returned', () => {
    const wire = '4;name="x"\r\nWiki\r\n7\r\npedia i\r\nB \nn \r\nchunks.\r\n0\r\nExpires: now\r\nA: b\r\n\r\nNEXT';
    for (const cuts of [[], [1], [3, 4]]) {
      expect(read('chunked', Buffer.from(wire), cuts)).toEqual({
        payload: 'Wikipedia in \r\nchunks.',
        rest: 'NEXT',
        done: true,
        lost: false,
      });
    }
  });

  it('invalid framing is detected', () => {
    for (const wire of [
      'xyz\r\nabc',
      '2\r\nabcd\r\n',
      `1\r\na\r\n${'1'.repeat(20)}\r\n`,
      `${'0'.repeat(MAX_CHUNK_LINE + 9)}`,
    ]) {
      expect(read('chunked', Buffer.from(wire)).lost).toBe(true);
      expect(read('chunked', Buffer.from(wire), [1]).lost).toBe(true);
    }
    expect(read('chunked', Buffer.from(`0\r\n${'a: b\r\n'.repeat(MAX_TRAILER_BYTES / 4 + 1)}`)).lost).toBe(true);
  });

  it('any split gives the same result', () => {
    const alphabet = fc.constantFrom('0', '1', '3', 'a', '\r\n', '\n', 'xyz', ';', ' ');
    const wire = fc.array(alphabet, { maxLength: 40 }).map((parts) => Buffer.from(parts.join('')));
    const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(wire, cuts, (bytes, sizes) => {
        const { payload, done, lost } = read('chunked', bytes);
        expect(read('chunked', bytes, sizes)).toMatchObject({ payload, done, lost });
      }),
    );
  });
});

describe('bodies without chunks', () => {
  it('end at their length or with the connection', () => {
    expect(read({ length: 5 }, Buffer.from('helloNEXT'))).toMatchObject({ payload: 'hello', rest: 'NEXT', done: true });
    expect(read('none', Buffer.from('NEXT'))).toMatchObject({ payload: '', rest: 'NEXT', done: true });
    expect(read('until close', Buffer.from('hello'))).toMatchObject({ payload: 'hello', done: false });
  });
});

describe('gaps', () => {
  const nothing = (): void => undefined;

  it('within a payload are skipped', () => {
    const reader = new BodyReader('chunked');
    reader.push(Buffer.from('a\r\nhello'), nothing);
    expect(reader.gap(5)).toBe(true);
    expect(reader.push(Buffer.from('\r\n0\r\n\r\nX'), nothing).toString()).toBe('X');
    const counted = new BodyReader({ length: 7 });
    expect(counted.gap(7)).toBe(true);
    expect(counted.done).toBe(true);
    expect(new BodyReader('until close').gap(undefined)).toBe(true);
  });

  it('over framing lose synchronisation', () => {
    for (const [wire, gap] of [
      ['a\r\nhello', 6],
      ['a\r\nhello', undefined],
      ['a', 1],
    ] as const) {
      const reader = new BodyReader('chunked');
      reader.push(Buffer.from(wire), nothing);
      expect(reader.gap(gap)).toBe(false);
      expect(reader.lost).toBe(true);
    }
  });
});
