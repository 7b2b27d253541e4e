/** The WebSocket transport (MS-TSGU 1.3.2.1.1, RFC 6455): frames go through ws, on a socket whose upgrade we answered ourselves. */
import type { Socket } from 'node:net';
import { Receiver, Sender } from 'ws';
import { endSocket, isReset } from './sockets.js';
import { STRANGER_BYTES, type Transport, type TransportEnd, type TransportEvents } from './transport.js';

export interface WebSocketLimits {
  /** Largest message in bytes. A message is held until it is complete. */
  readonly messageBytes: number;
}

/** Fragments of one message, and chunks that wait for the rest of a frame: a PDU needs a few, an attacker wants many. */
const MAX_FRAGMENTS = 1024;
const MAX_CHUNKS = 4096;

/** Close codes of RFC 6455 section 7.4.1. */
const PROTOCOL_ERROR = 1002;
const UNSUPPORTED_DATA = 1003;
const NO_STATUS = 1005;
const TOO_BIG = 1009;

/** The errors of ws that mean TOO_BIG. */
const TOO_BIG_ERRORS: readonly (string | undefined)[] = [
  'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH',
  'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH',
  'WS_ERR_TOO_MANY_BUFFERED_PARTS',
];

/** `rest` is what came behind the upgrade request. The 101 has been written. */
export function webSocketTransport(socket: Socket, rest: Buffer, { messageBytes }: WebSocketLimits): Transport {
  const sender = new Sender(socket);
  const receiver = new Receiver({
    isServer: true,
    maxPayload: messageBytes,
    maxFragments: MAX_FRAGMENTS,
    maxBufferedChunks: MAX_CHUNKS,
    skipUTF8Validation: true,
  });
  let events: TransportEvents | undefined;
  let finished = false;
  let allowance = STRANGER_BYTES;

  const finish = (how: TransportEnd, detail?: string): void => {
    if (finished) return;
    finished = true;
    receiver.removeAllListeners('message');
    events?.end(how, detail);
  };
  const refuse = (code: number, how: TransportEnd, detail: string): void => {
    if (finished) return;
    if (socket.writable) sender.close(code, undefined, false);
    finish(how, detail);
  };

  const take = (chunk: Buffer): void => {
    if (finished) return;
    allowance -= chunk.length;
    if (allowance < 0) refuse(TOO_BIG, 'too much data', 'more than a token came before the client said who it is');
    else receiver.write(chunk);
  };

  receiver.on('message', (data, isBinary) => {
    if (isBinary) events?.bytes(data);
    else refuse(UNSUPPORTED_DATA, 'bad framing', 'a text message came; PDUs travel in binary ones');
  });
  // No ping of our own is ever sent (FreeRDP 3.10 to 3.30 cannot answer one), those of proxies are answered: unless earlier
  // answers wait to be read, since a stranger who pings and never reads must not fill the memory.
  receiver.on('ping', (data) => {
    if (socket.writable && !finished && !socket.writableNeedDrain) sender.pong(data, false);
  });
  receiver.on('conclude', (code) => {
    if (socket.writable && !finished) sender.close(code === NO_STATUS ? undefined : code, undefined, false);
    finish('client closed');
  });
  receiver.on('error', (error: Error & { code?: string }) => {
    const tooBig = TOO_BIG_ERRORS.includes(error.code);
    refuse(tooBig ? TOO_BIG : PROTOCOL_ERROR, tooBig ? 'too much data' : 'bad framing', error.message);
  });

  return {
    kind: 'websocket',
    open(handlers) {
      events = handlers;
      socket.on('data', take);
      socket.on('drain', () => events?.drain());
      socket.on('end', () => finish('client closed'));
      socket.on('error', (error) => finish(isReset(error) ? 'client reset' : 'client closed', error.message));
      socket.on('close', () => finish('client closed'));
      if (socket.destroyed) finish('client closed');
      else if (rest.length > 0) take(rest);
    },
    trust() {
      allowance = Number.POSITIVE_INFINITY;
    },
    send(pdu) {
      if (!socket.writable) return true;
      sender.send(pdu, { binary: true, compress: false, fin: true, mask: false });
      return !socket.writableNeedDrain;
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    end(lingerMs) {
      finished = true;
      endSocket(socket, lingerMs);
    },
  };
}
