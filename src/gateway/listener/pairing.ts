/**
 * Pairs the two channels of the HTTP transport: an OUT channel waits until an IN channel of this or another process
 * joins it.
 */
import type { Socket } from 'node:net';
import type { Config } from '../../config/schema.js';
import { bodyDecoder } from '../../http/body.js';
import type { BodyFraming } from '../../http/fields.js';
import type { NewTunnelQuota } from '../admission/tunnel-quota.js';
import { type Client, pairingAddress } from '../http/client.js';
import { busy, type Refusal } from '../http/refusal.js';
import type { RdgRequest } from '../http/request.js';
import type { Log } from '../report/log.js';
import { acceptOut, dualTransport, type OutChannel } from '../transport/dual.js';
import type { OpenedTransport } from '../transport/opened-transport.js';
import type { TransportEnd } from '../transport/transport.js';
import { type ChannelKey, ChannelTable, channelKey } from './channel-table.js';

/**
 * What became of an IN channel. `absent`: no OUT channel waits for it; `other address`: one with its connection id does,
 * but for a client of another address.
 */
export type JoinResult = 'joined' | 'absent' | 'other address' | Refusal;

/** The OUT channels of all processes of one gateway. No method rejects. */
export interface ChannelDirectory {
  /** Registers an OUT channel. Returns a refusal when another process has one with the same key. */
  add(key: ChannelKey): Promise<Refusal | undefined>;
  remove(key: ChannelKey): void;
  /** Joins an IN channel with an OUT channel that waits in another process. */
  join(key: ChannelKey, channel: InChannel): Promise<JoinResult>;
}

/** The directory of a gateway with one process. */
export const SINGLE_PROCESS: ChannelDirectory = {
  add: async () => undefined,
  remove: () => undefined,
  join: async () => 'absent',
};

/** An IN channel after the head of the request with the body. */
export interface InChannel {
  readonly socket: Socket;
  readonly framing: BodyFraming;
  /** Bytes that arrived with the head. */
  readonly rest: Buffer;
  /** Called once, when the client is authenticated. */
  readonly authenticated: () => void;
  /** Called once, when the body is complete: the client may wait for its answer. */
  readonly completed: () => void;
}

export interface ChannelPairingOptions {
  /** The current settings: a reload changes them. */
  readonly config: () => Pick<Config, 'timeouts' | 'transports'>;
  readonly log: (request: RdgRequest, client: Client) => Log;
  readonly tunnelQuota: NewTunnelQuota;
  readonly directory: ChannelDirectory;
  /** Opens a tunnel, which then owns both channels and the tunnel slot taken for it. */
  readonly tunnel: (opened: OpenedTransport) => void;
  /** Called when the user of this connection is authenticated. */
  readonly authenticated: (socket: Socket) => void;
}

interface WaitingOutChannel {
  channel?: OutChannel;
  readonly key: ChannelKey;
  readonly request: RdgRequest;
  readonly client: Client;
  /** An IN channel has joined it, or is about to. */
  isTaken: boolean;
  /** Handles the end of the OUT channel; replaced when a tunnel takes over. */
  closed: (how: TransportEnd, detail?: string) => void;
  timer?: NodeJS.Timeout;
}

export class ChannelPairing {
  readonly #options: ChannelPairingOptions;
  readonly #waiting = new ChannelTable<WaitingOutChannel>();

  constructor(options: ChannelPairingOptions) {
    this.#options = options;
  }

