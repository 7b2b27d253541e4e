/**
 * Pairs the two channels of the HTTP transport: an OUT channel waits until an IN channel of this or another process
 * claims it.
 */
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
import type { OpenedTransport } from '../transport/opened-transport.js';
import type { TransportEnd } from '../transport/transport.js';
import { WaitingChannels } from './waiting-channels.js';

/** The OUT channels of all processes of one gateway. No method rejects. */
export interface ChannelDirectory {
  /** Registers an OUT channel. Returns a refusal when another process has one with the same id. */
  add(connectionId: string, peer: string): Promise<Refusal | undefined>;
  remove(connectionId: string, peer: string): void;
  /** Claims an OUT channel that waits in another process; undefined when there is none. */
  claim(connectionId: string, peer: string): Promise<Claim | Refusal | undefined>;
}

/** The directory of a gateway with one process. */
export const SINGLE_PROCESS: ChannelDirectory = {
  add: async () => undefined,
  remove: () => undefined,
  claim: async () => undefined,
};

/** An OUT channel that is reserved for one IN channel. */
export interface Claim {
  /**
   * The body of the IN channel begins: opens a tunnel, or ends the OUT channel and returns a refusal.
   * @throws HeadError when either channel has ended meanwhile
   */
  join(channel: InChannel): Promise<Refusal | undefined>;
  /** The IN channel failed: ends the OUT channel, which has nothing left to wait for. */
  drop(): void;
}

/** An IN channel after the head of the request with the body. */
export interface InChannel {
  readonly socket: Socket;
  readonly framing: BodyFraming;
  /** Bytes that arrived with the head. */
  readonly rest: Buffer;
  /** Called once, when the client is authenticated. */
  readonly authenticated: () => void;
}

export interface ChannelPairingOptions {
  /** The current settings: a reload changes them. */
  readonly config: () => Pick<Config, 'timeouts' | 'transports'>;
  readonly log: (request: RdgRequest, peer: string) => Log;
  readonly tunnelQuota: NewTunnelQuota;
  readonly directory: ChannelDirectory;
  /** Opens a tunnel, which then owns both channels and the tunnel slot taken for it. */
  readonly tunnel: (opened: OpenedTransport) => void;
  /** Called when the user of this connection is authenticated. */
  readonly authenticated: (socket: Socket) => void;
}

interface WaitingOutChannel {
  channel?: OutChannel;
  readonly request: RdgRequest;
  readonly peer: string;
  /** Handles the end of the OUT channel; replaced when a tunnel takes over. */
  closed: (how: TransportEnd, detail?: string) => void;
  timer?: NodeJS.Timeout;
}

export class ChannelPairing {
  readonly #options: ChannelPairingOptions;
  readonly #waiting = new WaitingChannels<WaitingOutChannel>();

  constructor(options: ChannelPairingOptions) {
    this.#options = options;
  }

  /** Answers RDG_OUT_DATA and keeps the OUT channel waiting, or returns a refusal. */
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
        this.#remove(waiting);
        waiting.channel?.end(timeouts.close * 1000);
      },
    };
    if (!this.#waiting.add(connectionId, peer, waiting)) return OUT_CHANNEL_EXISTS;
    waiting.timer = setTimeout(() => {
      this.#options.log(request, peer).event('pairing.expired', { reason: 'no IN channel joined in time' });
      waiting.closed('client closed');
    }, timeouts.pairing * 1000);
    // The client may have disconnected during the call to the directory, and `close` is emitted only once.
    if (socket.destroyed) waiting.closed('client closed');
    else waiting.channel = acceptOut(socket, transports.outEncoding, (how, detail) => waiting.closed(how, detail));
    return undefined;
  }

  /** Claims the OUT channel of an IN channel, in this process or another. The first IN channel wins. */
  async claim(connectionId: string, peer: string): Promise<Claim | Refusal> {
    const here = await this.claimHere(connectionId, peer);
    return here ?? (await this.#options.directory.claim(connectionId, peer)) ?? NO_OUT_CHANNEL;
  }

  /** Claims an OUT channel of this process; undefined when none waits or another IN channel was first. */
  async claimHere(connectionId: string, peer: string): Promise<Claim | Refusal | undefined> {
    const waiting = this.#waiting.claim(connectionId, peer);
    if (!waiting) return undefined;
    const full = await this.#options.tunnelQuota.full();
    const drop = (): void => waiting.closed('client closed');
    if (full === undefined) return { join: (channel) => this.#join(waiting, channel), drop };
    drop();
    return busy(full);
  }

  /** The quota was checked before the client sent its body and may be exhausted by now, so the slot is taken here. */
  async #join(waiting: WaitingOutChannel, inChannel: InChannel): Promise<Refusal | undefined> {
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
    const { socket, framing, rest } = inChannel;
    if (socket.destroyed) {
      tunnelQuota.release();
      waiting.closed('client closed');
      throw new HeadError('IN_GONE', 'the IN channel ended before it joined its OUT channel');
    }
    const linger = config().timeouts.close * 1000;
    const transport = dualTransport(channel, { socket, body: bodyDecoder(framing), rest }, linger);
    waiting.closed = (how, detail) => {
      // Removed at once, although the transport may wait for the end of the IN channel: FreeRDP reconnects with the
      // same id.
      this.#remove(waiting);
      transport.outClosed(how, detail);
    };
    const authenticated = (): void => {
      this.#options.authenticated(channel.socket);
      inChannel.authenticated();
    };
    const sockets = [channel.socket, socket];
    tunnel({ transport, request, peer, sockets, authenticated, ended: () => this.#remove(waiting) });
    return undefined;
  }

  #remove(waiting: WaitingOutChannel): void {
    const { request, peer, timer } = waiting;
    clearTimeout(timer);
    if (this.#waiting.remove(request.connectionId, peer, waiting)) {
      this.#options.directory.remove(request.connectionId, peer);
    }
  }
}

export const OUT_CHANNEL_EXISTS: Refusal = { status: 409, reason: 'this connection id has an OUT channel already' };
export const NO_OUT_CHANNEL: Refusal = { status: 409, reason: 'no OUT channel waits under this connection id' };
