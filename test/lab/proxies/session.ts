/** Sessions of a client of our own through a proxy. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { mintToken } from '../../../src/policy/token.js';
import {
  openIn,
  openOut,
  type Pipe,
  RawClient,
  rdgHead,
  request,
  tlsSocket,
  upgradeHeaders,
  webSocketPipe,
} from '../../support/client.js';
import type { RunningProxy } from './proxy.js';
import type { Transport } from './recipes.js';

/** A session on a busy machine takes well under a second. */
const SESSION_LIMIT_MS = 15_000;
/** Enough for many packets, frames and chunks, and more than a proxy buffers. */
const ECHO_BYTES = 400_000;
const TOKEN_LIFE_MS = 600_000;

export interface SessionOptions {
  readonly transport: Transport;
  /** The target, on 127.0.0.1. */
  readonly port: number;
  /** The address that the client connects from. */
  readonly from?: string;
  /** Additional fields of every request. */
  readonly headers?: readonly string[];
  /** Limit for the whole session. */
  readonly limitMs?: number;
}

export interface Session {
  /** The connection id, in log lines the field `connection`. */
  readonly id: string;
  readonly client: RawClient;
}

/** A token of the gateway for a target on this machine. */
export async function tokenFor(proxy: RunningProxy, target: string): Promise<string> {
  return mintToken(await proxy.gateway.key(), {
    user: 'alice',
    targets: [target],
    audience: proxy.host,
    expiresAt: new Date(Date.now() + TOKEN_LIFE_MS),
    id: randomUUID(),
  });
}

/**
 * Opens a session and runs `use`. The connections are closed afterwards.
 * @throws what `use` throws, the answer of the proxy or gateway that refused, or an error after the limit
 */
export async function withSession<T>(
  proxy: RunningProxy,
  { transport, port, from, headers = [], limitMs = SESSION_LIMIT_MS }: SessionOptions,
  use: (session: Session) => Promise<T>,
): Promise<T> {
  const sockets: TLSSocket[] = [];
  const connect = async (): Promise<TLSSocket> => {
    const socket = await tlsSocket({ port: proxy.port, ca: proxy.ca }, from);
    sockets.push(socket);
    return socket;
  };
  const id = randomUUID();
  let at = 'the connection';
  const run = async (): Promise<T> => {
    const token = await tokenFor(proxy, `127.0.0.1:${port}`);
    const pipe = await openPipe(transport, id, connect, headers, (step) => {
      at = step;
    });
    at = 'the tunnel';
    const client = new RawClient(pipe, { token, port });
    client.start();
    await client.until('opened');
    at = 'data';
    return await use({ id, client });
  };
  const limit = new AbortController();
  try {
    return await Promise.race([run(), timeOut(() => `waited ${limitMs} ms for ${at}`, limitMs, limit.signal)]);
  } finally {
    limit.abort();
    for (const socket of sockets) socket.destroy();
  }
}

async function openPipe(
  transport: Transport,
  id: string,
  connect: () => Promise<TLSSocket>,
  headers: readonly string[],
  step: (name: string) => void,
): Promise<Pipe> {
  const socket = await connect();
  if (transport === 'dual channel') {
    step('the answer on the OUT channel');
    const out = await openOut(socket, id, headers);
    const incoming = await connect();
    step('the answer on the IN channel');
    return openIn(out, incoming, id, headers);
  }
  step('the upgrade');
  const head =
    transport === 'WebSocket'
      ? rdgHead('RDG_OUT_DATA', id)
      : [`GET /remoteDesktopGateway/?ConId=%7B${id}%7D&CorId=%7B${id}%7D&AuthS=PAA HTTP/1.1`, 'Host: localhost'];
  const answer = await request(socket, [...head, ...upgradeHeaders(), ...headers]);
  if (answer.status !== 101) throw new Error(answer.head);
  return webSocketPipe(socket, answer.rest);
}

function timeOut(message: () => string, limitMs: number, signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const timer = setTimeout(() => reject(new Error(message())), limitMs);
    signal.addEventListener('abort', () => clearTimeout(timer));
  });
}

/** Sends random bytes to a target that echoes them, and compares what returns. */
export async function echo({ client }: Session): Promise<void> {
  const sent = randomBytes(ECHO_BYTES);
  client.send(sent);
  const received = await client.waitForBytes(sent.length);
  if (!received.equals(sent)) throw new Error(`${received.length} of ${sent.length} bytes returned, or others`);
}

/** So many sessions at once, each of which echoes. Resolves when all have succeeded. */
export async function echoSessions(proxy: RunningProxy, options: SessionOptions, sessions: number): Promise<void> {
  const results = await Promise.allSettled(Array.from({ length: sessions }, () => withSession(proxy, options, echo)));
  const failures = results.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []));
  if (failures.length > 0) throw new Error(`${failures.length} of ${sessions} failed: ${failures[0]}`);
}
