/**
 * The dual-channel HTTP transport (MS-TSGU 1.3.2.1.2): RDG_OUT_DATA carries the PDUs to the client, RDG_IN_DATA those
 * from it.
 */

import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { type BodyDecoder, CHUNK_ENVELOPE, encodeChunk, LAST_CHUNK } from '../../http/chunked.js';
import { type Envelope, NO_ENVELOPE } from '../../http/envelope.js';
import { responseHead } from '../http/respond.js';
import { endSocket, isReset, onceSent } from '../io/sockets.js';
import { type Transport, type TransportEnd, type TransportEvents, UNAUTHENTICATED_BYTES } from './transport.js';

export type OutEncoding = 'identity' | 'chunked';

/** Windows sends 10 bytes, and FreeRDP skips exactly 10 (the text of the specification says 100). */
const SEED_BYTES = 10;

/**
 * Limit for the bytes that a client sends on its OUT channel after the request: 3.3.5.1 lets it repeat the request, but
 * no more.
 */
const OUT_REQUEST_BYTES = 64 * 1024;

/** An accepted OUT channel, whose 200 and seed have been written. */
export interface OutChannel {
  readonly socket: Socket;
  readonly envelope: Envelope;
  end(lingerMs: number): void;
}

/** Answers RDG_OUT_DATA. `closed` is called once when the client closes the channel or sends too much on it. */
export function acceptOut(
  socket: Socket,
  encoding: OutEncoding,
  closed: (how: TransportEnd, detail?: string) => void,
): OutChannel {
  const chunked = encoding === 'chunked';
  let received = 0;
  let ended = false;
  const finish = (how: TransportEnd, detail?: string): void => {
    if (ended) return;
    ended = true;
    closed(how, detail);
  };
  socket.on('data', (bytes: Buffer) => {
    received += bytes.length;
    if (received > OUT_REQUEST_BYTES) finish('too much data', 'the client keeps sending on its OUT channel');
  });
  socket.on('end', () => finish('client closed'));
  socket.on('error', (error) => finish(isReset(error) ? 'client reset' : 'client closed', error.message));
  socket.on('close', () => finish('client closed'));

  const seed = randomBytes(SEED_BYTES);
  const head = responseHead(200, {
    'Cache-Control': 'no-cache',
    // nginx would otherwise hold the seed back until its buffer is full.
    'X-Accel-Buffering': 'no',
    // Without a length and without chunks the body ends with the connection (RFC 9112 6.3).
    ...(chunked ? { 'Transfer-Encoding': 'chunked' } : { Connection: 'close' }),
  });
  socket.write(Buffer.concat([head, chunked ? encodeChunk(seed) : seed]));
  return {
    socket,
    envelope: chunked ? CHUNK_ENVELOPE : NO_ENVELOPE,
    end(lingerMs) {
      ended = true;
      if (chunked && socket.writable) socket.write(LAST_CHUNK);
      endSocket(socket, lingerMs);
    },
  };
}

export interface InChannelBody {
  readonly socket: Socket;
  readonly body: BodyDecoder;
  /** Bytes that arrived with the head of the request. */
  readonly rest: Buffer;
  /** Called once, when the body is complete. */
  readonly completed: () => void;
}

/**
 * Joins both channels. The caller reports the end of the OUT channel through `outClosed` of the returned transport: a
 * client that closes it may have sent its last bytes on the IN channel, so the transport reads on until the IN channel
 * ends too, for at most `lingerMs`.
 */
export function dualTransport(
  out: OutChannel,
  inChannel: InChannelBody,
  lingerMs: number,
): Transport & { outClosed(how: TransportEnd, detail?: string): void } {
  const { socket, body, rest, completed } = inChannel;
  let events: TransportEvents | undefined;
  let finished = false;
  let allowance = UNAUTHENTICATED_BYTES;
  let lingerTimer: NodeJS.Timeout | undefined;
  const stop = (): void => {
    finished = true;
    clearTimeout(lingerTimer);
  };
  const finish = (how: TransportEnd, detail?: string): void => {
    if (finished) return;
    stop();
    events?.end(how, detail);
  };
  const take = (bytes: Buffer): void => {
    if (finished) return;
    allowance -= bytes.length;
    if (allowance < 0) return finish('too much data', 'more bytes than a token needs, before authentication');
    try {
      const payload = body.write(bytes);
      if (payload.length > 0) events?.bytes(payload);
    } catch (error) {
      return finish('bad framing', (error as Error).message);
    }
    if (!body.done) return;
    completed();
    finish('client closed');
  };
  return {
    kind: 'http',
    envelope: out.envelope,
    open(handlers) {
      events = handlers;
      socket.on('data', take);
      socket.on('end', () => finish('client closed'));
      socket.on('error', (error) => finish(isReset(error) ? 'client reset' : 'client closed', error.message));
      socket.on('close', () => finish('client closed'));
      if (socket.destroyed || out.socket.destroyed) finish('client closed');
      else if (rest.length > 0) take(rest);
    },
    trust() {
      allowance = Number.POSITIVE_INFINITY;
    },
    write: (bytes, sent) => onceSent(out.socket, bytes, sent),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    end(ms) {
      stop();
      out.end(ms);
      endSocket(socket, ms);
    },
    outClosed(how, detail) {
      if (how !== 'client closed') finish(how, detail);
      else if (!finished) lingerTimer ??= setTimeout(() => finish(how, detail), lingerMs);
    },
  };
}
