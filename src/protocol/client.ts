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

/** Options of a `ClientSession`. */
export interface ClientOptions {
  /** The PAA token. Without it the client sends TUNNEL_CREATE without a cookie, which a gateway must refuse. */
  readonly token?: string;
  /** Client name for TUNNEL_AUTH, at most MAX_CLIENT_NAME_BYTES as UTF-16LE with a terminating NUL. */
  readonly clientName: string;
  /** Names of the target, 1 to MAX_RESOURCES. */
  readonly resources: readonly string[];
  /** Alternate names of the target, at most MAX_ALT_RESOURCES. */
  readonly altResources?: readonly string[];
  /** TCP port of the target. */
  readonly port: number;
  /** HTTP_CAPABILITY_TYPE flags; the default is 0. */
  readonly capsFlags?: number;
  /** HTTP_EXTENDED_AUTH flags; the default is PAA with a token and NONE without one. */
  readonly extendedAuth?: number;
}

/** An action for the driver to carry out, or an event. A session returns its effects in order. */
export type ClientEffect =
  /** Send this PDU to the gateway. */
  | { readonly do: 'send'; readonly pdu: Buffer }
  /** The target sent these bytes; they are a view. */
  | { readonly do: 'deliver'; readonly bytes: Buffer }
  /** The channel is open: `wrap` emits DATA PDUs from now on. */
  | { readonly do: 'opened'; readonly tunnelId: number | undefined; readonly channelId: number | undefined }
  /** The gateway refused a request. `packetType` is the type of its response, `code` the response's result code. */
  | { readonly do: 'refused'; readonly packetType: number; readonly code: number }
  /** The gateway sent a SERVICE_MESSAGE with a text for the user. */
  | { readonly do: 'message'; readonly text: string }
  /** The channel is closed; `code` is the result code in the gateway's CLOSE_CHANNEL or CLOSE_CHANNEL_RESPONSE. */
  | { readonly do: 'closed'; readonly code: number };

/**
 * The client's side of one tunnel without I/O (MS-TSGU 3.7), for tests, benchmarks and tools. It is deliberately
 * strict: a gateway that sends PDUs out of order or malformed is reported as an error.
 */
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

  /** Starts the session on a connected transport: sends HANDSHAKE_REQUEST. */
  start(): ClientEffect[] {
    const { token, extendedAuth = token === undefined ? HTTP_EXTENDED_AUTH.NONE : HTTP_EXTENDED_AUTH.PAA } =
      this.#options;
    this.#send(HANDSHAKE_REQUEST.encode({ ...VERSION, clientVersion: 0, extendedAuth }));
    return this.#flush();
  }

  /**
   * Processes bytes from the gateway, in chunks of any size. Throws a `PduError` for a malformed PDU, a `LimitError`
   * for one that is too large, and a `ProtocolError` for one that is not allowed in the current state.
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

  /** Calls `emit` with DATA PDUs that carry `bytes`. Does nothing unless the channel is open. */
  wrap(bytes: Buffer, emit: (pdu: Buffer) => void): void {
    if (this.#state === 'channel') wrapData(bytes, emit);
  }

  /** Sends CHANNEL_CREATE, for a further channel after one was closed. Throws a `ProtocolError` in any other state. */
  createChannel(): ClientEffect[] {
    this.#createChannel();
    return this.#flush();
  }

  /** Sends CLOSE_CHANNEL; the tunnel stays open. Throws a `ProtocolError` if no channel is open. */
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
        // If both sides closed, the response to the client's own CLOSE_CHANNEL ends the channel.
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
