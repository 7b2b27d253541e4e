import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHUNKED_LIMITS, ChunkedDecoder, encodeChunk, LAST_CHUNK } from '../../src/http/chunked.js';
import { BodyError } from '../../src/http/errors.js';
import { mutations, split, vector } from '../gateway/http/samples.js';

interface StreamVector {
  readonly id: string;
  readonly carrier: string;
  readonly hex: string;
  readonly wire: string;
}

const STREAMS: StreamVector[] = JSON.parse(
  readFileSync(new URL('../vectors/streams.json', import.meta.url), 'utf8'),
).filter((stream: StreamVector) => stream.carrier === 'chunked');

/** The payload, or the code of the error. */
function decode(pieces: readonly Buffer[]): { payload: string; done: boolean; rest: string; code?: string } {
  const decoder = new ChunkedDecoder();
  let payload = '';
  let rest = '';
  try {
    for (const piece of pieces) {
      // The decoder overwrites the piece, so it gets a copy.
      payload += decoder.write(Buffer.from(piece)).toString('latin1');
      rest += decoder.rest.toString('latin1');
    }
  } catch (error) {
    if (!(error instanceof BodyError)) throw error;
    // The payload before an error depends on the split. It is ignored, because the connection is closed.
    return { payload: '', done: false, rest: '', code: error.code };
  }
  return { payload, done: decoder.done, rest };
}

const decodeText = (text: string) => decode([Buffer.from(text, 'latin1')]);

