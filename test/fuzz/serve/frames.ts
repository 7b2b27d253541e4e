/** WebSocket frames from a client. */
import { FrameError, FrameReader } from '../../../src/websocket/frames.js';
import { STREAMS, stream } from '../../capture/http/vectors.js';
import { frame } from '../../support/wire.js';
import type { Stage } from '../stage.js';
import { inEverySplit } from './splits.js';
import { Views } from './views.js';

interface Reading {
  readonly bytes: Buffer;
  readonly pings: readonly Buffer[];
  /** How it ended: `open`, `closed 1000`, or the error. */
  readonly end: string;
}

export const frames: Stage = {
  name: 'frames',
  async seeds() {
    const webSockets = STREAMS.filter(({ id }) => id.endsWith('-ws-client')).map(({ id }) => stream(id).wire);
    const key = Buffer.from('01020304', 'hex');
    const control = (first: number, hex: string): Buffer => {
      const bytes = frame(Buffer.from(hex, 'hex'), key);
      bytes[0] = first;
      return bytes;
    };
    const [ping, close, first, rest] = [
      control(0x89, '7069'),
      control(0x88, '03e8'),
      control(0x02, 'aa'),
      control(0x80, 'bb'),
    ];
    const long = frame(Buffer.alloc(300, 7), key);
    return [...webSockets, Buffer.concat([first, ping, rest, long, close]), Buffer.concat([long, longest(key), long])];
  },
  run(input) {
    const { bytes, pings, end } = inEverySplit(input, (cut) => read(cut(input)));
    const payload = bytes.length + pings.reduce((sum, { length }) => sum + length, 0);
    if (payload > input.length) throw new Error(`${payload} bytes of payload come out of ${input.length}`);
    return [
      end.replace(/ ?\d{4} ?| undefined/, ''),
      ...(pings.length > 0 ? ['ping'] : []),
      ...(bytes.length > 0 ? ['bytes'] : []),
    ];
  },
};

function read(pieces: readonly Buffer[]): Reading {
  const views = new Views();
  const pings: Buffer[] = [];
  let end = 'open';
  const alive = (): void => {
    if (end !== 'open') throw new Error('something is told behind the close frame');
  };
  const reader = new FrameReader({
    bytes: (view) => {
      alive();
      views.take(view);
    },
    ping: (payload) => {
      alive();
      pings.push(payload);
    },
    close: (code) => {
      alive();
      end = `closed ${code}`;
    },
  });
  try {
    for (const piece of pieces) reader.read(piece);
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    end = `${error.code} ${error.message}`;
  }
  return { bytes: views.joined(), pings, end };
}

/** A frame whose length needs eight bytes. */
function longest(key: Buffer): Buffer {
  const head = Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0, 0x01, 0x00, ...key]);
  return Buffer.concat([head, Buffer.alloc(0x100, 9)]);
}
