/** The WebSocket transport (MS-TSGU 1.3.2.1.1, RFC 6455), on a socket whose upgrade is complete. */
import type { Socket } from 'node:net';
import { Sender } from 'ws';
import type { Envelope } from '../../http/envelope.js';
import { CLOSE, FRAME_HEAD_MAX, FrameError, FrameReader, writeFrameHead } from '../../websocket/frames.js';
import { endSocket, isReset, onceSent } from '../io/sockets.js';
import { type Transport, type TransportEnd, type TransportEvents, UNAUTHENTICATED_BYTES } from './transport.js';

/** One binary frame for each PDU: clients read no more than one PDU from a frame. */
const FRAMES: Envelope = {
  maxOverhead: FRAME_HEAD_MAX,
  writePrefix: writeFrameHead,
  writeSuffix: (_to, at) => at,
};

/** `rest` is the bytes that arrived after the upgrade request. The caller has written the 101. */
export function webSocketTransport(socket: Socket, rest: Buffer): Transport {
  let early: Buffer | undefined = rest;
  let events: TransportEvents | undefined;
  let finished = false;
  let allowance = UNAUTHENTICATED_BYTES;
  /** Payload of the last ping that has not been answered. */
  let ping: Buffer | undefined;

  const finish = (how: TransportEnd, detail?: string): void => {
    if (finished) return;
    finished = true;
    events?.end(how, detail);
  };
  const refuse = (code: number, how: TransportEnd, detail: string): void => {
    if (finished) return;
    if (socket.writable) new Sender(socket).close(code, undefined, false);
    finish(how, detail);
  };

  // The gateway sends no pings (FreeRDP 3.10 to 3.30 cannot answer one) and answers those of proxies. One pong answers
  // all pings of a read (RFC 6455 5.5.3): a client can send one every six bytes, and each pong costs a write. None is
  // sent while earlier bytes wait, since an unauthenticated client that pings and never reads must not fill the memory.
  const answerPing = (): void => {
    if (ping === undefined) return;
    if (socket.writable && !finished && !socket.writableNeedDrain) new Sender(socket).pong(ping, false);
    ping = undefined;
  };

  const reader = new FrameReader({
    bytes(bytes) {
      if (!finished) events?.bytes(bytes);
    },
    ping(payload) {
      ping = payload;
    },
    close(code) {
      answerPing();
      if (socket.writable && !finished) new Sender(socket).close(code, undefined, false);
      finish('client closed');
    },
  });

  const take = (chunk: Buffer): void => {
    if (finished) return;
    allowance -= chunk.length;
    if (allowance < 0) {
      return refuse(CLOSE.TOO_BIG, 'too much data', 'more bytes than a token needs, before authentication');
    }
    try {
      reader.read(chunk);
      answerPing();
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      refuse(error.code, error.code === CLOSE.TOO_BIG ? 'too much data' : 'bad framing', error.message);
    }
  };

  return {
    kind: 'websocket',
    envelope: FRAMES,
    open(handlers) {
      events = handlers;
      socket.on('data', take);
      socket.on('end', () => finish('client closed'));
      socket.on('error', (error) => finish(isReset(error) ? 'client reset' : 'client closed', error.message));
      socket.on('close', () => finish('client closed'));
      if (socket.destroyed) finish('client closed');
      else if (early) take(early);
      early = undefined;
    },
    trust() {
      allowance = Number.POSITIVE_INFINITY;
    },
    write: (bytes, sent) => onceSent(socket, bytes, sent),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    end(lingerMs) {
      finished = true;
      endSocket(socket, lingerMs);
    },
  };
}
