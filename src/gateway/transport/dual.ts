/** The dual-channel HTTP transport (MS-TSGU 1.3.2.1.2): RDG_OUT_DATA carries PDUs to the client, RDG_IN_DATA those from it. */

import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { type BodyDecoder, CHUNKS, encodeChunk, LAST_CHUNK } from '../../http/chunked.js';
import { BARE, type Envelope } from '../../http/envelope.js';
import { responseHead } from '../http/respond.js';
import { endSocket, isReset, onceSent } from '../io/sockets.js';
import { type Transport, type TransportEnd, type TransportEvents, UNAUTHENTICATED_BYTES } from './transport.js';

export type OutEncoding = 'identity' | 'chunked';

/** Windows sends ten bytes, and FreeRDP skips exactly ten (the specification's text says 100). */
const SEED_BYTES = 10;

/** What a client may still send on its OUT leg: 3.3.5.1 lets it repeat the request, and nobody needs more. */
const OUT_NOISE_BYTES = 64 * 1024;

/** The accepted OUT leg: from the 200 and its seed on, until someone ends it. */
export interface OutChannel {
  readonly socket: Socket;
  readonly envelope: Envelope;
  end(lingerMs: number): void;
}

/** Answers RDG_OUT_DATA. `died` is called once when the client lets go of the leg or misuses it. */
export function acceptOut(
  socket: Socket,
  encoding: OutEncoding,
  died: (how: TransportEnd, detail?: string) => void,
): OutChannel {
  const chunked = encoding === 'chunked';
  let noise = 0;
  let over = false;
  const once = (how: TransportEnd, detail?: string): void => {
    if (over) return;
    over = true;
    died(how, detail);
  };
  socket.on('data', (bytes: Buffer) => {
    noise += bytes.length;
    if (noise > OUT_NOISE_BYTES) once('too much data', 'the client keeps sending on its OUT channel');
  });
  socket.on('end', () => once('client closed'));
  socket.on('error', (error) => once(isReset(error) ? 'client reset' : 'client closed', error.message));
  socket.on('close', () => once('client closed'));

  const seed = randomBytes(SEED_BYTES);
  const head = responseHead(200, {
    'Cache-Control': 'no-cache',
    // Without a length and without chunks the body ends with the connection (RFC 9112 6.3).
    ...(chunked ? { 'Transfer-Encoding': 'chunked' } : { Connection: 'close' }),
  });
  socket.write(Buffer.concat([head, chunked ? encodeChunk(seed) : seed]));
  return {
    socket,
    envelope: chunked ? CHUNKS : BARE,
    end(lingerMs) {
      over = true;
      if (chunked && socket.writable) socket.write(LAST_CHUNK);
      endSocket(socket, lingerMs);
    },
  };
}

export interface InLeg {
  readonly socket: Socket;
  readonly body: BodyDecoder;
  /** What came behind the head of the request with the body. */
  readonly rest: Buffer;
}

/**
 * Joins both legs. The OUT leg reports its death through `outDied` of the returned transport: a client that closes it may have
 * sent its last bytes on the other connection, so those are awaited until the IN leg ends too, for at most `lingerMs`.
 */
export function dualTransport(
  out: OutChannel,
  leg: InLeg,
  lingerMs: number,
): Transport & { outDied(how: TransportEnd, detail?: string): void } {
  const { socket, body, rest } = leg;
  let events: TransportEvents | undefined;
  let finished = false;
  let allowance = UNAUTHENTICATED_BYTES;
  let farewell: NodeJS.Timeout | undefined;
  const stop = (): void => {
    finished = true;
    clearTimeout(farewell);
  };
  const finish = (how: TransportEnd, detail?: string): void => {
    if (finished) return;
    stop();
    events?.end(how, detail);
  };
  const take = (bytes: Buffer): void => {
    if (finished) return;
    allowance -= bytes.length;
    if (allowance < 0) return finish('too much data', 'more than a token came before the client said who it is');
    try {
      const payload = body.write(bytes);
      if (payload.length > 0) events?.bytes(payload);
    } catch (error) {
      return finish('bad framing', (error as Error).message);
    }
    if (body.done) finish('client closed');
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
    outDied(how, detail) {
      if (how !== 'client closed') finish(how, detail);
      else if (!finished) farewell ??= setTimeout(() => finish(how, detail), lingerMs);
    },
  };
}
