/** Where the two legs of a dual channel meet: an OUT leg waits here until its IN leg claims it, from this process or another. */
import type { Socket } from 'node:net';
import type { Config } from '../../config/schema.js';
import { bodyDecoder } from '../../http/body.js';
import { HeadError } from '../../http/errors.js';
import type { BodyFraming } from '../../http/fields.js';
import type { NewTunnelQuota } from '../admission/tunnel-quota.js';
import { busy, type Refusal } from '../http/refusal.js';
import type { RdgRequest } from '../http/request.js';
import type { Log } from '../report/log.js';
import { acceptOut, dualTransport, type OutChannel } from '../transport/dual.js';
import type { OpenedTransport } from '../transport/opened.js';
import type { TransportEnd } from '../transport/transport.js';
import { WaitingChannels } from './waiting-channels.js';

/** Tells the processes of one gateway where an OUT leg waits. Nothing here rejects. */
export interface ChannelDirectory {
  /** Registers an OUT leg, or says why not: its id may be live in another process. */
  add(connectionId: string, peer: string): Promise<Refusal | undefined>;
  remove(connectionId: string, peer: string): void;
  /** The claim on an OUT leg that waits in another process; undefined when none does. */
  claim(connectionId: string, peer: string): Promise<Claim | Refusal | undefined>;
}

/** The directory of a gateway that is one process. */
export const SINGLE_PROCESS: ChannelDirectory = {
  add: async () => undefined,
  remove: () => undefined,
  claim: async () => undefined,
};

/** The hold of an IN leg on its OUT leg. */
export interface Claim {
  /**
   * The body of the IN leg begins: a tunnel is born, or the OUT leg ends.
   * @throws HeadError when the OUT leg ended meanwhile
   */
  join(leg: InChannel): Promise<Refusal | undefined>;
  /** The IN leg came to nothing: without it the OUT leg has nothing to wait for. */
  drop(): void;
}

/** An IN leg behind the head of the request with its body. */
export interface InChannel {
  readonly socket: Socket;
  readonly framing: BodyFraming;
  /** What came along with the head. */
  readonly rest: Buffer;
  /** Called once, when the client has proven who it is. */
  readonly authenticated: () => void;
}

export interface ChannelPairingOptions {
  /** The settings of this moment: a reload changes them. */
  readonly config: () => Pick<Config, 'timeouts' | 'transports'>;
  readonly log: (request: RdgRequest, peer: string) => Log;
  readonly tunnelQuota: NewTunnelQuota;
  readonly directory: ChannelDirectory;
  /** Both legs are together: from here on the tunnel owns them, and the place that was taken for it. */
  readonly tunnel: (opened: OpenedTransport) => void;
  /** The user behind this connection is known. */
  readonly authenticated: (socket: Socket) => void;
}

/** An OUT leg that waits, and whom to tell about its death. */
interface WaitingOutChannel {
  channel?: OutChannel;
  readonly request: RdgRequest;
  readonly peer: string;
  closed: (how: TransportEnd, detail?: string) => void;
  timer?: NodeJS.Timeout;
}

export class ChannelPairing {
  readonly #options: ChannelPairingOptions;
  readonly #waiting = new WaitingChannels<WaitingOutChannel>();

  constructor(options: ChannelPairingOptions) {
    this.#options = options;
  }

  /** Answers RDG_OUT_DATA and lets it wait, or says why not. */
  async wait(socket: Socket, request: RdgRequest, peer: string): Promise<Refusal | undefined> {
    const { directory, tunnelQuota } = this.#options;
    const full = await tunnelQuota.full();
    if (full !== undefined) return busy(full);
    const { connectionId } = request;
    const refused = await directory.add(connectionId, peer);
    if (refused !== undefined) return refused;
    const { timeouts, transports } = this.#options.config();
    const waiting: WaitingOutChannel = {
      request,
      peer,
      closed: () => {
        this.#forget(waiting);
        waiting.channel?.end(timeouts.close * 1000);
      },
    };
    if (!this.#waiting.add(connectionId, peer, waiting)) return OUT_CHANNEL_EXISTS;
    waiting.timer = setTimeout(() => {
      this.#options.log(request, peer).info('request ended', { reason: 'no IN channel joined in time' });
      waiting.closed('client closed');
    }, timeouts.pairing * 1000);
    // The client may have left while the directory was asked: a socket tells that once.
    if (socket.destroyed) waiting.closed('client closed');
    else waiting.channel = acceptOut(socket, transports.outEncoding, (how, detail) => waiting.closed(how, detail));
    return undefined;
  }

  /** The OUT leg for an IN leg, wherever it waits: for the first IN leg that asks. */
  async claim(connectionId: string, peer: string): Promise<Claim | Refusal> {
    const here = await this.claimHere(connectionId, peer);
    return here ?? (await this.#options.directory.claim(connectionId, peer)) ?? NO_OUT_CHANNEL;
  }

  /** The same among those that wait in this process; undefined when none does, or another IN leg was first. */
  async claimHere(connectionId: string, peer: string): Promise<Claim | Refusal | undefined> {
    const waiting = this.#waiting.claim(connectionId, peer);
    if (!waiting) return undefined;
    const full = await this.#options.tunnelQuota.full();
    const drop = (): void => waiting.closed('client closed');
    if (full === undefined) return { join: (leg) => this.#join(waiting, leg), drop };
    drop();
    return busy(full);
  }

  /** There was room before the client took its time; only a place that was taken is one. */
  async #join(waiting: WaitingOutChannel, incoming: InChannel): Promise<Refusal | undefined> {
    const { tunnelQuota, tunnel, config } = this.#options;
    const full = await tunnelQuota.take();
    if (full !== undefined) {
      waiting.closed('client closed');
      return busy(full);
    }
    const { channel, request, peer } = waiting;
    clearTimeout(waiting.timer);
    if (!channel?.socket.writable) {
      tunnelQuota.release();
      throw new HeadError('OUT_GONE', 'the OUT channel ended before its IN channel began');
    }
    const { socket, framing, rest } = incoming;
    if (socket.destroyed) {
      tunnelQuota.release();
      waiting.closed('client closed');
      throw new HeadError('IN_GONE', 'the IN channel ended before the channels met');
    }
    const linger = config().timeouts.close * 1000;
    const transport = dualTransport(channel, { socket, body: bodyDecoder(framing), rest }, linger);
    waiting.closed = (how, detail) => {
      // At once, though the transport may wait for the other leg: FreeRDP reconnects under the same id.
      this.#forget(waiting);
      transport.outDied(how, detail);
    };
    const authenticated = (): void => {
      this.#options.authenticated(channel.socket);
      incoming.authenticated();
    };
    const sockets = [channel.socket, socket];
    tunnel({ transport, request, peer, sockets, authenticated, ended: () => this.#forget(waiting) });
    return undefined;
  }

  #forget(waiting: WaitingOutChannel): void {
    const { request, peer, timer } = waiting;
    clearTimeout(timer);
    if (this.#waiting.remove(request.connectionId, peer, waiting)) {
      this.#options.directory.remove(request.connectionId, peer);
    }
  }
}

export const OUT_CHANNEL_EXISTS: Refusal = { status: 409, reason: 'this connection id has an OUT channel already' };
export const NO_OUT_CHANNEL: Refusal = { status: 409, reason: 'no OUT channel waits under this connection id' };
