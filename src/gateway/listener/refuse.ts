/** Refuses requests: an answer that says what to change, the end of the connection, and a line in the log. */
import type { Socket } from 'node:net';
import type { Config } from '../../config/schema.js';
import type { HeadStart } from '../../http/head.js';
import { networkOf } from '../admission/networks.js';
import { type Client, clientFields } from '../http/client.js';
import { hintOf } from '../http/hints.js';
import { type Refusal, refusalResponse } from '../http/refusal.js';
import { idsOf, isForGateway } from '../http/request.js';
import { endSocket, peerOf } from '../io/sockets.js';
import type { Counters, RefusalKind } from '../report/counters.js';
import { LineLimit } from '../report/line-limit.js';
import type { Log } from '../report/log.js';

export interface RefuserOptions {
  /** The current settings: a reload changes them. */
  readonly config: () => Pick<Config, 'timeouts'>;
  readonly log: Log;
  readonly counters: Counters;
}

/** The counter for each status of a refusal. */
const KINDS: Readonly<Record<number, RefusalKind>> = { 401: 'scheme', 403: 'transport', 409: 'pairing', 503: 'busy' };

export class Refuser {
  readonly #options: RefuserOptions;
  readonly #lines = new LineLimit();

  constructor(options: RefuserOptions) {
    this.#options = options;
  }

  /** `start` is what is known of the request. */
  refuse(socket: Socket, refusal: Refusal, start: HeadStart, client: Client): undefined {
    this.#report(socket, refusal, start, client);
    if (socket.writable) socket.write(refusalResponse(refusal));
    endSocket(socket, this.#options.config().timeouts.close * 1000);
  }

  /**
   * Who sends a gateway request has a client or proxy to repair. Other requests are common on the internet, and a client
   * that is gone was not refused: their lines have level debug.
   */
  #report(socket: Socket, { status, code, reason }: Refusal, start: HeadStart, client: Client): void {
    const { log, counters } = this.#options;
    const line = log.with({ ...idsOf(start), ...clientFields(client), status, code, reason });
    if (!isForGateway(start)) return line.event('request.invalid');
    counters.refused(KINDS[status] ?? 'request');
    if (socket.destroyed || code === 'HEAD_CUT') return line.event('request.invalid');
    const hint = hintOf(code);
    const suppressed = this.#lines.take(`${code} ${networkOf(client.address ?? peerOf(socket))}`);
    if (suppressed === undefined) line.event('request.repeated', { hint });
    else line.event('request.rejected', { hint, suppressed: suppressed || undefined });
  }
}
