/** WebSocket frames of a client. */
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { webSocketTransport } from '../../../src/gateway/transport/websocket.js';
import { FrameError, FrameReader } from '../../../src/websocket/frames.js';
import { STREAMS, stream } from '../../capture/http/vectors.js';
import { frame } from '../../support/wire.js';
import type { Stage } from '../stage.js';
import { sameForEverySplit } from './splits.js';
import { Views } from './views.js';

interface Reading {
  readonly bytes: Buffer;
  readonly pings: readonly Buffer[];
  /** The final state: `open`, `closed 1000`, or the error. */
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
    return [
      ...webSockets,
      control(0x89, ''),
      frame(Buffer.alloc(0), key),
      Buffer.concat([first, ping, rest, long, close]),
      Buffer.concat([long, frameWith64BitLength(key), long]),
    ];
  },
  run(input) {
    const { bytes, pings, end } = sameForEverySplit(input, (split) => read(split(input)));
    const payload = bytes.length + pings.reduce((sum, { length }) => sum + length, 0);
    if (payload > input.length) throw new Error(`${payload} bytes of payload from ${input.length} bytes of input`);
    return [
      end.replace(/ ?\d{4} ?| undefined/, ''),
      ...(pings.length > 0 ? ['ping'] : []),
      ...(bytes.length > 0 ? ['bytes'] : []),
    ];
  },
  /** With the transport, which answers pings. */
  parser() {
    const socket = new Duplex({ read: () => undefined, write: (_bytes, _encoding, sent) => sent() }) as Socket;
    let isOpen = true;
    const end = (): void => {
      isOpen = false;
    };
    webSocketTransport(socket, Buffer.alloc(0)).open({ bytes: () => undefined, end });
    return (piece) => {
      socket.emit('data', piece);
      return isOpen;
    };
  },
};

function read(pieces: readonly Buffer[]): Reading {
  const views = new Views();
  const pings: Buffer[] = [];
  let end = 'open';
  const expectOpen = (): void => {
    if (end !== 'open') throw new Error('an event after the close frame');
  };
  const reader = new FrameReader({
    bytes: (view) => {
      expectOpen();
      views.add(view);
    },
    ping: (payload) => {
      expectOpen();
      pings.push(payload);
    },
    close: (code) => {
      expectOpen();
      end = `closed ${code}`;
    },
  });
  try {
    for (const piece of pieces) reader.read(piece);
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    end = `${error.code} ${error.message}`;
  }
  return { bytes: views.concat(), pings, end };
}

/** A frame with a 64-bit length. */
function frameWith64BitLength(key: Buffer): Buffer {
  const head = Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0, 0x01, 0x00, ...key]);
  return Buffer.concat([head, Buffer.alloc(0x100, 9)]);
}
