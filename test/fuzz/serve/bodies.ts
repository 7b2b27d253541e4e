/**
 * Request bodies. The first byte of the input selects chunked or Content-Length (`counted`); for the latter the next
 * two bytes are the length.
 */
import { bodyDecoder } from '../../../src/http/body.js';
import { BodyError } from '../../../src/http/errors.js';
import { STREAMS, stream } from '../../capture/http/vectors.js';
import type { Stage } from '../stage.js';
import { sameForEverySplit } from './splits.js';
import { Views } from './views.js';

const COUNTED = 1;
/** Small enough to be reached, unlike the limits of the gateway. */
const LIMITS = { chunkLineBytes: 48, trailerBytes: 96 };

export const bodies: Stage = {
  name: 'bodies',
  async seeds() {
    const captured = STREAMS.filter(({ id }) => /-dual-client$/.test(id)).map(({ id }) => stream(id).wire);
    const texts = [
      '0\r\n\r\n',
      '5\r\nhello\r\n0\r\n\r\nbehind',
      '1;a=b;c="d\\" e";f\r\nx\r\n00a\r\n0123456789\r\n000\r\nX-Trailer: y\r\nAnother:\r\n\r\n',
      'FFFFFFFFFFFFF\r\nand so on',
      '0\r\nX-One: some-thirty-bytes-or-so-of-trailer\r\nX-Two: and-as-many-again-for-the-cap\r\n\r\n',
      '0\r\nContent-Length: 5\r\n\r\n',
    ].map((text) => Buffer.from(text, 'latin1'));
    const chunked = [...captured, ...texts].map((wire) => Buffer.concat([Buffer.from([0]), wire]));
    return [...chunked, Buffer.from([COUNTED, 5, 0, ...Buffer.from('hello, and more')])];
  },
  run(input) {
    const isCounted = input[0] === COUNTED && input.length >= 3;
    const wire = input.subarray(isCounted ? 3 : 1);
    const reading = sameForEverySplit(wire, (split) =>
      read(isCounted ? { length: input.readUInt16LE(1) } : 'chunked', split(wire)),
    );
    if (reading.payload && !isCounted && !decodeValidChunks(wire).equals(reading.payload))
      throw new Error('the payload differs from the chunks');
    return [`${isCounted ? 'counted' : 'chunked'} ${reading.end}${reading.rest?.length ? ' rest' : ''}`];
  },
  parser() {
    const decoder = bodyDecoder('chunked');
    let isFirst = true;
    return (piece) => {
      // The first byte of the input is not part of the body.
      const bytes = isFirst ? piece.subarray(1) : piece;
      isFirst = false;
      try {
        decoder.write(bytes);
        return !decoder.done;
      } catch (error) {
        if (!(error instanceof BodyError)) throw error;
        return false;
      }
    };
  },
};

interface Reading {
  /** `open`, `done`, or the code of the error. */
  readonly end: string;
  /** Undefined after an error, because the payload before it depends on the split. */
  readonly payload?: Buffer;
  readonly rest?: Buffer;
}

function read(framing: Parameters<typeof bodyDecoder>[0], pieces: readonly Buffer[]): Reading {
  const decoder = bodyDecoder(framing, LIMITS);
  const views = new Views();
  const left = [...pieces];
  try {
    while (!decoder.done) {
      const piece = left.shift();
      if (!piece) return { end: 'open', payload: views.concat() };
      views.add(decoder.write(piece));
    }
  } catch (error) {
    if (!(error instanceof BodyError)) throw error;
    return { end: error.code };
  }
  return { end: 'done', payload: views.concat(), rest: Buffer.concat([decoder.rest, ...left]) };
}

/** Decodes the chunks of a valid body, up to its end or the end of the input. */
function decodeValidChunks(wire: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const line = wire.indexOf('\r\n', at);
    const size = line < 0 ? 0 : Number.parseInt(wire.toString('latin1', at, line), 16);
    if (size === 0) return Buffer.concat(parts);
    parts.push(wire.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
}
