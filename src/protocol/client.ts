/**
 * The client's side of one tunnel without I/O: what tests, benches and tools drive a gateway with (MS-TSGU 3.7). Strict on
 * purpose: a gateway that answers out of order or with the wrong shape is reported, not forgiven.
 */
import { CHANNEL_PROTOCOL_RDP, HTTP_EXTENDED_AUTH, PKT_TYPE, packetName, RESULT } from './codes.js';
import { encodePaaCookie } from './cookie.js';
import { dataPayload, isData, wrapData } from './data.js';
import { ProtocolError } from './errors.js';
import { type FlowState, resultOf, step } from './flow.js';
import { Framer } from './framer.js';
import { VERSION } from './offer.js';
import {
  CHANNEL_CREATE,
  CLOSE_CHANNEL,
  CLOSE_CHANNEL_RESPONSE,
  decode,
  HANDSHAKE_REQUEST,
  type Packet,
  TUNNEL_AUTH,
  TUNNEL_CREATE,
} from './packets.js';

export interface ClientOptions {
  /** The PAA token; without one the client says so and a gateway must refuse it. */
  readonly token?: string;
  readonly clientName: string;
  readonly resources: readonly string[];
  readonly altResources?: readonly string[];
  readonly port: number;
  /** HTTP_CAPABILITY_TYPE flags. */
  readonly capsFlags?: number;
  /** HTTP_EXTENDED_AUTH flags; by default PAA with a token and NONE without. */
  readonly extendedAuth?: number;
}

/** What the driver has to do or to know, in order. */
export type ClientEffect =
  | { readonly do: 'send'; readonly pdu: Buffer }
  /** A view of what the target sent. */
  | { readonly do: 'deliver'; readonly bytes: Buffer }
  /** The channel is open: `send` works. */
  | { readonly do: 'opened'; readonly tunnelId: number | undefined; readonly channelId: number | undefined }
  /** A response said no; `packetType` is that of the response. */
  | { readonly do: 'refused'; readonly packetType: number; readonly code: number }
  | { readonly do: 'message'; readonly text: string }
  /** The channel is closed, by the gateway with its code or at our own request. */
  | { readonly do: 'closed'; readonly code: number };

export class ClientSession {
  readonly #options: ClientOptions;
  readonly #framer = new Framer();
  #state: FlowState = 'start';
  #tunnelId: number | undefined;
  #effects: ClientEffect[] = [];

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  get state(): FlowState {
    return this.#state;
  }

  /** The transport is up: sends the handshake. */
  start(): ClientEffect[] {
    const { token, extendedAuth = token === undefined ? HTTP_EXTENDED_AUTH.NONE : HTTP_EXTENDED_AUTH.PAA } =
      this.#options;
    this.#send(HANDSHAKE_REQUEST.encode({ ...VERSION, clientVersion: 0, extendedAuth }));
    return this.#flush();
  }

  /**
   * Bytes from the gateway, in any split. Throws PduError, LimitError or ProtocolError for what a gateway may not send.
   */
  receive(bytes: Buffer): ClientEffect[] {
    this.#framer.push(bytes);
    for (let pdu = this.#framer.next(); pdu !== undefined; pdu = this.#framer.next()) {
      if (isData(pdu) && (this.#state === 'channel' || this.#state === 'closing-by-client')) {
        this.#effects.push({ do: 'deliver', bytes: dataPayload(pdu) });
      } else {
        this.#handle(decode(pdu));
      }
    }
    return this.#flush();
  }

  /** DATA PDUs that carry `bytes`. Only while the channel is open. */
  wrap(bytes: Buffer, emit: (pdu: Buffer) => void): void {
    if (this.#state === 'channel') wrapData(bytes, emit);
  }

  /** Asks for a channel, again after one was closed. */
  createChannel(): ClientEffect[] {
    this.#createChannel();
    return this.#flush();
  }

  /** Closes the channel; the tunnel stays. */
  closeChannel(): ClientEffect[] {
    this.#send(CLOSE_CHANNEL.encode({ statusCode: RESULT.SUCCESS }));
    return this.#flush();
  }

  #handle(packet: Packet): void {
    const next = step(this.#state, 'gateway', packet);
    if (next === undefined) {
      throw new ProtocolError(
        'OUT_OF_ORDER',
        `${packetName(packet.type)} is not allowed in the state "${this.#state}"`,
      );
    }
    this.#state = next;
    if (next === 'refused') {
      this.#effects.push({ do: 'refused', packetType: packet.type, code: resultOf(packet) });
      return;
    }
    switch (packet.type) {
      case PKT_TYPE.HANDSHAKE_RESPONSE:
        return this.#createTunnel();
      case PKT_TYPE.TUNNEL_RESPONSE:
        this.#tunnelId = packet.fields.tunnelId;
        return this.#send(TUNNEL_AUTH.encode({ clientName: this.#options.clientName }));
      case PKT_TYPE.TUNNEL_AUTH_RESPONSE:
        return this.#createChannel();
      case PKT_TYPE.CHANNEL_RESPONSE:
        this.#effects.push({ do: 'opened', tunnelId: this.#tunnelId, channelId: packet.fields.channelId });
        return;
      case PKT_TYPE.SERVICE_MESSAGE:
        this.#effects.push({ do: 'message', text: packet.fields.message });
        return;
      case PKT_TYPE.CLOSE_CHANNEL:
        this.#send(CLOSE_CHANNEL_RESPONSE.encode({ statusCode: RESULT.SUCCESS }));
        // Where both sides closed, the channel is closed with the answer to our own request.
        if (this.#state === 'authorized') this.#effects.push({ do: 'closed', code: packet.fields.statusCode });
        return;
      case PKT_TYPE.CLOSE_CHANNEL_RESPONSE:
        this.#effects.push({ do: 'closed', code: packet.fields.statusCode });
        return;
      default:
        return;
    }
  }

  #createTunnel(): void {
    const { token, capsFlags = 0 } = this.#options;
    this.#send(
      TUNNEL_CREATE.encode({ capsFlags, paaCookie: token === undefined ? undefined : encodePaaCookie(token) }),
    );
  }

  #createChannel(): void {
    const { resources, altResources = [], port } = this.#options;
    this.#send(CHANNEL_CREATE.encode({ resources, altResources, port, protocol: CHANNEL_PROTOCOL_RDP }));
  }

  #send(pdu: Buffer): void {
    const next = step(this.#state, 'client', decode(pdu));
    if (next === undefined) throw new ProtocolError('OUT_OF_ORDER', `the client may not send that in "${this.#state}"`);
    this.#state = next;
    this.#effects.push({ do: 'send', pdu });
  }

  #flush(): ClientEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }
}