  /** Answers RDG_OUT_DATA and keeps the OUT channel waiting, or returns a refusal. */
  async wait(socket: Socket, request: RdgRequest, client: Client): Promise<Refusal | undefined> {
    const { directory, tunnelQuota } = this.#options;
    const full = await tunnelQuota.full();
    if (full !== undefined) return busy(full);
    const key = this.#keyOf(request.connectionId, client);
    const refused = await directory.add(key);
    if (refused !== undefined) return refused;
    const { timeouts, transports } = this.#options.config();
    const waiting: WaitingOutChannel = {
      key,
      request,
      client,
      isTaken: false,
      closed: () => {
        this.#remove(waiting);
        waiting.channel?.end(timeouts.close * 1000);
      },
    };
    if (!this.#waiting.add(key, waiting)) return OUT_CHANNEL_EXISTS;
    waiting.timer = setTimeout(() => {
      this.#options.log(request, client).event('pairing.expired', { reason: 'no IN channel joined in time' });
      waiting.closed('client closed');
    }, timeouts.pairing * 1000);
    // The client may have disconnected during the call to the directory, and `close` is emitted only once.
    if (socket.destroyed) waiting.closed('client closed');
    else waiting.channel = acceptOut(socket, transports.outEncoding, (how, detail) => waiting.closed(how, detail));
    return undefined;
  }

  /**
   * Joins an IN channel with its OUT channel, in this process or another, and opens a tunnel. A refusal leaves the OUT
   * channel waiting: the IN channel of its client may still come, or come again.
   */
  async join(connectionId: string, client: Client, channel: InChannel): Promise<Refusal | undefined> {
    const key = this.#keyOf(connectionId, client);
    const here = await this.joinHere(key, channel);
    const result =
      typeof here === 'object' || here === 'joined' ? here : await this.#options.directory.join(key, channel);
    if (result === 'joined') return undefined;
    if (typeof result === 'object') return result;
    return here === 'other address' || result === 'other address' ? OTHER_ADDRESS : NO_OUT_CHANNEL;
  }

  /** As `join`, with an OUT channel of this process. Of several IN channels the first one wins. */
  async joinHere(key: ChannelKey, inChannel: InChannel): Promise<JoinResult> {
    const waiting = this.#waiting.get(key);
    if (!waiting) return this.#waiting.isElsewhere(key) ? 'other address' : 'absent';
    if (waiting.isTaken) return OUT_CHANNEL_TAKEN;
    // INVARIANT: between the check and this line nothing is awaited.
    waiting.isTaken = true;
    const { tunnelQuota } = this.#options;
    const full = await tunnelQuota.take();
    const refused = full === undefined ? refusalOfEnded(waiting.channel, inChannel) : busy(full);
    if (refused === undefined) {
      this.#open(waiting, waiting.channel as OutChannel, inChannel);
      return 'joined';
    }
    if (full === undefined) tunnelQuota.release();
    waiting.isTaken = false;
    return refused;
  }

  #keyOf(connectionId: string, client: Client): ChannelKey {
    return channelKey(connectionId, pairingAddress(client), this.#options.config().transports.pairBy);
  }

  #open(waiting: WaitingOutChannel, channel: OutChannel, inChannel: InChannel): void {
    const { request, client } = waiting;
    clearTimeout(waiting.timer);
    const { socket, framing, rest, completed } = inChannel;
    const linger = this.#options.config().timeouts.close * 1000;
    const transport = dualTransport(channel, { socket, body: bodyDecoder(framing), rest, completed }, linger);
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
    const ended = (): void => this.#remove(waiting);
    this.#options.tunnel({ transport, request, client, sockets, authenticated, ended });
  }

  #remove(waiting: WaitingOutChannel): void {
    clearTimeout(waiting.timer);
    if (this.#waiting.remove(waiting.key, waiting)) this.#options.directory.remove(waiting.key);
  }
}

/** Either channel may have ended during the call for a tunnel slot. */
function refusalOfEnded(out: OutChannel | undefined, { socket }: InChannel): Refusal | undefined {
  if (!out?.socket.writable) return NO_OUT_CHANNEL;
  return socket.destroyed ? IN_CHANNEL_GONE : undefined;
}

export const OUT_CHANNEL_EXISTS: Refusal = {
  status: 409,
  code: 'OUT_EXISTS',
  reason: 'this connection id has an OUT channel already',
};
const OUT_CHANNEL_TAKEN: Refusal = {
  status: 409,
  code: 'IN_EXISTS',
  reason: 'this connection id has an IN channel already',
};
const NO_OUT_CHANNEL: Refusal = {
  status: 409,
  code: 'NO_OUT',
  reason: 'no OUT channel waits under this connection id',
};
const OTHER_ADDRESS: Refusal = {
  status: 409,
  code: 'OTHER_ADDRESS',
  reason: 'the OUT channel with this connection id waits for another address',
};
const IN_CHANNEL_GONE: Refusal = {
  status: 409,
  code: 'IN_GONE',
  reason: 'the IN channel ended before it joined its OUT channel',
};