describe('ChunkedDecoder', () => {
  it.each(STREAMS.map(({ id, hex, wire }) => [id, hex, wire]))(
    'decodes the body that %s sent',
    (_id, hex = '', wire = '') => {
      const bytes = Buffer.from(wire, 'hex');
      for (const pieces of [[bytes], split(bytes, [...bytes.keys()])]) {
        const { payload, done, code } = decode(pieces);
        expect(code).toBeUndefined();
        expect(done).toBe(false);
        expect(Buffer.from(payload, 'latin1').toString('hex')).toBe(hex);
      }
    },
  );

  it('is tested with captured streams', () => {
    expect(STREAMS.length).toBeGreaterThanOrEqual(2);
    expect(decode([vector('fr2-paa-dual-in-first-chunk')]).payload).toHaveLength(14);
  });

  it.each([
    ['a regular body', '4\r\nWiki\r\n7\r\npedia i\r\nB\r\nn \r\nchunks.\r\n0\r\n\r\n', 'Wikipedia in \r\nchunks.'],
    ['sizes in lower case and with zeros', '00b\r\n0123456789a\r\n000\r\n\r\n', '0123456789a'],
    ['extensions', '1;a\r\nx\r\n1;a=b;c="d;\\"e"\r\ny\r\n0;z\r\n\r\n', 'xy'],
    ['trailers', '1\r\nx\r\n0\r\nX-Digest: y\r\nX:\r\n\r\n', 'x'],
    ['no payload', '0\r\n\r\n', ''],
  ])('decodes %s', (_what, text, payload) => {
    expect(decodeText(`${text}next`)).toEqual({ payload, done: true, rest: 'next' });
  });

  it.each([
    ['a plus', '+5\r\nhello\r\n', 'BODY_CHUNK_SIZE'],
    ['a minus', '-1\r\nhello\r\n', 'BODY_CHUNK_SIZE'],
    ['a prefix', '0x5\r\nhello\r\n', 'BODY_CHUNK_SIZE'],
    ['a space before the size', ' 5\r\nhello\r\n', 'BODY_CHUNK_SIZE'],
    ['a space after the size', '5 \r\nhello\r\n', 'BODY_CHUNK_SIZE'],
    ['an underscore', '1_0\r\n', 'BODY_CHUNK_SIZE'],
    ['no size', '\r\nhello\r\n', 'BODY_CHUNK_SIZE'],
    ['only an extension', ';a\r\n', 'BODY_CHUNK_SIZE'],
    ['an empty extension', '5;\r\nhello\r\n', 'BODY_CHUNK_SIZE'],
    ['a size above 2^53', '20000000000000\r\n', 'BODY_CHUNK_SIZE'],
    ['a size that overflows 64 bits', '10000000000000005\r\n', 'BODY_CHUNK_SIZE'],
    ['a size that is parsed to Infinity', `${'f'.repeat(250)}\r\n`, 'BODY_CHUNK_SIZE'],
    ['a bare LF after the size', '5\nhello\r\n', 'BODY_BARE_LF'],
    ['a bare CR after the size', '5\rhello\r\n', 'BODY_BARE_CR'],
    ['a NUL in an extension', '5;a\0\r\n', 'BODY_NUL'],
    ['another control character', '5;a="\x01"\r\n', 'BODY_CONTROL'],
    ['a letter that is no digit', '5g\r\n', 'BODY_CHUNK_SIZE'],
    ['latin-1 in an extension', '5;\xe9\r\n', 'BODY_CHUNK_SIZE'],
    ['a chunk that is longer than its size', '5\r\nhello!\r\n', 'BODY_CHUNK_END'],
    ['a chunk that ends in a bare LF', '5\r\nhello\n', 'BODY_CHUNK_END'],
    ['a chunk that ends in a bare CR', '5\r\nhello\r0', 'BODY_CHUNK_END'],
    ['a trailer without colon', '0\r\nx\r\n\r\n', 'BODY_TRAILER'],
    ['a length in a trailer', '0\r\nContent-Length: 5\r\n\r\n', 'BODY_TRAILER'],
    ['a coding in a trailer', '0\r\ntransfer-encoding: chunked\r\n\r\n', 'BODY_TRAILER'],
    ['a folded trailer', '0\r\nX: y\r\n z\r\n\r\n', 'BODY_TRAILER'],
    ['a bare LF at the end', '0\r\n\n', 'BODY_BARE_LF'],
    ['a size line that is too long', '0'.repeat(CHUNKED_LIMITS.chunkLineBytes + 1), 'BODY_TOO_LONG'],
    ['an extension that is too long', `5;${'a'.repeat(CHUNKED_LIMITS.chunkLineBytes)}`, 'BODY_TOO_LONG'],
    ['a trailer that is too long', `0\r\nX: ${'a'.repeat(CHUNKED_LIMITS.trailerBytes)}`, 'BODY_TOO_LONG'],
    ['too many trailers', `0\r\n${'X: y\r\n'.repeat(CHUNKED_LIMITS.trailerBytes / 6 + 1)}`, 'BODY_TOO_LONG'],
  ])('rejects %s', (_what, text, code) => {
    expect(decodeText(text).code).toBe(code);
    expect(
      decode(
        split(
          Buffer.from(text, 'latin1'),
          [...text].map((_, index) => index),
        ),
      ).code,
    ).toBe(code);
  });

  it.each([
    ['1\r\na', 'b'],
    ['1\r\na', '\n'],
    ['1\r\na\r', '\r'],
    ['', 'g'],
    ['', ';'],
    ['', '\r'],
    ['', ' '],
    ['5', ' '],
    ['5', '\n'],
    ['5', '='],
    ['5\r', '5'],
    ['1fffffffffffff', '0'],
    ['5;', ';'],
    ['5;', '\r'],
    ['5;a', ' '],
    ['5;a', '"'],
    ['5;a', '\0'],
    ['5;a=', '\r'],
    ['5;a=', ';'],
    ['5;a=b', '='],
    ['5;a="b', '\r'],
    ['5;a="b\\', '\r'],
    ['5;a="b', '\x7f'],
    ['5;a="b"', 'c'],
    ['5;a="b";c\r', ' '],
    ['0\r\nX\r', 'x'],
  ])('after %j rejects %j at once, and nothing before it', (start, wrong) => {
    expect(() => new ChunkedDecoder().write(Buffer.from(start, 'latin1'))).not.toThrow();
    for (const pieces of [[start + wrong], [start, wrong], [...start, wrong]]) {
      const decoder = new ChunkedDecoder();
      expect(() => {
        for (const piece of pieces) decoder.write(Buffer.from(piece, 'latin1'));
      }).toThrow(BodyError);
    }
  });

  it('returns a huge chunk as it arrives, as views', () => {
    const decoder = new ChunkedDecoder();
    decoder.write(Buffer.from('1fffffffffffff\r\n'));
    const piece = Buffer.alloc(16384, 1);
    for (let sent = 0; sent < 10; sent++) {
      const view = decoder.write(piece);
      expect(view.buffer).toBe(piece.buffer);
      expect(view).toHaveLength(piece.length);
    }
    expect(decoder.done).toBe(false);
  });

  it('has the same result or error for every split', () => {
    const text = mutations(
      fc.constantFrom('5\r\nhello\r\n1;a=b\r\n,\r\n0\r\nX: y\r\n\r\n', 'a\r\n0123456789\r\n0\r\n\r\n'),
    );
    fc.assert(
      fc.property(text, fc.array(fc.nat(60)), (sent, cuts) => {
        const bytes = Buffer.from(sent, 'latin1');
        expect(decode(split(bytes, cuts))).toEqual(decode([bytes]));
      }),
      { numRuns: 500 },
    );
  });
});

describe('encodeChunk', () => {
  it('encodes the bytes that FreeRDP sent, except for the case of the digits', () => {
    const chunk = vector('fr2-paa-dual-in-first-chunk');
    expect(encodeChunk(chunk.subarray(3, -2)).toString('latin1')).toBe(chunk.toString('latin1').replace('E', 'e'));
  });

  it('never ends the body', () => {
    expect(encodeChunk(Buffer.alloc(0))).toHaveLength(0);
  });

  it('is decoded from any split', () => {
    const parts = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 });
    fc.assert(
      fc.property(parts, fc.array(fc.nat(250)), (payloads, cuts) => {
        const wire = Buffer.concat([...payloads.map((part) => encodeChunk(Buffer.from(part))), LAST_CHUNK]);
        const all = Buffer.concat(payloads).toString('latin1');
        expect(decode(split(wire, cuts))).toEqual({ payload: all, done: true, rest: '' });
      }),
    );
  });
});
